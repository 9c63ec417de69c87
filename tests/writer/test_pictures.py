"""Pictures of what is none: tensors, stacks, floats and depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from gymreel import ConfigError, FrameShapeError, FrameTypeError, VideoWriter, pictures
from support.grids import noise_of


def test_channels_go_last_without_a_copy() -> None:
    picture = noise_of(1, 3, 48, 64)
    result = pictures.channels_last(picture)
    np.testing.assert_array_equal(result, picture.transpose(1, 2, 0))
    assert np.shares_memory(result, picture)
    batch = noise_of(2, 5, 4, 48, 64)
    np.testing.assert_array_equal(pictures.channels_last(batch), batch.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("shape", [(48, 64, 3), (2, 48, 64), (48, 64), (3,), (1, 1, 3, 4, 5)])
def test_channels_that_are_not_first_are_not_guessed(shape: tuple[int, ...]) -> None:
    with pytest.raises(FrameShapeError, match=r"\(3, height, width\)"):
        pictures.channels_last(np.zeros(shape, np.uint8))


def test_unit_floats() -> None:
    values = np.array([0, 0.5, 1, 1 / 255, -1e-4, 1 + 1e-4], np.float32)
    assert pictures.from_unit_floats(values).tolist() == [0, 128, 255, 1, 0, 255]
    every = np.arange(256)
    assert pictures.from_unit_floats((every / 255).astype(np.float32)).tolist() == every.tolist()
    assert pictures.from_unit_floats(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    "values", [np.array([0.0, 255.0]), np.array([-0.1]), np.array([np.nan]), np.array([0, 1])]
)
def test_other_values_are_refused(values: Any) -> None:
    with pytest.raises(FrameTypeError, match="floats from 0 to 1"):
        pictures.from_unit_floats(values)


def test_the_last_picture_of_a_stack() -> None:
    stack = noise_of(1, 4, 48, 64)
    np.testing.assert_array_equal(pictures.last_of_stack(stack), stack[3])
    colors = noise_of(2, 48, 64, 12)
    np.testing.assert_array_equal(pictures.last_of_stack(colors, 3), colors[..., 9:])


def test_gymnasiums_frame_stacks() -> None:
    pytest.importorskip("ale_py")
    env = gym.make("ALE/Breakout-v5", frameskip=1)
    env = gym.wrappers.FrameStackObservation(gym.wrappers.AtariPreprocessing(env), 4)
    stack, _ = env.reset(seed=1)
    assert pictures.last_of_stack(stack).shape == (84, 84)
    env.close()


@pytest.mark.parametrize(
    ("shape", "num_channels", "error"),
    [
        ((48, 64), None, FrameShapeError),
        ((0, 48, 64), None, FrameShapeError),
        ((48, 64, 7), 3, FrameShapeError),
        ((48, 64), 1, FrameShapeError),
        ((48, 64, 4), 0, ConfigError),
    ],
)
def test_what_is_no_stack_is_refused(shape: Any, num_channels: Any, error: Any) -> None:
    with pytest.raises(error):
        pictures.last_of_stack(np.zeros(shape, np.uint8), num_channels)


def test_depth_is_coloured_from_far_to_near() -> None:
    color = pictures.depth(0.5, 4.5)
    distances = np.array([[0.1, 0.5, 2.5, 4.5, 9], [np.inf, np.nan, 0, -1, 2.5]])
    picture = color(distances)
    assert picture.shape == (2, 5, 3)
    assert picture.dtype == np.uint8
    brightness = picture.sum(axis=2).tolist()
    assert brightness[0][0] == brightness[0][1] > brightness[0][2] > brightness[0][3] > 0
    assert brightness[0][3] == brightness[0][4]
    assert brightness[1][:4] == [0, 0, 0, 0]
    np.testing.assert_array_equal(color(distances[..., None]), picture)


@pytest.mark.parametrize(("near", "far"), [(1, 1), (2, 1), (-1, 1), ("x", 1), (0, float("inf"))])
def test_depth_without_a_range_is_refused(near: Any, far: Any) -> None:
    with pytest.raises(ConfigError, match=r"near=|far="):
        pictures.depth(near, far)


def test_depth_in_16_bits() -> None:
    distances = np.array([[0.0004, 0.0006, 1.2345, 65.535, 70, np.inf, np.nan, -1]])
    assert pictures.depth_in_16_bits(distances).tolist() == [[0, 1, 1234, 65535, 65535, 0, 0, 0]]
    assert pictures.depth_in_16_bits(np.array([[1.0]]), unit=0.01).tolist() == [[100]]
    with pytest.raises(ConfigError, match="unit=0 "):
        pictures.depth_in_16_bits(distances, unit=0)
    with pytest.raises(FrameShapeError):
        pictures.depth_in_16_bits(np.zeros(3))
    with pytest.raises(FrameTypeError):
        pictures.depth_in_16_bits(np.array([["x"]]))


def test_a_depth_camera_is_recorded_with_its_unit(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    metadata = {"depth_unit": str(pictures.DEPTH_UNIT)}
    distances = np.linspace(0.2, 30, 48 * 64).reshape(48, 64)
    with VideoWriter(
        tmp_path / "depth.mkv", codec="ffv1", pixel_format="gray16le", metadata=metadata
    ) as writer:
        writer.write(pictures.depth_in_16_bits(distances))
    with av.open(str(writer.path)) as container:
        unit = float(container.metadata["DEPTH_UNIT"])
        (frame,) = container.decode(video=0)
        assert np.abs(frame.to_ndarray(format="gray16le") * unit - distances).max() <= 0.0005001
