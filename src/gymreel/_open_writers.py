"""All writers of this process whose files are not complete, and what becomes of them at its end."""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
import sys
import weakref
from collections import deque
from pathlib import Path
from typing import Protocol

from gymreel import (
    _core,
    _runs,  # noqa: F401  # Imported first, so that its exit function is called last.
)
from gymreel._exit import AtExitOfChild
from gymreel._warnings import warn
from gymreel.errors import GymreelError, GymreelWarning

__all__ = ["add_abandoned", "add_writer", "warn_or_print"]

_MAX_FOLDERS = 3  # In one message.


class _Writer(Protocol):
    path: Path
    _stream: _core.Stream

    def poll(self) -> object: ...

    def _write_last_frame(self) -> None: ...


_open: weakref.WeakValueDictionary[int, _Writer] = weakref.WeakValueDictionary()
"""All writers that somebody refers to, by ``id()``."""
_abandoned: deque[tuple[_core.Stream, Path]] = deque()
"""Streams whose writers were dropped, and their files. Nobody could be told of a failure yet."""


def add_writer(writer: _Writer) -> None:
    """Have a writer completed at exit, and warn of the failures of abandoned ones."""
    _at_exit_of_child.register()
    _report_abandoned()
    _open[id(writer)] = writer


def add_abandoned(stream: _core.Stream, path: Path) -> None:
    """Have a failure of a stream reported whose writer was dropped."""
    _abandoned.append((stream, path))


def warn_or_print(message: str) -> None:
    """Warn where an exception could not be raised, or would hide another one."""
    try:
        warn(message)
    except GymreelWarning:  # Warnings are errors here.
        print(f"gymreel: {message}", file=sys.stderr)


def _report_abandoned() -> None:
    """Warn of abandoned recordings that failed, and forget those that are complete."""
    for _ in range(len(_abandoned)):
        try:
            stream, path = _abandoned.popleft()
        except IndexError:  # Another thread was faster.
            return
        if stream.result() is None:
            _abandoned.append((stream, path))
            continue
        try:
            stream.raise_untold_failure()
        except GymreelError as error:
            warn_or_print(f"a recording failed: {error}")


def _list_open() -> list[_Writer]:
    """Return the open writers, while other threads may open and drop some.

    Iterating over a ``WeakSet`` fails then, and a lock that one of these threads holds would never
    be released at exit or in a forked child. ``valuerefs`` copies all references at once.
    """
    return [writer for reference in _open.valuerefs() if (writer := reference()) is not None]


def _finish_at_exit() -> None:
    """Complete all recordings, and report failures that have not been reported.

    At the first interrupt, print what is left and go on; at the second one, leave partial files.
    Without this, an interrupt would lose the end of every recording.
    """
    try:
        try:
            _finish_all()
        except (KeyboardInterrupt, SystemExit):  # The latter from a handler of SIGTERM.
            _print_what_is_left()
            _finish_all()
    except (KeyboardInterrupt, SystemExit):
        _core.abandon_all()


def _finish_all() -> None:
    for writer in _list_open():
        with contextlib.suppress(Exception):  # The others are completed at any rate.
            writer._write_last_frame()
    _core.finish_all()
    for writer in _list_open():
        try:
            writer.poll()
        except GymreelError as error:
            warn_or_print(f"a recording failed: {error}")
    _report_abandoned()


def _print_what_is_left() -> None:
    streams = [(writer._stream, writer.path) for writer in _list_open()] + list(_abandoned)
    paths = [path for stream, path in streams if stream.result() is None]
    if not paths:
        return
    recordings = "a recording" if len(paths) == 1 else f"{len(paths)} recordings"
    folders = list(dict.fromkeys(shlex.quote(str(path.parent)) for path in paths))
    where = ", ".join(folders[:_MAX_FOLDERS])
    if len(folders) > _MAX_FOLDERS:
        where += f" and {len(folders) - _MAX_FOLDERS} more folders"
    print(
        f"gymreel: still completing {recordings} in {where}; Ctrl-C again leaves partial files "
        "there, which 'python -m gymreel recover FOLDER' completes",
        file=sys.stderr,
        flush=True,
    )


def _forget_after_fork() -> None:
    """Start without recordings in a forked child: they are its parent's."""
    _core.start_over_after_fork()
    _open.clear()
    _abandoned.clear()


_at_exit_of_child = AtExitOfChild(_finish_at_exit)
atexit.register(_finish_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_core.wait_before_fork, after_in_child=_forget_after_fork)
