"""An even selection of the frames that are written, for a video of fewer frames."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from gymreel._tensors import as_array, is_tensor

__all__ = ["ThinnedFrames"]


_Write = Callable[[list[Any]], bool]
_WriteTiles = Callable[[list[Any], int], bool]


class ThinnedFrames:
    """Passes an even selection of frames on, including the first and the last.

    A frame that is left out is copied, as it may turn out to be the last one. At most one such copy
    is held.
    """

    def __init__(self, write_from: _Write, write_tiles_from: _WriteTiles, share: Fraction) -> None:
        """Start without frames.

        Args:
            write_from: Function that takes a frame out of a list, as ``VideoWriter.write_from``.
            write_tiles_from: Function that takes the tiles of a frame, as
                ``VideoWriter.write_tiles_from``.
            share: Number of frames passed on per frame taken, from 0 to 1.
        """
        self._write_from = write_from
        self._write_tiles_from = write_tiles_from
        self._share = share
        self._due = Fraction(1)  # Number of frames that the video lacks by now.
        self._kinds: list[object] = []  # Of the tiles of the last frame that was written.
        self._left_out: list[Any] = []
        self._write = write_from  # The function for the frame that was left out.

    def write_from(self, holder: list[Any]) -> bool:
        """Take a frame out of a list as the writer does; also returns True for one left out.

        Raises:
            FrameError, FFmpegError, WriterClosedError: As the writer does.
        """
        return self._take(holder, self._write_from)

    def write_tiles_from(self, holder: list[Any], num_columns: int) -> bool:
        """Take the tiles of a frame out of a list in the same way."""

        def write(tiles: list[Any]) -> bool:
            return self._write_tiles_from(tiles, num_columns)

        return self._take(holder, write)

    def finish(self) -> None:
        """Write the last frame, if it was left out.

        Raises:
            FrameError, FFmpegError, WriterClosedError: As the writer does.
        """
        if self._left_out:
            self._write(self._left_out)  # Which empties the list.

    def _take(self, holder: list[Any], write: _Write) -> bool:
        for k in range(len(holder)):  # No variable may refer to a frame that could be borrowed.
            if is_tensor(holder[k]):
                holder[k] = as_array(holder[k])
        kinds = [_describe(frame) for frame in holder]
        # The writer reports at once what is not a frame, or of another size.
        if self._due >= 1 or kinds != self._kinds:
            is_written = write(holder)
            self._kinds = kinds
            self._due -= 1
            self._left_out = []
        else:
            is_written = True
            self._left_out = [np.array(frame) for frame in holder]
            self._write = write
            holder.clear()
        self._due += self._share
        return is_written


def _describe(frame: Any) -> object:
    return (frame.shape[:2], frame.dtype) if isinstance(frame, np.ndarray) else None
