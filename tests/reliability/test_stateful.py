"""Arrays and calls that nobody thought of: whatever Hypothesis makes up, a plain model agrees."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from numpy.typing import NDArray

import gymreel
from gymreel import (
    FrameError,
    FrameShapeError,
    FrameTypeError,
    GymreelWarning,
    VideoWriter,
    WriterClosedError,
)
from support.frames import HEIGHT, WIDTH, Frame, numbered, numbers_in, planes_of
from support.soak import choose

_REPRODUCIBLE = settings(
    max_examples=choose(short=25, soak=500),
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

pytestmark = pytest.mark.timeout(choose(short=300, soak=3600))

AnyArray = NDArray[Any]

_LARGEST_SIDE = 32767
_OTHER_DTYPES = ["int8", "bool", "uint16", ">u2", "float32", "float64", "object", "S1", "complex64"]


def _values(draw: st.DrawFn, shape: list[int]) -> AnyArray:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return np.asarray(random.integers(0, 256, shape, np.uint8))


def _change(draw: st.DrawFn, array: AnyArray) -> AnyArray:
    """Do some of what numpy can do to a view."""
    for _ in range(draw(st.integers(0, 4))):
        array = draw(st.sampled_from(_CHANGES))(draw, array)
    if draw(st.booleans()):
        array.flags.writeable = False
    return array


@st.composite
def _views(draw: st.DrawFn) -> AnyArray:
    """Draw what began as a frame, and may be one no more."""
    shape = [draw(st.integers(1, 24)) for _ in range(2)]
    return _change(draw, _values(draw, [*shape, draw(st.sampled_from([3, 4, 1]))]))


@st.composite
def _arrays(draw: st.DrawFn) -> AnyArray:
    """Draw an array of any kind."""
    shape = draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 16]), max_size=4))
    dtype = draw(st.sampled_from(["uint8", draw(st.sampled_from(_OTHER_DTYPES))]))
    return _change(draw, np.asarray(_values(draw, shape).astype(dtype)))


def _slice(draw: st.DrawFn, array: AnyArray) -> AnyArray:
    slices = []
    for length in array.shape:
        start = draw(st.integers(0, max(0, length - 1)))
        step = draw(st.sampled_from([-1, 1, 2, 3, -2]))
        slices.append(slice(start, None, step) if draw(st.booleans()) else slice(None, None, step))
    return array[(..., *slices)]


def _transpose(draw: st.DrawFn, array: AnyArray) -> AnyArray:
    return array.transpose(draw(st.permutations(range(array.ndim))))


def _broadcast(draw: st.DrawFn, array: AnyArray) -> AnyArray:
    """Repeat along every axis of length 1, or along a new first one."""
    shape = [draw(st.sampled_from([3, 4, 7])) if length == 1 else length for length in array.shape]
    if draw(st.booleans()):
        shape.insert(0, draw(st.integers(1, 9)))
    return np.broadcast_to(array, shape)


def _add_axis(draw: st.DrawFn, array: AnyArray) -> AnyArray:
    return np.expand_dims(array, draw(st.integers(0, array.ndim)))


def _take_one(draw: st.DrawFn, array: AnyArray) -> AnyArray:
    """Remove the last axis, as one channel out of several."""
    if array.ndim == 0 or array.size == 0:
        return array
    return array[..., draw(st.integers(0, array.shape[-1] - 1))]


def _reorder(draw: st.DrawFn, array: AnyArray) -> AnyArray:
    return np.asfortranarray(array) if draw(st.booleans()) else np.ascontiguousarray(array)


_CHANGES = [_slice, _transpose, _broadcast, _add_axis, _take_one, _reorder]


def _holds_shades(array: AnyArray) -> bool:
    """Return whether all values are whole numbers from 0 to 255, and not those of a unit scale."""
    if array.dtype.kind not in "biuf":
        return False
    with np.errstate(invalid="ignore"):
        shades = array.astype(np.uint8)
    is_scaled = array.dtype.kind == "f" and shades.max(initial=0) == 1
    return bool(np.array_equal(shades, array)) and not is_scaled


def _refusal(array: AnyArray) -> type[FrameError] | None:
    """Return how an array must be refused, by the rules of the documentation; None for a frame."""
    has_axes = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    has_shape = has_axes and all(1 <= side <= _LARGEST_SIDE for side in array.shape[:2])
    if not _holds_shades(array):
        return FrameTypeError if has_shape else FrameError
    return None if has_shape else FrameShapeError


def _colors_in(encoded: bytes) -> AnyArray:
    """Decode the one frame of a file of libx264rgb, which H.264 stores as green, blue and red."""
    with av.open(BytesIO(encoded), "r") as container:
        (frame,) = container.decode(video=0)
        green, blue, red = planes_of(frame)
    return np.stack([red, green, blue], axis=2)


def _check_array(array: AnyArray, copy: Any) -> None:
    lossless = {"codec": "libx264rgb", "crf": 0, "copy": copy}
    refusal = _refusal(array)
    if refusal is not None:
        with pytest.raises(refusal, match="frame must"):
            gymreel.encode([array], **lossless)
        return
    colors = array[..., None] if array.ndim == 2 else array[..., :3]
    expected = np.broadcast_to(colors, (*array.shape[:2], 3)).astype(np.uint8)
    is_converted = array.dtype != np.uint8
    with pytest.warns(GymreelWarning) if is_converted else contextlib.nullcontext():
        encoded = gymreel.encode([array], **lossless)
    np.testing.assert_array_equal(_colors_in(encoded), expected)


@settings(_REPRODUCIBLE, max_examples=4 * _REPRODUCIBLE.max_examples)
@given(array=_views(), copy=st.sampled_from(["auto", True, False]))
def test_any_view_comes_back_to_the_bit_or_is_refused_by_name(array: AnyArray, copy: Any) -> None:
    _check_array(array, copy)


@_REPRODUCIBLE
@given(array=_arrays(), copy=st.sampled_from(["auto", True, False]))
def test_any_array_is_refused_by_name_or_comes_back_to_the_bit(array: AnyArray, copy: Any) -> None:
    _check_array(array, copy)


@dataclass
class _Expected:
    """A recording, and what must be in its file."""

    path: Path
    writer: VideoWriter | None
    """None once the writer was dropped."""
    may_drop: bool
    numbers: list[int] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    num_dropped: int = 0
    is_finished: bool = False
    num_encoded: int = 0


_BAD_FRAMES: list[tuple[Any, type[FrameError]]] = [
    (None, FrameTypeError),
    ("frame", FrameTypeError),
    ([[0]], FrameTypeError),
    (np.full((HEIGHT, WIDTH, 3), 0.5, np.float32), FrameTypeError),
    (np.zeros((HEIGHT, WIDTH, 2), np.uint8), FrameShapeError),
    (np.zeros((HEIGHT,), np.uint8), FrameShapeError),
    (np.zeros((0, WIDTH, 3), np.uint8), FrameShapeError),
]
_OTHER_SIZES = [(HEIGHT + 2, WIDTH, 3), (WIDTH, HEIGHT), (1, 1, 4)]


def _frame(number: int, kind: int) -> Frame:
    """Paint a number into one of the kinds of array that a frame may be."""
    rgb = numbered(number)
    match kind:
        case 0:
            return rgb
        case 1:
            return np.concatenate([rgb, rgb[..., :1]], axis=2)
        case 2:
            return rgb[..., 0]
        case 3:
            return rgb[::-1].copy()[::-1]
        case _:
            return np.broadcast_to(rgb[..., :1], rgb.shape)


class _Writers(RuleBasedStateMachine):
    """Writers, one for each path at a time, and what the model says about their files."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="gymreel-stateful-"))
        self._live: list[_Expected] = []
        self._files: dict[Path, _Expected] = {}
        self._next_number = 0

    def _pick(self, index: int) -> tuple[_Expected, VideoWriter]:
        expected = self._live[index % len(self._live)]
        assert expected.writer is not None
        return expected, expected.writer

    @initialize(suffix=st.sampled_from([".mp4", ".mkv", ".gif"]), may_drop=st.booleans())
    def begin(self, suffix: str, may_drop: bool) -> None:
        self.open(suffix, 0, 1 << 28, "block", "auto", {})
        self.open(".mp4", 1, 1, "drop" if may_drop else "block", "auto", {"title": "first"})

    @rule(
        suffix=st.sampled_from([".mp4", ".mp4", ".mkv", ".mov", ".gif", ".webm"]),
        name=st.integers(0, 5),
        max_pending_bytes=st.sampled_from([1, 3 * HEIGHT * WIDTH * 3, 1 << 28]),
        on_full=st.sampled_from(["block", "block", "drop"]),
        copy=st.sampled_from(["auto", True, False]),
        metadata=st.sampled_from([{}, {"title": "first"}]),
    )
    def open(
        self,
        suffix: str,
        name: int,
        max_pending_bytes: int,
        on_full: Any,
        copy: Any,
        metadata: dict[str, str],
    ) -> None:
        path = self._folder / f"{name}{suffix}"
        if any(expected.path == path for expected in self._live) or self._is_under_way(path):
            return  # Which of two at once comes last, nobody knows.
        writer = VideoWriter(
            path,
            max_pending_bytes=max_pending_bytes,
            on_full=on_full,
            copy=copy,
            metadata=metadata,
        )
        self._live.append(_Expected(path, writer, on_full == "drop", metadata=dict(metadata)))

    def _is_under_way(self, path: Path) -> bool:
        return path in self._files and self._files[path].writer is None

    @precondition(lambda self: self._live)
    @rule(index=st.integers(0, 99), count=st.integers(1, 12), kind=st.integers(0, 4))
    def write(self, index: int, count: int, kind: int) -> None:
        expected, writer = self._pick(index)
        for _ in range(count):
            number = self._next_number % 4096
            self._next_number += 1
            if expected.is_finished:
                with pytest.raises(WriterClosedError):
                    writer.write(_frame(number, kind))
            elif not expected.may_drop:
                writer.write(_frame(number, kind))
                expected.numbers.append(number)
            elif writer.write_from([_frame(number, kind)]):
                expected.numbers.append(number)
            else:
                expected.num_dropped += 1

    @precondition(lambda self: self._live)
    @rule(count=st.integers(20, 60))
    def write_to_all_in_turn(self, count: int) -> None:
        for _ in range(count):
            for index in range(len(self._live)):
                self.write(index, 1, 0)

    @precondition(lambda self: self._live)
    @rule(index=st.integers(0, 99), bad=st.sampled_from(_BAD_FRAMES))
    def write_something_else(self, index: int, bad: tuple[Any, type[FrameError]]) -> None:
        _, writer = self._pick(index)
        with pytest.raises(bad[1]):
            writer.write(bad[0])

    @precondition(lambda self: any(expected.numbers for expected in self._live))
    @rule(index=st.integers(0, 99), shape=st.sampled_from(_OTHER_SIZES))
    def write_another_size(self, index: int, shape: tuple[int, ...]) -> None:
        expected, writer = self._pick(index)
        if expected.numbers:
            with pytest.raises(WriterClosedError if expected.is_finished else FrameShapeError):
                writer.write(np.zeros(shape, np.uint8))

    @precondition(lambda self: self._live)
    @rule(
        index=st.integers(0, 99),
        key=st.sampled_from(["title", "comment"]),
        value=st.sampled_from(["second", "Größe = 3; #1\\", "x" * 300]),
    )
    def add_metadata(self, index: int, key: str, value: str) -> None:
        expected, writer = self._pick(index)
        if expected.is_finished:
            with pytest.raises(WriterClosedError):
                writer.add_metadata({key: value})
        else:
            writer.add_metadata({key: value})
            expected.metadata[key] = value

    @precondition(lambda self: self._live)
    @rule(index=st.integers(0, 99))
    def poll(self, index: int) -> None:
        expected, writer = self._pick(index)
        recording = writer.poll()
        assert recording is None or expected.is_finished
        assert recording is None or recording.num_frames == len(expected.numbers)

    @precondition(lambda self: self._live)
    @rule(index=st.integers(0, 99))
    def finish(self, index: int) -> None:
        expected, writer = self._pick(index)
        writer.finish()
        expected.is_finished = True

    @precondition(lambda self: self._live)
    @rule(index=st.integers(0, 99))
    def close(self, index: int) -> None:
        expected, writer = self._pick(index)
        self._live.remove(expected)
        recording = writer.close()
        expected.is_finished = True
        assert recording == writer.close() == writer.poll()
        assert recording.path == expected.path
        assert recording.num_frames == len(expected.numbers)
        assert recording.size == ((WIDTH, HEIGHT) if expected.numbers else (0, 0))
        if expected.numbers:
            assert recording.num_bytes == expected.path.stat().st_size
            self._files[expected.path] = expected
        self._check_file(expected.path)

    @precondition(lambda self: self._live)
    @rule(index=st.integers(0, 99))
    def drop(self, index: int) -> None:
        expected, writer = self._pick(index)
        self._live.remove(expected)
        expected.writer = None
        del writer
        if expected.numbers:
            self._files[expected.path] = expected

    @rule(num_threads=st.sampled_from([None, 1, 2, 5]))
    def set_num_threads(self, num_threads: int | None) -> None:
        gymreel.set_num_threads(num_threads)

    @rule(num_bytes=st.sampled_from([1, 100_000, 512 << 20]))
    def set_max_pending_bytes(self, num_bytes: int) -> None:
        gymreel.set_max_pending_bytes(num_bytes)

    @invariant()
    def stats_agree(self) -> None:
        for expected in self._live:
            assert expected.writer is not None
            stats = expected.writer.stats
            assert stats.num_written == len(expected.numbers)
            assert stats.num_written == stats.num_borrowed + stats.num_copied
            assert stats.num_dropped == expected.num_dropped
            assert expected.num_encoded <= stats.num_encoded <= stats.num_written
            assert stats.num_pending <= stats.num_written - expected.num_encoded
            assert (stats.num_pending == 0) == (stats.pending_bytes == 0)
            assert expected.writer.closed == expected.is_finished
            expected.num_encoded = stats.num_encoded

    def teardown(self) -> None:
        try:
            while self._live:
                self.close(0)
            self._wait_for_dropped()
            for path in self._files:
                self._check_file(path)
        finally:
            gymreel.set_num_threads(None)
            gymreel.set_max_pending_bytes(512 << 20)
            shutil.rmtree(self._folder)

    def _wait_for_dropped(self) -> None:
        """Wait until there is nothing in the folder but what must be there at the end."""
        names = sorted(path.name for path in self._files)
        end = time.monotonic() + 60
        while (found := sorted(os.listdir(self._folder))) != names:
            assert time.monotonic() < end, (found, names)
            time.sleep(0.005)

    def _check_file(self, path: Path) -> None:
        if path not in self._files:
            assert not path.exists()
            return
        expected = self._files[path]
        assert numbers_in(path) == expected.numbers
        if path.suffix != ".gif":
            with av.open(f"file:{path}", "r") as container:
                metadata = {key.lower(): value for key, value in container.metadata.items()}
            assert expected.metadata.items() <= metadata.items()


def test_whatever_is_done_to_several_writers_each_file_holds_what_it_must() -> None:
    run_state_machine_as_test(_Writers, settings=_REPRODUCIBLE)
