"""Magnified frames: each pixel a square, the same picture as one that was magnified before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gymreel import ConfigError, FrameShapeError, VideoWriter, encode, wrappers
from gymreel.triggers import always
from support.environments import NumberedEnv, run_episodes
from support.frames import HEIGHT, WIDTH, Frame, needs_x264
from support.grids import (
    LOSSLESS,
    assert_same_pictures,
    decode_frames,
    noise_of,
    paint_canvas,
    pictures_in,
    record_grids,
)
from support.vector_environments import play, sync

LAYOUTS: dict[str, Callable[[], Frame]] = {
    "RGB": lambda: noise_of(1, 23, 37, 3),
    "RGBA": lambda: noise_of(2, 23, 37, 4),
    "grey": lambda: noise_of(3, 23, 37),
    "upside down": lambda: noise_of(4, 23, 37, 3)[::-1],
    "transposed": lambda: noise_of(5, 37, 23, 3).transpose(1, 0, 2),
    "BGR": lambda: noise_of(6, 23, 37, 3)[..., ::-1],
    "broadcast": lambda: np.broadcast_to(noise_of(7, 1, 37, 3), (23, 37, 3)),
    "few pixels": lambda: noise_of(8, 5, 4, 3),
}


def repeat(frame: Frame, scale: int) -> Frame:
    return np.repeat(np.repeat(frame, scale, axis=0), scale, axis=1)


def record(path: Path, frames: list[Frame], **options: Any) -> VideoWriter:
    with VideoWriter(path, **options) as writer:
        while frames:
            writer.write_from([frames.pop(0)])
    return writer


@needs_x264
@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("scale", [2, 3, 8])
@pytest.mark.parametrize("settings", LOSSLESS.values(), ids=LOSSLESS)
def test_it_is_the_picture_that_numpy_repeats(
    tmp_path: Path, settings: dict[str, Any], scale: int, copy: bool
) -> None:
    options = dict(settings)
    suffix = options.pop("suffix")
    for name, make in LAYOUTS.items():
        ours, expected = tmp_path / f"{name}{suffix}", tmp_path / f"{name} repeated{suffix}"
        writer = record(ours, [make(), make()[::-1]], scale=scale, copy=copy, **options)
        record(expected, [repeat(make(), scale), repeat(make()[::-1], scale)], **options)
        assert_same_pictures(pictures_in(ours), pictures_in(expected))
        assert writer.stats.num_borrowed == (0 if copy else 2)


@needs_x264
def test_each_pixel_is_a_square_through_another_reader(tmp_path: Path) -> None:
    frame = noise_of(1, 21, 30, 3)
    path = tmp_path / "video.mp4"
    writer = record(path, [frame.copy()], scale=4, codec="libx264rgb", crf=0)
    (decoded,) = decode_frames(path)
    np.testing.assert_array_equal(decoded.to_ndarray(format="rgb24"), repeat(frame, 4))
    assert writer.close().size == (120, 84)


@needs_x264
@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("settings", LOSSLESS.values(), ids=LOSSLESS)
def test_a_grid_is_magnified_as_a_whole(
    tmp_path: Path, settings: dict[str, Any], scale: int, copy: bool
) -> None:
    shapes = [(23, 37, 3), (20, 30), (23, 36, 4), (1, 1, 3), (22, 37, 3)]
    tiles = [noise_of(k, *shape) for k, shape in enumerate(shapes)]
    others = {name: value for name, value in settings.items() if name != "suffix"}
    expected = tmp_path / f"canvas{settings['suffix']}"
    record(expected, [repeat(paint_canvas(tiles, 3), scale)], **others)
    ours, _ = record_grids(tmp_path, [tiles], 3, scale=scale, copy=copy, **settings)
    assert_same_pictures(pictures_in(ours), pictures_in(expected))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((84, 84), (672, 672)),
        ((160, 210), (640, 840)),
        ((64, 64), (640, 640)),
        ((319, 200), (638, 400)),
        ((320, 200), (320, 200)),
        ((1, 1), (600, 600)),
    ],
)
def test_auto_magnifies_small_pictures(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    width, height = size
    with VideoWriter(tmp_path / "video.mp4", scale="auto") as writer:
        writer.write(np.zeros((height, width, 3), np.uint8))
    assert writer.close().size == expected
    (frame,) = decode_frames(writer.path)
    assert (frame.width, frame.height) == expected


@needs_x264
def test_the_colour_of_a_small_thing_survives(tmp_path: Path) -> None:
    ball = (200, 72, 72)  # Of Breakout: 2 x 4 pixels.
    frame = np.zeros((210, 160, 3), np.uint8)
    frame[100:104, 81:83] = ball
    with VideoWriter(tmp_path / "video.mp4", scale="auto") as writer:
        for _ in range(10):
            writer.write(frame)
    for decoded in decode_frames(writer.path):
        middle = decoded.to_ndarray(format="rgb24")[4 * 102, 4 * 82]
        assert np.abs(middle.astype(int) - ball).max() <= 12


def test_recorders_take_it(tmp_path: Path) -> None:
    env = wrappers.RecordVideo(NumberedEnv(3), tmp_path / "single", always, scale=2)
    run_episodes(env)
    env.close()
    for layout in ("grid", "separate"):
        envs: Any = wrappers.vector.RecordVideo(
            sync(3, 3), tmp_path / layout, episode_trigger=always, layout=layout, scale=2
        )
        for _ in play(envs, 3):
            pass
        envs.close()
    sizes = {
        path.parent.name: (frame.height, frame.width)
        for path in tmp_path.glob("*/*.mp4")
        for frame in decode_frames(path)
    }
    assert sizes == {
        "single": (2 * HEIGHT, 2 * WIDTH),
        "grid": (4 * HEIGHT, 2 * WIDTH),
        "separate": (2 * HEIGHT, 2 * WIDTH),
    }


def test_auto_without_a_frame_is_no_video(tmp_path: Path) -> None:
    assert VideoWriter(tmp_path / "empty.mp4", scale="auto").close().num_frames == 0
    writer = VideoWriter(tmp_path / "refused.mp4", scale="auto")
    with pytest.raises(FrameShapeError):
        writer.write(np.zeros(3, np.uint8))
    assert writer.close().num_frames == 0
    with pytest.raises(ConfigError, match="frames is empty"):
        encode([], scale="auto")
    assert not list(tmp_path.glob("*.mp4"))


def test_in_memory() -> None:
    data = encode([noise_of(1, 20, 20, 3)], suffix=".gif", fps=10, scale=3)
    assert data[6:10] == bytes([60, 0, 60, 0])  # GIF's logical screen.


def test_a_picture_that_would_be_too_large_is_refused_before_it_is_taken(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4", scale=64) as writer:
        with pytest.raises(FrameShapeError, match=r"1 x 512 .*scale=64 .*at most 511 x 511"):
            writer.write(np.zeros((1, 512, 3), np.uint8))
        writer.write(np.zeros((2, 2, 3), np.uint8))
    assert writer.close().size == (128, 128)


@pytest.mark.parametrize("scale", [0, -1, 65, 1.5, "large", None, True])
def test_another_scale_is_refused(tmp_path: Path, scale: Any) -> None:
    with pytest.raises(ConfigError, match="scale="):
        VideoWriter(tmp_path / "video.mp4", scale=scale)
