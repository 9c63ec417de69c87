"""Names for videos that no other recorder of the same run has taken.

The *run* of a folder consists of all recorders whose lifetimes overlap, in any process and on any
machine. A video of the run is never overwritten by another recording of the run; a video of an
earlier run is replaced by a new one of the same name.

Processes cooperate through the locks of a marker file, see ``_run_marker``. Where there are none, a
process takes its own start for that of the run, and does not see recordings that other processes
have in progress.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import re
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gymreel._exit import AtExitOfChild
from gymreel._run_marker import MARKER_NAME, Marker, identify

__all__ = ["MARKER_NAME", "Claim", "RunMember"]

_MAX_FOLDERS = 4096
"""Number of folders for which a process remembers when their runs began."""

_MAX_NUMBERED = 4096
"""Number of names in a folder for which a process remembers the next free number."""


class Claim:
    """The right to record a file of a certain name, which no other recording of the run has."""

    def __init__(self, path: Path, run: _Run) -> None:
        """Note a name that was taken."""
        self.path = path
        """The file: the one that was wanted, or with a number after its name."""
        self._run = run

    def hold(self, is_done: Callable[[], bool]) -> None:
        """Reserve the name until ``is_done()`` returns True; then the existing file reserves it."""
        with _lock:
            if self._run.claims.get(self.path.name) is _undecided:
                self._run.claims[self.path.name] = is_done

    def release(self) -> None:
        """Release the name, because nothing was recorded under it."""
        with _lock:
            self._run.release(self.path.name)


class RunMember:
    """A recorder's membership in the runs of the folders that it records into."""

    _joined: Sequence[_Run] = ()

    def join(self, folder: Path) -> int:
        """Join the run of a folder, or begin one.

        Returns:
            When the run began, in nanoseconds as in ``st_mtime_ns``. Older files are of other runs.
        """
        with _lock:
            start_ns = self._join(folder).start_ns
        _settle()
        return start_ns

    def claim(self, wanted: Path, *, instead_of: Path | None = None) -> Claim:
        """Take the name of a file, with a number after it if another recording has that name.

        Args:
            wanted: The file.
            instead_of: A file of this recorder that the new recording replaces.
        """
        with _lock:
            run = self._join(wanted.parent)
            run.release_complete()
            path = run.take(wanted, instead_of)
            run.claims[path.name] = _undecided
        _settle()
        return Claim(path, run)

    def leave(self) -> None:
        """Leave all runs. The next recording joins again."""
        joined, self._joined = self._joined, ()
        _departed.extend(joined)
        _settle()

    def __del__(self) -> None:
        """Leave."""
        if self._joined:
            self.leave()

    def __reduce__(self) -> tuple[type[RunMember], tuple[()]]:
        """Copy and pickle as a member of no run: a copy records under its own names."""
        return (type(self), ())

    def _join(self, folder: Path) -> _Run:
        run = _find_run(folder)
        if run is None:
            run = _open_run(folder)
            for other in _runs.values():
                if other.path == run.path:  # The marker was removed while recordings go on.
                    run.claims.update(other.claims)
            _runs[run.key] = run
        if run not in self._joined:
            self._joined = (*self._joined, run)
            run.num_members += 1
        return run


class _Run:
    """What this process knows and holds of the run of a folder."""

    def __init__(
        self, key: tuple[int, ...], path: Path, marker: Marker | None, start_ns: int
    ) -> None:
        self.key = key
        self.path = path
        """The marker file, whether or not it can be used."""
        self.marker = marker
        self.start_ns = start_ns
        self.num_members = 0
        self.claims: dict[str, Callable[[], bool]] = {}
        """Names of recordings in progress, each with a function that returns whether it is done."""
        self._next_numbers: dict[str, int] = {}
        """For names that were taken, the number after the last one that was."""

    def take(self, wanted: Path, instead_of: Path | None) -> Path:
        """Take a name, with a number after it if necessary, and return it."""
        candidates = self._candidates(wanted, instead_of)
        return next(path for path in candidates if self._take(path, is_own=path == instead_of))

    def release_complete(self) -> bool:
        """Release the names of complete recordings, and return whether others are in progress.

        From then on the files themselves keep their names from being taken.
        """
        for name, is_done in list(self.claims.items()):
            if is_done():
                self.release(name)
        return bool(self.claims)

    def release(self, name: str) -> None:
        """Release a name, if it is taken."""
        if self.claims.pop(name, None) is not None and self.marker is not None:
            self.marker.unlock(name)

    def _candidates(self, wanted: Path, instead_of: Path | None) -> Iterator[Path]:
        """Yield a name, then the name with numbers that this process has not used yet."""
        yield wanted
        if instead_of is not None and _is_numbered(instead_of, wanted):
            yield instead_of
        numbers = self._next_numbers
        if len(numbers) >= _MAX_NUMBERED and wanted.name not in numbers:
            del numbers[next(iter(numbers))]
        for number in itertools.count(numbers.get(wanted.name, 2)):
            numbers[wanted.name] = number + 1
            yield wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")

    def _take(self, path: Path, *, is_own: bool) -> bool:
        """Take a name unless another recording of the run has it."""
        name = path.name
        if is_own:
            self._lock(name)
            return True
        if name in self.claims:
            if not self.claims[name]():
                return False
            self.release(name)
        if not self._lock(name):
            return False
        # Only now, as another process may have completed the file a moment before.
        try:
            status = os.lstat(path)
        except (OSError, ValueError):
            return True
        if stat.S_ISDIR(status.st_mode) or status.st_mtime_ns < self.start_ns:
            return True
        if self.marker is not None:
            self.marker.unlock(name)
        return False

    def _lock(self, name: str) -> bool:
        return self.marker is None or self.marker.lock(name)

    def close(self) -> None:
        """Forget the run, and remove its marker if nobody else takes part in it."""
        _runs.pop(self.key, None)
        marker, self.marker = self.marker, None
        if marker is not None:
            marker.close()


_lock = threading.Lock()
_runs: dict[tuple[int, ...], _Run] = {}
_starts: dict[tuple[int, int], int] = {}
"""When this process joined the runs of folders, by device and inode of the folder."""
_departed: deque[_Run] = deque()
"""Runs that a member has left. Noted without the lock, as garbage is collected at any moment."""
_is_exiting = False
"""Whether the process is ending. Nobody would remove the marker of a run that is joined then."""
_has_lingering = False
"""Whether there are runs without members whose recordings are still being completed."""


def _is_numbered(path: Path, wanted: Path) -> bool:
    """Return whether a path is another one with a number after its name."""
    pattern = rf"{re.escape(wanted.stem)}-\d+{re.escape(wanted.suffix)}"
    return path.parent == wanted.parent and re.fullmatch(pattern, path.name) is not None


def _undecided() -> bool:
    return False


def _settle() -> None:
    """Close the runs that have no members, and release the names of complete recordings."""
    global _has_lingering  # noqa: PLW0603
    while (_departed or _has_lingering) and _lock.acquire(blocking=False):
        try:
            while _departed:
                _departed.popleft().num_members -= 1
            left = [run for run in _runs.values() if run.num_members <= 0]
            for run in left:
                if not run.release_complete():
                    run.close()
            _has_lingering = any(run.key in _runs for run in left)
        finally:
            _lock.release()
        if not _departed:
            break


def _find_run(folder: Path) -> _Run | None:
    """Return the run of a folder that this process takes part in, unless its marker is gone."""
    marker = identify(folder / MARKER_NAME)
    if marker is not None and marker in _runs:
        return _runs[marker]
    which = identify(folder, follow=True)
    return _runs.get((*which, 0)) if which is not None else None


def _open_run(folder: Path) -> _Run:
    _at_exit_of_child.register()
    with contextlib.suppress(OSError, ValueError):  # Writing the video raises a better error.
        os.makedirs(folder, exist_ok=True)
    path = folder / MARKER_NAME
    which = identify(folder, follow=True)
    remembered = _starts.get(which) if which is not None else None
    marker, start_ns = None, remembered or time.time_ns()
    if not _is_exiting:
        marker, start_ns = Marker.open(path, remembered)
    if remembered is not None:
        start_ns = min(start_ns, remembered)
    if which is not None:
        _starts.pop(which, None)
        _starts[which] = start_ns
        if len(_starts) > _MAX_FOLDERS:
            del _starts[next(iter(_starts))]
    key = (*(which or (0, 0)), 0) if marker is None else marker.key
    return _Run(key, path, marker, start_ns)


def _leave_all() -> None:
    """Close every run: the process ends, and all recordings are complete."""
    global _is_exiting  # noqa: PLW0603
    if _lock.acquire(timeout=1):
        try:
            _is_exiting = True
            for run in list(_runs.values()):
                run.close()
        finally:
            _lock.release()


def _leave_after_fork() -> None:
    """Forget everything in a forked child: the locks are its parent's."""
    global _lock, _is_exiting  # noqa: PLW0603
    _lock = threading.Lock()
    _is_exiting = False
    _departed.clear()
    for run in _runs.values():
        if run.marker is not None:
            run.marker.abandon()
            run.marker = None
        run.claims.clear()
    _runs.clear()


_at_exit_of_child = AtExitOfChild(_leave_all, priority=-1)  # After the videos are complete.
atexit.register(_leave_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_after_fork)
