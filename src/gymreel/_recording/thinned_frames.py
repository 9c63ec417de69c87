"""Frames for a container that cannot show as many per second as an environment renders."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from gymreel.writer import VideoWriter

__all__ = ["ThinnedFrames"]


class ThinnedFrames:
    """Passes an even selection of frames on to a writer, including the first and the last.

    A frame that is left out is copied, as it may turn out to be the last one. At most one such copy
    is held.
    """

    def __init__(self, writer: VideoWriter, share: Fraction) -> None:
        """Start without frames.

        Args:
            writer: Writer of the video.
            share: Number of frames passed on per frame taken, from 0 to 1.
        """
        self._writer = writer
        self._share = share
        self._due = Fraction(1)  # Number of frames that the video lacks by now.
        self._first: tuple[object, ...] = ()
        self._left_out: list[Any] = []
        self._write: Callable[[list[Any]], bool] = writer.write_from

    def write_from(self, holder: list[Any]) -> bool:
        """Take a frame out of a list as the writer does; also returns True for one left out.

        Raises:
            FrameError, FFmpegError, WriterClosedError: As the writer does.
        """
        return self._take(holder, self._writer.write_from)

    def write_tiles_from(self, holder: list[Any], num_columns: int) -> bool:
        """Take the tiles of a frame out of a list in the same way."""

        def write(tiles: list[Any]) -> bool:
            return self._writer.write_tiles_from(tiles, num_columns)

        return self._take(holder, write)

    def finish(self) -> None:
        """Write the last frame, if it was left out.

        Raises:
            FFmpegError: As the writer does.
        """
        holder, self._left_out = self._left_out, []
        if holder:
            self._write(holder)

    def _take(self, holder: list[Any], write: Callable[[list[Any]], bool]) -> bool:
        kinds = tuple((type(frame), *_describe(frame)) for frame in holder)
        self._first = self._first or kinds
        # The writer reports what is not a frame, or of another size.
        if self._due >= 1 or kinds != self._first:
            is_written = write(holder)
            self._due -= 1
            self._left_out = []
        else:
            is_written = True
            self._left_out = [np.array(frame) for frame in holder]
            self._write = write
            holder.clear()
        self._due += self._share
        return is_written


def _describe(frame: Any) -> tuple[object, ...]:
    return (frame.shape, frame.dtype) if isinstance(frame, np.ndarray) else (id(frame),)
