"""Videos of PettingZoo's games: real ones, and ones whose frames are numbered."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from gymreel import ConfigError, Episode, FrameTypeError, OutputError, keep, read_episodes
from gymreel._recording.options import DEFAULTS
from gymreel.triggers import always, at, never
from support.video_reader import count_frames, names_in, numbers_in, probe, tags

pytest.importorskip("pettingzoo", reason="PettingZoo is not installed: pip install pettingzoo")

from pettingzoo import AECEnv, ParallelEnv, make
from pettingzoo.utils import BaseWrapper
from pettingzoo.utils.conversions import parallel_to_aec

from gymreel.integrations.pettingzoo import AECRecordVideo, ParallelRecordVideo, RecordVideo
from support.pettingzoo_game import NumberedGame

pytestmark = pytest.mark.usefixtures("episode_logs")


def play_parallel(env: Any, num_episodes: int = 1, **reset: Any) -> None:
    for _ in range(num_episodes):
        env.reset(**reset)
        while env.agents:
            env.step(dict.fromkeys(env.agents, 0))


def play_aec(env: Any, num_episodes: int = 1, choose: Callable[[Any], Any] = lambda _: 0) -> int:
    """Play as PettingZoo's documentation does; return how many steps agents took that were in."""
    num_steps = 0
    for _ in range(num_episodes):
        env.reset(seed=1)
        for _agent in env.agent_iter():
            observation, _, terminated, truncated, _ = env.last()
            is_out = terminated or truncated
            env.step(None if is_out else choose(observation))
            num_steps += not is_out
    return num_steps


PONG, ROCK, TICTACTOE = "butterfly/cooperative_pong-v6", "classic/rps-v2", "classic/tictactoe-v3"


# PettingZoo's tests import a game as it wants nobody to do any more.
_imports_as_it_warns_of = pytest.mark.filterwarnings(
    "ignore:The old environment creation API:DeprecationWarning"
)


@_imports_as_it_warns_of
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros")
@pytest.mark.parametrize("name", [PONG, ROCK, TICTACTOE])
def test_pettingzoos_own_test_of_turns(tmp_path: Path, name: str) -> None:
    game = make("aec", name, render_mode="rgb_array")
    from pettingzoo.test import api_test

    env = RecordVideo(game, tmp_path / "videos", always)
    assert isinstance(env, AECRecordVideo)
    assert isinstance(env, AECEnv)
    api_test(env, num_cycles=20)
    env.close()
    assert len(names_in(tmp_path / "videos")) == env.episode_id + 1


@_imports_as_it_warns_of
@pytest.mark.parametrize("name", [PONG, ROCK])
def test_pettingzoos_own_test_of_steps(tmp_path: Path, name: str) -> None:
    game = make("parallel", name, render_mode="rgb_array")
    from pettingzoo.test import parallel_api_test

    env = RecordVideo(game, tmp_path / "videos", at({0, 1, 2}))
    assert isinstance(env, ParallelRecordVideo)
    assert isinstance(env, ParallelEnv)
    parallel_api_test(env, num_cycles=20)
    env.close()
    assert len(names_in(tmp_path / "videos")) == 3


def test_a_parallel_game_gives_a_frame_for_each_step(tmp_path: Path) -> None:
    env = RecordVideo(NumberedGame(), tmp_path / "videos", always)
    play_parallel(env, 2, seed=7)
    env.step({})  # Nobody is there any more.
    env.close()
    paths = [tmp_path / "videos" / f"rl-video-episode-{i}.mp4" for i in range(2)]
    assert [numbers_in(path) for path in paths] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert tags(paths[0])["environment"] == "numbered_v0"
    assert probe(paths[0])["streams"][0]["r_frame_rate"] == "10/1"
    first, second = read_episodes(tmp_path / "videos")
    assert (first.index, first.length, first.return_, first.seed) == (0, 5, 3.5, 7)
    assert first.info == {"returns": {"a": 5.0, "b": -1.5}}
    assert (first.terminated, first.truncated) == (False, True)
    assert (first.path, second.path) == tuple(paths)
    assert second.step == 10


@pytest.mark.parametrize(
    ("every", "expected"),
    # The second agent is out after three cycles, so there are two steps in each of these, and then
    # one in each of two.
    [
        ("cycle", [0, 1, 2, 3, 4, 5]),
        (None, [0, 1, 2, 3, 4, 5]),
        ("step", [0, 0, 1, 1, 2, 2, 3, 4, 5]),
    ],
)
def test_turns_give_a_frame_for_each_cycle_or_step(
    tmp_path: Path, every: Any, expected: list[int]
) -> None:
    env = RecordVideo(parallel_to_aec(NumberedGame()), tmp_path / "videos", always, every=every)
    assert play_aec(env, 2) == 2 * 8
    env.close()
    assert numbers_in(tmp_path / "videos" / "rl-video-episode-0.mp4") == expected
    assert numbers_in(tmp_path / "videos" / "rl-video-episode-1.mp4") == [n + 6 for n in expected]
    for episode in read_episodes(tmp_path / "videos"):
        assert episode.info == {"returns": {"a": 5.0, "b": -1.5}}
        assert (episode.length, episode.return_, episode.seed) == (8, 3.5, 1)


def test_each_move_of_a_board_game_is_shown(tmp_path: Path) -> None:
    env = RecordVideo(make("aec", TICTACTOE, render_mode="rgb_array"), tmp_path / "videos", always)
    moves = play_aec(env, choose=lambda seen: int(np.flatnonzero(seen["action_mask"])[0]))
    env.close()
    assert count_frames(tmp_path / "videos" / "rl-video-episode-0.mp4") == moves + 1
    (episode,) = read_episodes(tmp_path / "videos")
    assert episode.environment == "tictactoe_v3"
    assert sorted(episode.info["returns"].values()) == [-1.0, 1.0]
    assert (episode.return_, episode.terminated, episode.length) == (0.0, True, moves)


def test_a_simulation_is_shown_once_a_cycle(tmp_path: Path) -> None:
    game = make("aec", PONG, render_mode="rgb_array", max_cycles=12)
    env = RecordVideo(game, tmp_path / "videos", always, every=None)
    moves = play_aec(env)
    env.close()
    assert count_frames(tmp_path / "videos" / "rl-video-episode-0.mp4") == moves // 2 + 1


def test_stretches_of_steps(tmp_path: Path) -> None:
    env = RecordVideo(
        NumberedGame(), tmp_path / "videos", step_trigger=lambda step: step == 3, video_length=3
    )
    play_parallel(env, 2)
    env.close()
    # The step of number 3 is the fourth, and the reset after the fifth is shown as well.
    assert numbers_in(tmp_path / "videos" / "rl-video-step-3.mp4") == [4, 5, 6, 7]


def test_keep_and_on_saved(tmp_path: Path) -> None:
    told: list[Episode] = []
    env = RecordVideo(
        NumberedGame(), tmp_path / "videos", always, keep=keep.last(1), on_saved=told.append
    )
    play_parallel(env, 3)
    env.close()
    assert names_in(tmp_path / "videos") == ["rl-video-episode-2.mp4"]
    assert [episode.index for episode in told] == [2]
    assert told[0].num_frames == 6


def test_an_episode_that_is_cut_short_is_in_the_log(tmp_path: Path) -> None:
    env = RecordVideo(NumberedGame(), tmp_path / "videos", never)
    env.reset()
    env.step({"a": 0, "b": 0})
    env.reset()
    env.step({"a": 0, "b": 0})
    env.step({"a": 0, "b": 0})
    env.close()
    episodes = read_episodes(tmp_path / "videos")
    assert [episode.length for episode in episodes] == [1, 2]
    assert all(episode.interrupted for episode in episodes)


def test_a_game_that_ends_without_a_word_is_not_interrupted(tmp_path: Path) -> None:
    class Silent(NumberedGame):
        def step(self, actions: dict[str, int]) -> Any:
            observations, rewards, terminations, truncations, infos = super().step(actions)
            return (
                observations,
                rewards,
                dict.fromkeys(terminations, False),
                dict.fromkeys(truncations, False),
                infos,
            )

    env = RecordVideo(Silent(), tmp_path / "videos", always, keep=keep.failures(below=10**6))
    play_parallel(env, 1)
    env.reset()
    env.step({"a": 0, "b": 0})
    env.close()
    ended, cut_off = read_episodes(tmp_path / "videos")
    assert (ended.interrupted, cut_off.interrupted) == (False, True)
    assert names_in(tmp_path / "videos") == ["rl-video-episode-0.mp4"]


def test_a_video_that_fails_costs_one_warning(tmp_path: Path) -> None:
    game = NumberedGame()
    game.frames[2] = None
    env = RecordVideo(game, tmp_path / "videos", always)
    with pytest.warns(UserWarning, match="returned by render to be a numpy array") as caught:
        play_parallel(env, 2)
    assert len(caught) == 1
    env.close()
    assert numbers_in(tmp_path / "videos" / "rl-video-episode-0.mp4") == [0, 1]
    assert len(numbers_in(tmp_path / "videos" / "rl-video-episode-1.mp4")) == 6
    game.frames[13] = "no frame"
    env = RecordVideo(game, tmp_path / "others", always, on_error="raise")
    with pytest.raises(FrameTypeError):
        play_parallel(env)
    env.close()


def test_a_clip_that_cannot_start_at_the_last_step_leaves_the_outcome(tmp_path: Path) -> None:
    (tmp_path / "rl-video-step-4.mp4").mkdir()
    env = RecordVideo(NumberedGame(), tmp_path, step_trigger=at({4}), on_error="raise")
    with pytest.raises(OutputError, match="rl-video-step-4"):
        play_parallel(env)
    env.reset()
    env.close()
    (episode,) = read_episodes(tmp_path)
    assert (episode.length, episode.terminated, episode.truncated) == (5, False, True)


@pytest.mark.parametrize("recorder", [RecordVideo, ParallelRecordVideo, AECRecordVideo])
def test_help_and_signature_show_the_options(recorder: type[RecordVideo]) -> None:
    shown = inspect.signature(recorder)
    of_init = list(inspect.signature(recorder.__init__).parameters.values())
    assert list(shown.parameters.values()) == of_init[1:]
    assert list(shown.parameters)[:2] == ["env", "video_folder"]
    assert {"every", *DEFAULTS} <= set(shown.parameters)
    title = pydoc.render_doc(recorder).partition("Wrapper that records")[0]
    assert "env: 'AECEnv | ParallelEnv'" in title


def test_the_signature_of_a_subclass_is_its_own() -> None:
    class Named(ParallelRecordVideo):
        def __init__(self, env: Any, name: str) -> None:
            super().__init__(env, f"videos/{name}")

    assert list(inspect.signature(Named).parameters) == ["env", "name"]


def test_bad_arguments(tmp_path: Path) -> None:
    for env, arguments in (
        (NumberedGame(render_mode=None), {}),
        (NumberedGame(render_mode="human"), {}),
        (gym.make("CartPole-v1", render_mode="rgb_array"), {}),
        (NumberedGame(), {"every": "turn"}),
        (NumberedGame(), {"episode_trigger": 3}),
    ):
        with pytest.raises(ConfigError):
            RecordVideo(env, tmp_path / "videos", **arguments)
    with pytest.raises(ConfigError, match=r"must be a pettingzoo\.AECEnv"):
        AECRecordVideo(NumberedGame(), tmp_path / "videos")
    assert not (tmp_path / "videos").exists()


def test_copies_and_pickles_record_nothing(tmp_path: Path) -> None:
    env = RecordVideo(NumberedGame(), tmp_path / "videos", always)
    env.reset()
    for other in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert type(other) is ParallelRecordVideo
        assert (other.recording, env.recording) == (False, True)
        other.step({"a": 0, "b": 0})
    env.close()
    assert numbers_in(tmp_path / "videos" / "rl-video-episode-0.mp4") == [0]


class _Counting(BaseWrapper):  # type: ignore[misc,unused-ignore]
    """A wrapper around the recorder, which passes on what it does not know."""


def test_inside_another_wrapper(tmp_path: Path) -> None:
    env = _Counting(RecordVideo(parallel_to_aec(NumberedGame()), tmp_path / "videos", always))
    assert play_aec(env) == 8
    assert env.episode_id == 0
    env.close()
    assert len(numbers_in(tmp_path / "videos" / "rl-video-episode-0.mp4")) == 6
