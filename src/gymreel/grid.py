"""Grids of tiles: row by row, each tile at the top left of its cell, all cells of one size.

The sizes of cells are even, so that no two tiles share a chroma sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gymreel._validation import check_number, check_whole_number, show
from gymreel.errors import ConfigError, ConfigTypeError

__all__ = ["Grid", "arrange", "cell_size", "check_count"]

_LARGEST = 2**31 - 1
_CLOSE = round(math.log(1.5), 9)
"""Largest deviation from the wanted aspect ratio that avoids empty cells, as a logarithm."""


@dataclass(frozen=True)
class Grid:
    """A grid of cells in rows from the top left.

    Attributes:
        num_tiles: Number of cells with a tile; the remaining ones of the last row stay black.
        num_columns: Number of cells per row.
        cell_width: Width of a cell in pixels, even.
        cell_height: Height of a cell in pixels, even.

    Raises:
        ConfigError: One of them is not a whole number of at least 1, or a cell size is odd.
    """

    num_tiles: int
    num_columns: int
    cell_width: int
    cell_height: int

    def __post_init__(self) -> None:
        for name in ("num_tiles", "num_columns", "cell_width", "cell_height"):
            count = check_count(name, getattr(self, name))
            if name.startswith("cell") and count % 2:
                raise ConfigError(f"{name}={count} must be even")
            object.__setattr__(self, name, count)  # Such as an int for a NumPy integer.

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return -(-self.num_tiles // self.num_columns)

    @property
    def width(self) -> int:
        """Width of the whole picture in pixels."""
        return self.num_columns * self.cell_width

    @property
    def height(self) -> int:
        """Height of the whole picture in pixels."""
        return self.num_rows * self.cell_height

    def positions(self) -> list[tuple[int, int]]:
        """Return x and y of the top left pixel of each tile, in pixels."""
        places = (divmod(tile, self.num_columns) for tile in range(self.num_tiles))
        return [(column * self.cell_width, row * self.cell_height) for row, column in places]


def arrange(
    num_tiles: int, tile_width: int, tile_height: int, aspect_ratio: float
) -> tuple[int, int]:
    """Return the grid whose aspect ratio is near to a wanted one, if possible without empty cells.

    No row and no column is empty. A grid without empty cells is preferred if its aspect ratio is
    within a factor of 1.5 of the wanted one. Otherwise the grid with the nearest aspect ratio is
    chosen; of equally near ones the one with fewer empty cells, and of these the wider one.

    >>> arrange(16, 84, 84, aspect_ratio=1)
    (4, 4)

    Args:
        num_tiles: Number of tiles.
        tile_width: Width of the widest tile in pixels.
        tile_height: Height of the highest tile in pixels.
        aspect_ratio: Wanted width of the whole picture divided by its height.

    Returns:
        ``(num_columns, num_rows)``

    Raises:
        ConfigError: A number is not a whole number of at least 1, or ``aspect_ratio`` is not
            positive and finite.
    """
    num_tiles = check_count("num_tiles", num_tiles)
    tile_width = check_count("tile_width", tile_width)
    tile_height = check_count("tile_height", tile_height)
    ratio = float(check_number("aspect_ratio", aspect_ratio, is_finite=True))
    if ratio <= 0:
        raise ConfigError(f"aspect_ratio={show(aspect_ratio)} must be a finite number above 0")
    wanted = math.log(ratio)
    cell_width, cell_height = cell_size([(tile_height, tile_width)])

    def rank(num_columns: int) -> tuple[bool, float, int, int]:
        num_rows = -(-num_tiles // num_columns)
        num_empty = num_rows * num_columns - num_tiles
        ratio = math.log(num_columns * cell_width) - math.log(num_rows * cell_height)
        # Rounded, so that the last bit of a logarithm does not decide between mirror images.
        distance = round(abs(ratio - wanted), 9)
        return (num_empty > 0 or distance > _CLOSE, distance, num_empty, -num_columns)

    num_columns = min(range(1, num_tiles + 1), key=rank)
    return num_columns, -(-num_tiles // num_columns)


def cell_size(shapes: Iterable[Sequence[int]]) -> tuple[int, int]:
    """Return the size of a cell that can hold each of some tiles.

    Args:
        shapes: Shape of each tile, ``(height, width, …)``.

    Returns:
        ``(width, height)`` in pixels, rounded up to even numbers.

    Raises:
        ConfigError: There is no tile, or a tile has no pixels.
    """
    try:
        given = [tuple(shape[:2]) for shape in shapes]
    except Exception:  # The class of a user may raise anything.
        raise ConfigTypeError(f"shapes={show(shapes)} must list shapes of arrays") from None
    if not given:
        raise ConfigError("shapes is empty: a grid needs at least one tile")
    sizes = []
    for size in given:
        if len(size) != 2:
            raise ConfigError(f"shapes: {show(size)} must have a height and a width")
        height, width = size
        sizes.append((check_count("shapes: height", height), check_count("shapes: width", width)))
    heights, widths = zip(*sizes, strict=True)
    return _round_up(max(widths)), _round_up(max(heights))


def check_count(name: str, value: object) -> int:
    """Return a count as an int.

    Raises:
        ConfigError: ``value`` is not a whole number from 1 to 2147483647.
    """
    return check_whole_number(name, value, at_least=1, at_most=_LARGEST)


def _round_up(size: int) -> int:
    return size + size % 2
