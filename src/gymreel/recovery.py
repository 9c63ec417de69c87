"""``recover`` makes complete files from the partial files that killed processes left."""

from __future__ import annotations

import errno
import os
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from gymreel import _core
from gymreel._validation import check_path
from gymreel._warnings import warn
from gymreel._writer_config import MAX_NAME_BYTES
from gymreel.encoders import find_container
from gymreel.errors import ConfigError, OutputError

__all__ = ["RecoveredRecording", "find_interrupted", "recover", "recover_and_report"]

_LEFTOVER = re.compile(r"\.(?P<name>.+)\.(?P<kind>partial|complete)(-\d+)?", re.DOTALL)
_OPERATION = "recover a recording"


@dataclass(frozen=True)
class RecoveredRecording:
    """A recording that was recovered from a partial file.

    Attributes:
        path: The complete file; None if the partial file held no frame.
        partial_path: The partial file, which no longer exists.
        num_frames: Number of frames in the complete file.
        duration_seconds: ``num_frames`` divided by the frame rate.
        num_bytes: Size of the complete file.
        size: ``(width, height)`` of the video, in pixels.
        damaged_path: Where the partial file is kept if more of it is missing or damaged than the
            end of the process explains; otherwise None.
    """

    path: Path | None
    partial_path: Path
    num_frames: int
    duration_seconds: float
    num_bytes: int
    size: tuple[int, int]
    damaged_path: Path | None = None


def recover(path: str | os.PathLike[str]) -> list[RecoveredRecording]:
    """Turn the partial files that killed processes left into complete video files.

    While recording, gymreel writes to a hidden file ``.NAME.partial`` beside the target. A process
    that is killed leaves it there, with all frames except those of the last moment. The frames up
    to the first missing one are copied into a complete file without being encoded again, and the
    partial file is removed. The complete file gets the name of the target, or
    ``STEM-recovered.SUFFIX`` if a file of that name exists by now.

    Partial files that a live process is writing, and anything but regular files, are left alone. A
    file that is damaged rather than cut off yields the frames before the damage, and is kept as
    ``.NAME.damaged``; a ``GymreelWarning`` says so. A second call finds nothing to do.

    All hidden files whose names look like those of partial files are taken for gymreel's.

    Args:
        path: A folder, which is searched recursively; or the target of a recording, or its partial
            file.

    Returns:
        The recovered recordings. A partial file without frames is removed; its ``path`` is None.

    Raises:
        OutputError: There is no such folder, or it cannot be read. Or ``path`` is a partial file
            that cannot be recovered or is being written. In a folder, a partial file that cannot be
            recovered causes a ``GymreelWarning`` instead and is left alone.
        ConfigError: ``path`` is not the name of a file or folder.
    """
    recovered, problems = recover_and_report(path)
    for problem in problems:
        warn(problem)
    return recovered


def recover_and_report(
    path: str | os.PathLike[str],
) -> tuple[list[RecoveredRecording], list[str]]:
    """Return what ``recover`` returns, and the text of each of its warnings."""
    target = Path(check_path(path))
    recovery = _Recovery()
    if target.is_dir():
        recovery.recover_all(_look_into(target, recursive=True))
    elif _kind(target) == "partial":
        if os.path.lexists(target):
            recovery.recover_one(target)
            recovery.remove_unfinished(target, _find_complete(target.parent))
    elif not target.parent.is_dir():
        raise OutputError(errno.ENOENT, _OPERATION, "no such folder", os.fspath(target.parent))
    elif not _is_video(target) and not os.path.lexists(target):
        raise OutputError(errno.ENOENT, _OPERATION, "no such folder", os.fspath(target))
    else:
        found = _look_into(target.parent, recursive=False)
        found.problems.clear()  # They are about other files.
        found.partials = [one for one in found.partials if _target(one).name == target.name]
        recovery.recover_all(found)
    return recovery.recovered, recovery.problems


def find_interrupted(folder: Path) -> list[Path]:
    """Return the partial files in ``folder`` that no process writes to any more."""
    # An empty file is about to be written to, or contains nothing to recover.
    try:
        partials = _look_into(folder, recursive=False).partials
    except OutputError:  # There is no such folder, or it cannot be read.
        return []
    return [
        partial
        for partial in partials
        if _has_bytes(partial) and not _core.is_being_recorded(os.fspath(partial))
    ]


@dataclass
class _Found:
    """Files that were left in a folder: partial ones, complete ones by target, and problems."""

    partials: list[Path] = field(default_factory=list)
    complete: dict[Path, list[Path]] = field(default_factory=lambda: defaultdict(list))
    problems: list[str] = field(default_factory=list)


class _Recovery:
    """Recovers partial files one by one. A failure becomes a problem, and the others go on."""

    def __init__(self) -> None:
        self.recovered: list[RecoveredRecording] = []
        self.problems: list[str] = []
        self._numbers: dict[Path, int] = {}

    def recover_all(self, found: _Found) -> None:
        self.problems += found.problems
        for partial in found.partials:
            try:
                self.recover_one(partial)
            except OutputError as error:
                # It is being written, or it was completed or recovered meanwhile.
                if error.errno not in (errno.EBUSY, errno.ENOENT):
                    self.problems.append(f"{partial} was not recovered: {error}")
            except Exception as error:  # It must not keep other files from being recovered.
                self.problems.append(f"{partial} was not recovered: {error!r}")
            else:
                self.remove_unfinished(partial, found.complete)

    def recover_one(self, partial: Path) -> None:
        while True:
            target = self._free_name(_target(partial))
            try:
                num_frames, num_bytes, width, height, fps, damaged, damage = _core.recover_file(
                    os.fspath(partial), os.fspath(target), _muxer(target)
                )
                break
            except OutputError as error:
                if error.errno != errno.EEXIST:
                    raise  # Otherwise another recording got the name meanwhile.
            except MemoryError as error:
                raise OutputError(
                    errno.ENOMEM, _OPERATION, "out of memory", os.fspath(partial)
                ) from error
        if damaged is not None:
            self.problems.append(
                f"{partial} is damaged ({damage}): "
                + (f"its first {num_frames} frames are in {target}" if num_frames else "no frames")
                + f", all of it stays in {damaged}"
            )
        self.recovered.append(
            RecoveredRecording(
                path=target if num_frames else None,
                partial_path=partial,
                num_frames=num_frames,
                duration_seconds=num_frames / fps if fps else 0.0,
                num_bytes=num_bytes if num_frames else 0,
                size=(width, height),
                damaged_path=damaged,
            )
        )

    def remove_unfinished(self, partial: Path, complete: dict[Path, list[Path]]) -> None:
        """Remove unfinished complete files of a partial file whose frames are safe now."""
        for path in complete.pop(_target(partial), ()):
            _core.remove_leftover(os.fspath(path))

    def _free_name(self, target: Path) -> Path:
        number = self._numbers.get(target, 0)
        free = _numbered(target, number)
        while os.path.lexists(free):
            number += 1
            free = _numbered(target, number)
        self._numbers[target] = number  # Smaller numbers are taken.
        return free


def _numbered(target: Path, number: int) -> Path:
    if number == 0:
        return target
    ending = "-recovered" if number == 1 else f"-recovered-{number}"
    ending += target.suffix
    stem = os.fsencode(target.stem)[: MAX_NAME_BYTES - len(os.fsencode(ending))]
    return target.with_name(stem.decode(errors="ignore") + ending)


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:  # It was completed meanwhile.
        return False


def _look_into(folder: Path, *, recursive: bool) -> _Found:
    """Return what was left in a folder, and in the folders below it.

    Raises:
        OutputError: The folder does not exist or cannot be read. For a folder below it, that is a
            problem instead.
    """
    found = _Found()
    folders = [folder]
    while folders:
        parent = folders.pop()
        try:
            with os.scandir(parent) as entries:
                for entry in entries:
                    if recursive and entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry))
                    _note(Path(parent, entry.name), entry, found)
        except OSError as error:
            if parent == folder:
                raise OutputError(
                    error.errno or 0, _OPERATION, error.strerror or str(error), os.fspath(folder)
                ) from error
            if not isinstance(error, FileNotFoundError):  # It was removed meanwhile.
                found.problems.append(f"{parent} cannot be searched: {error.strerror}")
    found.partials.sort()
    return found


def _note(path: Path, entry: os.DirEntry[str], found: _Found) -> None:
    kind = _kind(path)
    if kind is None:
        return
    if not entry.is_file(follow_symlinks=False):
        if kind == "partial":
            found.problems.append(f"{path} is not a regular file: it is left alone")
    elif kind == "partial":
        found.partials.append(path)
    else:
        found.complete[_target(path)].append(path)


def _find_complete(folder: Path) -> dict[Path, list[Path]]:
    try:
        return _look_into(folder, recursive=False).complete
    except OutputError:  # The folder may be written to but not read.
        return {}


def _kind(path: Path) -> str | None:
    """Return ``"partial"`` or ``"complete"`` for a hidden file of gymreel, else None."""
    match = _LEFTOVER.fullmatch(path.name)
    if match is None or not _is_video(Path(match["name"])):
        return None  # It belongs to another program.
    return match["kind"]


def _is_video(target: Path) -> bool:
    try:
        _muxer(target)
    except ConfigError:
        return False
    return True


def _muxer(target: Path) -> str:
    return find_container(target.suffix, f"path={str(target)!r}").muxer


def _target(partial: Path) -> Path:
    """Return the target of a partial file."""
    match = _LEFTOVER.fullmatch(partial.name)
    assert match is not None
    return partial.with_name(match["name"])
