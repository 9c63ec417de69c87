"""Frames that consist of tiles: checks and layout, before the stream takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gymreel import _core
from gymreel._frame_conversion import FrameConversion
from gymreel._tensors import as_array, is_tensor
from gymreel._validation import show
from gymreel.errors import ConfigError, FrameShapeError, FrameTypeError
from gymreel.grid import Grid, cell_size, check_count

__all__ = ["TileWriter", "list_tiles"]


def list_tiles(frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return a list of one array per tile, or of one array for all tiles.

    Raises:
        FrameTypeError: ``frames`` is not a sequence.
        FrameShapeError: ``frames`` is an array with other than four axes.
    """
    if is_tensor(frames):
        frames = as_array(frames)  # In one piece, also from a device.
    if not isinstance(frames, np.ndarray):
        try:
            return list(frames)
        except TypeError:
            raise FrameTypeError(
                f"frames must be a sequence of numpy arrays, got {type(frames).__name__}"
            ) from None
    if frames.ndim != 4:
        raise FrameShapeError(
            "frames must be a sequence of arrays or one array of the shape (num_tiles, height, "
            f"width, channels), got {frames.dtype} array of shape {frames.shape}"
        )
    return [frames]


class TileWriter:
    """Writes grids of tiles to a stream. The first grid sets the layout."""

    def __init__(self, stream: _core.Stream, conversion: FrameConversion) -> None:
        self._stream = stream
        self._conversion = conversion
        self._num_columns = 0
        self._write: Callable[[list[NDArray[np.uint8]]], bool] | None = None

    def write(self, holder: list[NDArray[np.uint8]], num_columns: int) -> bool:
        """Write one grid. See ``VideoWriter.write_tiles_from``."""
        if self._write is None:
            write = self._lay_out(holder, num_columns)
            is_taken = write(holder)
            # Not before: a frame that is refused must not set the layout.
            self._write = write
            self._num_columns = check_count("num_columns", num_columns)
            return is_taken
        # Comparing identities first costs nothing. A NumPy integer must be compared by value.
        if (
            num_columns is not self._num_columns
            and check_count("num_columns", num_columns) != self._num_columns
        ):
            raise ConfigError(
                f"num_columns={show(num_columns)} must stay {self._num_columns}, as in the first "
                "frame"
            )
        return self._write(holder)

    def _lay_out(
        self, holder: list[NDArray[np.uint8]], num_columns: int
    ) -> Callable[[list[NDArray[np.uint8]]], bool]:
        num_columns = check_count("num_columns", num_columns)
        if self._conversion.takes_16_bits:
            raise FrameTypeError(
                'tiles cannot be recorded with pixel_format="gray16le": write each to a file of '
                'its own, as layout="separate" does'
            )
        for index, tile in enumerate(holder):
            if is_tensor(tile):
                holder[index] = as_array(tile)
            elif not isinstance(tile, np.ndarray):
                self._conversion(tile, f"tile {index}")  # Raises, and says how to convert it.
        sizes = _core.tile_sizes(holder)
        if not sizes:
            raise FrameShapeError("frames is empty: a grid needs at least one tile")
        cell_width, cell_height = cell_size(sizes)
        grid = Grid(len(sizes), num_columns, cell_width, cell_height)
        return self._stream.tiles_function(grid.width, grid.height, grid.positions())
