"""Paths of videos, and the folder they go to, before the first frame."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from gymreel._validation import show
from gymreel._warnings import warn_in_recorder
from gymreel._writer_config import MAX_NAME_BYTES
from gymreel.errors import ConfigError, OutputError
from gymreel.recovery import find_interrupted

__all__ = ["check_names", "make_video_folder", "name_of", "video_path", "warn_of_overwriting"]

_LONGEST_ENDING = "-step-9999999999-to-step-9999999999"
"""Longest ending that a recorder appends to a prefix: the one for Stable-Baselines3."""

_KNOWS_EFFECTIVE_IDS = os.access in os.supports_effective_ids


def video_path(folder: str, video_name: str, suffix: str, argument: str | None = None) -> Path:
    """Return the path of a video, which lies in ``folder`` or in a folder below it.

    Args:
        folder: An absolute path.
        video_name: Name of the file without suffix, such as ``"ALE/Breakout-v5-episode-0"``.
        suffix: Suffix of the file.
        argument: What the user knows the name by, as ``name=value``.

    Raises:
        ConfigError: The name leads out of the folder, or is too long.
    """
    argument = argument or f"video_name={show(video_name)}"
    path = os.path.normpath(os.path.join(folder, f"{video_name}{suffix}"))
    below = os.path.dirname(path)
    if os.path.commonpath([folder, path]) != folder:
        raise ConfigError(
            f"{argument} leads out of video_folder={show(folder)}; take the names of files from "
            "inside it"
        )
    if len(os.fsencode(os.path.basename(path))) > MAX_NAME_BYTES:
        longest = MAX_NAME_BYTES - len(_LONGEST_ENDING) - len(suffix)
        raise ConfigError(
            f"{argument} is too long for the name of a file; take {longest} bytes or fewer"
        )
    if below != folder:
        # The folder itself may be a link, as its user chose it; one below it may be a stranger's.
        real = os.path.realpath(folder)
        if os.path.commonpath([real, os.path.realpath(below)]) != real:
            raise ConfigError(
                f"{argument} leads out of video_folder={show(folder)} through a symbolic link in "
                f"{below!r}; record into the folder that it leads to"
            )
    return Path(path)


def name_of(path: Path, folder: str, suffix: str) -> str:
    """Return the name of a video without its folder and suffix."""
    return os.path.relpath(path, folder).removesuffix(suffix)


def check_names(folder: str, name_prefix: str, suffix: str) -> None:
    """Check that files of this prefix can be created in a folder.

    Args:
        folder: Absolute path of a folder that exists.
        name_prefix: Beginning of the file names.
        suffix: End of the file names.

    Raises:
        ConfigError: The names lead out of the folder, or are too long.
        OutputError: A file stands in the place of a folder, or a folder is not writable.
    """
    argument = f"name_prefix={show(name_prefix)}"
    place = video_path(folder, f"{name_prefix}{_LONGEST_ENDING}", suffix, argument).parent
    while not os.path.lexists(place):
        place = place.parent
    which = "name_prefix" if place != Path(folder) else "video_folder"
    if not place.is_dir():
        raise OutputError(
            errno.ENOTDIR, f"write to the folder of {which}", "it is a file", str(place)
        )
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=_KNOWS_EFFECTIVE_IDS):
        raise OutputError(
            errno.EACCES, f"write to the folder of {which}", "it is not writable", str(place)
        )


def make_video_folder(folder: str) -> None:
    """Create a folder, or warn of interrupted recordings in one that exists.

    Args:
        folder: An absolute path.

    Raises:
        OutputError: The folder cannot be created.
    """
    if os.path.isdir(folder):
        interrupted = find_interrupted(Path(folder))
        if interrupted:
            names = ", ".join(partial.name for partial in interrupted[:3])
            more = ", …" if len(interrupted) > 3 else ""
            warn_in_recorder(
                f"{folder} holds {len(interrupted)} recording(s) that were interrupted ({names}"
                f"{more}): gymreel.recover({folder!r}) makes videos of them.",
            )
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(error.errno or 0, "make video_folder", reason, folder) from error


def warn_of_overwriting(first: Path, start_ns: int) -> None:
    """Warn if a recorder may replace videos of an earlier run.

    Args:
        first: Path of the recorder's first video, ``PREFIX-episode-0.SUFFIX``.
        start_ns: When this run began, as ``st_mtime_ns``; see ``gymreel._runs``.
    """
    prefix = first.stem.removesuffix("-episode-0")
    named = re.compile(f"{re.escape(prefix)}-(env|episode|step)-.*{re.escape(first.suffix)}")
    try:
        with os.scandir(first.parent) as entries:
            for entry in entries:
                if (
                    named.fullmatch(entry.name)
                    and entry.is_file()
                    and entry.stat(follow_symlinks=False).st_mtime_ns < start_ns
                ):
                    break
            else:
                return
    except OSError:  # What is wrong with the folder is reported when something is recorded.
        return
    warn_in_recorder(
        f"Overwriting existing videos at {first.parent}: {entry.name} and others of that prefix "
        "are of an earlier run, and give way to new ones of the same names. Another "
        "`video_folder` or `name_prefix` keeps both.",
    )
