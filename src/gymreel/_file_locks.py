"""Locks of bytes of a file, which end with their process."""

from __future__ import annotations

import errno
import os
import struct
import sys

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

__all__ = ["EXCLUSIVE", "HAS_LOCKS", "NONE", "NO_LOCKS", "SHARED", "try_lock"]

HAS_LOCKS = fcntl is not None
EXCLUSIVE = getattr(fcntl, "F_WRLCK", 1)
SHARED = getattr(fcntl, "F_RDLCK", 0)
NONE = getattr(fcntl, "F_UNLCK", 2)

NO_LOCKS = (errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What a file system says that has none; ``ENOLCK`` is NFS without its lock daemon."""


def try_lock(descriptor: int, kind: int, place: int, num_bytes: int = 1) -> bool:
    """Lock bytes of a file, or unlock them, and return False where another process has them.

    Args:
        descriptor: Of the file, open for reading and writing.
        kind: ``EXCLUSIVE``, ``SHARED`` or ``NONE``; a lock that is held already becomes that.
        place: The first byte, which need not be there.
        num_bytes: How many from there; 0 for all.

    Raises:
        OSError: There are no locks here.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, "no file locks")
    try:
        if sys.platform == "linux":
            # A lock of the open file's: the others end when anybody in this process closes the
            # file, who copies the folder, say.
            request = struct.pack("hhqqi0q", kind, os.SEEK_SET, place, num_bytes, 0)
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
        else:
            operation = {EXCLUSIVE: fcntl.LOCK_EX, SHARED: fcntl.LOCK_SH, NONE: fcntl.LOCK_UN}
            waiting = 0 if kind == NONE else fcntl.LOCK_NB
            fcntl.lockf(descriptor, operation[kind] | waiting, num_bytes, place)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True
