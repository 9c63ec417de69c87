"""Videos that are complete when reset() or step() returns, and waiting for them later."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gymreel.wrappers.vector
from gymreel import ConfigError, Episode, GymreelWarning, OutputError
from gymreel._recording import wrapper
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.stalled_encoder import StalledEncoder
from support.vector_environments import MODE_NAMES, MODES, act, sync
from support.video_reader import count_frames, names_in, numbers_in

FIRST = "rl-video-episode-0.mp4"
SECOND = "rl-video-episode-1.mp4"


def test_it_is_there_when_the_reset_returns(tmp_path: Path) -> None:
    told: list[Episode] = []
    env = RecordVideo(NumberedEnv(3), tmp_path, always, wait=True, on_saved=told.append)
    for number in range(4):
        env.reset()
        path = tmp_path / f"rl-video-episode-{number - 1}.mp4"
        if number > 0:
            assert count_frames(path) == 4
            assert told[-1].path == path
        for _ in range(3):
            env.step(0)
    env.close()


def test_it_is_there_when_the_step_returns(tmp_path: Path) -> None:
    env = RecordVideo(NumberedEnv(9), tmp_path, video_length=2, wait=True)
    env.reset()
    env.step(0)
    env.step(0)
    assert numbers_in(tmp_path / FIRST) == [0, 1, 2]
    env.start_recording("by-hand")
    env.step(0)
    env.stop_recording()
    assert numbers_in(tmp_path / "by-hand.mp4") == [3]
    env.close()


@pytest.mark.parametrize("layout", ["grid", "separate"])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_of_vector_environments(tmp_path: Path, layout: Any, mode: Any) -> None:
    envs = gymreel.wrappers.vector.RecordVideo(
        sync(3, 3, mode=mode), tmp_path, episode_trigger=always, layout=layout, wait=True
    )
    envs.reset()
    for _ in range(4):
        dones, _ = act(envs)
        if dones.any() and mode is MODES[-1]:
            envs.reset(options={"reset_mask": dones})
    names = ["episode-0"] if layout == "grid" else ["env-0-episode-0", "env-1-episode-0"]
    for name in names:
        assert count_frames(tmp_path / f"rl-video-{name}.mp4") == 4
    envs.stop_recording()
    assert not [name for name in names_in(tmp_path) if name.endswith(".partial")]
    envs.close()


def test_of_stable_baselines3(tmp_path: Path) -> None:
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")
    from gymreel.integrations.sb3 import VecVideoRecorder

    venv = vec_env.DummyVecEnv([lambda: NumberedEnv(99)] * 2)
    told: list[Episode] = []
    env = VecVideoRecorder(
        venv, tmp_path, lambda step: step == 0, 2, wait=True, on_saved=told.append
    )
    env.reset()
    env.reset()
    env.step(np.zeros(2, int))
    env.step(np.zeros(2, int))
    assert count_frames(tmp_path / "rl-video-step-0-to-step-2.mp4") == 3
    assert [episode.num_frames for episode in told] == [3]
    env.close()
    assert names_in(tmp_path) == ["rl-video-step-0-to-step-2.mp4"]


def test_of_pettingzoo(tmp_path: Path) -> None:
    pytest.importorskip("pettingzoo")
    rps = pytest.importorskip("pettingzoo.classic.rps_v2")
    from gymreel.integrations.pettingzoo import RecordVideo as Recorder

    env = Recorder(rps.parallel_env(render_mode="rgb_array"), tmp_path, always, wait=True)
    for _ in range(2):
        env.reset(seed=0)
        while env.agents:
            env.step(dict.fromkeys(env.agents, 0))
    assert count_frames(tmp_path / FIRST) > 1
    env.close()


def test_it_goes_on_without_a_video_that_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapper, "_MAX_WAIT_SECONDS", 0.1)
    with StalledEncoder(tmp_path / "s") as stalled:
        env = RecordVideo(NumberedEnv(2), tmp_path / "v", always, wait=True, **stalled.settings)
        run_episodes(env)
        with pytest.warns(GymreelWarning, match=r"wait=True.*after 0.1 seconds") as caught:
            run_episodes(env, 2)
        assert len(caught) == 1
        assert env.wait_for_videos(0.05) is False
        stalled.resume()
        assert env.wait_for_videos() is True
        assert count_frames(tmp_path / "v" / FIRST) == 3
        env.close()


def test_waiting_for_what_has_ended(tmp_path: Path) -> None:
    told: list[Episode] = []
    env = RecordVideo(NumberedEnv(3), tmp_path, always, on_saved=told.append)
    assert env.wait_for_videos() is True
    run_episodes(env)
    env.reset()
    assert env.wait_for_videos(30) is True
    assert [episode.path for episode in told] == [tmp_path / FIRST]
    assert numbers_in(tmp_path / FIRST) == [0, 1, 2, 3]
    assert env.recording, "the one in progress goes on"
    env.close()
    assert numbers_in(tmp_path / SECOND) == [4]


@pytest.mark.parametrize("how", ["wait", "wait_for_videos"])
@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_a_failure_is_said_as_ever(tmp_path: Path, how: str, on_error: Any) -> None:
    env = RecordVideo(NumberedEnv(3), tmp_path, always, wait=how == "wait", on_error=on_error)
    run_episodes(env)
    (tmp_path / FIRST).mkdir()  # The complete file cannot have its name.

    def finish() -> None:
        if how == "wait":
            env.reset()
        else:
            env.stop_recording()
            env.wait_for_videos()

    if on_error == "warn":
        with pytest.warns(GymreelWarning, match=FIRST):
            finish()
    else:
        if how == "wait":
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                finish()  # It ends with this reset, whose result is not lost.
        with pytest.raises(OutputError, match=FIRST):
            finish()
    env.close()


@pytest.mark.parametrize("wait", [None, 1, "yes", np.zeros(2)])
def test_what_is_no_flag_is_refused(tmp_path: Path, wait: Any) -> None:
    with pytest.raises(ConfigError, match="wait="):
        RecordVideo(NumberedEnv(3), tmp_path, wait=wait)


@pytest.mark.parametrize("timeout", [-1, float("nan"), "1", True])
def test_what_is_no_time_is_refused(tmp_path: Path, timeout: Any) -> None:
    env = RecordVideo(NumberedEnv(3), tmp_path)
    with pytest.raises(ConfigError, match="timeout_seconds="):
        env.wait_for_videos(timeout)
    env.close()
