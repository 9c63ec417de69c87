"""Names of videos that no other recorder of the same run has.

The *run* of a folder is what the recorders do whose lives overlap, in whichever process and on
whichever machine. A video of this run is never overwritten by another recording of it; one of an
earlier run gives way to a new one of its name.

A hidden file ``.gymreel-run`` in the folder is how processes know of each other. Each that records
there holds a shared lock on its first byte. Who gets that byte exclusively is alone and begins a
run: the file's time of modification is when the run began, by the clock that the videos' times come
from. The last one to go removes the file, at the latest when its process ends. Nothing is ever
written into it: a file with something in it is somebody else's, and stays as it is. The name of a
recording in progress is an exclusive lock on another byte, at the place that the hash of the name
says. All locks end with their process, so nothing has to be cleaned up after a crash.

Where the file system has no locks, or the file cannot be used, a process takes its own start for
that of the run, and does not see the recordings that others have in progress.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib
import os
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from gymreel._file_locks import EXCLUSIVE, HAS_LOCKS, NO_LOCKS, NONE, SHARED, try_lock

__all__ = ["MARKER_NAME", "Claim", "RunMember"]

MARKER_NAME = ".gymreel-run"

_MAX_FOLDERS = 4096
"""Of so many folders a process remembers when their runs began."""

_MAX_SUFFIX = 1_000_000
_MAX_ATTEMPTS = 200  # To join, a hundredth of a second apart: others hold the lock for an instant.


class Claim:
    """The right to record a file of a name, which no other recording of the run has."""

    def __init__(self, path: Path, run: _Run) -> None:
        """Note a name that was taken."""
        self.path = path
        """The file: the one that was wanted, or with a number after its name."""
        self._run = run

    def hold(self, is_done: Callable[[], bool]) -> None:
        """Keep the name until ``is_done()``: by then there is a file of that name, or none."""
        with _lock:
            if self._run.claims.get(self.path.name) is _undecided:
                self._run.claims[self.path.name] = is_done

    def release(self) -> None:
        """Release the name, as nothing was recorded under it."""
        with _lock:
            _release(self._run, self.path.name)


class RunMember:
    """A recorder's part in the runs of the folders that it records into."""

    _joined: Sequence[_Run] = ()

    def join(self, folder: Path) -> int:
        """Take part in the run of a folder, or begin one.

        Returns:
            When the run began, in nanoseconds as in ``st_mtime_ns``: older files are of others.
        """
        with _lock:
            start = self._join(folder).start_ns
        _settle()
        return start

    def claim(self, wanted: Path, *, instead_of: Path | None = None) -> Claim:
        """Take the name of a file, with a number after it where another recording has that.

        Args:
            wanted: The file.
            instead_of: A file of this recorder's whose recording is to be replaced by this one.
        """
        with _lock:
            run = self._join(wanted.parent)
            _claims_in_progress(run)  # So that those of a long training do not add up.
            path = wanted
            for number in range(2, _MAX_SUFFIX):
                if path == instead_of:
                    _lock_name(run, path.name)
                    break
                if _take(run, path):
                    break
                path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
            run.claims[path.name] = _undecided
        _settle()
        return Claim(path, run)

    def leave(self) -> None:
        """Take no part any more; the next recording joins again."""
        joined, self._joined = self._joined, ()
        _departed.extend(joined)
        _settle()

    def __del__(self) -> None:
        """Leave."""
        if self._joined:
            self.leave()

    def __reduce__(self) -> tuple[type[RunMember], tuple[()]]:
        """Copy and pickle as outside of every run: a copy records under names of its own."""
        return (type(self), ())

    def _join(self, folder: Path) -> _Run:
        run = _find_run(folder)
        if run is None:
            run = _open_run(folder)
            for other in _runs.values():
                if other.marker == run.marker:  # That was removed, and the recordings go on.
                    run.claims.update(other.claims)
            _runs[run.key] = run
        if run not in self._joined:
            self._joined = (*self._joined, run)
            run.num_members += 1
        return run


class _Run:
    """What this process knows of the run of a folder, and holds of it."""

    def __init__(
        self, key: tuple[int, ...], start_ns: int, marker: Path, descriptor: int | None
    ) -> None:
        self.key = key
        self.start_ns = start_ns
        self.marker = marker
        self.descriptor = descriptor
        """With the locks; None where there are none."""
        self.num_members = 0
        self.claims: dict[str, Callable[[], bool]] = {}
        """Names of recordings in progress, with what says whether they are done."""


_lock = threading.Lock()
_runs: dict[tuple[int, ...], _Run] = {}
_starts: dict[tuple[int, int], int] = {}
"""When the runs of folders began that this process has taken part in, by device and inode."""
_departed: deque[_Run] = deque()
"""Runs that somebody has left: noted without the lock, as a collection may come at any moment."""
_has_left = False
"""Whether the process ends: nobody would remove the marker of a run that is joined after that."""
_has_lingering = False
"""Whether there are runs that all have left, while recordings are being completed."""


def _undecided() -> bool:
    return False


def _settle() -> None:
    """Close the runs that everybody has left, and release names whose recordings are done."""
    global _has_lingering  # noqa: PLW0603
    while (_departed or _has_lingering) and _lock.acquire(blocking=False):
        try:
            while _departed:
                _departed.popleft().num_members -= 1
            left = [run for run in _runs.values() if run.num_members <= 0]
            for run in left:
                if not _claims_in_progress(run):
                    _close_run(run)
            _has_lingering = any(run.key in _runs for run in left)
        finally:
            _lock.release()
        if not _departed:
            break


def _claims_in_progress(run: _Run) -> bool:
    """Release the names of recordings that are done, and return whether there are others.

    From then on the files themselves keep their names from being taken.
    """
    for name, is_done in list(run.claims.items()):
        if is_done():
            _release(run, name)
    return bool(run.claims)


def _take(run: _Run, path: Path) -> bool:
    """Take a name unless another recording of the run has it."""
    name = path.name
    if name in run.claims:
        if not run.claims[name]():
            return False
        _release(run, name)
    if not _lock_name(run, name):
        return False
    # After the lock, as the other may have completed its file a moment ago.
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return True
    if stat.S_ISDIR(status.st_mode) or status.st_mtime_ns < run.start_ns:
        return True
    _unlock(run, name)
    return False


def _lock_name(run: _Run, name: str) -> bool:
    """Lock a name, and return False where another process has it."""
    if run.descriptor is None:
        return True
    try:
        return try_lock(run.descriptor, EXCLUSIVE, _place_of(name))
    except OSError:  # No more locks, say: what is complete is still seen.
        return True


def _release(run: _Run, name: str) -> None:
    if run.claims.pop(name, None) is not None:
        _unlock(run, name)


def _unlock(run: _Run, name: str) -> None:
    if run.descriptor is not None:
        with contextlib.suppress(OSError):
            try_lock(run.descriptor, NONE, _place_of(name))


def _place_of(name: str) -> int:
    digest = hashlib.blake2b(os.fsencode(name), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "little") % 2**62


def _identify(path: Path) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _find_run(folder: Path) -> _Run | None:
    """Find the run that this process takes part in, unless its marker was removed meanwhile."""
    marker = _identify(folder / MARKER_NAME)
    if marker is not None and marker in _runs:
        return _runs[marker]
    whole = _identify_folder(folder)
    return _runs.get((*whole, 0)) if whole is not None else None


def _identify_folder(folder: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _open_run(folder: Path) -> _Run:
    _leave_at_exit_of_child()
    with contextlib.suppress(OSError, ValueError):  # Whoever writes the video says what is wrong.
        os.makedirs(folder, exist_ok=True)
    marker = folder / MARKER_NAME
    which = _identify_folder(folder)
    remembered = _starts.get(which) if which is not None else None
    run = None
    for _ in range(_MAX_ATTEMPTS if HAS_LOCKS and not _has_left else 0):
        try:
            descriptor = os.open(marker, _OPEN_MARKER, 0o666)
        except (OSError, ValueError):
            break
        try:
            status = os.fstat(descriptor)
            if not _is_marker(status):
                break
            key = (status.st_dev, status.st_ino)
            is_first = try_lock(descriptor, EXCLUSIVE, 0)
            has_joined = is_first or try_lock(descriptor, SHARED, 0)
            if has_joined and _identify(marker) == key:
                if is_first:
                    _touch(descriptor, remembered)
                    try_lock(descriptor, SHARED, 0)
                start_ns = os.fstat(descriptor).st_mtime_ns
                run = _Run(key, start_ns, marker, descriptor)
                descriptor = -1
                break
        except OSError as error:
            if error.errno in NO_LOCKS:
                _touch(descriptor, None)
                remembered = remembered or os.fstat(descriptor).st_mtime_ns
                _remove_marker(marker)
            break
        finally:
            if descriptor >= 0:
                _close(descriptor)
        if not has_joined:
            time.sleep(0.01)
    if run is None:
        run = _Run((*(which or (0, 0)), 0), remembered or time.time_ns(), marker, None)
    if remembered is not None:
        run.start_ns = min(run.start_ns, remembered)
    if which is not None:
        _starts.pop(which, None)
        _starts[which] = run.start_ns
        if len(_starts) > _MAX_FOLDERS:
            del _starts[next(iter(_starts))]
    return run


def _touch(descriptor: int, start_ns: int | None) -> None:
    """Set when the run began: now, by the file system's clock, or when this process began it."""
    if start_ns is not None:
        try:
            os.utime(descriptor, ns=(start_ns, start_ns))
            return
        except OSError:  # Another user's file, of which only "now" can be said.
            pass
    with contextlib.suppress(OSError):
        os.utime(descriptor)


def _close_run(run: _Run) -> None:
    """Close a run, and remove its marker if nobody else takes part in it."""
    _runs.pop(run.key, None)
    descriptor, run.descriptor = run.descriptor, None
    if descriptor is None:
        return
    with contextlib.suppress(OSError):
        # First, so that of several that leave at once the last one finds itself alone.
        try_lock(descriptor, NONE, 0)
        is_alone = try_lock(descriptor, EXCLUSIVE, 0)
        if is_alone and _identify(run.marker) == run.key:
            _remove_marker(run.marker)
    _close(descriptor)


def _close(descriptor: int) -> None:
    """Close a marker. A process that another thread is just forking must not keep its locks."""
    with contextlib.suppress(OSError):
        try_lock(descriptor, NONE, 0, num_bytes=0)
    os.close(descriptor)


def _remove_marker(marker: Path) -> None:
    with contextlib.suppress(OSError):
        if _is_marker(os.lstat(marker)):
            os.unlink(marker)


def _is_marker(status: os.stat_result) -> bool:
    """Return whether a file of that name can be gymreel's, which writes nothing into it."""
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


_OPEN_MARKER = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # A pipe of that name keeps nobody waiting.
)


def _leave_all() -> None:
    """Close every run: the process ends, and all recordings are complete."""
    global _has_left  # noqa: PLW0603
    if _lock.acquire(timeout=1):
        try:
            _has_left = True
            for run in list(_runs.values()):
                _close_run(run)
        finally:
            _lock.release()


def _leave_after_fork() -> None:
    """In a forked child: the parent's locks are the parent's alone."""
    global _lock, _has_left, _needs_finalizer  # noqa: PLW0603
    _lock = threading.Lock()
    _has_left = False
    _departed.clear()
    for run in _runs.values():
        if run.descriptor is not None:
            # Of the same open file as the parent's: its locks last as long as that one is open.
            os.close(run.descriptor)
            run.descriptor = None
        run.claims.clear()
    _runs.clear()
    _needs_finalizer = True


_needs_finalizer = True


def _leave_at_exit_of_child() -> None:
    """Make up for atexit, which children of multiprocessing leave without."""
    global _needs_finalizer  # noqa: PLW0603
    process = sys.modules.get("multiprocessing.process")
    if not _needs_finalizer or process is None or process.parent_process() is None:
        return
    _needs_finalizer = False
    util = importlib.import_module("multiprocessing.util")
    util.Finalize(None, _leave_all, exitpriority=-1)  # After the videos are complete.


atexit.register(_leave_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_after_fork)
