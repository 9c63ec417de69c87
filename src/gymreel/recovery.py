"""recover(): proper files from what a process that died has left."""

from __future__ import annotations

import errno
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gymreel import _core
from gymreel.config import MAX_NAME_BYTES, check_path
from gymreel.encoders import find_container
from gymreel.errors import ConfigError, GymreelWarning, OutputError

__all__ = ["RecoveredRecording", "find_interrupted", "recover"]

_LEFTOVER = re.compile(r"\.(?P<name>.+)\.(?P<kind>partial|complete)(-\d+)?", re.DOTALL)


@dataclass(frozen=True)
class RecoveredRecording:
    """What a leftover held.

    Attributes:
        path: The complete file; None where the leftover held no frame.
        partial_path: The leftover, which is gone.
        num_frames: Frames in the file.
        duration_seconds: ``num_frames`` divided by the frame rate.
        num_bytes: Size of the file.
        size: ``(width, height)`` of the video, in pixels.
    """

    path: Path | None
    partial_path: Path
    num_frames: int
    duration_seconds: float
    num_bytes: int
    size: tuple[int, int]


def recover(path: str | os.PathLike[str]) -> list[RecoveredRecording]:
    """Turn what a killed process left into complete video files.

    While it records, gymreel writes to a hidden file ``.NAME.partial`` beside its target. A process
    that is killed leaves it there, with all frames but those of the last moment. Each is copied
    into a complete file, without encoding anything again, and removed. The file gets the name that
    it was recorded for, or ``STEM-recovered.SUFFIX`` if there is a file of that name by now.

    Partial files that a live process is writing are left alone. Calling this again finds nothing
    more to do and returns an empty list. A file that is damaged, not just cut off, gives what can
    be read of it and stays, as ``.NAME.damaged``; a ``GymreelWarning`` says so.

    Every hidden file that is called like a partial file of a video is taken for gymreel's.

    Args:
        path: A folder, which is searched with the folders in it; or the target of a recording,
            or its partial file.

    Returns:
        What was recovered. A leftover without any frame is removed, and has ``path=None``.

    Raises:
        OutputError: ``path`` is a partial file that cannot be recovered, or is being written; or
            it is in no folder. In a folder, a partial file that cannot be recovered is a
            ``GymreelWarning`` instead, and the others are recovered. It stays as it is.
        ConfigError: ``path`` is not the name of a file or folder.
    """
    target = Path(check_path(path))
    if target.is_dir():
        return _recover_all(_find(target, recursive=True))
    if _kind(target) == "partial":
        if not os.path.lexists(target):
            return []
        recovered = [_recover_one(target)]
        _remove_unfinished(target)
        return recovered
    if not target.parent.is_dir():
        raise OutputError(
            errno.ENOENT, "recover a recording", "no such folder", os.fspath(target.parent)
        )
    leftovers = _find(target.parent, recursive=False)
    return _recover_all(partial for partial in leftovers if _target(partial).name == target.name)


def find_interrupted(folder: Path) -> list[Path]:
    """Return the partial files in ``folder`` that no process writes to any more."""
    # An empty one is about to be written to, or holds nothing that could be missed.
    return [
        partial
        for partial in _find(folder)
        if _has_bytes(partial) and not _core.is_being_recorded(partial)
    ]


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:  # It is complete by now.
        return False


def _find(folder: Path, *, recursive: bool = False) -> list[Path]:
    """Find the partial files of containers that gymreel writes."""
    walk: Iterator[tuple[str, list[str], list[str]]] = os.walk(folder)
    found = []
    for parent, _, names in walk:
        found += [Path(parent, name) for name in names if _kind(Path(name)) == "partial"]
        if not recursive:
            break
    return sorted(found)


def _kind(path: Path) -> str | None:
    """Say which kind of hidden file of gymreel's this is, if any."""
    match = _LEFTOVER.fullmatch(path.name)
    if match is None:
        return None
    try:
        _muxer(Path(match["name"]))
    except ConfigError:  # Some other program's.
        return None
    return match["kind"]


def _muxer(target: Path) -> str:
    return find_container(target.suffix, f"path={str(target)!r}").muxer


def _target(partial: Path) -> Path:
    """Give the path that a partial file was recorded for."""
    match = _LEFTOVER.fullmatch(partial.name)
    assert match is not None
    return partial.with_name(match["name"])


def _recover_all(partials: Iterator[Path] | list[Path]) -> list[RecoveredRecording]:
    recovered = []
    for partial in partials:
        try:
            recovered.append(_recover_one(partial))
        except OutputError as error:
            if error.errno not in (errno.EBUSY, errno.ENOENT):  # Being written; another was faster.
                warnings.warn(f"{partial} was not recovered: {error}", GymreelWarning, stacklevel=3)
        else:
            _remove_unfinished(partial)
    return recovered


def _recover_one(partial: Path) -> RecoveredRecording:
    wanted = _target(partial)
    while True:
        target = _free_name(wanted)
        try:
            num_frames, num_bytes, width, height, fps, damaged = _core.recover_file(
                partial, target, _muxer(target)
            )
            break
        except OutputError as error:
            if error.errno != errno.EEXIST:
                raise  # Else another recording got the name meanwhile.
    if damaged is not None:
        warnings.warn(
            f"not all of {partial} could be read: {num_frames} frames are in {target}, the rest "
            f"stays in {damaged}"
            if num_frames
            else f"nothing of {partial} could be read; it stays as {damaged}",
            GymreelWarning,
            stacklevel=4,
        )
    return RecoveredRecording(
        path=target if num_frames else None,
        partial_path=partial,
        num_frames=num_frames,
        duration_seconds=num_frames / fps if fps else 0.0,
        num_bytes=num_bytes if num_frames else 0,
        size=(width, height),
    )


def _free_name(target: Path) -> Path:
    free, number = target, 1
    while os.path.lexists(free):
        ending = "-recovered" if number == 1 else f"-recovered-{number}"
        ending += target.suffix
        stem = os.fsencode(target.stem)[: MAX_NAME_BYTES - len(os.fsencode(ending))]
        free = target.with_name(stem.decode(errors="ignore") + ending)
        number += 1
    return free


def _remove_unfinished(partial: Path) -> None:
    """Remove the complete file that was being made of this recording: its frames are safe now."""
    target = _target(partial)
    with os.scandir(target.parent) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        path = target.with_name(name)
        if _kind(path) == "complete" and _target(path) == target:
            _core.remove_leftover(path)
