"""The file ``.gymreel-run`` and its locks, by which processes that record into a folder cooperate.

Every process that records into the folder holds a shared lock on the first byte of the file. The
process that can lock this byte exclusively is alone and begins a new run: it sets the file's time
of modification by the clock of the file system, so that it compares with those of the videos. The
last process to leave removes the file, at the latest when it ends. A recording in progress holds an
exclusive lock on the byte whose position is the hash of the video's name.

The file stays empty. One that is not empty belongs to somebody else and is left alone. The locks
of a process end with it, so there is nothing to clean up after a crash.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from pathlib import Path

from gymreel._file_locks import EXCLUSIVE, HAS_LOCKS, NO_LOCKS, NONE, SHARED, try_lock

__all__ = ["MARKER_NAME", "Marker", "identify"]

MARKER_NAME = ".gymreel-run"

_MAX_ATTEMPTS = 200
"""Attempts to join, a hundredth of a second apart: others hold the exclusive lock briefly."""

_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # Opening a named pipe would wait for its other end.
)


class Marker:
    """An open marker file, whose run this process takes part in.

    Attributes:
        path: The file.
        key: Device and inode of the file.
    """

    def __init__(self, path: Path, key: tuple[int, int], descriptor: int) -> None:
        """Take over an open file that holds the shared lock."""
        self.path = path
        self.key = key
        self._descriptor = descriptor

    @classmethod
    def open(cls, path: Path, start_ns: int | None) -> tuple[Marker | None, int]:
        """Join the run of a folder, or begin one.

        Args:
            path: The file, which is created if it does not exist.
            start_ns: When this process began to record into the folder, if it did so before. A run
                that it begins counts from then.

        Returns:
            The marker, or None if there are no locks or the file cannot be used; and when the run
            began, in nanoseconds as in ``st_mtime_ns``.
        """
        alone = None, start_ns or time.time_ns()
        for _ in range(_MAX_ATTEMPTS if HAS_LOCKS else 0):
            try:
                descriptor = os.open(path, _FLAGS, 0o666)
            except (OSError, ValueError):
                return alone
            try:
                status = os.fstat(descriptor)
                if not _is_marker(status):
                    return alone
                key = (status.st_dev, status.st_ino)
                is_first = try_lock(descriptor, EXCLUSIVE, 0)
                has_joined = is_first or try_lock(descriptor, SHARED, 0)
                # The last process of an earlier run may just have removed the file.
                if has_joined and identify(path) == key:
                    if is_first:
                        _touch(descriptor, start_ns)
                        try_lock(descriptor, SHARED, 0)
                    begin_ns = os.fstat(descriptor).st_mtime_ns
                    marker = cls(path, key, descriptor)
                    descriptor = -1
                    return marker, begin_ns
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    return alone
                _touch(descriptor, None)  # The time by the clock of the file system.
                now_ns = os.fstat(descriptor).st_mtime_ns
                _remove(path)
                return None, start_ns or now_ns
            finally:
                if descriptor >= 0:
                    _close(descriptor)
            if not has_joined:
                time.sleep(0.01)
        return alone

    def lock(self, name: str) -> bool:
        """Lock a name, and return False if another process holds it."""
        try:
            return try_lock(self._descriptor, EXCLUSIVE, _position_of(name))
        except OSError:  # Such as too many locks. Complete files are still seen.
            return True

    def unlock(self, name: str) -> None:
        """Unlock a name."""
        with contextlib.suppress(OSError):
            try_lock(self._descriptor, NONE, _position_of(name))

    def close(self) -> None:
        """Leave the run, and remove the file if no other process takes part."""
        with contextlib.suppress(OSError):
            # Released first: of several processes that leave at once, the last one must find
            # itself alone.
            try_lock(self._descriptor, NONE, 0)
            is_alone = try_lock(self._descriptor, EXCLUSIVE, 0)
            if is_alone and identify(self.path) == self.key:
                _remove(self.path)
        _close(self._descriptor)

    def abandon(self) -> None:
        """Close the file in a forked child without touching the locks, which are its parent's."""
        os.close(self._descriptor)


def identify(path: Path, *, follow: bool = False) -> tuple[int, int] | None:
    """Return device and inode of a file, or None if there is none.

    Args:
        path: The file.
        follow: Whether to follow a symbolic link.
    """
    try:
        status = os.stat(path) if follow else os.lstat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _position_of(name: str) -> int:
    digest = hashlib.blake2b(os.fsencode(name), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "little") % 2**62


def _is_marker(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def _touch(descriptor: int, start_ns: int | None) -> None:
    """Set the time of modification; None means now, by the clock of the file system."""
    if start_ns is not None:
        try:
            os.utime(descriptor, ns=(start_ns, start_ns))
            return
        except OSError:  # In another user's file only "now" can be set.
            pass
    with contextlib.suppress(OSError):
        os.utime(descriptor)


def _close(descriptor: int) -> None:
    # Another thread may just be forking a process, which must not keep the locks.
    with contextlib.suppress(OSError):
        try_lock(descriptor, NONE, 0, num_bytes=0)
    os.close(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if _is_marker(os.lstat(path)):
            os.unlink(path)
