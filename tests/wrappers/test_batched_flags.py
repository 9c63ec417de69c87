"""Environments that are many in one, whose steps give arrays or tensors of rewards and flags."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import gymnasium.wrappers
import numpy as np
import pytest

import gymreel.wrappers
from gymreel import read_episodes
from gymreel.triggers import always
from support.environments import NumberedEnv, read_number
from support.noted_clips import NotedClips, noting_clips
from support.video_reader import numbers_in

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment,unused-ignore]


@pytest.fixture
def noted_clips(monkeypatch: pytest.MonkeyPatch) -> NotedClips:
    return noting_clips(monkeypatch, read_number)


class Tensor:
    """Has what tensors have, and notes when somebody waits for a value."""

    def __init__(self, values: Any, waits: list[str]) -> None:
        self.values = values
        self._waits = waits

    def __bool__(self) -> bool:
        if self.values.size != 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        self._waits.append("bool")
        return bool(self.values)

    def __or__(self, other: Any) -> Tensor:
        values = other.values if isinstance(other, Tensor) else other
        return Tensor(self.values | values, self._waits)

    def all(self) -> Tensor:
        return Tensor(self.values.all(), self._waits)

    def any(self) -> Tensor:
        return Tensor(self.values.any(), self._waits)


class Many(NumberedEnv):
    """Many environments in one: the flags of each step are given, as arrays of any kind."""

    def __init__(
        self, flags: list[tuple[list[bool], list[bool]]], kind: Callable[[np.ndarray], Any]
    ) -> None:
        super().__init__()
        self._flags = flags
        self._kind = kind
        self._step = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        self._step = 0
        return super().reset(seed=seed, options=options)

    def step(self, action: int) -> tuple[int, Any, Any, Any, dict[str, Any]]:
        terminated, truncated = self._flags[self._step]
        self._step += 1
        self.num_states += 1
        rewards = np.ones(len(terminated))
        return (
            self.num_states - 1,
            self._kind(rewards),
            self._kind(np.array(terminated)),
            self._kind(np.array(truncated)),
            {"step": self._step},
        )


# Skipped before the test begins: within a step, a skip would leave Gymnasium's recorder open.
KINDS = [
    np.asarray,
    pytest.param(
        getattr(torch, "from_numpy", None),
        marks=pytest.mark.skipif(torch is None, reason="torch is not installed"),
        id="as_torch",
    ),
]
NEVER = ([False, False, False], [False, False, False])
SOME = ([True, False, False], [False, True, False])
ALL = ([True, False, True], [False, True, False])
TRUNCATED = ([False, False, False], [True, True, True])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("last", "terminated", "truncated"),
    [(SOME, False, False), (ALL, True, True), (TRUNCATED, False, True)],
)
def test_episodes_last_until_the_reset(
    tmp_path: Path, kind: Any, last: Any, terminated: bool, truncated: bool
) -> None:
    env = gymreel.wrappers.RecordVideo(
        Many([NEVER, SOME, last], kind), tmp_path, always, episode_log=True
    )
    for _ in range(2):
        env.reset()
        for _ in range(3):
            env.step(0)
    env.close()
    episodes = read_episodes(tmp_path)
    assert [(each.index, each.length, each.return_) for each in episodes] == [
        (0, 3, None),
        (1, 3, None),
    ]
    assert {(each.terminated, each.truncated) for each in episodes} == {(terminated, truncated)}
    assert episodes[0].info == {"step": 3}
    assert numbers_in(tmp_path / "rl-video-episode-0.mp4") == [0, 1, 2, 3]
    assert numbers_in(tmp_path / "rl-video-episode-1.mp4") == [4, 5, 6, 7]


def test_no_step_waits_for_the_flags(tmp_path: Path) -> None:
    waits: list[str] = []
    env = gymreel.wrappers.RecordVideo(
        Many([NEVER] * 20 + [ALL], lambda values: Tensor(values, waits)),
        tmp_path,
        episode_log=True,
    )
    env.reset()
    for _ in range(21):
        env.step(0)
    assert waits == []
    env.close()
    assert 0 < len(waits) <= 3
    (episode,) = read_episodes(tmp_path)
    assert (episode.terminated, episode.truncated) == (True, True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_envs", [1, 3])
def test_the_same_videos_as_gymnasiums(
    tmp_path: Path, noted_clips: NotedClips, kind: Any, num_envs: int
) -> None:
    flags = [([False] * num_envs,) * 2] * 2 + [([True] * num_envs, [False] * num_envs)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for module, name in ((gymnasium.wrappers, "theirs"), (gymreel.wrappers, "ours")):
            env: Any = module.RecordVideo(
                Many(flags, kind), str(tmp_path / name), episode_trigger=always
            )
            for _ in range(3):
                env.reset()
                for _ in range(3):
                    env.step(0)
            env.close()
    ours = {path.name: numbers_in(path) for path in (tmp_path / "ours").glob("*.mp4")}
    assert ours == noted_clips.videos
    assert len(ours) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_of_one_in_an_array_are_gymnasiums(kind: Any) -> None:
    infos = []
    for module in (gymnasium.wrappers, gymreel.wrappers):
        env: Any = module.RecordEpisodeStatistics(Many([([False],) * 2, ([True], [False])], kind))
        env.reset()
        env.step(0)
        infos.append(env.step(0)[4]["episode"])
        assert (env.episode_count, len(env.return_queue)) == (1, 1)
    theirs, ours = infos
    assert theirs["r"].tolist() == ours["r"].tolist() == [2]
    assert theirs["l"] == ours["l"] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_of_many_end_where_all_have_ended(kind: Any) -> None:
    """Gymnasium's wrapper raises at the first step."""
    env: Any = gymreel.wrappers.RecordEpisodeStatistics(Many([NEVER, SOME, ALL], kind))
    env.reset()
    assert "episode" not in env.step(0)[4]
    assert "episode" not in env.step(0)[4]
    statistics = env.step(0)[4]["episode"]
    assert statistics["r"].tolist() == [3, 3, 3]
    assert statistics["l"] == 3
    assert env.episode_count == 1


def test_flags_of_no_known_kind_end_nothing(tmp_path: Path) -> None:
    class Odd:
        def __bool__(self) -> bool:
            raise TypeError("no truth in it")

    class OddEnv(gym.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
            obs, reward, _, _, info = self.env.step(action)
            return obs, reward, Odd(), Odd(), info

    env = gymreel.wrappers.RecordEpisodeStatistics(OddEnv(NumberedEnv(2)))
    recorder = gymreel.wrappers.RecordVideo(
        gymreel.wrappers.KeepTerminalFrame(env), tmp_path, episode_log=True
    )
    recorder.reset()
    for _ in range(3):
        assert recorder.step(0)[4] == {}
    recorder.close()
    (episode,) = read_episodes(tmp_path)
    assert (episode.length, episode.terminated, episode.truncated) == (3, False, False)
    assert numbers_in(tmp_path / "rl-video-episode-0.mp4") == [0, 1, 2, 3]
