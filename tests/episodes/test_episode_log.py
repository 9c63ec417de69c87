"""episodes.jsonl beside the videos, and what read_episodes makes of it."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import stat
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest

import gymreel
from gymreel import ConfigError, Episode, OutputError, read_episodes
from gymreel._episode_log import EpisodeLog
from gymreel.episodes import LOG_NAME
from gymreel.trackers import Tracker
from gymreel.triggers import always, at, never
from gymreel.wrappers import RecordEpisodeStatistics, RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.subprocesses import run_python
from support.video_reader import names_in, numbers_in


class _Told(NumberedEnv):
    """Says things in its last info that JSON has, and things that it does not have."""

    INFO: ClassVar[dict[str, Any]] = {
        "is_success": True,
        "score": np.float32(0.5),
        "position": np.array([1, 2]),
        "names": ["a", "b"],
        "nested": {"deep": {"x": 1}, "none": None},
        "nan": float("nan"),
        "observation": np.zeros((100, 100)),
        "object": object(),
    }

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, _ = super().step(action)
        return observation, reward, terminated, truncated, dict(self.INFO)


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG_NAME).read_text().splitlines()]


def test_every_episode_has_a_line_recorded_or_not(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    env = RecordVideo(NumberedEnv(4), folder, at({1}), episode_log=True)
    for seed in (7, None, 9):
        env.reset(seed=seed)
        for _ in range(4):
            *_, terminated, truncated, _ = env.step(0)
    assert terminated or truncated
    assert len(_lines(folder)) == 3  # Known as soon as the last step is taken.
    env.close()
    episodes = read_episodes(folder)
    assert [episode.index for episode in episodes] == [0, 1, 2]
    assert [episode.seed for episode in episodes] == [7, None, 9]
    assert [episode.length for episode in episodes] == [4, 4, 4]
    assert [episode.step for episode in episodes] == [4, 8, 12]
    assert [episode.terminated or episode.truncated for episode in episodes] == [True] * 3
    assert [episode.path for episode in episodes] == [
        None,
        folder / "rl-video-episode-1.mp4",
        None,
    ]
    assert episodes[1].num_bytes == (folder / "rl-video-episode-1.mp4").stat().st_size
    assert {episode.env_index for episode in episodes} == {0}
    assert {episode.name_prefix for episode in episodes} == {"rl-video"}


def test_returns_and_lengths_are_those_of_the_statistics(tmp_path: Path) -> None:
    env = RecordEpisodeStatistics(
        RecordVideo(
            gym.make("CartPole-v1", render_mode="rgb_array"),
            tmp_path / "v",
            never,
            episode_log=True,
        )
    )
    env.action_space.seed(3)
    expected = []
    for seed in range(5):
        env.reset(seed=seed)
        info: dict[str, Any] = {}
        while "episode" not in info:
            info = env.step(env.action_space.sample())[4]
        expected.append((seed, info["episode"]["r"], info["episode"]["l"]))
    env.close()
    episodes = read_episodes(tmp_path / "v")
    assert [(episode.seed, episode.return_, episode.length) for episode in episodes] == expected
    assert {episode.environment for episode in episodes} == {"CartPole-v1"}
    assert all(episode.terminated and not episode.truncated for episode in episodes)


class _TakesAnySeed(NumberedEnv):
    """Has no random numbers, so that Gymnasium checks no seed."""

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        return super().reset(options=options)


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (np.int64(7), 7),
        (2**127, 2**127),
        ("a", "a"),
        ([1, 2], [1, 2]),
        (object(), None),
    ],
)
def test_a_seed_may_be_anything(tmp_path: Path, seed: Any, expected: Any) -> None:
    with RecordVideo(_TakesAnySeed(2), tmp_path / "v", never, episode_log=True) as env:
        env.reset(seed=seed)
        for _ in range(2):
            env.step(0)
    (episode,) = read_episodes(tmp_path / "v")
    assert (episode.seed, episode.length) == (expected, 2)


class _Raising(dict[str, Any]):
    """A class of an environment's own, which is not done with when it is read."""

    def items(self) -> Any:
        raise ZeroDivisionError


def test_an_info_that_cannot_be_read_costs_itself(tmp_path: Path) -> None:
    log = EpisodeLog(tmp_path)
    log.append([Episode(0, info=_Raising(a=1)), Episode(1, seed=10**5000)])
    log.append([Episode(2, info={"a": 1})])
    assert [episode.info for episode in read_episodes(tmp_path)] == [{}, {}, {"a": 1}]


@pytest.mark.parametrize("ending", ["reset", "close"])
def test_an_episode_that_was_cut_short_is_there_once(tmp_path: Path, ending: str) -> None:
    env = RecordVideo(NumberedEnv(9), tmp_path / "v", always, episode_log=True)
    env.reset()
    env.step(0)
    env.step(0)
    if ending == "reset":
        env.reset()
    env.close()
    env.close()
    episode, *following = read_episodes(tmp_path / "v")
    assert (episode.length, episode.terminated, episode.truncated) == (2, False, False)
    assert episode.path == tmp_path / "v" / "rl-video-episode-0.mp4"
    assert numbers_in(episode.path) == [0, 1, 2]
    # The one that only began has a video as well, and each video has a line.
    assert [(other.index, other.length, other.path) for other in following] == [
        (1, 0, tmp_path / "v" / "rl-video-episode-1.mp4")
    ] * (ending == "reset")


def test_steps_after_the_end_make_no_second_line(tmp_path: Path) -> None:
    env = RecordVideo(NumberedEnv(2), tmp_path / "v", never, episode_log=True)
    env.reset()
    for _ in range(5):
        env.step(0)
    env.close()
    assert len(read_episodes(tmp_path / "v")) == 1


def test_info_is_there_as_far_as_json_goes(tmp_path: Path) -> None:
    with RecordVideo(_Told(2), tmp_path / "v", never, episode_log=True) as env:
        run_episodes(env)
    (episode,) = read_episodes(tmp_path / "v")
    assert episode.info == {
        "is_success": True,
        "score": 0.5,
        "position": [1, 2],
        "names": ["a", "b"],
        "nested": {"deep": {"x": 1}, "none": None},
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_a_return_that_is_no_number_leaves_a_line_that_is_json(
    tmp_path: Path, value: float | None
) -> None:
    EpisodeLog(tmp_path).append([Episode(0, return_=value), Episode(1, return_=1e300)])
    for line in (tmp_path / LOG_NAME).read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert [episode.return_ for episode in read_episodes(tmp_path)] == [None, 1e300]


def test_it_is_off_by_a_flag(tmp_path: Path) -> None:
    with RecordVideo(NumberedEnv(2), tmp_path / "v", episode_log=False) as env:
        run_episodes(env)
    assert os.listdir(tmp_path / "v") == ["rl-video-episode-0.mp4"]
    with pytest.raises(OutputError, match=r"read the episode log.*episodes\.jsonl"):
        read_episodes(tmp_path / "v")


def test_a_second_run_goes_on_and_takes_over_the_videos_of_the_same_name(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    for length in (3, 5):
        script = f"""
            import sys
            from support.environments import NumberedEnv, run_episodes
            from gymreel.wrappers import RecordVideo

            env = RecordVideo(NumberedEnv({length}), sys.argv[1], episode_log=True)
            run_episodes(env)
            env.close()
        """
        run_python(script, folder)
    first, second = read_episodes(folder)
    assert (first.length, first.path) == (3, None)
    assert (second.length, second.path) == (5, folder / "rl-video-episode-0.mp4")


def test_half_a_line_of_a_crash_is_passed_over_and_not_continued(tmp_path: Path) -> None:
    log = EpisodeLog(tmp_path)
    log.append([Episode(0), Episode(1)])
    whole = (tmp_path / LOG_NAME).read_bytes()
    for size in range(len(whole)):
        (tmp_path / LOG_NAME).write_bytes(whole[:size])
        EpisodeLog(tmp_path).append([Episode(2)])
        indices = [episode.index for episode in read_episodes(tmp_path)]
        assert indices[-1] == 2
        assert indices[:-1] == list(range(whole[:size].count(b'"info": {}}')))


def test_a_folder_that_moves_takes_its_videos_along(tmp_path: Path) -> None:
    with RecordVideo(NumberedEnv(2), tmp_path / "here", name_prefix="a/b", episode_log=True) as env:
        run_episodes(env)
    (tmp_path / "here").rename(tmp_path / "there")
    (episode,) = read_episodes(tmp_path / "there")
    assert episode.path == tmp_path / "there" / "a" / "b-episode-0.mp4"


def test_strange_names_come_back(tmp_path: Path) -> None:
    prefix = 'it\'s "quoted"\\ \U0001f3ac\n'
    with RecordVideo(NumberedEnv(2), tmp_path / "v", name_prefix=prefix, episode_log=True) as env:
        run_episodes(env)
    (episode,) = read_episodes(tmp_path / "v")
    assert episode.name_prefix == prefix
    assert episode.path == tmp_path / "v" / f"{prefix}-episode-0.mp4"


@pytest.mark.skipif(os.name == "nt", reason="permissions are other ones on Windows")
@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_a_log_that_cannot_be_written_is_told_once_and_videos_go_on(
    tmp_path: Path, on_error: Any
) -> None:
    folder = tmp_path / "v"
    env = RecordVideo(NumberedEnv(2), folder, always, on_error=on_error, episode_log=True)
    (folder / LOG_NAME).mkdir()
    run_episodes(env)
    if on_error == "raise":
        with pytest.raises(OutputError, match="write the episode log"):
            env.reset()
    else:
        with pytest.warns(UserWarning, match="write the episode log") as caught:
            env.reset()
        assert len(caught) == 1
    run_episodes(env)
    env.close()
    assert numbers_in(folder / "rl-video-episode-0.mp4") == [0, 1, 2]
    assert len(names_in(folder)) >= 2


def test_the_log_has_the_permissions_of_other_files(tmp_path: Path) -> None:
    EpisodeLog(tmp_path).append([Episode(0)])
    (tmp_path / "other").touch()
    assert stat.S_IMODE((tmp_path / LOG_NAME).stat().st_mode) == stat.S_IMODE(
        (tmp_path / "other").stat().st_mode
    )


@pytest.mark.parametrize("folder", [None, 3, "", "a\0b"])
def test_a_bad_folder_is_named(folder: Any) -> None:
    with pytest.raises(ConfigError, match="folder="):
        gymreel.read_episodes(folder)


def test_a_drop_in_leaves_the_files_that_gymnasium_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(name: str, **arguments: Any) -> bool:
        with RecordVideo(NumberedEnv(2), tmp_path / name, **arguments) as env:
            run_episodes(env)
        names = sorted(os.listdir(tmp_path / name))
        assert names[-1] == "rl-video-episode-0.mp4"
        return names[:-1] == [LOG_NAME]

    assert not record("a")
    assert not record("b", episode_log=False, on_saved=print)
    assert record("c", episode_log=True)
    assert record("d", on_saved=lambda episode: None)
    assert record("e", keep=lambda episode: True)
    assert record("f", trackers=[Tracker()])
    monkeypatch.setenv("GYMREEL_EPISODE_LOG", "1")
    assert record("g")
    assert not record("h", episode_log=False)
    monkeypatch.setenv("GYMREEL_EPISODE_LOG", "0")
    assert not record("i")
    with pytest.raises(OutputError, match=r"episode_log=True.*GYMREEL_EPISODE_LOG"):
        read_episodes(tmp_path / "a")


def test_a_line_has_the_names_of_an_episodes_attributes(tmp_path: Path) -> None:
    with RecordVideo(NumberedEnv(2), tmp_path, episode_log=True) as env:
        run_episodes(env)
    names = {each.name for each in dataclasses.fields(Episode)}
    of_episode, of_video = _lines(tmp_path)
    assert names - set(of_episode) == {"num_frames", "num_bytes"}
    assert set(of_episode) - names == {"interrupted", "time"}
    assert set(of_video) == {"path", "num_frames", "num_bytes", "recorder", "time"}
    (episode,) = read_episodes(tmp_path)
    assert (episode.num_frames, episode.num_bytes) == (3, of_video["num_bytes"])


def test_recorders_are_told_apart(tmp_path: Path) -> None:
    envs = [
        RecordVideo(NumberedEnv(2 + i), tmp_path, never, name_prefix=f"{i}", episode_log=True)
        for i in range(3)
    ]
    for env in envs:
        run_episodes(env, 2)
        env.close()
    recorders = [episode.recorder for episode in read_episodes(tmp_path)]
    assert len(set(recorders)) == 3
    assert recorders[::2] == recorders[1::2]
    assert all(f"-{os.getpid()}-" in recorder for recorder in recorders)
