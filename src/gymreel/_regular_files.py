"""Access to regular files by names from untrusted sources: no links, devices or named pipes."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

__all__ = ["FolderListing", "open_regular", "size_of_regular"]


def open_regular(name: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading, without following a link and without waiting.

    Raises:
        OSError: The file cannot be opened, or is not a regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    file = open(name, "rb", opener=lambda path, given: os.open(path, given | flags))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a regular file")
    return file


def size_of_regular(name: str | os.PathLike[str]) -> int | None:
    """Return the size of a regular file in bytes, or None if there is no such file."""
    try:
        status = os.lstat(name)
    except (OSError, ValueError):  # ValueError for a NUL in the name.
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


class FolderListing:
    """Finds files in a folder and below it, and nowhere else.

    Names are looked up in the listings of the folders. So no link is followed, and neither ``..``
    nor an absolute name is found. The folder itself may be a link. Each folder is listed only once,
    so a million names do not take a million system calls.
    """

    def __init__(self, folder: str) -> None:
        """List a folder.

        Raises:
            OSError: The folder cannot be listed.
        """
        self._root = folder
        self._folders = {"": _entries(folder)}

    def find(self, name: str) -> os.DirEntry[str] | None:
        """Return the regular file of a relative name with ``/``, or None if there is none."""
        folder, _, last = name.rpartition("/")
        entries = self._folders.get(folder)
        if entries is None:
            entries = self._list_below(folder)
        entry = entries.get(last)
        return entry if entry is not None and _is_file(entry) else None

    def files(self) -> list[os.DirEntry[str]]:
        """Return the regular files in the folder itself."""
        return [entry for entry in self._folders[""].values() if _is_file(entry)]

    def _list_below(self, folder: str) -> dict[str, os.DirEntry[str]]:
        entries, before = self._folders[""], ""
        for part in folder.split("/"):
            entry = entries.get(part)
            if entry is None or not entry.is_dir(follow_symlinks=False):
                return {}
            before = f"{before}/{part}" if before else part
            if before not in self._folders:
                try:
                    self._folders[before] = _entries(entry.path)
                except OSError:  # It was removed, or cannot be read.
                    return {}
            entries = self._folders[before]
        return entries


def _entries(folder: str) -> dict[str, os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return {entry.name: entry for entry in entries}


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:
        return False
