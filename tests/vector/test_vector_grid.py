"""All environments in one picture: every tile at its place, every frame once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from gymreel.triggers import always, at
from gymreel.wrappers import KeepTerminalFrame
from gymreel.wrappers.vector import RecordVideo
from support.environments import NumberedEnv, numbered_frame, read_number
from support.frames import HEIGHT, WIDTH, needs_x264
from support.real_environments import KeepFrames, make_breakout, make_hopper
from support.vector_environments import (
    MODE_NAMES,
    MODES,
    NativeEnv,
    act,
    numbers_by_cell,
    numbers_by_file,
    play,
    sync,
)
from support.video_reader import decode, names_in

FIRST = "rl-video-episode-0.mp4"


class StartingAt(NumberedEnv):
    """Numbers its frames from some other number on."""

    def __init__(self, first: int) -> None:
        super().__init__(100)
        self.num_states = first


@pytest.mark.parametrize("num_envs", [1, 2, 3, 7, 64])
def test_every_tile_is_at_its_place_and_every_frame_there_once(
    tmp_path: Path, num_envs: int
) -> None:
    fns = [lambda i=i: StartingAt(1 + 32 * i) for i in range(num_envs)]
    envs = RecordVideo(SyncVectorEnv(fns), tmp_path / "v", (16, 9))
    envs.reset()
    for _ in range(9):
        act(envs)
    stats = envs.recorded_frames.stats
    assert (stats.num_borrowed, stats.num_copied) == (10, 0)
    envs.close()
    num_cells = envs.frame_cols * envs.frame_rows
    assert numbers_by_cell(tmp_path / "v" / FIRST) == [
        [1 + 32 * i + frame for i in range(num_envs)] + [0] * (num_cells - num_envs)
        for frame in range(10)
    ]
    assert {7: (3, 3), 64: (8, 8)}.get(num_envs, (envs.frame_cols, envs.frame_rows)) == (
        envs.frame_cols,
        envs.frame_rows,
    )


@pytest.mark.parametrize("chosen", [None, [0, 1, 2], [2, 0], [1]])
def test_of_an_array(tmp_path: Path, chosen: list[int] | None) -> None:
    env = NativeEnv((9, 9, 9))
    env.numbers += np.array([1, 101, 201])
    envs = RecordVideo(env, tmp_path / "v", envs=chosen)
    for _ in play(envs, 3):
        pass
    envs.close()
    assert [cells[: len(chosen or "012")] for cells in numbers_by_cell(tmp_path / "v" / FIRST)] == [
        [1 + 100 * i + frame for i in chosen or (0, 1, 2)] for frame in range(4)
    ]


def test_of_an_array_that_is_used_again(tmp_path: Path) -> None:
    frames = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
    env = NativeEnv((99, 99))

    def paint() -> Any:
        for i, number in enumerate(env.numbers):
            frames[i] = numbered_frame(int(number) + 100 * i)
        return frames

    env.rendered = paint
    envs = RecordVideo(env, tmp_path / "v")
    for _ in play(envs, 20):
        pass
    envs.close()
    assert numbers_by_cell(tmp_path / "v" / FIRST) == [[n, 100 + n] for n in range(21)]


def test_the_first_that_is_chosen_is_followed(tmp_path: Path) -> None:
    envs = RecordVideo(sync(2, 3, 4), tmp_path / "v", envs=[1, 0], episode_trigger=always)
    for _ in play(envs, 8):
        pass
    envs.close()
    videos = {name: numbers_by_cell(tmp_path / "v" / name) for name in names_in(tmp_path / "v")}
    assert [[cells[0] for cells in cells_of] for cells_of in videos.values()] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8],
    ]


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
@pytest.mark.parametrize("make", [SyncVectorEnv, AsyncVectorEnv])
def test_an_episode_has_a_frame_more_than_steps_in_every_mode(
    tmp_path: Path, mode: AutoresetMode, make: Callable[..., Any]
) -> None:
    fns = [lambda length=length: KeepTerminalFrame(NumberedEnv(length)) for length in (3, 2)]
    envs = RecordVideo(make(fns, autoreset_mode=mode), tmp_path / "v", episode_trigger=always)
    envs.reset()
    for _ in range(3):
        dones, _ = act(envs)
        if mode is AutoresetMode.DISABLED and dones.any():
            break
    envs.close()
    grids = numbers_by_cell(tmp_path / "v" / FIRST)
    if mode is AutoresetMode.DISABLED:
        assert grids == [[0, 0], [1, 1], [2, 2]]
    elif mode is AutoresetMode.NEXT_STEP:
        assert grids == [[0, 0], [1, 1], [2, 2], [3, 3]]
    else:
        # The second one's frame 3, after its reset, gives way to the one before.
        assert grids == [[0, 0], [1, 1], [2, 2], [3, 4]]
        assert numbers_by_cell(tmp_path / "v" / "rl-video-episode-1.mp4") == [[4, 4]]


@needs_x264
def test_environments_of_different_sizes_are_padded(tmp_path: Path) -> None:
    sizes = [(48, 64), (80, 96), (64, 66)]
    fns = [lambda size=size: NumberedEnv(2, size=size) for size in sizes]
    envs = RecordVideo(
        SyncVectorEnv(fns, autoreset_mode=AutoresetMode.SAME_STEP),
        tmp_path / "v",
        (1, 1),
        episode_trigger=always,
    )
    for _ in play(envs, 4):
        pass
    envs.close()
    assert (envs.frame_cols, envs.frame_rows) == (2, 2)
    frames = decode(tmp_path / "v" / FIRST)
    assert len(frames) == 3
    for number, frame in enumerate(frames):
        assert frame.shape == (160, 192, 3)
        for i, (height, width) in enumerate(sizes):
            y, x = i // 2 * 80, i % 2 * 96
            cell = frame[y : y + 80, x : x + 96]
            assert read_number(cell) == number
            if i > 0:  # The smallest is all numbers.
                assert abs(int(cell[height - 1, width - 1, 0]) - 128) < 16
            assert cell[height + 2 :].max(initial=0) < 16
            assert cell[:, width + 2 :].max(initial=0) < 16
        assert frame[80:, 96:].max() < 16


def test_cartpole_by_its_own_vector_environment(tmp_path: Path) -> None:
    base = gym.make_vec(
        "CartPole-v1", 3, vectorization_mode="vector_entry_point", render_mode="rgb_array"
    )
    for layout, names in (
        ("grid", ["rl-video-episode-0.mp4"]),
        ("separate", [f"rl-video-env-{i}-episode-0.mp4" for i in range(3)]),
    ):
        envs: Any = RecordVideo(base, tmp_path / layout, layout=layout)  # type: ignore[arg-type]
        envs.reset(seed=1)
        expected = []
        for _ in range(4):
            envs.step(np.zeros(3, int))
            expected.append(base.render())
        envs.stop_recording()
        envs._settle_videos(wait=True)
        assert names_in(tmp_path / layout) == names
        for i, name in enumerate(names):
            frames = decode(tmp_path / layout / name)
            assert len(frames) == 5
            for shown, rendered in zip(frames[1:], expected, strict=True):
                assert rendered is not None
                theirs: Any = rendered[i]
                ours = shown[: theirs.shape[0], : theirs.shape[1]]
                assert np.abs(ours.astype(int) - theirs).mean() < 3
    base.close()


@pytest.mark.parametrize("make", [make_breakout, make_hopper])
@pytest.mark.parametrize("layout", ["grid", "separate"])
def test_atari_and_mujoco(tmp_path: Path, make: Callable[..., Any], layout: Any) -> None:
    """Real frames, with strides of their own."""
    size = {"width": 160, "height": 120} if make is make_hopper else {}
    singles = [KeepFrames(make(max_episode_steps=5, **size)) for _ in range(2)]
    envs: Any = RecordVideo(
        SyncVectorEnv(
            [lambda: singles[0], lambda: singles[1]], autoreset_mode=AutoresetMode.SAME_STEP
        ),
        tmp_path / "v",
        (2, 1),
        episode_trigger=at({0}),
        layout=layout,
        crf=5,  # The first frame may be encoded alone, as MuJoCo takes its time for the second one.
    )
    envs.action_space.seed(3)
    envs.reset(seed=3)
    for _ in range(5):
        envs.step(envs.action_space.sample())
    envs.close()
    names = names_in(tmp_path / "v")
    assert len(names) == (1 if layout == "grid" else 2)
    height, width, _ = singles[0].frames[0].shape
    videos = [decode(tmp_path / "v" / name) for name in names]
    for i, single in enumerate(singles):
        shown = videos[i % len(videos)]
        assert len(shown) == 6
        x = i * width if layout == "grid" else 0
        # Also rendered: the next episode's first frame, in SAME_STEP.
        for ours, theirs in zip(shown, single.frames, strict=False):
            assert np.abs(ours[:height, x : x + width].astype(int) - theirs).mean() < 3


def test_under_and_over_statistics(tmp_path: Path) -> None:
    from gymreel.wrappers.vector import RecordEpisodeStatistics

    for name, make in (
        ("inside", lambda env, folder: RecordVideo(RecordEpisodeStatistics(env), folder)),
        ("around", lambda env, folder: RecordEpisodeStatistics(RecordVideo(env, folder))),
    ):
        envs: Any = make(sync(3, 3), tmp_path / name)
        for _ in play(envs, 3):
            pass
        envs.close()
        assert numbers_by_cell(tmp_path / name / FIRST)[-1] == [3, 3]
    assert len(numbers_by_file(tmp_path / "inside")) == 1
