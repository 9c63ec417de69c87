"""RecordVideo notes in each video how many steps it holds and what they returned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gymreel.triggers import always, at, never
from gymreel.wrappers import RecordEpisodeStatistics, RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.video_reader import numbers_in, tags

_CONTAINERS = pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
_FIRST = "rl-video-episode-0"


class _Rewarding(NumberedEnv):
    """An environment that gives these rewards, over and over, each in a step; then it ends."""

    def __init__(self, rewards: Sequence[Any], **settings: Any) -> None:
        super().__init__(len(rewards), **settings)
        self._rewards = rewards
        self._num_steps = 0

    def step(self, action: int) -> tuple[int, Any, bool, bool, dict[str, Any]]:
        observation, _, terminated, truncated, info = super().step(action)
        reward = self._rewards[self._num_steps % len(self._rewards)]
        self._num_steps += 1
        return observation, reward, terminated, truncated, info


def _noted(path: Path) -> tuple[str | None, str | None]:
    entries = tags(path)
    return entries.get("steps"), entries.get("return")


def _record(folder: Path, rewards: Sequence[Any], suffix: str = ".mp4") -> tuple[str | None, ...]:
    with RecordVideo(_Rewarding(rewards), folder, suffix=suffix) as env:
        run_episodes(env)
    assert numbers_in(folder / f"{_FIRST}{suffix}") == list(range(len(rewards) + 1))
    return _noted(folder / f"{_FIRST}{suffix}")


@_CONTAINERS
def test_each_video_has_the_steps_and_the_return_of_its_own_episode(
    tmp_path: Path, suffix: str
) -> None:
    base = _Rewarding([1.0, 2.5, -0.25])
    env = RecordEpisodeStatistics(RecordVideo(base, tmp_path / "v", always, suffix=suffix))
    noted = []
    for _ in range(3):
        env.reset()
        info: dict[str, Any] = {}
        while "episode" not in info:
            info = env.step(0)[4]
        noted.append((str(info["episode"]["l"]), f"{info['episode']['r']:.10g}"))
    env.close()
    assert noted == [("3", "3.25")] * 3
    for episode in range(3):
        assert _noted(tmp_path / "v" / f"rl-video-episode-{episode}{suffix}") == noted[episode]


@_CONTAINERS
def test_an_episode_that_was_cut_short_has_what_came_until_then(
    tmp_path: Path, suffix: str
) -> None:
    env = RecordVideo(_Rewarding([1, 10, 100, 1000]), tmp_path / "v", always, suffix=suffix)
    env.reset()
    env.step(0)
    env.step(0)
    env.reset()
    env.close()
    assert _noted(tmp_path / "v" / f"{_FIRST}{suffix}") == ("2", "11")
    assert _noted(tmp_path / "v" / f"rl-video-episode-1{suffix}") == ("0", "0")


def test_a_recording_that_starts_at_a_step_counts_from_there(tmp_path: Path) -> None:
    rewards = [1, 10, 100, 1000, 10000]
    with RecordVideo(_Rewarding(rewards), tmp_path / "v", never, step_trigger=at({1})) as env:
        run_episodes(env)
    assert numbers_in(tmp_path / "v" / "rl-video-step-1.mp4") == [2, 3, 4, 5]
    # Its first frame shows what the step before it led to.
    assert _noted(tmp_path / "v" / "rl-video-step-1.mp4") == ("3", "11100")


def test_a_recording_of_fixed_length_counts_over_the_ends_of_episodes(tmp_path: Path) -> None:
    with RecordVideo(_Rewarding([1, 10]), tmp_path / "v", at({0}), video_length=4) as env:
        run_episodes(env, 3)
    assert numbers_in(tmp_path / "v" / f"{_FIRST}.mp4") == [0, 1, 2, 3, 4]
    assert _noted(tmp_path / "v" / f"{_FIRST}.mp4") == ("3", "12")


def test_a_recording_that_was_stopped_by_hand_has_them_too(tmp_path: Path) -> None:
    env = RecordVideo(_Rewarding([1, 10, 100]), tmp_path / "v", never)
    env.reset()
    env.start_recording("by hand")
    env.step(0)
    env.step(0)
    env.stop_recording()
    env.step(0)
    env.close()
    assert _noted(tmp_path / "v" / "by hand.mp4") == ("2", "11")


def test_a_recording_that_failed_has_what_came_until_then(tmp_path: Path) -> None:
    base = _Rewarding([1, 10, 100, 1000], frames={2: None})
    env = RecordVideo(base, tmp_path / "v", always)
    with pytest.warns(UserWarning, match="Recording stopped"):
        run_episodes(env)
    env.close()
    assert numbers_in(tmp_path / "v" / f"{_FIRST}.mp4") == [0, 1]
    assert _noted(tmp_path / "v" / f"{_FIRST}.mp4")[0] in ("1", "2")


_NUMBERS: dict[str, tuple[list[Any], float]] = {
    "ints": ([1, -2, 3], 2),
    "bools": ([True, False, True], 2),
    "floats": ([0.1] * 10, 1),
    "fractions": ([Fraction(1, 4)] * 3, 0.75),
    "numpy float64": ([np.float64(0.1)] * 10, 1),
    "numpy float32": ([np.float32(0.5)] * 3, 1.5),
    "numpy int64": ([np.int64(7)] * 3, 21),
    "decimals": ([Decimal(7)] * 3, 21),
    "numpy uint8": ([np.uint8(200)] * 3, 600),
    "numpy int8": ([np.int8(-100)] * 3, -300),
    "numpy bools": ([np.True_, np.False_, np.True_], 2),
    "arrays without axes": ([np.array(1.5), np.array(2.0)], 3.5),
    "all kinds of numbers": ([1, 0.5, np.float32(0.25), np.int16(3), True, Fraction(1, 4)], 6),
    "large ones": ([1e300, 1e300], 2e300),
    "infinity": ([math.inf, 1.0], math.inf),
    "no number": ([math.nan, 1.0], math.nan),
}


@pytest.mark.parametrize(("rewards", "total"), _NUMBERS.values(), ids=_NUMBERS)
def test_any_number_may_be_a_reward(tmp_path: Path, rewards: list[Any], total: float) -> None:
    steps, noted = _record(tmp_path / "v", rewards)
    assert steps == str(len(rewards))
    assert noted is not None
    assert float(noted) == pytest.approx(total, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("reward", "num_steps"),
    [(np.float32(0.1), 500), (np.float16(1), 2500), (np.float16(60000), 3)],
    ids=["float32", "float16", "large float16"],
)
def test_the_return_is_as_exact_as_its_rewards(tmp_path: Path, reward: Any, num_steps: int) -> None:
    steps, noted = _record(tmp_path / "v", [reward] * num_steps)
    assert steps == str(num_steps)
    assert noted is not None
    assert float(noted) == pytest.approx(num_steps * float(reward), rel=1e-9)


class _Stubborn:
    """A reward that refuses to be added, as a tensor on another device does."""

    def __radd__(self, other: object) -> object:
        raise RuntimeError("on another device")


_OTHERS: dict[str, list[Any]] = {
    "None": [None, 1.0, None],
    "None at last": [1.0, 1.0, None],
    "text": ["a", "b", "c"],
    "lists": [[1], [2], [3]],
    "dicts": [{"a": 1}, {}, {}],
    "arrays": [np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])],
    "arrays of other shapes": [np.zeros(2), np.zeros(3), np.zeros((2, 2))],
    "complex numbers": [1j, 2j, 3j],
    "integers beyond all floats": [10**400, 1, 10**400],
    "what refuses to be added": [_Stubborn(), 1.0, _Stubborn()],
}


@pytest.mark.parametrize("rewards", _OTHERS.values(), ids=_OTHERS)
def test_what_is_no_number_passes_through_and_has_no_return(
    tmp_path: Path, rewards: list[Any]
) -> None:
    env = RecordVideo(_Rewarding(rewards), tmp_path / "v", always)
    env.reset()
    given = [env.step(0)[1] for _ in rewards]
    env.close()
    assert all(one is other for one, other in zip(given, rewards, strict=True))
    assert numbers_in(tmp_path / "v" / f"{_FIRST}.mp4") == [0, 1, 2, 3]
    assert _noted(tmp_path / "v" / f"{_FIRST}.mp4") == ("3", None)


def test_rewards_that_are_arrays_are_not_added_into(tmp_path: Path) -> None:
    rewards = [np.array([1.0, 2.0]) for _ in range(3)]
    _record(tmp_path / "v", rewards)
    for reward in rewards:
        np.testing.assert_array_equal(reward, [1.0, 2.0])
