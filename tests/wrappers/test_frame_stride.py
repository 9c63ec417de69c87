"""Every n-th step recorded: the same selection in every recorder, with the first and last frame."""

from __future__ import annotations

from collections.abc import Callable, Collection
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import gymreel.wrappers
from gymreel import (
    ConfigError,
    FrameTypeError,
    GymreelWarning,
    VideoWriter,
    WriterClosedError,
    encode,
)
from gymreel.triggers import always
from support.environments import NumberedEnv, run_episodes
from support.frames import needs_x264, numbered
from support.subprocesses import run_python
from support.vector_environments import MODE_NAMES, MODES, numbers_by_file, play, sync
from support.video_reader import numbers_in, probe

pytestmark = needs_x264

STRIDES = [1, 2, 3, 4, 7, 100]


def selection(numbers: list[int], stride: int) -> list[int]:
    """Return what is left of the frames of a whole episode."""
    chosen = numbers[::stride]
    return chosen if chosen[-1] == numbers[-1] else [*chosen, numbers[-1]]


class CountingEnv(NumberedEnv):
    """Counts how often it is rendered."""

    num_rendered = 0

    def render(self) -> Any:
        self.num_rendered += 1
        return super().render()


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("length", [1, 6, 7, 8])
def test_an_episode(tmp_path: Path, length: int, stride: int) -> None:
    base = CountingEnv(length)
    env = gymreel.wrappers.RecordVideo(base, tmp_path, always, frame_stride=stride)
    run_episodes(env, 2)
    env.close()
    files = [numbers_in(tmp_path / f"rl-video-episode-{k}.mp4") for k in range(2)]
    assert files[0] == selection(list(range(length + 1)), stride)
    assert files[1] == selection(list(range(length + 1, 2 * length + 2)), stride)
    assert base.num_rendered == len(files[0]) + len(files[1])


def test_the_video_takes_as_long(tmp_path: Path) -> None:
    env = gymreel.wrappers.RecordVideo(NumberedEnv(120), tmp_path, always, frame_stride=4)
    run_episodes(env)
    env.close()
    (stream,) = probe(tmp_path / "rl-video-episode-0.mp4")["streams"]
    assert Fraction(stream["avg_frame_rate"]) == Fraction(30, 4)
    assert float(stream["duration"]) == pytest.approx(121 / 30, abs=4 / 30)


@pytest.mark.parametrize("stride", [2, 3, 5])
def test_clips_end_with_their_last_step(tmp_path: Path, stride: int) -> None:
    env = gymreel.wrappers.RecordVideo(
        NumberedEnv(50),
        tmp_path,
        step_trigger=lambda step: step == 3,
        video_length=10,
        frame_stride=stride,
    )
    run_episodes(env)
    env.close()
    # Step 3 is state 4, and 10 steps follow.
    assert numbers_in(tmp_path / "rl-video-step-3.mp4") == selection(list(range(4, 15)), stride)


def is_cut_off(name: str, names: Collection[str]) -> bool:
    """Return whether this is the last episode of its environment, which close() ends."""
    beginning, _, number = name.removesuffix(".mp4").rpartition("-")
    return f"{beginning}-{int(number) + 1}.mp4" not in names


@pytest.mark.parametrize("stride", [1, 3, 4])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
@pytest.mark.parametrize("layout", ["separate", "grid"])
def test_vector_environments(tmp_path: Path, layout: Any, mode: AutoresetMode, stride: int) -> None:
    def record(name: str, **options: Any) -> dict[str, list[int]]:
        envs: Any = gymreel.wrappers.vector.RecordVideo(
            sync(5, 7, 4, mode=mode),
            tmp_path / name,
            episode_trigger=always,
            layout=layout,
            envs=[0] if layout == "grid" else None,
            **options,
        )
        for _ in play(envs, 40):
            pass
        envs.close()
        return {file: numbers for file, numbers in numbers_by_file(tmp_path / name).items()}

    every = record("every")
    some = record("some", frame_stride=stride)
    assert every.keys() == some.keys()
    assert len(every) >= 4
    for name, numbers in every.items():
        if is_cut_off(name, every):
            assert some[name] == numbers[::stride]
        else:
            assert some[name] == selection(numbers, stride)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pettingzoo(tmp_path: Path, stride: int) -> None:
    pettingzoo = pytest.importorskip("gymreel.integrations.pettingzoo", exc_type=ImportError)
    from support.pettingzoo_game import NumberedGame

    game = pettingzoo.RecordVideo(NumberedGame(5), tmp_path, always, frame_stride=stride)
    game.reset()
    while game.agents:
        game.step(dict.fromkeys(game.agents, 0))
    game.close()
    (path,) = tmp_path.glob("*.mp4")
    assert numbers_in(path) == selection(list(range(6)), stride)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_stable_baselines3(tmp_path: Path, stride: int) -> None:
    sb3 = pytest.importorskip("gymreel.integrations.sb3", exc_type=ImportError)
    from stable_baselines3.common.vec_env import DummyVecEnv

    venv = sb3.VecVideoRecorder(
        DummyVecEnv([lambda: NumberedEnv(50)]),
        str(tmp_path),
        lambda step: step == 0,
        video_length=10,
        frame_stride=stride,
    )
    venv.reset()
    for _ in range(12):
        venv.step(np.zeros(1, int))
    venv.close()
    (path,) = tmp_path.glob("*.mp4")
    assert path.name == "rl-video-step-0-to-step-10.mp4"
    assert numbers_in(path) == selection(list(range(11)), stride)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("count", [1, 7, 8])
def test_writer(tmp_path: Path, count: int, stride: int) -> None:
    with VideoWriter(tmp_path / "video.mp4", frame_stride=stride) as writer:
        for number in range(count):
            writer.write(numbered(number))
    assert numbers_in(writer.path) == selection(list(range(count)), stride)
    assert writer.close().num_frames == len(selection(list(range(count)), stride))


def test_a_buffer_that_is_painted_over_is_recorded_right(tmp_path: Path) -> None:
    frame = numbered(0)
    with VideoWriter(tmp_path / "video.mp4", frame_stride=3) as writer:
        for number in range(8):
            frame[:] = numbered(number)
            writer.write(frame)
        frame[:] = numbered(99)
    assert numbers_in(writer.path) == [0, 3, 6, 7]


def test_a_dropped_writer_has_its_last_frame(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "video.mp4", frame_stride=5)
    for number in range(8):
        writer.write(numbered(number))
    stream = writer._stream
    del writer
    assert stream.wait(20)
    assert numbers_in(tmp_path / "video.mp4") == [0, 5, 7]


def test_a_writer_that_is_open_at_exit_has_its_last_frame(tmp_path: Path) -> None:
    run_python(
        """
        import sys
        from gymreel import VideoWriter
        from support.frames import numbered
        writer = VideoWriter(sys.argv[1] + "/video.mp4", frame_stride=5)
        for number in range(8):
            writer.write(numbered(number))
        """,
        tmp_path,
    )
    assert numbers_in(tmp_path / "video.mp4") == [0, 5, 7]


class Tensor:
    """A tensor with DLPack alone."""

    def __init__(self, data: np.ndarray) -> None:
        self._data = data

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def __dlpack__(self, **arguments: Any) -> Any:
        return self._data.__dlpack__(**arguments)


@pytest.mark.parametrize("is_reused", [False, True])
def test_tensors(tmp_path: Path, is_reused: bool) -> None:
    buffer = numbered(0)
    one = Tensor(buffer)
    with VideoWriter(tmp_path / "video.mp4", frame_stride=3) as writer:
        for number in range(8):
            buffer[:] = numbered(number)
            writer.write(one if is_reused else Tensor(buffer.copy()))  # type: ignore[arg-type]
    assert numbers_in(writer.path) == [0, 3, 6, 7]


def test_a_first_frame_that_was_refused_counts_for_nothing(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4", frame_stride=3) as writer:
        with pytest.raises(FrameTypeError):
            writer.write(np.full((5, 5), 0.5))
        for number in range(8):
            writer.write(numbered(number))
    assert numbers_in(writer.path) == [0, 3, 6, 7]


def test_after_the_end_every_frame_is_refused(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "video.mp4", frame_stride=4)
    writer.write(numbered(0))
    writer.close()
    for _ in range(5):
        with pytest.raises(WriterClosedError):
            writer.write(numbered(1))
        with pytest.raises(WriterClosedError):
            writer.write_tiles([numbered(1)], num_columns=1)


def test_a_last_frame_that_is_refused_is_said(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "video.mp4", frame_stride=4)
    with pytest.warns(GymreelWarning, match="float64"):
        writer.write(numbered(0).astype(np.float64))  # type: ignore[arg-type]
    writer.write(np.full(numbered(0).shape, 100.5))
    with pytest.raises(FrameTypeError, match="not whole"):
        writer.close()
    assert writer.close().num_frames == 1


def test_a_render_mode_that_gives_lists(tmp_path: Path) -> None:
    class ListEnv(NumberedEnv):
        metadata: dict[str, Any] = {"render_modes": ["rgb_array_list"], "render_fps": 30}  # noqa: RUF012
        pending: list[Any]

        def __init__(self) -> None:
            super().__init__(8, render_mode="rgb_array_list")
            self.pending = []

        def _note(self) -> None:
            self.pending.append(numbered(self.num_states - 1))

        def reset(self, **arguments: Any) -> Any:
            result = super().reset(**arguments)
            self._note()
            return result

        def step(self, action: Any) -> Any:
            result = super().step(action)
            self._note()
            return result

        def render(self) -> Any:
            frames, self.pending = self.pending, []
            return frames

    env = gymreel.wrappers.RecordVideo(ListEnv(), tmp_path, always, frame_stride=4)
    env.reset()
    for step in range(8):
        env.step(0)
        if step == 2:
            env.render()
    env.close()
    assert numbers_in(tmp_path / "rl-video-episode-0.mp4") == [0, 4, 8]


def test_in_memory(tmp_path: Path) -> None:
    data = encode([numbered(number) for number in range(8)], frame_stride=3, fps=30)
    (tmp_path / "video.mp4").write_bytes(data)
    assert numbers_in(tmp_path / "video.mp4") == [0, 3, 6, 7]


def test_a_gif_of_a_fast_environment(tmp_path: Path) -> None:
    env = gymreel.wrappers.RecordVideo(
        NumberedEnv(40, render_fps=125), tmp_path, always, suffix=".gif", frame_stride=5
    )
    run_episodes(env)
    env.close()
    assert numbers_in(tmp_path / "rl-video-episode-0.gif") == list(range(0, 41, 5))
    (stream,) = probe(tmp_path / "rl-video-episode-0.gif")["streams"]
    assert Fraction(stream["r_frame_rate"]) == 25


@pytest.mark.parametrize("stride", [0, -1, 1.5, "2", None, True])
def test_another_stride_is_refused(tmp_path: Path, stride: Any) -> None:
    makers: list[Callable[[], object]] = [
        lambda: VideoWriter(tmp_path / "video.mp4", frame_stride=stride),
        lambda: gymreel.wrappers.RecordVideo(NumberedEnv(), tmp_path, frame_stride=stride),
    ]
    for make in makers:
        with pytest.raises(ConfigError, match="frame_stride="):
            make()
