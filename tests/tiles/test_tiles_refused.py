"""Grids of tiles that find no room, or that are none: what is said, and that nothing is lost."""

from __future__ import annotations

import signal
import sys
import threading
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gymreel import (
    ConfigError,
    FrameError,
    FrameShapeError,
    FrameTypeError,
    VideoWriter,
    WriterClosedError,
)
from gymreel._writer_config import WriterConfig
from support.frames import HEIGHT, WIDTH, needs_x264, numbered, numbers_in
from support.grids import (
    LOSSLESS,
    assert_same_pictures,
    noise_of,
    numbered_tiles,
    numbers_in_grids,
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


class TestBackPressure:
    @pytest.mark.parametrize("copy", [True, False])
    def test_blocking_loses_no_frame(self, tmp_path: Path, copy: bool) -> None:
        frames = [numbered_tiles(3 * number, 3) for number in range(40)]
        path, writer = record_grids(tmp_path, frames, 3, copy=copy, max_pending_bytes=1)
        assert writer.stats.num_dropped == 0
        assert list(chain.from_iterable(numbers_in_grids(path, 3, 3))) == list(range(120))

    @pytest.mark.parametrize("copy", [True, False])
    def test_dropping_takes_what_has_room_and_counts_the_rest(
        self, tmp_path: Path, copy: bool
    ) -> None:
        with StalledEncoder(tmp_path / "stalled") as encoder:
            writer = VideoWriter(
                tmp_path / "video.mp4",
                on_full="drop",
                copy=copy,
                max_pending_bytes=2 * 3 * TILE_BYTES,
                **encoder.settings,
            )
            taken = [
                writer.write_tiles_from(numbered_tiles(3 * number, 3), 3) for number in range(5)
            ]
            assert taken == [True, True, False, False, False]
            assert (writer.stats.num_written, writer.stats.num_dropped) == (2, 3)
            encoder.resume()
            writer.close()
        assert numbers_in_grids(writer.path, 3, 3) == [[0, 1, 2], [3, 4, 5]]

    def test_waiting_lets_other_threads_run_and_ends_when_one_closes(self, tmp_path: Path) -> None:
        errors: list[BaseException] = []
        with StalledEncoder(tmp_path / "stalled") as encoder:
            writer = VideoWriter(tmp_path / "video.mp4", max_pending_bytes=1, **encoder.settings)
            writer.write_tiles(numbered_tiles(0, 3), num_columns=3)

            def write_more() -> None:
                try:
                    writer.write_tiles(numbered_tiles(3, 3), num_columns=3)
                except WriterClosedError as error:
                    errors.append(error)

            other = threading.Thread(target=write_more)
            other.start()
            writer.finish()
            other.join()
            encoder.resume()
            writer.close()
        assert [str(error) for error in errors] == ["the writer is closed"]
        assert numbers_in_grids(writer.path, 3, 3) == [[0, 1, 2]]

    @needs_x264
    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT between processes")
    def test_ctrl_c_ends_a_call_that_waits_and_the_recording_can_go_on(
        self, tmp_path: Path
    ) -> None:
        finished = run_python(_INTERRUPTED, tmp_path)
        assert (finished.stdout, finished.stderr) == ("interrupted: 1 written\n2 in the file\n", "")
        assert numbers_in_grids(tmp_path / "video.mp4", 3, 3) == [[0, 1, 2], [6, 7, 8]]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


_INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
import gymreel
from support.frames import numbered
from support.stalled_encoder import StalledEncoder

folder = Path(sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)
main = threading.main_thread().ident

def interrupt():
    # A writer's own layer calls the native function and shows as the innermost Python frame.
    while sys._current_frames()[main].f_code.co_name != "write":
        pass
    os.kill(os.getpid(), signal.SIGINT)

def tiles(first):
    return [numbered(first + number) for number in range(3)]

with StalledEncoder(folder / "stalled") as encoder:
    writer = gymreel.VideoWriter(folder / "video.mp4", max_pending_bytes=1, **encoder.settings)
    writer.write_tiles(tiles(0), num_columns=3)
    try:
        threading.Thread(target=interrupt).start()
        writer.write_tiles(tiles(3), num_columns=3)
    except KeyboardInterrupt:
        print("interrupted:", writer.stats.num_written, "written")
    encoder.resume()
    writer.write_tiles(tiles(6), num_columns=3)
    print(writer.close().num_frames, "in the file")
"""

_GOOD = numbered_tiles(1, 5)
BAD_TILES: dict[str, tuple[Any, type[FrameError], list[str]]] = {
    "float": ([*_GOOD[:3], numbered(1) / 255, *_GOOD[4:]], FrameTypeError, ["tile 3", "float64"]),
    "no array": ([*_GOOD[:4], [[1]]], FrameTypeError, ["tile 4", "list"]),
    "None": ([None, *_GOOD[1:]], FrameTypeError, ["tile 0", "NoneType"]),
    "two channels": (
        [*_GOOD[:3], np.zeros((4, 4, 2), np.uint8), *_GOOD[4:]],
        FrameShapeError,
        ["tile 3", "(4, 4, 2)"],
    ),
    "no rows": (
        [*_GOOD[:3], np.zeros((0, 4, 3), np.uint8), *_GOOD[4:]],
        FrameShapeError,
        ["tile 3", "(0, 4, 3)"],
    ),
    "float in one array": (np.stack(_GOOD) / 255, FrameTypeError, ["all tiles", "float64"]),
    "two channels in one array": (
        np.zeros((5, 4, 4, 2), np.uint8),
        FrameShapeError,
        ["all tiles", "(5, 4, 4, 2)"],
    ),
    "three axes": (_GOOD[0], FrameShapeError, ["num_tiles", f"({HEIGHT}, {WIDTH}, 3)"]),
    "five axes": (np.zeros((1, 5, 4, 4, 3), np.uint8), FrameShapeError, ["(1, 5, 4, 4, 3)"]),
    "a number": (3, FrameTypeError, ["sequence", "int"]),
}


class TestRefusals:
    @pytest.mark.parametrize(("frames", "error", "words"), BAD_TILES.values(), ids=BAD_TILES)
    def test_a_bad_tile_is_named_and_the_recording_goes_on(
        self, tmp_path: Path, frames: Any, error: type[FrameError], words: list[str]
    ) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            for _ in range(2):
                with pytest.raises(error) as caught:
                    writer.write_tiles(frames, num_columns=3)
                assert [word for word in words if word not in str(caught.value)] == []
                writer.write_tiles(_GOOD, num_columns=3)
        assert writer.stats.num_written == 2
        assert numbers_in_grids(writer.path, 5, 3) == [[1, 2, 3, 4, 5]] * 2

    def test_a_tile_that_changes_its_size_is_named_with_both_sizes(self, tmp_path: Path) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            writer.write_tiles(_GOOD, num_columns=3)
            for other in (numbered(1)[1:], np.zeros((HEIGHT + 2, WIDTH, 3), np.uint8)):
                with pytest.raises(FrameShapeError) as caught:
                    writer.write_tiles([*_GOOD[:2], other, *_GOOD[3:]], num_columns=3)
                for words in (
                    "tile 2",
                    f"{other.shape[0]} x {WIDTH}",
                    f"{HEIGHT} x {WIDTH}",
                    "another writer",
                ):
                    assert words in str(caught.value)
            # The channels may change: the size is what counts.
            writer.write_tiles([*_GOOD[:4], numbered(5)[..., 0]], num_columns=3)
        assert numbers_in_grids(writer.path, 5, 3) == [[1, 2, 3, 4, 5]] * 2

    @pytest.mark.parametrize(
        "frames", [_GOOD[:4], [*_GOOD, _GOOD[0]], [], np.stack(_GOOD[:4]), np.stack(_GOOD)[:0]]
    )
    def test_another_number_of_tiles_is_refused(self, tmp_path: Path, frames: Any) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            writer.write_tiles(_GOOD, num_columns=3)
            with pytest.raises(FrameShapeError, match=f"{len(frames)} tiles.* 5"):
                writer.write_tiles(frames, num_columns=3)
        assert writer.stats.num_written == 1

    @pytest.mark.parametrize("frames", [[], (), np.zeros((0, 4, 4, 3), np.uint8)])
    def test_a_grid_needs_a_tile(self, tmp_path: Path, frames: Any) -> None:
        writer = VideoWriter(tmp_path / "video.mp4")
        with pytest.raises(FrameShapeError, match="empty"):
            writer.write_tiles(frames, num_columns=3)
        assert writer.close().num_frames == 0

    @pytest.mark.parametrize("num_columns", [0, -1, 2.0, True, "3", None, 2**80])
    def test_a_bad_number_of_columns_is_named(self, tmp_path: Path, num_columns: Any) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            with pytest.raises(ConfigError, match="num_columns="):
                writer.write_tiles(_GOOD, num_columns=num_columns)
            writer.write_tiles(_GOOD, num_columns=2)
            with pytest.raises(ConfigError, match=r"num_columns=.* must stay 2"):
                writer.write_tiles(_GOOD, num_columns=3)
        assert writer.stats.num_written == 1

    @pytest.mark.parametrize("num_columns", [600, 2**31 - 1])
    def test_a_grid_that_is_too_large_is_refused(self, tmp_path: Path, num_columns: int) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            with pytest.raises(FrameShapeError, match="32767"):
                writer.write_tiles(_GOOD, num_columns=num_columns)
            with pytest.raises(FrameShapeError, match="32767"):
                writer.write_tiles(
                    np.broadcast_to(_GOOD[0], (10**4, HEIGHT, WIDTH, 3)), num_columns=1
                )
            writer.write_tiles(_GOOD, num_columns=5)

    def test_frames_and_grids_of_one_size_mix_and_others_do_not(self, tmp_path: Path) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            writer.write(numbered(1))
            with pytest.raises(
                FrameShapeError, match=f"{HEIGHT} x {2 * WIDTH}.*{HEIGHT} x {WIDTH}"
            ):
                writer.write_tiles(_GOOD[:2], num_columns=2)
            # What was refused has laid out nothing.
            writer.write_tiles([numbered(2)], num_columns=1)
            writer.write(numbered(3))
        assert numbers_in(writer.path) == [1, 2, 3]

    def test_a_closed_writer_takes_no_tiles(self, tmp_path: Path) -> None:
        _, writer = record_grids(tmp_path, [_GOOD], 3)
        with pytest.raises(WriterClosedError):
            writer.write_tiles(_GOOD, num_columns=3)
        _, writer = record_grids(tmp_path, [], 3)
        with pytest.raises(WriterClosedError):
            writer.write_tiles(_GOOD, num_columns=3)


class TestNativeFunction:
    """What only a layout that is no grid can show."""

    @pytest.mark.parametrize(
        ("place", "error", "words"),
        [
            ((1, 0), ConfigError, "x=1, y=0"),
            ((0, 3), ConfigError, "x=0, y=3"),
            ((-2, 0), ConfigError, "x=-2, y=0"),
            ((64, 0), ConfigError, "x=64, y=0"),
            ((0, 2**40), ConfigError, f"y={2**40}"),
        ],
    )
    def test_a_place_that_is_odd_or_outside_is_refused(
        self, place: tuple[int, int], error: type[Exception], words: str
    ) -> None:
        stream = WriterConfig.check(".mp4").open_stream(None, None)
        with pytest.raises(error, match=words) as caught:
            stream.tiles_function(64, 48, [(0, 0), place])
        assert "tile 1" in str(caught.value)

    def test_tiles_that_lead_out_and_canvases_of_no_size_are_refused(self) -> None:
        stream = WriterConfig.check(".mp4").open_stream(None, None)
        for size in ((0, 48), (64, -1), (1 << 15, 2), (2, 1 << 60)):
            with pytest.raises(FrameShapeError, match="32767"):
                stream.tiles_function(*size, [(0, 0)])
        with pytest.raises(ConfigError, match="positions"):
            stream.tiles_function(64, 48, [])
        write = stream.tiles_function(64, 48, [(0, 0), (32, 24)])
        for shape in ((25, 32), (24, 33)):
            with pytest.raises(FrameShapeError, match=r"tile 1 .*x=32, y=24.* 48 x 64"):
                write([np.zeros((48, 64), np.uint8), np.zeros(shape, np.uint8)])
        for holder in (np.zeros((2, 4, 4, 3), np.uint8), (np.zeros((4, 4), np.uint8),) * 2, None):
            with pytest.raises(TypeError, match="list"):
                write(holder)  # type: ignore[arg-type]
        assert write([np.zeros((48, 64), np.uint8), np.zeros((24, 32), np.uint8)])

    @needs_x264
    @pytest.mark.parametrize("copy", [True, False])
    @pytest.mark.parametrize("settings", LOSSLESS.values(), ids=LOSSLESS)
    def test_the_later_of_two_tiles_that_overlap_is_seen_on_canvases_of_any_size(
        self, tmp_path: Path, settings: dict[str, Any], copy: bool
    ) -> None:
        first, second = noise_of(1, 30, 41, 3), noise_of(2, 15, 13, 3)
        canvas = np.zeros((37, 45, 3), np.uint8)
        canvas[:30, 4:] = first
        canvas[10:26, 8:22] = np.pad(second, ((0, 1), (0, 1), (0, 0)), "edge")
        pictures = []
        for write_tiles in (False, True):
            config = WriterConfig.check(**{**settings, "copy": copy})
            stream = config.open_stream(None, None)
            if write_tiles:
                stream.tiles_function(45, 37, [(4, 0), (8, 10)])([first, second])
            else:
                stream.write_function()([canvas])
            stream.finish()
            stream.wait()
            stream.raise_untold_failure()
            path = tmp_path / f"video{settings['suffix']}"
            path.write_bytes(stream.take_bytes())
            pictures.append(pictures_in(path))
        assert_same_pictures(*pictures)
