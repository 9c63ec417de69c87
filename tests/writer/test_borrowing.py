"""Whose memory a frame is: borrowed where nobody else can reach it, copied where somebody can."""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gymreel import VideoWriter
from support.frames import HEIGHT, WIDTH, Frame, needs_x264, numbered, numbers_in, record
from support.stalled_encoder import StalledEncoder

FULL_HD = (1080, 1920, 3)

# Before 3.11 the caller of a Python function keeps its arguments on its own stack.
borrows_arguments = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="write() sees the caller's reference before Python 3.11"
)


def _counts(writer: VideoWriter) -> tuple[int, int]:
    return writer.stats.num_borrowed, writer.stats.num_copied


def _fresh() -> Frame:
    return np.zeros((HEIGHT, WIDTH, 3), np.uint8)


class _Holding:
    """Keeps one array and hands it, or views of it, out."""

    def __init__(self) -> None:
        self.array = _fresh()


class _Subclass(np.ndarray[Any, np.dtype[np.uint8]]):
    """A subclass may hide anything, even who else reaches its memory."""


TEMPORARIES: dict[str, Callable[[], Frame]] = {
    "fresh": _fresh,
    "flipped": lambda: _fresh()[::-1],
    "cropped twice": lambda: _fresh()[2:, 2:][:-2],
    "transposed": lambda: _fresh().transpose(1, 0, 2),
    "without alpha": lambda: np.zeros((HEIGHT, WIDTH, 4), np.uint8)[..., :3],
    "read-only": lambda: np.broadcast_to(np.zeros((HEIGHT, 1, 3), np.uint8), (HEIGHT, WIDTH, 3)),
}
"""Frames that nobody but the writer can reach."""


@needs_x264
@borrows_arguments
@pytest.mark.parametrize("shape", [FULL_HD, (HEIGHT, WIDTH, 3)])
def test_write_borrows_a_fresh_temporary(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with VideoWriter(tmp_path / "video.mp4", preset="ultrafast") as writer:
        writer.write(np.zeros(shape, np.uint8))
        assert _counts(writer) == (1, 0)


@needs_x264
def test_write_from_borrows_a_fresh_temporary_on_every_version(tmp_path: Path) -> None:
    holder: list[Frame] = []
    with VideoWriter(tmp_path / "video.mp4", preset="ultrafast") as writer:
        writer.write_from([np.zeros(FULL_HD, np.uint8)])
        holder.append(np.zeros(FULL_HD, np.uint8))
        writer.write_from(holder)
        assert _counts(writer) == (2, 0)
    assert holder == []


@pytest.mark.parametrize("make", TEMPORARIES.values(), ids=TEMPORARIES)
def test_a_temporary_is_borrowed_whatever_its_strides(
    tmp_path: Path, make: Callable[[], Frame]
) -> None:
    with VideoWriter(tmp_path / "video.mp4") as writer:
        writer.write_from([make()])
        assert _counts(writer) == (1, 0)


def test_a_frame_in_a_local_variable_is_copied(tmp_path: Path) -> None:
    frame = _fresh()
    with VideoWriter(tmp_path / "video.mp4") as writer:
        writer.write(frame)
        writer.write_from([frame])
        assert _counts(writer) == (0, 2)


@pytest.mark.parametrize(
    "take",
    [
        lambda holding: holding.array,
        lambda holding: holding.array[:],
        lambda holding: holding.array[::-1][:, ::-1],
        lambda holding: holding.array.reshape(-1).reshape(HEIGHT, WIDTH, 3),
        lambda holding: np.asarray(holding.array),
    ],
    ids=["itself", "view", "view of a view", "reshaped", "asarray"],
)
def test_a_frame_whose_memory_is_held_elsewhere_is_copied(
    tmp_path: Path, take: Callable[[_Holding], Frame]
) -> None:
    holding = _Holding()
    with VideoWriter(tmp_path / "video.mp4") as writer:
        writer.write_from([take(holding)])
        assert _counts(writer) == (0, 1)


def test_a_frame_with_a_weak_reference_is_copied(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4") as writer:
        holder = [_fresh()]
        reference = weakref.ref(holder[0])
        writer.write_from(holder)
        assert _counts(writer) == (0, 1)
    assert reference() is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.frombuffer(bytearray(HEIGHT * WIDTH * 3), np.uint8).reshape(HEIGHT, WIDTH, 3),
        lambda: np.asarray(memoryview(bytes(HEIGHT * WIDTH)).cast("B", (HEIGHT, WIDTH))),
        lambda: _fresh().view(_Subclass),
    ],
    ids=["bytearray", "memoryview", "subclass"],
)
def test_memory_that_numpy_does_not_own_is_copied(
    tmp_path: Path, make: Callable[[], Frame]
) -> None:
    with VideoWriter(tmp_path / "video.mp4") as writer:
        writer.write_from([make()])
        assert _counts(writer) == (0, 1)


@pytest.mark.parametrize("copy", ["auto", True])
def test_a_buffer_that_is_painted_over_is_recorded_right(tmp_path: Path, copy: bool | str) -> None:
    path = tmp_path / "video.mp4"
    buffer = _fresh()
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(path, copy=copy, **encoder.settings)  # type: ignore[arg-type]
        for number in range(20):
            buffer[:] = numbered(number)
            writer.write(buffer)
        encoder.resume()
        writer.close()
    assert _counts(writer) == (0, 20)
    assert numbers_in(path) == list(range(20))


@pytest.mark.parametrize(("copy", "counts"), [(True, (0, 2)), (False, (2, 0))])
def test_copy_overrides_what_the_references_say(
    tmp_path: Path, copy: bool, counts: tuple[int, int]
) -> None:
    path = tmp_path / "video.mp4"
    held = numbered(2)
    with VideoWriter(path, copy=copy) as writer:
        writer.write(numbered(1))
        writer.write(held)
        assert _counts(writer) == counts
    assert numbers_in(path) == [1, 2]


def test_the_writer_leaves_the_pixels_alone(tmp_path: Path) -> None:
    frame = numbered(9)
    record(tmp_path / "video.mp4", [frame], copy=False)
    np.testing.assert_array_equal(frame, numbered(9))


def test_closing_lets_go_of_borrowed_frames(tmp_path: Path) -> None:
    frame = _fresh()
    before = sys.getrefcount(frame)
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(tmp_path / "video.mp4", copy=False, **encoder.settings)
        for _ in range(3):
            writer.write(frame)
        assert sys.getrefcount(frame) == before + 3
        encoder.resume()
        writer.close()
    assert sys.getrefcount(frame) == before


def test_polling_lets_go_of_borrowed_frames(tmp_path: Path) -> None:
    frame = _fresh()
    before = sys.getrefcount(frame)
    writer = VideoWriter(tmp_path / "video.mp4", copy=False)
    for _ in range(20):
        writer.write(frame)
    writer.finish()
    while writer.poll() is None:
        pass
    assert sys.getrefcount(frame) == before


def test_dropping_and_failing_let_go_of_borrowed_frames(tmp_path: Path) -> None:
    frame = _fresh()
    before = sys.getrefcount(frame)
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(
            tmp_path / "video.mp4",
            copy=False,
            on_full="drop",
            max_pending_bytes=1,
            **encoder.settings,
        )
        for _ in range(3):
            writer.write(frame)
        assert sys.getrefcount(frame) == before + 1
        with pytest.raises(ValueError, match="first frame"):
            writer.write(frame[1:])
        encoder.resume()
        writer.close()
    assert sys.getrefcount(frame) == before


def test_the_next_write_lets_go_of_what_was_encoded(tmp_path: Path) -> None:
    first, second = _fresh(), _fresh()
    before = sys.getrefcount(first)
    with VideoWriter(tmp_path / "video.mp4", copy=False) as writer:
        writer.write(first)
        while writer.stats.num_encoded < 1:
            pass
        writer.write(second)
        assert sys.getrefcount(first) == before


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path) -> None:
    frame_bytes = 240 * 320 * 3
    writer = VideoWriter(tmp_path / "video.mp4", max_pending_bytes=2 * frame_bytes)
    writer.write_from([np.zeros((240, 320, 3), np.uint8)])
    tracemalloc.start()
    try:
        for _ in range(200):
            writer.write_from([np.zeros((240, 320, 3), np.uint8)])
        _, peak = tracemalloc.get_traced_memory()
        writer.close()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert _counts(writer) == (201, 0)
    assert peak < 8 * frame_bytes
    assert after < frame_bytes


_LATER: dict[str, Callable[[VideoWriter], None]] = {
    "finished": lambda writer: writer.finish(),
    "dropped": lambda writer: None,
}


@pytest.mark.parametrize("end", _LATER.values(), ids=_LATER)
def test_frames_of_a_writer_that_is_done_are_let_go_of_without_a_call(
    tmp_path: Path, end: Callable[[VideoWriter], None]
) -> None:
    frame = _fresh()
    before = sys.getrefcount(frame)
    writer = VideoWriter(tmp_path / "video.mp4", copy=False)
    for _ in range(20):
        writer.write(frame)
    end(writer)
    stays = [writer] if writer.closed else []
    del writer
    deadline = time.monotonic() + 30
    while sys.getrefcount(frame) > before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert sys.getrefcount(frame) == before
    stays.clear()


def test_what_gathers_while_nothing_is_written_is_let_go_of(tmp_path: Path) -> None:
    frame = np.zeros(FULL_HD, np.uint8)
    before = sys.getrefcount(frame)
    num_frames = 12
    with VideoWriter(tmp_path / "video.mkv", copy=False, preset="ultrafast") as writer:
        for _ in range(num_frames):
            writer.write(frame)
        deadline = time.monotonic() + 30
        # Without a call: three of them are more than may gather.
        while sys.getrefcount(frame) > before + 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert sys.getrefcount(frame) <= before + 3
