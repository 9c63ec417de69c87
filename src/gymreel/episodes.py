"""Episodes as records: what became of each, and the log of them beside the videos."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gymreel.config import check_path
from gymreel.errors import OutputError
from gymreel.video_html import text_html, video_html

__all__ = ["LOG_NAME", "Episode", "EpisodeLog", "read_episodes"]

LOG_NAME = "episodes.jsonl"

_MAX_ELEMENTS = 64
"""Longer arrays and lists of an ``info`` are not logged: observations and the like."""


@dataclass(frozen=True)
class Episode:
    """One episode that has ended, and its video if it was recorded.

    Of a recording that does not begin and end with an episode (``step_trigger``,
    ``video_length``), the episode in which it ended, as far as that had come.

    Attributes:
        index: Number of the episode in its environment, from 0.
        env_index: Number of the environment; 0 where there is only one.
        environment: The id it was registered under, or else its class.
        return_: Sum of the rewards; None where they have no sum.
        length: Number of steps.
        seed: What the reset at its start was given, if anything.
        terminated: Whether its last step said so,
        truncated: or this. Neither, where a reset or ``close()`` cut it short.
        info: The ``info`` of its last step.
        step: Steps taken in all environments together, up to its end.
        name_prefix: Of the wrapper that recorded it.
        path: The video; None where there is none (any more).
        num_frames: Frames in the video, once it is complete; not in the log.
        num_bytes: Size of the file, once it is complete.
    """

    index: int
    env_index: int = 0
    environment: str = ""
    return_: float | None = None
    length: int = 0
    seed: int | None = None
    terminated: bool = False
    truncated: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    step: int = 0
    name_prefix: str = ""
    path: Path | None = None
    num_frames: int = 0
    num_bytes: int = 0

    def with_video(self, path: Path, num_frames: int, num_bytes: int) -> Episode:
        """Return the same episode with its complete video."""
        return dataclasses.replace(self, path=path, num_frames=num_frames, num_bytes=num_bytes)

    def describe(self) -> str:
        """Say in a few words which episode this is and how it went."""
        words = [f"episode {self.index}"]
        if self.env_index:
            words.append(f"environment {self.env_index}")
        if self.return_ is not None:
            words.append(f"return {self.return_:g}")
        words.append(f"{self.length} step" + "s" * (self.length != 1))
        return ", ".join(words)

    def _repr_html_(self) -> str:
        """Show the episode, with its video, in a notebook."""
        if self.path is None:
            return text_html(f"{self.describe()}: no video")
        return video_html(self.path, caption=self.describe())


class EpisodeLog:
    """Appends a line of JSON for each episode to ``episodes.jsonl`` in a folder.

    Each call is one write at the end of the file, so several processes may log into one folder, and
    one that is killed leaves half a line at most, which the next one does not continue.
    """

    def __init__(self, folder: Path) -> None:
        """Log into a folder, whose file is made with the first line."""
        # As text: Python 3.13 makes no other path any more when the interpreter ends.
        self._folder = str(folder)
        self._path = str(folder / LOG_NAME)
        self._follows_half_a_line: bool | None = None  # Not looked yet.

    def append(self, episodes: Iterable[Episode]) -> None:
        """Append one line for each.

        Raises:
            OutputError: The file cannot be written.
        """
        now = time.time()
        text = "".join(self._line(episode, now) for episode in episodes)
        if not text:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _CLOEXEC, 0o666)
            try:
                if self._follows_half_a_line is None:
                    self._follows_half_a_line = _ends_in_half_a_line(descriptor)
                data = ("\n" * self._follows_half_a_line + text).encode()
                written = os.write(descriptor, data)
                self._follows_half_a_line = data[:written][-1:] != b"\n"
            finally:
                os.close(descriptor)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(
                error.errno or 0, "write the episode log", reason, self._path
            ) from error

    def _line(self, episode: Episode, now: float) -> str:
        """Give an episode as JSON. Written out, as one in twenty of a thousand may end a step."""
        if episode.path is None:
            video = "null"
        else:
            video = json.dumps(os.path.relpath(episode.path, self._folder).replace(os.sep, "/"))
        seed = "null" if episode.seed is None else _json(episode.seed, "null")
        info = _json(episode.info, "{}") if episode.info else "{}"
        return (
            f'{{"episode": {episode.index}, "env": {episode.env_index}, '
            f'"return": {_number(episode.return_)}, "length": {episode.length}, '
            f'"seed": {seed}, '
            f'"terminated": {"true" if episode.terminated else "false"}, '
            f'"truncated": {"true" if episode.truncated else "false"}, "step": {episode.step}, '
            f'"video": {video}, "environment": {json.dumps(episode.environment)}, '
            f'"name_prefix": {json.dumps(episode.name_prefix)}, "time": {now:.3f}, '
            f'"info": {info}}}\n'
        )


def read_episodes(folder: str | os.PathLike[str]) -> list[Episode]:
    """Read the log that ``RecordVideo`` keeps beside its videos.

    Args:
        folder: The ``video_folder``.

    Returns:
        All episodes in the order in which they ended, those of earlier runs first. ``path`` is None
        where the video is not there: it was not recorded, not kept, or has given way to a later
        one of the same name. Of ``info`` there is what JSON can hold. Lines that were cut off, by a
        crash or a full disk, are passed over.

    Raises:
        OutputError: There is no log in that folder, or it cannot be read.
    """
    root = Path(check_path(folder))
    try:
        lines = (root / LOG_NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        reason = error.strerror or str(error)
        name = str(root / LOG_NAME)
        raise OutputError(error.errno or 0, "read the episode log", reason, name) from error
    episodes: list[Episode] = []
    seen: set[Path] = set()
    for line in reversed(lines):
        episode = _parse(line, root)
        if episode is None:
            continue
        if episode.path in seen:
            episode = dataclasses.replace(episode, path=None, num_bytes=0)
        elif episode.path is not None:
            seen.add(episode.path)
        episodes.append(episode)
    episodes.reverse()
    return episodes


_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


def _ends_in_half_a_line(descriptor: int) -> bool:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size == 0:
        return False
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) != b"\n"


def _number(value: float | None) -> str:
    """Give a number as JSON, which knows none that is not finite."""
    return repr(float(value)) if value is not None and math.isfinite(value) else "null"


def _json(value: Any, otherwise: str) -> str:
    """Give what JSON can hold of something that an environment or its user gave."""
    try:
        return json.dumps(_plain(value))
    except Exception:  # Their classes may raise whatever they like.
        return otherwise


def _plain(value: Any, depth: int = 4) -> Any:
    """Give what JSON can hold of an ``info``; None for what it cannot."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth == 0:
        return None
    if isinstance(value, Mapping):
        return {
            str(key): plain
            for key, entry in value.items()
            if (plain := _plain(entry, depth - 1)) is not None or entry is None
        }
    if isinstance(value, np.ndarray) and value.size <= _MAX_ELEMENTS:
        return _plain(value.tolist(), depth - 1)
    if isinstance(value, (list, tuple)) and len(value) <= _MAX_ELEMENTS:
        return [_plain(entry, depth - 1) for entry in value]
    return None


def _parse(line: str, folder: Path) -> Episode | None:
    try:
        entry = json.loads(line)
        video = entry["video"]
        path = folder / video if video is not None else None
        num_bytes = path.stat().st_size if path is not None and path.is_file() else None
        return Episode(
            index=entry["episode"],
            env_index=entry["env"],
            environment=entry["environment"],
            return_=entry["return"],
            length=entry["length"],
            seed=entry["seed"],
            terminated=entry["terminated"],
            truncated=entry["truncated"],
            info=entry["info"],
            step=entry["step"],
            name_prefix=entry["name_prefix"],
            path=path if num_bytes is not None else None,
            num_bytes=num_bytes or 0,
        )
    except (ValueError, KeyError, TypeError, OSError):
        return None
