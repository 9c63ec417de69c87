"""Tensors of other libraries as frames: read where they are, or transferred once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv, VectorEnv

import gymreel
import gymreel.wrappers
from gymreel import ConfigError, FrameError, FrameTypeError, VideoWriter
from gymreel.triggers import always
from support.environments import NumberedEnv, run_episodes
from support.frames import needs_x264, numbered
from support.vector_environments import NativeEnv, numbers_by_file, play
from support.video_reader import numbers_in

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment,unused-ignore]

needs_torch = pytest.mark.skipif(torch is None, reason="torch is not installed")

CPU, CUDA = 1, 2


class HostTensor:
    """A tensor in the CPU's memory, with DLPack alone."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU, 0

    def __dlpack__(self, **arguments: Any) -> Any:
        return self.data.__dlpack__(**arguments)


class DeviceTensor:
    """A tensor on a GPU, which counts how often its data are fetched."""

    num_transfers = 0

    def __init__(self, data: np.ndarray) -> None:
        self._data = data

    def __dlpack_device__(self) -> tuple[int, int]:
        return CUDA, 0

    def __dlpack__(self, **arguments: Any) -> Any:
        raise BufferError("not in the CPU's memory")

    def cpu(self) -> HostTensor:
        type(self).num_transfers += 1
        return HostTensor(self._data.copy())

    def __iter__(self) -> Any:
        raise AssertionError("one by one, each part would be a transfer")


class JaxLikeTensor(DeviceTensor):
    """One that transfers itself when NumPy asks for its data."""

    cpu = property()

    def __array__(self, *arguments: Any, **named: Any) -> np.ndarray:
        type(self).num_transfers += 1
        return self._data.copy()


class OldTensor:
    """One with nothing but NumPy's array interface."""

    def __init__(self, data: np.ndarray) -> None:
        self._data = data
        self.__array_interface__ = data.__array_interface__


class WithInterface(OldTensor):
    @property
    def __array_interface__(self) -> Any:
        return self._data.__array_interface__

    @__array_interface__.setter
    def __array_interface__(self, value: Any) -> None:
        pass


KINDS = [HostTensor, DeviceTensor, JaxLikeTensor, WithInterface]


@needs_x264
@pytest.mark.parametrize("kind", KINDS)
def test_frames(tmp_path: Path, kind: Any) -> None:
    buffer = numbered(0)
    with VideoWriter(tmp_path / "video.mp4") as writer:
        for number in range(6):
            buffer[:] = numbered(number)
            writer.write(kind(buffer))
        buffer[:] = numbered(99)
    assert numbers_in(writer.path) == [0, 1, 2, 3, 4, 5]
    assert (writer.stats.num_borrowed, writer.stats.num_copied) == (0, 6)


@needs_x264
@pytest.mark.parametrize("kind", [DeviceTensor, JaxLikeTensor])
def test_a_step_is_one_transfer(tmp_path: Path, kind: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(kind, "num_transfers", 0)
    rendered = {n: kind(numbered(n)) for n in range(6)}
    env = gymreel.wrappers.RecordVideo(NumberedEnv(5, frames=rendered), tmp_path, always)
    run_episodes(env)
    env.close()
    assert numbers_in(tmp_path / "rl-video-episode-0.mp4") == [0, 1, 2, 3, 4, 5]
    assert kind.num_transfers == 6


@needs_x264
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["grid", "separate"])
def test_a_vector_environment_is_one_transfer_a_step(
    tmp_path: Path, layout: Any, kind: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(kind, "num_transfers", 0, raising=False)
    num_rendered = 0

    class TensorEnv(NativeEnv):
        def render(self) -> Any:
            nonlocal num_rendered
            num_rendered += 1
            return kind(super().render())

    envs: Any = gymreel.wrappers.vector.RecordVideo(
        TensorEnv([4, 4, 4]), tmp_path, episode_trigger=lambda k: k == 0, layout=layout
    )
    for _ in play(envs, 6):
        pass
    envs.close()
    videos = numbers_by_file(tmp_path)
    assert len(videos) == (1 if layout == "grid" else 3)
    for numbers in videos.values():
        assert numbers == [0, 1, 2, 3, 4]
    assert isinstance(envs.unwrapped, VectorEnv)
    assert num_rendered == 5
    if hasattr(kind, "cpu") or kind is JaxLikeTensor:
        assert kind.num_transfers == 5


@needs_x264
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["grid", "separate"])
def test_environments_that_render_tensors_one_by_one(
    tmp_path: Path, layout: Any, kind: Any
) -> None:
    class TensorEnv(NumberedEnv):
        def render(self) -> Any:
            return kind(super().render())

    envs: Any = gymreel.wrappers.vector.RecordVideo(
        SyncVectorEnv([lambda: TensorEnv(4)] * 3),
        tmp_path,
        episode_trigger=lambda k: k == 0,
        layout=layout,
    )
    for _ in play(envs, 6):
        pass
    envs.close()
    videos = numbers_by_file(tmp_path)
    assert len(videos) == (1 if layout == "grid" else 3)
    for numbers in videos.values():
        assert numbers == [0, 1, 2, 3, 4]


class Nowhere(DeviceTensor):
    """On a device for which DLPack has no name."""

    def __dlpack_device__(self) -> tuple[int, int]:
        raise ValueError("unknown device type")


def test_a_device_without_a_name_is_transferred_from(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4") as writer:
        writer.write(Nowhere(numbered(5)))  # type: ignore[arg-type]
    assert numbers_in(writer.path) == [5]


def test_pillows_images_of_another_colour_space_are_refused(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    with VideoWriter(tmp_path / "video.mp4") as writer:
        with pytest.raises(FrameTypeError, match=r"mode 'P'.*convert\('RGB'\)"):
            writer.write(image.new("P", (64, 48)))
        writer.write(image.fromarray(numbered(5)))
    assert numbers_in(writer.path) == [5]


@needs_x264
@pytest.mark.parametrize("kind", KINDS)
def test_tiles_of_one_tensor_and_of_several(tmp_path: Path, kind: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(kind, "num_transfers", 0, raising=False)
    batch = np.stack([numbered(n) for n in (1, 2, 3, 4)])
    with VideoWriter(tmp_path / "video.mp4") as writer:
        writer.write_tiles(kind(batch), num_columns=2)
        writer.write_tiles([kind(tile) for tile in batch], num_columns=2)
    assert numbers_in(writer.path) == [1, 1]
    if kind in (DeviceTensor, JaxLikeTensor):
        assert kind.num_transfers == 1 + 4


@needs_x264
@pytest.mark.parametrize("kind", [*KINDS, np.asarray])
def test_write_batch(tmp_path: Path, kind: Any, monkeypatch: Any) -> None:
    if kind is not np.asarray:
        monkeypatch.setattr(kind, "num_transfers", 0, raising=False)
    writers = [VideoWriter(tmp_path / f"{i}.mp4") for i in range(3)]
    for step in range(4):
        batch = np.stack([numbered(10 * i + step) for i in range(3)])
        gymreel.write_batch(kind(batch), [writers[0], None, writers[2]])
    for writer in (writers[0], writers[2]):
        writer.close()
    assert numbers_in(tmp_path / "0.mp4") == [0, 1, 2, 3]
    assert numbers_in(tmp_path / "2.mp4") == [20, 21, 22, 23]
    assert writers[1].stats.num_written == 0
    if kind in (DeviceTensor, JaxLikeTensor):
        assert kind.num_transfers == 4


@pytest.mark.parametrize(
    ("batch", "num_writers", "error"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), 3, ConfigError),
        (np.zeros((8, 8), np.uint8), 8, FrameError),
        ([[1]], 1, FrameTypeError),
        (None, 1, FrameTypeError),
    ],
)
def test_another_batch_is_refused(batch: Any, num_writers: int, error: Any) -> None:
    with pytest.raises(error, match=r"batch|writers="):
        gymreel.write_batch(batch, [None] * num_writers)


def test_whole_numbers_of_another_type_are_converted_with_a_warning(tmp_path: Path) -> None:
    with (
        VideoWriter(tmp_path / "video.mp4") as writer,
        pytest.warns(gymreel.GymreelWarning, match="float32"),
    ):
        writer.write(HostTensor(numbered(7).astype(np.float32)))  # type: ignore[arg-type]
    assert numbers_in(writer.path) == [7]


def test_depth_of_16_bits(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    depth = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 21
    with VideoWriter(tmp_path / "d.mkv", codec="ffv1", pixel_format="gray16le") as writer:
        writer.write(HostTensor(depth))  # type: ignore[arg-type]
    with av.open(str(writer.path)) as container:
        (frame,) = container.decode(video=0)
        np.testing.assert_array_equal(frame.to_ndarray(format="gray16le"), depth)


class Sparse:
    """What cannot be had as an array."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU, 0

    def __dlpack__(self, **arguments: Any) -> Any:
        raise RuntimeError("sparse tensors have no strides")


def test_what_has_no_array_is_refused_in_words(tmp_path: Path) -> None:
    with (
        VideoWriter(tmp_path / "video.mp4") as writer,
        pytest.raises(FrameTypeError, match=r"Sparse cannot be read .*sparse tensors have no"),
    ):
        writer.write(Sparse())  # type: ignore[arg-type]


def test_lazy_frames_of_gymnasium(tmp_path: Path) -> None:
    stack = np.stack([numbered(n) for n in range(4)])
    lazy = gym.wrappers.LazyFrames(list(stack)) if hasattr(gym.wrappers, "LazyFrames") else None
    if lazy is None:
        pytest.skip("this Gymnasium has no LazyFrames")
    with VideoWriter(tmp_path / "video.mp4") as writer:
        writer.write(gymreel.pictures.last_of_stack(lazy))
    assert numbers_in(writer.path) == [3]


@needs_torch
class TestTorch:
    def test_frames(self, tmp_path: Path) -> None:
        buffer = torch.zeros((*numbered(0).shape,), dtype=torch.uint8)
        with VideoWriter(tmp_path / "video.mp4") as writer:
            for number in range(6):
                buffer[:] = torch.from_numpy(numbered(number))
                writer.write(buffer)  # type: ignore[arg-type,unused-ignore]
        assert numbers_in(writer.path) == [0, 1, 2, 3, 4, 5]

    def test_channels_first_strides_and_gradients(self, tmp_path: Path) -> None:
        picture = torch.from_numpy(numbered(5).transpose(2, 0, 1).copy())
        floats = picture.to(torch.float32).requires_grad_()
        flipped = torch.from_numpy(numbered(5)[::-1].copy()).flip(0)
        with VideoWriter(tmp_path / "video.mp4") as writer:
            writer.write(gymreel.pictures.channels_last(picture))
            writer.write(picture.permute(1, 2, 0))  # type: ignore[arg-type,unused-ignore]
            writer.write(flipped)  # type: ignore[arg-type,unused-ignore]
            with pytest.warns(gymreel.GymreelWarning, match="float32"):
                writer.write(floats.permute(1, 2, 0))  # type: ignore[arg-type,unused-ignore]
        assert numbers_in(writer.path) == [5, 5, 5, 5]

    @pytest.mark.parametrize("kind", ["sparse", "bfloat16", "complex"])
    def test_others_are_refused(self, tmp_path: Path, kind: str) -> None:
        tensors = {
            "sparse": lambda: torch.zeros(48, 64).to_sparse(),
            "bfloat16": lambda: torch.zeros(48, 64, dtype=torch.bfloat16),
            "complex": lambda: torch.zeros(48, 64, dtype=torch.complex64),
        }
        with VideoWriter(tmp_path / "video.mp4") as writer, pytest.raises(FrameTypeError):
            writer.write(tensors[kind]())  # type: ignore[arg-type,unused-ignore]
