"""The wrappers beside Gymnasium's own: the same calls, the same files, states and statistics."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import gymnasium.wrappers
import numpy as np
import pytest
from gymnasium.wrappers import RenderCollection

import gymreel.wrappers
from gymreel.triggers import capped_cubic
from support.environments import NumberedEnv, RewardsEnv, read_number
from support.noted_clips import NotedClips, noting_clips
from support.video_reader import decode, names_in


@pytest.fixture
def noted_clips(monkeypatch: pytest.MonkeyPatch) -> NotedClips:
    return noting_clips(monkeypatch, read_number)


State = tuple[Any, ...]
Script = Callable[[Any], Iterator[None]]


def state_of(env: Any) -> State:
    """Take what users read from a RecordVideo between two calls."""
    return (
        env.recording,
        len(env.recorded_frames),
        bool(env.recorded_frames),
        env._video_name,
        env.episode_id,
        env.step_id,
        len(env.render_history),
        env.video_length,
        env.frames_per_sec,
        env.name_prefix,
    )


def play(
    module: Any,
    folder: Path,
    script: Script,
    *,
    render_list: bool,
    env_arguments: dict[str, Any],
    arguments: dict[str, Any],
) -> tuple[list[State], list[str]]:
    """Run a script on an environment in a RecordVideo; note the states, and the warnings."""
    base: gym.Env[Any, Any] = NumberedEnv(**env_arguments)
    if render_list:
        base = RenderCollection(base)
    states = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        env = module.RecordVideo(base, str(folder), **arguments)
        states.append(state_of(env))
        for _ in script(env):
            states.append(state_of(env))
        env.close()
        states.append(state_of(env))
    return states, [str(warning.message) for warning in caught]


def episodes(*lengths: int) -> Script:
    """Run episodes, each cut off after so many steps."""

    def script(env: Any) -> Iterator[None]:
        for length in lengths:
            env.reset()
            yield
            for _ in range(length):
                env.step(0)
                yield

    return script


def by_hand(env: Any) -> Iterator[None]:
    """Start and stop recordings by hand."""
    env.reset()
    env.start_recording("first")
    yield
    env.step(0)
    yield
    env.start_recording("second")
    yield
    for _ in range(3):
        env.step(0)
        yield
    env.reset()
    yield
    env.start_recording("empty")
    env.stop_recording()
    yield
    env.start_recording("third")
    env.step(0)
    env._capture_frame()
    env.recorded_frames.append(env.render())
    env.recorded_frames += [env.render()]
    yield


def rendering(env: Any) -> Iterator[None]:
    """Call render between the steps, as a user of a list mode does."""
    env.reset()
    assert len(env.render()) == 1
    yield
    for _ in range(3):
        env.step(0)
        yield
    assert len(env.render()) == 3
    yield
    assert env.render() == []
    env._capture_frame()
    yield
    env.step(0)
    env.reset()
    env.render()
    yield


CASES: dict[str, tuple[Script, dict[str, Any]]] = {
    "default trigger": (episodes(2, 3, 1, 1, 1, 1, 1, 1, 4, 2), {}),
    "every episode": (episodes(3, 0, 2), {"episode_trigger": lambda episode: True}),
    "some episodes": (episodes(3, 2, 2, 4), {"episode_trigger": lambda episode: episode % 2}),
    "some steps": (episodes(5, 5, 5), {"step_trigger": lambda step: step % 4 == 1}),
    "first step": (episodes(3), {"step_trigger": lambda step: step == 0}),
    "both triggers": (
        episodes(4, 4),
        {"step_trigger": lambda step: step == 2, "episode_trigger": lambda episode: True},
    ),
    "fixed length": (
        episodes(2, 2, 6),
        {"video_length": 3, "episode_trigger": lambda episode: episode == 0},
    ),
    "fixed length by steps": (
        episodes(4, 4, 4),
        {"video_length": 2, "step_trigger": lambda step: step % 4 == 3},
    ),
    "length one": (episodes(3), {"video_length": 1, "episode_trigger": lambda episode: True}),
    "overlap": (episodes(9), {"video_length": 5, "step_trigger": lambda step: step % 3 == 0}),
    "never": (episodes(2, 2), {"episode_trigger": lambda episode: False}),
    "no trigger": (episodes(2, 2), {"episode_trigger": False}),
    "names and rates": (episodes(2), {"name_prefix": "a b", "fps": 12}),
    "by hand": (by_hand, {"episode_trigger": lambda episode: False}),
    "no call": (episodes(), {}),
}


def check_same(
    tmp_path: Path,
    clips: NotedClips,
    script: Script,
    arguments: dict[str, Any],
    *,
    render_list: bool = False,
    **env_arguments: Any,
) -> tuple[list[str], list[str]]:
    """Compare what Gymnasium's RecordVideo does with what ours does.

    Returns:
        The warnings of both.
    """
    folders = tmp_path / "theirs", tmp_path / "ours"
    both: dict[str, Any] = {
        "render_list": render_list,
        "env_arguments": env_arguments,
        "arguments": arguments,
    }
    theirs, their_warnings = play(gymnasium.wrappers, folders[0], script, **both)
    ours, our_warnings = play(gymreel.wrappers, folders[1], script, **both)
    assert ours == theirs
    assert {
        name: [read_number(frame) for frame in decode(folders[1] / name)]
        for name in names_in(folders[1])
    } == clips.videos
    return their_warnings, our_warnings


@pytest.mark.parametrize("name", CASES)
def test_same_files_frames_and_states(tmp_path: Path, noted_clips: NotedClips, name: str) -> None:
    script, arguments = CASES[name]
    theirs, ours = check_same(tmp_path, noted_clips, script, arguments)
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"by hand"}))
def test_same_in_a_list_mode(tmp_path: Path, noted_clips: NotedClips, name: str) -> None:
    script, arguments = CASES[name]
    theirs, ours = check_same(tmp_path, noted_clips, script, arguments, render_list=True)
    assert len(ours) == len(theirs)


def test_same_with_calls_to_render(tmp_path: Path, noted_clips: NotedClips) -> None:
    theirs, ours = check_same(
        tmp_path, noted_clips, rendering, {"episode_trigger": lambda _: True}, render_list=True
    )
    assert len(theirs) == len(ours) == 1
    assert "render()" in ours[0]


def test_same_when_a_frame_is_no_array(tmp_path: Path, noted_clips: NotedClips) -> None:
    theirs, ours = check_same(
        tmp_path, noted_clips, episodes(4, 2), {"episode_trigger": lambda _: True}, frames={2: None}
    )
    phrase = "expected type of frame returned by render to be a numpy array, got instead"
    assert len(theirs) == len(ours) == 1
    assert phrase in theirs[0]
    assert phrase in ours[0]


def test_same_in_an_existing_folder(tmp_path: Path, noted_clips: NotedClips) -> None:
    for folder in ("theirs", "ours"):
        (tmp_path / folder).mkdir()
    (tmp_path / "ours" / "rl-video-episode-0.mp4").write_bytes(b"of an earlier run")
    os.utime(tmp_path / "ours" / "rl-video-episode-0.mp4", (1, 1))
    theirs, ours = check_same(tmp_path, noted_clips, episodes(2), {})
    for (message,) in (theirs, ours):
        assert "Overwriting existing videos" in message


def test_an_empty_folder_is_warned_of_by_theirs_alone(
    tmp_path: Path, noted_clips: NotedClips
) -> None:
    for folder in ("theirs", "ours"):
        (tmp_path / folder).mkdir()
    theirs, ours = check_same(tmp_path, noted_clips, episodes(2), {})
    assert (len(theirs), ours) == (1, [])


def test_frame_rate_comes_from_the_metadata(tmp_path: Path, noted_clips: NotedClips) -> None:
    check_same(tmp_path, noted_clips, episodes(2), {}, render_fps=50)
    assert noted_clips.frame_rates == {"rl-video-episode-0.mp4": 50}


# Before 1.4 theirs asks in __del__ for what a constructor that raises has not made.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("render_mode", [None, "human", "ansi"])
def test_same_refusal_of_render_modes(
    tmp_path: Path, noted_clips: NotedClips, render_mode: str | None
) -> None:
    for module in (gymnasium.wrappers, gymreel.wrappers):
        with pytest.raises(ValueError, match="such as rgb_array"):
            module.RecordVideo(NumberedEnv(render_mode=render_mode), str(tmp_path / "videos"))
    assert not (tmp_path / "videos").exists()


@pytest.mark.parametrize("name", ["RecordVideo", "RecordEpisodeStatistics"])
def test_same_positional_parameters(name: str) -> None:
    theirs = inspect.signature(getattr(gymnasium.wrappers, name)).parameters
    ours = inspect.signature(getattr(gymreel.wrappers, name)).parameters
    positional = {
        key: parameter
        for key, parameter in ours.items()
        if parameter.kind != parameter.KEYWORD_ONLY
    }
    assert list(positional) == list(theirs)
    for key, parameter in theirs.items():
        if key != "gc_trigger":  # The one difference, and the class's docstring says why.
            assert positional[key].default == parameter.default, key


def test_every_attribute_is_there(tmp_path: Path, noted_clips: NotedClips) -> None:
    for name, arguments in (("RecordVideo", ["folder"]), ("RecordEpisodeStatistics", [])):
        envs = [
            getattr(module, name)(
                NumberedEnv(), *[str(tmp_path / module.__name__) for _ in arguments]
            )
            for module in (gymnasium.wrappers, gymreel.wrappers)
        ]
        theirs, ours = ({key for key in dir(env) if not key.startswith("_")} for env in envs)
        assert theirs - ours == set()
    assert hasattr(gymreel.wrappers.RecordVideo, "_capture_frame")


def test_same_default_schedule(noted_clips: NotedClips) -> None:
    from gymnasium.utils.save_video import capped_cubic_video_schedule

    numbers = range(100_000)
    theirs = [number for number in numbers if capped_cubic_video_schedule(number)]
    assert [number for number in numbers if capped_cubic(number)] == theirs


def test_same_statistics() -> None:
    rewards = [0.1, np.float64(0.2), np.float32(0.7), 1, -3.25]
    theirs = gymnasium.wrappers.RecordEpisodeStatistics(RewardsEnv(rewards), 3)
    ours = gymreel.wrappers.RecordEpisodeStatistics(RewardsEnv(rewards), 3)

    def states(env: Any) -> Iterator[tuple[Any, ...]]:
        for length in (5, 5, 2, 7, 5, 0, 5):
            yield env.reset()
            for _ in range(length):
                *result, info = env.step(0)
                if "episode" in info:
                    assert isinstance(info["episode"].pop("t"), float)
                yield *result, info
                yield env.episode_returns, env.episode_lengths, env.episode_count
                yield list(env.return_queue), list(env.length_queue), len(env.time_queue)

    assert list(states(ours)) == list(states(theirs))
