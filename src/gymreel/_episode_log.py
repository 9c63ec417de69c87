"""Writes ``episodes.jsonl``, the log of episodes beside their videos."""

from __future__ import annotations

import errno
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

# A line within these limits must be shorter than the longest that ``_episode_log_reader`` reads.
_MAX_DEPTH = 4
_MAX_ENTRIES = 256
_MAX_ELEMENTS = 64
"""Longer arrays and lists in an ``info`` are not logged. They are observations, for example."""
_MAX_STRING = 1024
_MAX_CHARACTERS = 16 * 1024
_MAX_INT_BITS = 512

_MAX_ATTEMPTS = 8
"""Number of consecutive partial writes after which the disk counts as full."""

_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # Opening a named pipe would wait for its other end.
)


def log_is_wanted(episode_log: bool | None, *, has_listeners: bool) -> bool:
    """Return whether a recorder writes the log.

    Args:
        episode_log: The recorder's option of that name. None means that the rest decides.
        has_listeners: Whether the recorder has ``keep``, ``on_saved`` or ``trackers``. A recorder
            without any of them writes the same files as Gymnasium's.
    """
    if episode_log is not None:
        return bool(episode_log)
    return has_listeners or is_on(_VARIABLE)


class EpisodeLog:
    """Appends lines of JSON to ``episodes.jsonl`` in a folder.

    There are two kinds of lines. One is written when an episode ends; it has the attributes of the
    ``Episode``. The other one is written when a video is complete, which may be later; it has the
    ``path``, ``num_frames``, ``num_bytes`` and ``recorder`` of the video. If the video was renamed
    then, ``recorded_as`` is its path before, which the line of its episode has.

    The lines of one call are written with one system call at the end of the file, so several
    processes may log into one folder. If a killed process or a full disk has left half a line, the
    next line starts on a new one.

    The file must be a regular file and is never opened through a symbolic link, so that nothing
    outside the folder is written to.
    """

    def __init__(self, folder: Path) -> None:
        """Log into a folder. The file is created with the first line."""
        # As text, because Python 3.13 cannot create another Path while it exits.
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
            recorded_as: Path of the video before it was complete, if that was another one.

        Raises:
            OutputError: The file cannot be written.
        """
        is_renamed = recorded_as is not None and recorded_as != episode.path
        line = {
            "path": self._name(episode.path),
            "num_frames": episode.num_frames,
            "num_bytes": episode.num_bytes,
            "recorder": episode.recorder,
            **({"recorded_as": self._name(recorded_as)} if is_renamed else {}),
            "time": round(time.time(), 3),
        }
        self._write(f"{json.dumps(line)}\n")

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
        return_ = episode.return_
        line = {
            # What the lines of one recorder have in common comes first, up to ``index``: a reader
            # parses it once.
            "recorder": episode.recorder,
            "environment": episode.environment,
            "name_prefix": episode.name_prefix,
            "env_index": int(episode.env_index),
            "terminated": bool(episode.terminated),
            "truncated": bool(episode.truncated),
            "interrupted": episode.interrupted,
            "index": int(episode.index),
            "seed": None if episode.seed is None else _plain(episode.seed, None),
            "return_": float(return_) if return_ is not None and math.isfinite(return_) else None,
            "length": int(episode.length),
            "step": int(episode.step),
            "path": self._name(episode.path),
            "time": round(now, 3),
            "info": _plain(episode.info, {}) if episode.info else {},
        }
        return f"{json.dumps(line)}\n"

    def _name(self, path: Path | None) -> str | None:
        """Return a path relative to the folder, with ``/`` on every system."""
        return None if path is None else os.path.relpath(path, self._folder).replace(os.sep, "/")


def _check_and_look_at_end(descriptor: int) -> bool:
    """Return whether the end of the file is the start of a line.

    Raises:
        OSError: The file is not a regular file.
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
    os.lseek(descriptor, size - 1, os.SEEK_SET)  # Windows. Appending still goes to the end.
    return os.read(descriptor, 1)


def _write_whole_lines(descriptor: int, text: str) -> None:
    """Write lines. A line that was cut off is written again, whole and on a new line.

    The rest of it alone would be useless, because another process may have written in between.

    Raises:
        OSError: Not all lines could be written.
    """
    data = text.encode("ascii")
    for _ in range(_MAX_ATTEMPTS):
        written = os.write(descriptor, data)
        if written == len(data):
            return
        start = data.rfind(b"\n", 0, written) + 1
        data = data[start:] if start == written else b"\n" + data[start:]
    raise OSError(errno.ENOSPC, "only parts of lines could be written")


def _plain(value: Any, otherwise: Any) -> Any:
    """Return the part of a value that JSON can hold, or ``otherwise`` if its classes fail."""
    try:
        return _PlainValues().of(value, _MAX_DEPTH)
    except Exception:  # Classes of users may raise anything.
        return otherwise


class _PlainValues:
    """Makes plain values of an ``info``, in bounded time and size.

    It visits at most 256 entries of mappings, lists and arrays, four levels deep, and takes at most
    16,384 characters of text. Everything after that is left out.
    """

    def __init__(self) -> None:
        self._entries = _MAX_ENTRIES
        self._characters = _MAX_CHARACTERS

    def of(self, value: Any, depth: int) -> Any:
        """Return the part of a value that JSON can hold, or None."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if int.bit_length(value) <= _MAX_INT_BITS else None
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
        # Not ``text[:n]``, which a subclass may override: the result must be an exact ``str``.
        text = str.__getitem__(text, slice(min(_MAX_STRING, self._characters)))
        self._characters -= len(text)
        return text
