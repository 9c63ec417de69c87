"""Environments that show more frames in a second than a GIF can."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import gymreel.wrappers.vector
from gymreel import ConfigError, GymreelWarning, OutputError
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, read_number, run_episodes
from support.vector_environments import act, numbers_by_cell, sync
from support.video_reader import numbers_in

GIF = "rl-video-episode-0.gif"


def record(folder: Path, length: int, fps: Any, **arguments: Any) -> list[int]:
    env = RecordVideo(NumberedEnv(length, render_fps=fps), folder, suffix=".gif", **arguments)
    run_episodes(env)
    env.close()
    return numbers_in(folder / GIF)


def times_in(path: Path) -> list[tuple[int, float]]:
    """Read the number of each frame and the second at which it is shown."""
    with av.open(f"file:{path}") as container:
        return [
            (read_number(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)), frame.time or 0.0)
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize("fps", [50.5, 67, 100, 125, np.int64(125), 1000, Fraction(1000, 15)])
@pytest.mark.parametrize("length", [1, 2, 24, 61])
def test_frames_are_left_out_evenly_and_time_is_kept(tmp_path: Path, fps: Any, length: int) -> None:
    with pytest.warns(GymreelWarning, match="frames per second, and a GIF no more than 50") as said:
        numbers = record(tmp_path, length, fps)
    assert len(said) == 1
    assert (numbers[0], numbers[-1]) == (0, length)
    due = [int(number * 50 / float(fps) + 1e-9) for number in (length - 1, length)]
    assert len(set(numbers)) == len(numbers) == 1 + due[1] + (due[0] == due[1])
    for number, time in times_in(tmp_path / GIF):
        # In its place among the frames of 50 a second, or at the end.
        assert abs(time - number / float(fps)) <= 0.02 + 1e-6


def test_frames_per_sec_are_those_of_the_video(tmp_path: Path) -> None:
    with pytest.warns(GymreelWarning, match="125 frames per second"):
        env = RecordVideo(NumberedEnv(9, render_fps=125), tmp_path, suffix=".gif", video_length=9)
    assert env.frames_per_sec == 50
    env.reset()
    for _ in range(20):
        env.step(0)
    # A length is one of the environment's steps, whatever of them is shown.
    assert not env.recording
    env.close()
    assert numbers_in(tmp_path / GIF) == [0, 3, 5, 8, 9]


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_rates_that_fit_leave_nothing_out_and_say_nothing(tmp_path: Path, suffix: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = RecordVideo(
            NumberedEnv(20, render_fps=50 if suffix == ".gif" else 125), tmp_path, suffix=suffix
        )
    run_episodes(env)
    env.close()
    assert numbers_in(tmp_path / f"rl-video-episode-0{suffix}") == list(range(21))


def test_a_rate_that_the_user_named_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fps=125"):
        RecordVideo(NumberedEnv(render_fps=125), tmp_path, suffix=".gif", fps=125)
    with pytest.warns(GymreelWarning, match="125 frames per second"):
        env = RecordVideo(NumberedEnv(20, render_fps=125), tmp_path, suffix=".gif")
    with pytest.raises(ConfigError, match="fps=60"):
        env.frames_per_sec = 60
    env.frames_per_sec = 25  # From then on the user's: every frame.
    run_episodes(env)
    env.close()
    assert numbers_in(tmp_path / GIF) == list(range(21))


@pytest.mark.parametrize("layout", ["grid", "separate"])
@pytest.mark.filterwarnings("ignore:The environment shows:gymreel.GymreelWarning")
def test_vector_environments(tmp_path: Path, layout: Any) -> None:
    envs = gymreel.wrappers.vector.RecordVideo(
        sync(9, 9, render_fps=125), tmp_path, suffix=".gif", layout=layout
    )
    envs.reset()
    for _ in range(9):
        act(envs)
    envs.close()
    expected = [0, 3, 5, 8, 9]
    if layout == "grid":
        assert numbers_by_cell(tmp_path / GIF) == [[number] * 2 for number in expected]
    else:
        for i in range(2):
            assert numbers_in(tmp_path / f"rl-video-env-{i}-episode-0.gif") == expected


@pytest.mark.filterwarnings("ignore:The environment shows:gymreel.GymreelWarning")
def test_stable_baselines3(tmp_path: Path) -> None:
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")
    from gymreel.integrations.sb3 import VecVideoRecorder

    venv = vec_env.DummyVecEnv([lambda: NumberedEnv(99, render_fps=125)] * 2)
    env = VecVideoRecorder(venv, tmp_path, lambda step: step == 0, 9, suffix=".gif")
    env.reset()
    for _ in range(12):
        env.step(np.zeros(2, int))
    env.close()
    (path,) = tmp_path.glob("*.gif")
    assert [cells[0] for cells in numbers_by_cell(path)] == [0, 3, 5, 8, 9]


@pytest.mark.filterwarnings("ignore:The environment shows:gymreel.GymreelWarning")
def test_a_frame_that_is_left_out_may_be_painted_over(tmp_path: Path) -> None:
    env = RecordVideo(NumberedEnv(9, render_fps=125, reuse_buffer=True), tmp_path, suffix=".gif")
    env.reset()
    for _ in range(9):
        env.step(0)
    painted: Any = env.env.render()
    painted[:] = 0
    env.close()
    assert numbers_in(tmp_path / GIF) == [0, 3, 5, 8, 9]


@pytest.mark.filterwarnings("ignore:The environment shows:gymreel.GymreelWarning")
@pytest.mark.parametrize("frame", [None, np.zeros((8, 8, 3), np.uint8), np.full((48, 64, 3), 0.5)])
def test_a_bad_frame_is_refused_where_it_comes(tmp_path: Path, frame: Any) -> None:
    """Also one that would be left out: frame 1 is."""
    env = RecordVideo(NumberedEnv(9, render_fps=125, frames={1: frame}), tmp_path, suffix=".gif")
    env.reset()
    with pytest.warns(GymreelWarning, match="Recording stopped"):
        env.step(0)
    env.close()
    assert numbers_in(tmp_path / GIF) == [0]


@pytest.mark.filterwarnings("ignore:The environment shows:gymreel.GymreelWarning")
@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_a_last_frame_that_cannot_be_written_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_error: Any
) -> None:
    env = RecordVideo(
        NumberedEnv(2, render_fps=125), tmp_path / "v", always, suffix=".gif", on_error=on_error
    )
    run_episodes(env)

    def fail(_: Any) -> bool:
        raise OutputError(28, "write", "no space left", "there")

    thinned = env.recorded_frames._thinned
    assert thinned is not None
    monkeypatch.setattr(thinned, "_write", fail)
    expected: Any = (
        pytest.raises(OutputError, match="no space left")
        if on_error == "raise"
        else pytest.warns(GymreelWarning, match="no space left")
    )
    with expected:
        env.close()
    assert numbers_in(tmp_path / "v" / GIF) == [0]
