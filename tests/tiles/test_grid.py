"""The geometry of grids: which grid fits best, and where its cells are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gymreel import ConfigError
from gymreel.grid import Grid, arrange, cell_size


@pytest.mark.parametrize(
    ("num_tiles", "width", "height", "aspect_ratio", "expected"),
    [
        (1, 160, 210, 16 / 9, (1, 1)),
        (4, 100, 100, 1, (2, 2)),
        (2, 100, 100, 1, (2, 1)),  # Two equally near: the wider one.
        (7, 100, 100, 1, (3, 3)),
        (12, 100, 100, 4 / 3, (4, 3)),
        (64, 160, 210, 16 / 9, (13, 5)),
        (64, 160, 210, 160 / 210, (8, 8)),
        (5, 100, 100, 100, (5, 1)),
        (5, 100, 100, 0.01, (1, 5)),
        (6, 600, 400, 1, (2, 3)),
        (16, 160, 210, 1, (4, 4)),  # Breakout: 5 x 4 would be nearer, and four cells empty.
        (6, 100, 100, 1, (3, 2)),  # Just half as wide again.
        (8, 100, 100, 1, (3, 3)),  # 4 x 2 would be twice as wide.
    ],
)
def test_the_grid_comes_nearest_to_the_wanted_shape(
    num_tiles: int, width: int, height: int, aspect_ratio: float, expected: tuple[int, int]
) -> None:
    assert arrange(num_tiles, width, height, aspect_ratio) == expected


@given(
    num_tiles=st.integers(1, 200),
    width=st.integers(1, 2000),
    height=st.integers(1, 2000),
    aspect_ratio=st.floats(0.01, 100),
)
def test_no_row_is_empty_and_a_nearer_grid_gives_way_only_to_one_that_is_full(
    num_tiles: int, width: int, height: int, aspect_ratio: float
) -> None:
    num_columns, num_rows = arrange(num_tiles, width, height, aspect_ratio)
    assert num_columns <= num_tiles
    assert (num_rows - 1) * num_columns < num_tiles <= num_rows * num_columns

    def distance(columns: int) -> float:
        rows = math.ceil(num_tiles / columns)
        ratio = columns * (width + width % 2) / (rows * (height + height % 2))
        return abs(math.log(ratio / aspect_ratio))

    full = [columns for columns in range(1, num_tiles + 1) if num_tiles % columns == 0]
    close = [columns for columns in full if distance(columns) <= math.log(1.5) - 1e-8]
    candidates = close if num_tiles % num_columns == 0 and close else range(1, num_tiles + 1)
    assert distance(num_columns) <= min(map(distance, candidates)) + 1e-8


@pytest.mark.parametrize("num_tiles", range(1, 65))
def test_none_has_empty_cells_where_one_without_comes_close(num_tiles: int) -> None:
    for width, height in ((160, 210), (600, 400), (84, 84), (480, 480), (64, 48)):
        for aspect_ratio in (1, 16 / 9, 4 / 3, 9 / 16, width / height):
            columns, rows = arrange(num_tiles, width, height, aspect_ratio)
            full = [c for c in range(1, num_tiles + 1) if num_tiles % c == 0]
            shapes = [c * width / (num_tiles // c * height) / aspect_ratio for c in full]
            if any(1 / 1.49 < shape < 1.49 for shape in shapes):
                assert columns * rows == num_tiles, (width, height, aspect_ratio)


@given(num_tiles=st.integers(1, 100), num_columns=st.integers(1, 12))
def test_tiles_are_in_rows_and_none_shares_a_cell(num_tiles: int, num_columns: int) -> None:
    grid = Grid(num_tiles, num_columns, 10, 6)
    places = grid.positions()
    assert len(set(places)) == len(places) == num_tiles
    assert places == sorted(places, key=lambda place: (place[1], place[0]))
    for x, y in places:
        assert x % 10 == y % 6 == 0
        assert 0 <= x <= grid.width - 10
        assert 0 <= y <= grid.height - 6
    assert max(y for _, y in places) == grid.height - 6


def test_a_cell_holds_the_largest_tile_in_even_numbers() -> None:
    assert cell_size([(3, 8)]) == (8, 4)
    assert cell_size([(3, 8, 3), (12, 5), (1, 1, 1)]) == (8, 12)
    assert cell_size(shape for shape in [(1, 1)]) == (2, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: arrange(0, 1, 1, 1.0), "num_tiles=0"),
        (lambda: arrange(True, 1, 1, 1.0), "num_tiles=True"),
        (lambda: arrange(1, -1, 1, 1.0), "tile_width=-1"),
        (lambda: arrange(1, 1, 1.5, 1.0), "tile_height=1.5"),  # type: ignore[arg-type]
        (lambda: arrange(1, 1, 1, 0.0), "aspect_ratio=0.0"),
        (lambda: arrange(1, 1, 1, -1.0), "aspect_ratio=-1.0"),
        (lambda: arrange(1, 1, 1, math.nan), "aspect_ratio=nan"),
        (lambda: arrange(1, 1, 1, math.inf), "aspect_ratio=inf"),
        (lambda: arrange(1, 1, 1, "wide"), "aspect_ratio='wide'"),  # type: ignore[arg-type]
        (lambda: cell_size([]), "shapes is empty"),
        (lambda: cell_size([(3,)]), "a height and a width"),
        (lambda: cell_size([(0, 3)]), "height=0"),
        (lambda: Grid(0, 1, 2, 2), "num_tiles=0"),
        (lambda: Grid(1, 0, 2, 2), "num_columns=0"),
        (lambda: Grid(1, 1, 3, 2), "cell_width=3 must be even"),
        (lambda: Grid(1, 1, 2, 0), "cell_height=0"),
    ],
)
def test_what_is_no_grid_is_refused_and_named(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call()
    assert words in str(caught.value)
