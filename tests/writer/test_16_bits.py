"""Grey frames of 16 bits, such as depth images: the same values through another decoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import gymreel.wrappers
from gymreel import FrameShapeError, FrameTypeError, VideoWriter
from gymreel.triggers import always
from support.environments import NumberedEnv, run_episodes
from support.video_reader import probe

SETTINGS: dict[str, Any] = {"codec": "ffv1", "pixel_format": "gray16le"}


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**16, shape, np.uint16)


def decode(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray16le") for frame in container.decode(video=0)]


LAYOUTS: dict[str, Callable[[], np.ndarray]] = {
    "plain": lambda: noise(1, 47, 61),
    "with an axis": lambda: noise(2, 47, 61, 1),
    "upside down": lambda: noise(3, 47, 61)[::-1],
    "mirrored": lambda: noise(4, 47, 61)[:, ::-1],
    "transposed": lambda: noise(5, 61, 47).T,
    "with steps": lambda: noise(6, 94, 122)[::2, ::2],
    "one of three": lambda: noise(7, 47, 61, 3)[..., 1],
    "all values": lambda: np.arange(2**16, dtype=np.uint16).reshape(256, 256),
}


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
def test_values_come_back(tmp_path: Path, make: Callable[[], Any], copy: bool) -> None:
    frames = [make(), make() ^ 0xFFFF]
    with VideoWriter(tmp_path / "depth.mkv", copy=copy, **SETTINGS) as writer:
        for frame in frames:
            writer.write(frame)
    assert writer.stats.num_borrowed == (0 if copy else 2)
    decoded = decode(writer.path)
    assert len(decoded) == 2
    for ours, frame in zip(decoded, frames, strict=True):
        np.testing.assert_array_equal(ours, frame.reshape(frame.shape[:2]))
    with av.open(str(writer.path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "gray16le"


def test_a_fresh_frame_is_borrowed(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "depth.mkv", **SETTINGS) as writer:
        writer.write_from([noise(1, 47, 61)])
        assert writer.stats.num_borrowed == 1


def test_magnified(tmp_path: Path) -> None:
    frame = noise(1, 20, 30)
    with VideoWriter(tmp_path / "depth.mkv", scale=3, **SETTINGS) as writer:
        writer.write(frame)
    (decoded,) = decode(writer.path)
    np.testing.assert_array_equal(decoded, np.repeat(np.repeat(frame, 3, 0), 3, 1))


def test_a_recorder_takes_them(tmp_path: Path) -> None:
    frames = {number: noise(number, 48, 64) for number in range(4)}
    env = gymreel.wrappers.RecordVideo(
        NumberedEnv(3, frames=dict(frames)), tmp_path, always, suffix=".mkv", **SETTINGS
    )
    run_episodes(env)
    env.close()
    decoded = decode(tmp_path / "rl-video-episode-0.mkv")
    assert len(decoded) == 4
    for number, frame in frames.items():
        np.testing.assert_array_equal(decoded[number], frame)


def test_frames_of_8_bits_are_taken_too(tmp_path: Path) -> None:
    frame = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(4, 0).repeat(4, 1)
    with VideoWriter(tmp_path / "grey.mkv", **SETTINGS) as writer:
        writer.write(frame)
    (decoded,) = decode(writer.path)
    assert np.abs(decoded.astype(int) - 257 * frame.astype(int)).max() <= 257


def test_the_range_is_full(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "depth.mkv", **SETTINGS) as writer:
        writer.write(noise(1, 48, 64))
    (stream,) = probe(writer.path)["streams"]
    assert stream["color_range"] == "pc"


def test_tiles_are_refused(tmp_path: Path) -> None:
    with (
        VideoWriter(tmp_path / "depth.mkv", **SETTINGS) as writer,
        pytest.raises(FrameTypeError, match=r"gray16le.*layout"),
    ):
        writer.write_tiles([noise(1, 48, 64)], num_columns=1)


def test_without_the_format_the_message_names_it(tmp_path: Path) -> None:
    with (
        VideoWriter(tmp_path / "depth.mp4") as writer,
        pytest.raises(FrameTypeError, match=r'\.mkv with codec="ffv1" and pixel_format="gray16le"'),
    ):
        writer.write(noise(1, 48, 64))


def test_colours_of_16_bits_are_refused(tmp_path: Path) -> None:
    with (
        VideoWriter(tmp_path / "depth.mkv", **SETTINGS) as writer,
        pytest.raises(FrameShapeError, match=r"uint16 must have the shape \(height, width\)"),
    ):
        writer.write(noise(1, 48, 64, 3))


def test_the_other_byte_order_is_refused_and_not_taken_for_this_one(tmp_path: Path) -> None:
    with (
        VideoWriter(tmp_path / "depth.mkv", **SETTINGS) as writer,
        pytest.raises(FrameTypeError, match=r"uint16|>u2"),
    ):
        writer.write(noise(1, 48, 64).astype(">u2"))
