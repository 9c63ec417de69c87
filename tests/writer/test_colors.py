"""Colours that come back: by formulas written here, through PyAV's scaler, and through ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import gymreel
from support.frames import Frame, need_encoder, needs_x264, planes_of, record, solid
from support.video_reader import decode, need_ffmpeg_programs, probe

PATCHES = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "orange": (255, 128, 0),
    "olive": (128, 128, 0),
    "navy": (0, 0, 96),
    "skin": (224, 172, 135),
    "dark grey": (32, 32, 32),
    "grey": (128, 128, 128),
    "light grey": (217, 217, 217),
    "nearly black": (5, 3, 8),
}
_BLOCK = 32
_COLUMNS = 4
TOLERANCE = 3

Picture = NDArray[Any]


def _chart() -> Frame:
    """Paint the patches, each as large as to be free of what its neighbours' chroma does."""
    patches = [solid(color, _BLOCK, _BLOCK) for color in PATCHES.values()]
    rows = [patches[i : i + _COLUMNS] for i in range(0, len(patches), _COLUMNS)]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)


def _full_size_planes(frame: av.VideoFrame) -> list[Picture]:
    """Return Y, Cb and Cr, each at full size."""
    planes = []
    for plane in planes_of(frame):
        factors = frame.height // plane.shape[0], frame.width // plane.shape[1]
        full_size = plane.astype(float).repeat(factors[0], axis=0).repeat(factors[1], axis=1)
        planes.append(full_size)
    return planes


def _by_the_formula(path: Path) -> Picture:
    """Decode by the definition of ITU-R BT.709, limited range."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    luma, blue, red = _full_size_planes(frame)
    kr, kb = 0.2126, 0.0722
    y, pb, pr = (luma - 16) / 219, (blue - 128) / 224, (red - 128) / 224
    r, b = y + 2 * (1 - kr) * pr, y + 2 * (1 - kb) * pb
    g = (y - kr * r - kb * b) / (1 - kr - kb)
    return np.clip(np.stack([r, g, b], axis=2) * 255, 0, 255)


def _by_pyav(path: Path) -> Picture:
    """Decode with PyAV, which reads matrix and range from the tags."""
    return decode(path)[0].astype(float)


def _by_ffmpeg(path: Path) -> Picture:
    """Decode with the ffmpeg command, which reads matrix and range from the tags."""
    need_ffmpeg_programs()
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    finished = subprocess.run(command, check=True, capture_output=True)
    shape = (_BLOCK * len(PATCHES) // _COLUMNS, _BLOCK * _COLUMNS, 3)
    return np.frombuffer(finished.stdout, np.uint8)[: np.prod(shape)].reshape(shape).astype(float)


DECODERS = [_by_the_formula, _by_pyav, _by_ffmpeg]
RECORDINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "mp4": (".mp4", {}),
    "mp4 444": (".mp4", {"pixel_format": "yuv444p"}),
    "mp4 lossless": (".mp4", {"crf": 0}),
    "mov": (".mov", {}),
    "mkv": (".mkv", {}),
    "mkv ffv1 422": (".mkv", {"codec": "ffv1", "pixel_format": "yuv422p"}),
    "webm": (".webm", {"crf": 10}),
    "hevc": (".mp4", {"codec": "hevc", "crf": 15}),
}


def _assert_patches(decoded: Picture) -> None:
    assert decoded.shape == _chart().shape
    for index, (name, color) in enumerate(PATCHES.items()):
        top, left = (_BLOCK * number for number in divmod(index, _COLUMNS))
        patch = decoded[top : top + _BLOCK, left : left + _BLOCK]
        # The edge belongs to two patches where they share chroma.
        inside = patch[4:-4, 4:-4].mean(axis=(0, 1))
        assert np.abs(inside - color).max() <= TOLERANCE, f"{name}: {inside}, not {color}"


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("suffix", "settings"), RECORDINGS.values(), ids=RECORDINGS)
def test_patches_come_back(
    tmp_path: Path, suffix: str, settings: dict[str, Any], decoder: Callable[[Path], Picture]
) -> None:
    need_encoder(settings.get("codec", "mpeg4"))
    path = record(tmp_path / f"colors{suffix}", [_chart()] * 3, **settings).path
    _assert_patches(decoder(path))


@pytest.mark.parametrize("pixel_format", ["yuvj420p", "yuvj444p"])
def test_full_range_formats_are_right_or_refused(tmp_path: Path, pixel_format: str) -> None:
    path = tmp_path / "colors.mp4"
    try:
        record(path, [_chart()], pixel_format=pixel_format, crf=10)
    except gymreel.ConfigError as error:
        assert pixel_format in str(error)  # noqa: PT017
    else:
        _assert_patches(_by_pyav(path))


@needs_x264
@pytest.mark.parametrize(("suffix", "settings"), RECORDINGS.values(), ids=RECORDINGS)
def test_the_stream_says_bt709_in_limited_range(
    tmp_path: Path, suffix: str, settings: dict[str, Any]
) -> None:
    need_encoder(settings.get("codec", "mpeg4"))
    path = record(tmp_path / f"colors{suffix}", [_chart()], **settings).path
    (stream,) = probe(path)["streams"]
    tagged = {
        key: stream.get(key)
        for key in ("color_space", "color_primaries", "color_transfer", "color_range")
    }
    assert tagged == {
        "color_space": "bt709",
        "color_primaries": "bt709",
        "color_transfer": "bt709",
        "color_range": "tv",
    }


def test_a_ramp_of_greys_comes_back_without_a_tint() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 4)[None, :, None]
    frame = np.ascontiguousarray(np.broadcast_to(ramp, (16, 1024, 3)))
    encoded = gymreel.encode([frame], suffix=".mkv", codec="ffv1", pixel_format="yuv420p")
    with av.open(BytesIO(encoded), "r") as container:
        luma, blue, red = _full_size_planes(next(container.decode(video=0)))
    assert (blue == 128).all()
    assert (red == 128).all()
    assert np.abs((luma - 16) / 219 * 255 - frame[..., 0]).max() <= 1


def _decode_gif(encoded: bytes) -> list[Frame]:
    with av.open(BytesIO(encoded), "r") as container:
        frames = container.decode(video=0)
        return [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in frames]


def _with_colors(num_colors: int, seed: int) -> Frame:
    """Paint a frame of exactly so many colours."""
    random = np.random.default_rng(seed)
    codes = random.choice(1 << 24, num_colors, replace=False)
    colors = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)
    indices = np.concatenate([np.arange(num_colors), random.integers(0, num_colors, 768)])
    frame: Frame = colors[indices[:768]].reshape(24, 32, 3)
    return frame


@pytest.mark.parametrize("num_colors", [1, 2, 3, 16, 128, 254, 255])
@pytest.mark.parametrize("num_frames", [1, 4])
def test_a_gif_is_exact_up_to_255_colors_in_a_frame(num_colors: int, num_frames: int) -> None:
    frames = [_with_colors(num_colors, seed) for seed in range(num_frames)]
    decoded = _decode_gif(gymreel.encode(frames, suffix=".gif", fps=10))
    np.testing.assert_array_equal(decoded, frames)


def test_a_gif_is_exact_where_colors_join_one_by_one_and_come_back() -> None:
    colors = [*PATCHES.values()]
    frames = [solid(color) for color in colors + colors[::-1]]
    frames += [frames[0], frames[0], frames[3]]
    decoded = _decode_gif(gymreel.encode(frames, suffix=".gif", fps=10))
    np.testing.assert_array_equal(decoded, frames)


def test_a_gif_is_exact_where_a_small_thing_moves() -> None:
    frames = []
    for step in range(12):
        frame = solid((240, 240, 240))
        frame[10:20, 4 * step : 4 * step + 10] = (200, 20, 20)
        frames.append(frame)
    decoded = _decode_gif(gymreel.encode(frames, suffix=".gif", fps=10))
    np.testing.assert_array_equal(decoded, frames)


def test_a_gif_of_more_colors_stays_close() -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    frame = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(90)), axis=2)
    few = _with_colors(9, seed=1)
    few = np.ascontiguousarray(np.tile(few, (3, 2, 1))[:64, :64])
    decoded = _decode_gif(gymreel.encode([frame, few, frame], suffix=".gif", fps=10))
    for got in (decoded[0], decoded[2]):
        assert np.abs(got.astype(int) - frame).mean() <= 6
    np.testing.assert_array_equal(decoded[1], few)
