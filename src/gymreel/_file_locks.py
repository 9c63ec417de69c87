"""Locks of byte ranges of a file, which end with the process that holds them."""

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
"""Errors of file systems without locks. ``ENOLCK`` is NFS without its lock daemon."""


def try_lock(descriptor: int, kind: int, place: int, num_bytes: int = 1) -> bool:
    """Lock or unlock bytes of a file. Return False if another process holds them.

    Args:
        descriptor: Descriptor of the file, open for reading and writing.
        kind: ``EXCLUSIVE``, ``SHARED`` or ``NONE``. A lock that is held already becomes that.
        place: Position of the first byte, which may be beyond the end.
        num_bytes: Number of bytes; 0 for all that follow.

    Raises:
        OSError: The system or the file system has no locks.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, "no file locks")
    try:
        if sys.platform == "linux":
            # A lock that belongs to the open file. Other locks end as soon as anything in this
            # process opens and closes the file, such as a copy of the folder.
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
