"""Where the tiles of a grid go: row by row, each at the top left of a cell, all cells of one size.

Sizes of cells are even, so that no two tiles share a sample of colour.
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
"""How far a shape may be from the wanted one, as a logarithm, for the sake of no empty cell."""


@dataclass(frozen=True)
class Grid:
    """A grid of cells, one for each tile, in rows from the top left.

    Attributes:
        num_tiles: Cells that are filled; the others of the last row stay black.
        num_columns: Cells side by side.
        cell_width: In pixels, even.
        cell_height: In pixels, even.

    Raises:
        ConfigError: Not such numbers, each at least 1.
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
            object.__setattr__(self, name, count)  # An int, whatever it was.

    @property
    def num_rows(self) -> int:
        """Rows of cells."""
        return -(-self.num_tiles // self.num_columns)

    @property
    def width(self) -> int:
        """The width of the whole picture in pixels."""
        return self.num_columns * self.cell_width

    @property
    def height(self) -> int:
        """The height of the whole picture in pixels."""
        return self.num_rows * self.cell_height

    def positions(self) -> list[tuple[int, int]]:
        """Return x and y of the top left pixel of each tile."""
        places = (divmod(tile, self.num_columns) for tile in range(self.num_tiles))
        return [(column * self.cell_width, row * self.cell_height) for row, column in places]


def arrange(
    num_tiles: int, tile_width: int, tile_height: int, aspect_ratio: float
) -> tuple[int, int]:
    """Choose the grid whose picture comes near to a wanted shape, without empty cells if it can.

    Any number of tiles will do; no row and no column is empty. Of the grids without empty cells the
    one nearest to the wanted shape is taken, if its picture is not more than half as wide again, or
    as high, as wanted. Otherwise it is the nearest of all; of those that are equally near the one
    with fewer empty cells, and of these the wider one.

    Args:
        num_tiles: How many.
        tile_width: The width of the widest in pixels.
        tile_height: The height of the highest in pixels.
        aspect_ratio: The wanted width of the whole picture divided by its height.

    Returns:
        ``(num_columns, num_rows)``

    Raises:
        ConfigError: Not such numbers, or an ``aspect_ratio`` that is not above 0 and finite.
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
        # Rounded: one grid must not win over its mirror image by the last bit of a logarithm.
        distance = round(abs(ratio - wanted), 9)
        return (num_empty > 0 or distance > _CLOSE, distance, num_empty, -num_columns)

    num_columns = min(range(1, num_tiles + 1), key=rank)
    return num_columns, -(-num_tiles // num_columns)


def cell_size(shapes: Iterable[Sequence[int]]) -> tuple[int, int]:
    """Return the size of a cell that holds a tile of any of these shapes.

    Args:
        shapes: ``(height, width, …)`` of each tile, as numpy has it.

    Returns:
        ``(width, height)`` in pixels, rounded up to even numbers.

    Raises:
        ConfigError: There is no tile, or one without pixels.
    """
    try:
        given = [tuple(shape[:2]) for shape in shapes]
    except Exception:  # Its class may raise whatever it likes.
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
    """Return a number of things, as an ``int``.

    Raises:
        ConfigError: Not a whole number from 1 to 2147483647.
    """
    return check_whole_number(name, value, at_least=1, at_most=_LARGEST)


def _round_up(size: int) -> int:
    return size + size % 2
