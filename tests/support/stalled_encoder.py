"""An encoder that stands still for as long as a test wants, so that no test guesses how long."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest import mock

import pytest

from gymreel import _encoder_trial
from support.frames import need_encoder

__all__ = ["StalledEncoder"]


class StalledEncoder:
    """Settings of a writer whose encoder waits while it is being opened, until ``resume()``.

    libx264 writes the statistics of a first pass to a file, and opening a FIFO for writing waits
    until somebody opens it for reading. So the worker takes the first frame and stands still;
    frames stay in the queue. Leaving the ``with`` block resumes, whatever happened in it. Such
    options are refused otherwise; inside of the block they are not.
    """

    def __init__(self, folder: Path) -> None:
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no FIFOs, with which to stall an encoder")
        need_encoder("libx264")
        folder.mkdir()
        statistics = folder / "statistics"
        self._fifo = Path(f"{statistics}.temp")  # What libx264 calls it while it writes.
        os.mkfifo(self._fifo)
        self._reader: int | None = None
        self.settings: dict[str, Any] = {
            "codec": "libx264",
            "options": {"flags": "+pass1", "stats": str(statistics)},
        }

    def resume(self) -> None:
        """Release the encoder, which runs from now on.

        What it writes, a line for each frame, stays in the FIFO's buffer.
        """
        if self._reader is None:
            self._reader = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK)

    def __enter__(self) -> StalledEncoder:
        self._allowed = contextlib.ExitStack()
        self._allowed.enter_context(mock.patch.object(_encoder_trial, "check_settings"))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._allowed.close()
        self.resume()  # And stay open: the writer of a test that failed may come to the FIFO later.
