"""However the pixels lie in memory, the file holds what a contiguous copy of them gives."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gymreel
from support.frames import Frame, needs_x264, planes_of

LOSSLESS: dict[str, dict[str, Any]] = {
    "x264": {"suffix": ".mp4", "crf": 0, "pixel_format": "yuv444p"},
    "x264 with shared chroma": {"suffix": ".mp4", "crf": 0},
    "ffv1": {"suffix": ".mkv", "codec": "ffv1", "pixel_format": "yuv444p"},
    "ffv1 through swscale": {"suffix": ".mkv", "codec": "ffv1", "pixel_format": "yuv422p"},
    "rgb": {"suffix": ".mp4", "codec": "libx264rgb", "crf": 0},
}


def _pixels(height: int = 23, width: int = 37, channels: int = 3, seed: int = 0) -> Frame:
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def _decode(frame: Frame, settings: dict[str, Any]) -> list[Frame]:
    """Encode one frame without loss, and decode the planes of it."""
    encoded = gymreel.encode([frame], **settings)
    with av.open(BytesIO(encoded), "r") as container:
        (decoded,) = container.decode(video=0)
        return planes_of(decoded)


def _assert_same(first: list[Frame], second: list[Frame]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


LAYOUTS: dict[str, Callable[[], Frame]] = {
    "contiguous": _pixels,
    "upside down": lambda: _pixels()[::-1],
    "mirrored": lambda: _pixels()[:, ::-1],
    "turned by half": lambda: _pixels()[::-1, ::-1],
    "transposed": lambda: _pixels().transpose(1, 0, 2),
    "transposed and upside down": lambda: _pixels().transpose(1, 0, 2)[::-1],
    "every second row and third column": lambda: _pixels(46, 111)[::2, ::3],
    "backwards with steps": lambda: _pixels(46, 111)[::-2, ::-3],
    "cropped": lambda: _pixels(60, 60)[5:28, 7:44],
    "broadcast row": lambda: np.broadcast_to(_pixels(1), (23, 37, 3)),
    "broadcast column": lambda: np.broadcast_to(_pixels(23, 1), (23, 37, 3)),
    "broadcast grey": lambda: np.broadcast_to(_pixels(channels=1), (23, 37, 3)),
    "one colour": lambda: np.broadcast_to(np.array([200, 30, 90], np.uint8), (23, 37, 3)),
    "Fortran order": lambda: np.asfortranarray(_pixels()),
    "channels first": lambda: np.ascontiguousarray(_pixels().transpose(2, 0, 1)).transpose(1, 2, 0),
    "BGR": lambda: _pixels()[..., ::-1],
    "RGBA": lambda: _pixels(channels=4),
    "RGBA upside down": lambda: _pixels(channels=4)[::-1],
    "RGBA without alpha": lambda: _pixels(channels=4)[..., :3],
    "ARGB without alpha": lambda: _pixels(channels=4)[..., 1:],
    "ABGR without alpha": lambda: _pixels(channels=4)[..., :0:-1],
    "grey": lambda: _pixels(channels=1)[..., 0],
    "grey with an axis": lambda: _pixels(channels=1),
    "grey out of RGB": lambda: _pixels()[..., 1],
    "grey out of RGB with an axis": lambda: _pixels()[..., 1:2],
    "grey transposed": lambda: _pixels(channels=1)[..., 0].T,
    "grey with steps": lambda: _pixels(46, 111, 1)[::-2, ::3, 0],
}


def _read_only(frame: Frame) -> Frame:
    frame.flags.writeable = False
    return frame


@needs_x264
@pytest.mark.parametrize("settings", LOSSLESS.values(), ids=LOSSLESS)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_gives_the_pixels_of_its_contiguous_copy(
    layout: Callable[[], Frame], settings: dict[str, Any]
) -> None:
    expected = _decode(layout().copy(order="C"), settings)
    _assert_same(_decode(layout(), settings), expected)
    _assert_same(_decode(_read_only(layout()), settings), expected)


@needs_x264
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_rgb_comes_back_to_the_bit(layout: Callable[[], Frame]) -> None:
    frame = layout()
    color = frame[..., None] if frame.ndim == 2 else frame[..., :3]
    height, width = frame.shape[:2]
    decoded = _decode(layout(), LOSSLESS["rgb"])
    red, green, blue = np.moveaxis(np.broadcast_to(color, (height, width, 3)), 2, 0)
    _assert_same(decoded, [green, blue, red])  # As H.264 orders them.


@pytest.mark.parametrize("layout", ["contiguous", "upside down", "transposed", "RGBA", "BGR"])
def test_a_copied_frame_gives_what_a_borrowed_one_gives(layout: str) -> None:
    settings = LOSSLESS["ffv1"]
    borrowed = _decode(LAYOUTS[layout](), {**settings, "copy": False})
    copied = _decode(LAYOUTS[layout](), {**settings, "copy": True})
    _assert_same(borrowed, copied)


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 2), (2, 1), (1, 64), (64, 1), (3, 5), (15, 17), (33, 64)]
)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_odd_sizes_are_padded_with_the_last_row_and_column(
    height: int, width: int, pixel_format: str
) -> None:
    frame = _pixels(height, width)
    settings = {"suffix": ".mp4", "crf": 0, "pixel_format": pixel_format}
    even = [(0, height % 2), (0, width % 2), (0, 0)]
    padded = np.pad(frame, even if pixel_format == "yuv420p" else [(0, 0)] * 3, mode="edge")
    _assert_same(_decode(frame, settings), _decode(padded, settings))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_the_true_size_of_a_padded_frame_is_in_the_metadata(suffix: str) -> None:
    encoded = gymreel.encode([_pixels(15, 17)], suffix=suffix)
    with av.open(BytesIO(encoded), "r") as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (18, 16)
        metadata = {key.lower(): value for key, value in container.metadata.items()}
    assert metadata["frame_size"] == "17x15"


@st.composite
def _views(draw: st.DrawFn) -> Frame:
    """Draw a view of random pixels with random axes, steps, directions and offsets."""
    channels = draw(st.sampled_from([1, 3, 4]))
    frame = _pixels(draw(st.integers(1, 40)), draw(st.integers(1, 40)), channels, seed=1)
    if draw(st.booleans()):
        frame = frame.transpose(1, 0, 2)
    slices = []
    for length in frame.shape[:2]:
        start, step = draw(st.integers(0, length - 1)), draw(st.integers(1, 4))
        slices.append(slice(start, None, step if draw(st.booleans()) else -step))
    frame = frame[tuple(slices)]
    return frame[..., ::-1] if draw(st.booleans()) else frame


@settings(max_examples=60, deadline=None, database=None)
@given(frame=_views(), shared_chroma=st.booleans())
def test_any_view_gives_the_pixels_of_its_contiguous_copy(
    frame: Frame, shared_chroma: bool
) -> None:
    encoding = {
        "suffix": ".mp4",
        "crf": 0,
        "pixel_format": "yuv420p" if shared_chroma else "yuv444p",
    }
    expected = _decode(np.ascontiguousarray(frame), encoding)
    _assert_same(_decode(frame, encoding), expected)
