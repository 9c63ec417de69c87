"""What ``doctor`` finds out about this machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gymreel import _core
from gymreel._cli.trials import try_everything
from gymreel.engine import CHECK_BORROWED, get_max_pending_bytes, get_num_threads, get_priority

__all__ = ["diagnose"]

_PROBE_BYTES = 8 * 2**20  # More than a trial writes.


def diagnose(timeout: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """Examine this machine, and try every container and encoder.

    Args:
        timeout: Limit for each trial, in seconds.
        progress: Function that is called with a description of each trial before it starts.

    Returns:
        What ``docs/doctor.md`` describes, except ``schema_version`` and ``problems``.
    """
    folder = _temp_folder()
    usable = None if folder["error"] else Path(folder["path"])
    containers, encoders = try_everything(usable, timeout, progress)
    return {
        "works": containers[0].status == "works",
        "gymreel": _core.__version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "numpy": np.__version__,
        "gymnasium": _version_of("gymnasium"),
        "platform": platform.platform(),
        "ffmpeg": {
            "version": _core.ffmpeg_version,
            "license": _core.ffmpeg_license,
            "is_bundled": _core.ffmpeg_is_bundled,
            "libraries": {
                name: {"compiled": compiled, "loaded": loaded}
                for name, (compiled, loaded) in _core.ffmpeg_libraries.items()
            },
            "configuration": _core.ffmpeg_configuration,
        },
        "engine": {
            "num_cpus": _core.num_usable_cpus(),
            "num_threads": get_num_threads(),
            "priority": get_priority(),
            "max_pending_bytes": get_max_pending_bytes(),
            "is_debug": CHECK_BORROWED,
            "conversion_kernels": _core.conversion_kernels,
        },
        "memory_bytes": _memory_bytes(),
        "temp_folder": folder,
        "environment": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith("GYMREEL_")
        },
        "containers": [asdict(trial) for trial in containers],
        "encoders": [asdict(trial) for trial in encoders],
    }


def _version_of(package: str) -> str | None:
    """Return the version of an installed package without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory_bytes() -> int | None:
    """Return the memory that this process may use: the machine's, or its control group's limit."""
    limit = _core.memory_limit()
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return limit
    return memory if limit is None else min(memory, limit)


def _temp_folder() -> dict[str, Any]:
    """Find the folder for temporary files and try to write to it."""
    found: dict[str, Any] = dict.fromkeys(("path", "free_bytes", "error"))
    try:
        # ``tempfile`` silently passes over a TMPDIR that cannot be written to.
        found["path"] = os.environ.get("TMPDIR") or tempfile.gettempdir()
        with contextlib.suppress(AttributeError, OSError):  # Windows has no statvfs.
            status = os.statvfs(found["path"])
            found["free_bytes"] = status.f_bavail * status.f_frsize
        with tempfile.TemporaryDirectory(prefix="gymreel-doctor-", dir=found["path"]) as own:
            Path(own, "probe").write_bytes(b"\0" * _PROBE_BYTES)
    except OSError as error:
        found["error"] = error.strerror or str(error)
    return found
