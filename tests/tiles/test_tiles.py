"""Grids of tiles: each one at its place in each frame, borrowed or copied, and let go of."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gymreel import (
    FrameError,
    OutputError,
    VideoWriter,
)
from gymreel.grid import arrange
from support.frames import HEIGHT, WIDTH, Frame, needs_x264, numbered, solid
from support.grids import (
    LOSSLESS,
    assert_same_pictures,
    decode_frames,
    noise_of,
    numbered_tiles,
    numbers_in_grids,
    paint_canvas,
    pictures_in,
    record_grids,
)
from support.stalled_encoder import StalledEncoder
from support.subprocesses import run_python

TILE_BYTES = HEIGHT * WIDTH * 3

# Before 3.11 the caller of a Python function keeps its arguments on its own stack.
borrows_arguments = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="write_tiles() sees the caller's reference before 3.11"
)


class TestPlaces:
    @needs_x264
    @pytest.mark.parametrize("copy", [True, False])
    @pytest.mark.parametrize("num_tiles", [1, 2, 3, 5, 7, 12, 64])
    def test_every_tile_is_at_its_place_and_every_frame_there_once(
        self, tmp_path: Path, num_tiles: int, copy: bool
    ) -> None:
        num_columns, _ = arrange(num_tiles, WIDTH, HEIGHT, 16 / 9)
        frames = [numbered_tiles(1 + 64 * number, num_tiles) for number in range(12)]
        path, writer = record_grids(tmp_path, frames, num_columns, copy=copy, preset="ultrafast")
        assert numbers_in_grids(path, num_tiles, num_columns) == [
            list(range(1 + 64 * number, 1 + 64 * number + num_tiles)) for number in range(12)
        ]
        assert writer.stats.num_written == writer.stats.num_encoded == 12
        assert (writer.stats.num_copied, writer.stats.num_borrowed) == (
            (12, 0) if copy else (0, 12)
        )

    @pytest.mark.parametrize("num_columns", [1, 2, 3, 5, 8])
    def test_any_number_of_columns_will_do(self, tmp_path: Path, num_columns: int) -> None:
        path, writer = record_grids(tmp_path, [numbered_tiles(1, 5)], num_columns)
        assert writer.close().size == (num_columns * WIDTH, -(-5 // num_columns) * HEIGHT)
        assert numbers_in_grids(path, 5, num_columns) == [[1, 2, 3, 4, 5]]

    @needs_x264
    def test_colours_are_right_and_what_no_tile_fills_is_black(self, tmp_path: Path) -> None:
        colors = [(250, 10, 30), (20, 240, 40), (15, 25, 235), (200, 200, 20), (128, 128, 128)]
        sizes = [(HEIGHT, WIDTH), (20, 31), (HEIGHT - 1, 10), (7, WIDTH), (2, 2)]
        tiles = [
            solid(color, height, width)
            for color, (height, width) in zip(colors, sizes, strict=True)
        ]
        for name in ("yuv444p", "rgb"):
            path, _ = record_grids(tmp_path, [tiles], 3, **LOSSLESS[name])
            (frame,) = decode_frames(path)
            rgb = frame.reformat(format="rgb24", src_colorspace=1).to_ndarray().astype(int)
            assert np.abs(rgb - paint_canvas(tiles, 3)).max() <= (0 if name == "rgb" else 3)

    @needs_x264
    @pytest.mark.parametrize("settings", LOSSLESS.values(), ids=LOSSLESS)
    @pytest.mark.parametrize(
        "shapes",
        [
            [(HEIGHT, WIDTH, 3)] * 4,
            [(23, 37, 3)] * 5,
            [(1, 1, 3)] * 3,
            [(23, 37, 3), (40, 12, 4), (9, 64), (24, 1, 1), (1, 38, 3)],
            [(30, 50), (30, 50, 1), (30, 50)],
            [(130, 257, 4), (131, 70, 3)],
        ],
        ids=["even", "odd", "tiny", "unequal", "grey", "large"],
    )
    def test_borrowed_and_copied_tiles_show_what_a_canvas_of_numpy_shows(
        self, tmp_path: Path, shapes: list[tuple[int, ...]], settings: dict[str, Any]
    ) -> None:
        frames = [
            [noise_of(10 * number + k, *shape) for k, shape in enumerate(shapes)]
            for number in (1, 2)
        ]
        canvases = [paint_canvas(tiles, 2) for tiles in frames]
        path = tmp_path / f"canvas{settings['suffix']}"
        others = {name: value for name, value in settings.items() if name != "suffix"}
        with VideoWriter(path, **others) as writer:
            for canvas in canvases:
                writer.write(canvas)
        expected = pictures_in(path)
        for copy in (True, False):
            path, _ = record_grids(tmp_path, frames, 2, copy=copy, **settings)
            assert_same_pictures(pictures_in(path), expected)

    @needs_x264
    @pytest.mark.parametrize("copy", [True, False])
    @pytest.mark.parametrize("name", ["yuv420p", "rgb"])
    def test_a_gap_stays_black_from_frame_to_frame(
        self, tmp_path: Path, name: str, copy: bool
    ) -> None:
        frames = [[solid((250, 250, 250), 5, 4), solid((250, 9, 9), 12, 20)] for _ in range(4)]
        path, _ = record_grids(tmp_path, frames, 2, copy=copy, **LOSSLESS[name])
        for planes in pictures_in(path):
            assert len(np.unique(planes[0][6:, :20])) == 1
            assert len(np.unique(planes[0][:, 4:20])) == 1


LAYOUTS: dict[str, Callable[[], Frame]] = {
    "upside down": lambda: noise_of(1, 23, 37, 3)[::-1],
    "mirrored": lambda: noise_of(2, 23, 37, 3)[:, ::-1],
    "transposed": lambda: noise_of(3, 37, 23, 3).transpose(1, 0, 2),
    "cropped": lambda: noise_of(4, 30, 40, 3)[5:28, 1:38],
    "broadcast": lambda: np.broadcast_to(noise_of(5, 1, 37, 3), (23, 37, 3)),
    "Fortran": lambda: np.asfortranarray(noise_of(6, 23, 37, 3)),
    "BGR": lambda: noise_of(7, 23, 37, 3)[..., ::-1],
    "RGBA": lambda: noise_of(8, 23, 37, 4),
    "RGBA without alpha": lambda: noise_of(9, 23, 37, 4)[..., :3],
    "RGBA backwards": lambda: noise_of(10, 23, 37, 4)[::-1, ::-1],
    "grey": lambda: noise_of(11, 23, 37),
    "grey out of RGB": lambda: noise_of(12, 23, 37, 3)[..., 1],
    "grey with an axis, transposed": lambda: noise_of(13, 37, 23, 1).transpose(1, 0, 2),
    "with steps": lambda: noise_of(14, 69, 74, 3)[::-3, ::2],
}


@needs_x264
@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("settings", LOSSLESS.values(), ids=LOSSLESS)
def test_tiles_of_all_layouts_stand_side_by_side(
    tmp_path: Path, settings: dict[str, Any], copy: bool
) -> None:
    strided, _ = record_grids(
        tmp_path, [[make() for make in LAYOUTS.values()]], 4, copy=copy, **settings
    )
    pictures = pictures_in(strided)
    packed, _ = record_grids(
        tmp_path, [[make().copy(order="C") for make in LAYOUTS.values()]], 4, copy=copy, **settings
    )
    assert_same_pictures(pictures, pictures_in(packed))


class TestOneArrayForAll:
    @pytest.mark.parametrize("copy", [True, False])
    @pytest.mark.parametrize(
        "array",
        [
            noise_of(1, 5, 23, 37, 3),
            noise_of(2, 5, 23, 37, 4),
            noise_of(3, 5, 23, 37, 1),
            noise_of(4, 10, 46, 37, 3)[::-2, ::2],
            noise_of(5, 23, 37, 3, 5).transpose(3, 0, 1, 2),
            np.broadcast_to(noise_of(6, 23, 37, 3), (5, 23, 37, 3)),
            noise_of(7, 1, 23, 37, 3),
        ],
        ids=["RGB", "RGBA", "grey", "strided", "tiles last", "broadcast", "one"],
    )
    def test_it_shows_what_its_parts_show(self, tmp_path: Path, array: Frame, copy: bool) -> None:
        settings = {"copy": copy, **LOSSLESS["yuv420p"]}
        whole, writer = record_grids(tmp_path, [array, array], 3, **settings)  # type: ignore[list-item]
        pictures = pictures_in(whole)
        assert writer.stats.num_borrowed == (0 if copy else 2)
        parts, _ = record_grids(tmp_path, [[tile.copy() for tile in array]] * 2, 3, **settings)
        assert_same_pictures(pictures, pictures_in(parts))

    def test_arrays_and_lists_may_take_turns(self, tmp_path: Path) -> None:
        frames: list[Any] = [
            numbered_tiles(1, 4),
            np.stack(numbered_tiles(5, 4)),
            tuple(numbered_tiles(9, 4)),
        ]
        path, _ = record_grids(tmp_path, frames, 2)
        assert numbers_in_grids(path, 4, 2) == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]


class TestBorrowing:
    def test_tiles_that_nobody_else_holds_are_borrowed_on_every_version(
        self, tmp_path: Path
    ) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            holder = numbered_tiles(1, 3)
            assert writer.write_tiles_from(holder, 2)
            assert holder == []
            holder = [np.stack(numbered_tiles(4, 3))]
            assert writer.write_tiles_from(holder, 2)
            assert holder == []
            assert (writer.stats.num_borrowed, writer.stats.num_copied) == (2, 0)
        assert numbers_in_grids(writer.path, 3, 2) == [[1, 2, 3], [4, 5, 6]]

    @borrows_arguments
    def test_write_tiles_borrows_temporaries(self, tmp_path: Path) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            writer.write_tiles(numbered_tiles(1, 3), num_columns=2)
            writer.write_tiles(tuple(numbered_tiles(1, 3)), num_columns=2)
            writer.write_tiles((numbered(number) for number in range(3)), num_columns=2)  # type: ignore[arg-type]
            writer.write_tiles(np.stack(numbered_tiles(1, 3)), num_columns=2)
            assert (writer.stats.num_borrowed, writer.stats.num_copied) == (4, 0)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda holder: holder[2],
            lambda holder: holder[1][::-1],
            lambda holder: holder.__setitem__(0, holder[2]),
            lambda holder: holder.__setitem__(slice(None), np.stack(holder)),
        ],
        ids=["one is held", "a view is held", "one comes twice", "parts of one array"],
    )
    def test_the_whole_frame_is_copied_where_somebody_can_reach_a_tile(
        self, tmp_path: Path, spoil: Callable[[list[Frame]], Any]
    ) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            holder = numbered_tiles(1, 3)
            held = spoil(holder)
            writer.write_tiles_from(holder, 2)
            del held
            assert (writer.stats.num_borrowed, writer.stats.num_copied) == (0, 1)

    @pytest.mark.parametrize("copy", ["auto", True])
    def test_buffers_that_are_painted_over_are_recorded_right(
        self, tmp_path: Path, copy: bool | str
    ) -> None:
        buffers = [np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in range(3)]
        with StalledEncoder(tmp_path / "stalled") as encoder:
            writer = VideoWriter(tmp_path / "video.mp4", copy=copy, **encoder.settings)  # type: ignore[arg-type]
            for number in range(10):
                for tile, buffer in enumerate(buffers):
                    buffer[:] = numbered(3 * number + tile)
                writer.write_tiles(buffers, num_columns=3)
            encoder.resume()
            writer.close()
        assert writer.stats.num_copied == 10
        assert list(chain.from_iterable(numbers_in_grids(writer.path, 3, 3))) == list(range(30))

    @pytest.mark.parametrize(
        ("copy", "expected"), [(False, HEIGHT * WIDTH + 4 + 3), (True, 2 * 2 * TILE_BYTES)]
    )
    def test_pending_bytes_are_those_of_the_tiles_or_of_the_canvas(
        self, tmp_path: Path, copy: bool, expected: int
    ) -> None:
        with StalledEncoder(tmp_path / "stalled") as encoder:
            writer = VideoWriter(tmp_path / "video.mp4", copy=copy, **encoder.settings)
            shapes = [(HEIGHT, WIDTH), (2, 2), (1, 1, 3)]
            writer.write_tiles([np.zeros(shape, np.uint8) for shape in shapes], num_columns=2)
            assert writer.stats.pending_bytes == expected
            encoder.resume()
            writer.close()


class TestLettingGo:
    """With ``copy=False``, so that a test may count the references to a tile."""

    @staticmethod
    def _tiles() -> tuple[list[Frame], Callable[[], list[int]]]:
        tiles = numbered_tiles(1, 3)
        return tiles, lambda: [sys.getrefcount(tiles[number]) for number in range(3)]

    def test_closing_lets_go(self, tmp_path: Path) -> None:
        tiles, counts = self._tiles()
        before = counts()
        with StalledEncoder(tmp_path / "stalled") as encoder:
            writer = VideoWriter(tmp_path / "video.mp4", copy=False, **encoder.settings)
            for _ in range(4):
                writer.write_tiles(tiles, num_columns=2)
            assert counts() == [count + 4 for count in before]
            encoder.resume()
            writer.close()
        assert counts() == before

    def test_the_next_write_lets_go(self, tmp_path: Path) -> None:
        tiles, counts = self._tiles()
        before = counts()
        with VideoWriter(tmp_path / "video.mp4", copy=False) as writer:
            writer.write_tiles(tiles, num_columns=2)
            while writer.stats.num_encoded < 1:
                pass
            writer.write_tiles(numbered_tiles(4, 3), num_columns=2)
            assert counts() == before

    def test_copying_refusing_and_dropping_keep_nothing(self, tmp_path: Path) -> None:
        tiles, counts = self._tiles()
        before = counts()
        with StalledEncoder(tmp_path / "stalled") as encoder:
            writer = VideoWriter(
                tmp_path / "video.mp4", on_full="drop", max_pending_bytes=1, **encoder.settings
            )
            for _ in range(3):
                writer.write_tiles(tiles, num_columns=2)
            bad: Any
            for bad in (tiles[:2], [*tiles[:2], tiles[2][1:]], [*tiles[:2], tiles[2] / 2]):
                with pytest.raises(FrameError):
                    writer.write_tiles(bad, num_columns=2)
            del bad
            assert counts() == before
            assert (writer.stats.num_copied, writer.stats.num_dropped) == (1, 2)
            encoder.resume()
            writer.close()

    def test_a_recording_that_fails_lets_go(self, tmp_path: Path) -> None:
        tiles, counts = self._tiles()
        before = counts()
        writer = VideoWriter(tmp_path / "video.mp4", copy=False)
        (tmp_path / "video.mp4").mkdir()
        writer.write_tiles(tiles, num_columns=2)
        with pytest.raises(OutputError):
            writer.close()
        assert counts() == before

    @needs_x264
    def test_memory_does_not_grow_with_the_number_of_frames(self, tmp_path: Path) -> None:
        frame_bytes = 4 * 240 * 320 * 3
        writer = VideoWriter(
            tmp_path / "video.mp4", max_pending_bytes=2 * frame_bytes, preset="ultrafast"
        )
        tracemalloc.start()
        try:
            for _ in range(60):
                holder = [np.zeros((240, 320, 3), np.uint8) for _ in range(4)]
                writer.write_tiles_from(holder, 2)
            _, peak = tracemalloc.get_traced_memory()
            writer.close()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert writer.stats.num_borrowed == 60
        assert peak < 8 * frame_bytes
        assert after < frame_bytes


_CHANGED = """
import sys
from pathlib import Path
import gymreel
from support.frames import numbered
from support.stalled_encoder import StalledEncoder

folder = Path(sys.argv[1])
with StalledEncoder(folder / "stalled") as encoder:
    writer = gymreel.VideoWriter(folder / "video.mp4", COPY, **encoder.settings)
    grids = [[numbered(3 * number + tile) for tile in range(3)] for number in range(6)]
    for tiles in grids:
        writer.write_tiles(tiles, num_columns=3)
    CHANGE
    encoder.resume()
    try:
        print(writer.close().num_frames)
    except gymreel.EncodeError as error:
        print(error)
"""


@needs_x264
@pytest.mark.parametrize(
    ("copy", "change", "told"),
    [
        (
            "copy=False",
            "grids[4][2][-1, -1, -1] ^= 1",
            "could not encode a frame: the pixels of frame 4",
        ),
        ("copy=False", "pass", "6\n"),
        ("copy=True", "grids[4][2][:] = 0", "6\n"),
    ],
)
def test_debugging_finds_a_tile_that_was_painted_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copy: str, change: str, told: str
) -> None:
    monkeypatch.setenv("GYMREEL_DEBUG", "1")
    finished = run_python(_CHANGED.replace("COPY", copy).replace("CHANGE", change), tmp_path)
    assert finished.stdout.startswith(told)
    assert finished.stderr == ""
    num_frames = 4 if told.startswith("could") else 6
    numbers = list(chain.from_iterable(numbers_in_grids(tmp_path / "video.mp4", 3, 3)))
    assert numbers == list(range(3 * num_frames))
