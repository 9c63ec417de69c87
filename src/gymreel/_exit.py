"""Functions that run when a process ends, including processes that skip ``atexit``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable

__all__ = ["AtExitOfChild"]


class AtExitOfChild:
    """Makes up for ``atexit`` in forked children of ``multiprocessing``, which leave without it.

    Args:
        function: Function to call when such a process ends.
        priority: Functions with a higher priority are called first.
    """

    def __init__(self, function: Callable[[], object], priority: int = 0) -> None:
        self._function = function
        self._priority = priority
        self._pid = 0

    def register(self) -> None:
        """Have the function called if this process is a child. A second call changes nothing."""
        process = sys.modules.get("multiprocessing.process")
        if process is None or process.parent_process() is None or self._pid == os.getpid():
            return
        self._pid = os.getpid()
        util = importlib.import_module("multiprocessing.util")
        util.Finalize(None, self._function, exitpriority=self._priority)
