"""The ends of processes, which not every process comes to in the same way."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

__all__ = ["call_at_exit"]


def call_at_exit(function: Callable[[], object]) -> None:
    """Make up for atexit, which a child of multiprocessing that is not spawned leaves without."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        importlib.import_module("multiprocessing.util").Finalize(None, function, exitpriority=0)
