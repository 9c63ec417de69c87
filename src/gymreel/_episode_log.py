"""The writing side of ``episodes.jsonl``, the log of episodes beside their videos."""

from __future__ import annotations

import errno
import functools
import json
import math
import os
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gymreel._environment import is_on
from gymreel.episodes import LOG_NAME, Episode
from gymreel.errors import OutputError

__all__ = ["EpisodeLog", "log_is_wanted"]

_VARIABLE = "GYMREEL_EPISODE_LOG"

_MAX_DEPTH = 4
_MAX_ENTRIES = 256
_MAX_ELEMENTS = 64
"""Longer arrays and lists of an ``info`` are not logged: observations and the like."""
_MAX_STRING = 1024
_MAX_CHARACTERS = 16 * 1024
_MAX_INT_BITS = 512

_MAX_ATTEMPTS = 8
"""Writes in a row that may each take only a part before the disk counts as full."""

_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # Opening a FIFO would wait for its other end.
)


def log_is_wanted(episode_log: bool | None, *, has_listeners: bool) -> bool:
    """Return whether a recorder writes the log.

    Args:
        episode_log: What the user said; None leaves it to the rest.
        has_listeners: Whether the recorder has ``keep``, ``on_saved`` or ``trackers``. A recorder
            without them leaves exactly the files that Gymnasium's leaves.
    """
    if episode_log is not None:
        return bool(episode_log)
    return has_listeners or is_on(_VARIABLE)


class EpisodeLog:
    """Appends lines of JSON to ``episodes.jsonl`` in a folder.

    There are two kinds of lines. One is written when an episode ends and has the attributes of an
    ``Episode`` under their own names. The other is written when a video is complete, which may be
    later, and has its ``path``, ``num_frames``, ``num_bytes`` and ``recorder``. For a video that
    was renamed then, ``recorded_as`` is the path that the lines of its episodes may have.

    The lines of one call are one write at the end of the file, so several processes may log into
    one folder. Half a line, left by a process that was killed or by a full disk, is not continued:
    the next line begins on a line of its own.

    The file is never opened through a symbolic link, so that nothing outside the folder is written
    to, and it must be a regular file.
    """

    def __init__(self, folder: Path) -> None:
        """Log into a folder; the file is made with the first line."""
        # As text: Python 3.13 makes no other path any more when the interpreter ends.
        self._folder = str(folder)
        self._path = str(folder / LOG_NAME)

    def append(self, episodes: Iterable[Episode]) -> None:
        """Write a line for each of these episodes.

        Raises:
            OutputError: The file cannot be written.
        """
        now = time.time()
        self._write("".join(self._episode_line(episode, now) for episode in episodes))

    def append_video(self, episode: Episode, *, recorded_as: Path | None = None) -> None:
        """Write a line for the complete video of an episode.

        Args:
            episode: The episode with the video.
            recorded_as: What the video was called until it was complete, if it is another path.

        Raises:
            OutputError: The file cannot be written.
        """
        is_renamed = recorded_as is not None and recorded_as != episode.path
        before = f'"recorded_as": {self._name(recorded_as)}, ' if is_renamed else ""
        self._write(
            f'{{"path": {self._name(episode.path)}, "num_frames": {episode.num_frames}, '
            f'"num_bytes": {episode.num_bytes}, "recorder": {_text(episode.recorder)}, '
            f'{before}"time": {time.time():.3f}}}\n'
        )

    def _write(self, lines: str) -> None:
        if not lines:
            return
        try:
            descriptor = os.open(self._path, _FLAGS, 0o666)
            try:
                is_new_line = _check_and_look_at_end(descriptor)
                _write_whole_lines(descriptor, ("" if is_new_line else "\n") + lines)
            finally:
                os.close(descriptor)
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno == errno.ELOOP:
                reason = "it is a symbolic link, which the log does not follow"
            raise OutputError(
                error.errno or 0, "write the episode log", reason, self._path
            ) from error

    def _episode_line(self, episode: Episode, now: float) -> str:
        """Return an episode as JSON, put together by hand: many may end in one step.

        What the lines of one recorder have in common comes first, up to ``index``: a reader then
        parses it once.
        """
        seed = "null" if episode.seed is None else _json(episode.seed, "null")
        info = _json(episode.info, "{}") if episode.info else "{}"
        return (
            f'{{"recorder": {_text(episode.recorder)}, '
            f'"environment": {_text(episode.environment)}, '
            f'"name_prefix": {_text(episode.name_prefix)}, "env_index": {episode.env_index}, '
            f'"terminated": {_flag(episode.terminated)}, '
            f'"truncated": {_flag(episode.truncated)}, '
            f'"interrupted": {_flag(episode.interrupted)}, "index": {episode.index}, '
            f'"seed": {seed}, "return_": {_number(episode.return_)}, "length": {episode.length}, '
            f'"step": {episode.step}, "path": {self._name(episode.path)}, "time": {now:.3f}, '
            f'"info": {info}}}\n'
        )

    def _name(self, path: Path | None) -> str:
        """Return a path as seen from the folder, as JSON."""
        if path is None:
            return "null"
        return json.dumps(os.path.relpath(path, self._folder).replace(os.sep, "/"))


def _check_and_look_at_end(descriptor: int) -> bool:
    """Return whether a new line begins at the end of the file.

    Raises:
        OSError: It is not a regular file.
    """
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if status.st_size == 0:
        return True
    return _last_byte(descriptor, status.st_size) in (b"\n", b"")


def _last_byte(descriptor: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, 1, size - 1)
    os.lseek(descriptor, size - 1, os.SEEK_SET)  # Windows; what is appended goes to the end.
    return os.read(descriptor, 1)


def _write_whole_lines(descriptor: int, text: str) -> None:
    """Write lines; one that was cut off is written again, whole and on a line of its own.

    Another process may have written in between, so that the rest alone would belong to nothing.

    Raises:
        OSError: Not all of them could be written.
    """
    data = text.encode(errors="surrogatepass")
    for _ in range(_MAX_ATTEMPTS):
        written = os.write(descriptor, data)
        if written == len(data):
            return
        start = data.rfind(b"\n", 0, written) + 1
        data = data[start:] if start == written else b"\n" + data[start:]
    raise OSError(errno.ENOSPC, "only parts of lines could be written")


@functools.lru_cache(maxsize=256)
def _text(text: str) -> str:
    """Return text as JSON; it is the same from one episode to the next."""
    return json.dumps(text)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _number(value: float | None) -> str:
    """Return a number as JSON, which has none that is not finite."""
    return repr(float(value)) if value is not None and math.isfinite(value) else "null"


def _json(value: Any, otherwise: str) -> str:
    """Return what JSON can hold of something that an environment or its user gave."""
    try:
        return json.dumps(_Plain().of(value, _MAX_DEPTH))
    except Exception:  # Their classes may raise whatever they like.
        return otherwise


class _Plain:
    """Makes plain values of an ``info``, in bounded size and time.

    At most 256 entries of mappings, lists and arrays are looked at, four levels deep, and 16,384
    characters of text are taken. What comes after that is left out.
    """

    def __init__(self) -> None:
        self._entries = _MAX_ENTRIES
        self._characters = _MAX_CHARACTERS

    def of(self, value: Any, depth: int) -> Any:
        """Return what JSON can hold of a value; None for what it cannot hold."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if value.bit_length() <= _MAX_INT_BITS else None
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, str):
            return self._text(value)
        if depth == 0:
            return None
        if isinstance(value, Mapping):
            return self._mapping(value, depth - 1)
        if isinstance(value, np.ndarray) and value.size <= _MAX_ELEMENTS:
            return self.of(value.tolist(), depth)
        if isinstance(value, (list, tuple)) and len(value) <= _MAX_ELEMENTS:
            return [self.of(entry, depth - 1) for entry in value if self._takes_another()]
        return None

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, entry in value.items():
            if not self._takes_another():
                break
            of_entry = self.of(entry, depth)
            if of_entry is not None or entry is None:
                plain[self._text(key if isinstance(key, str) else str(key))] = of_entry
        return plain

    def _takes_another(self) -> bool:
        self._entries -= 1
        return self._entries >= 0 and self._characters > 0

    def _text(self, text: str) -> str:
        text = text[: min(_MAX_STRING, self._characters)]
        self._characters -= len(text)
        return text
