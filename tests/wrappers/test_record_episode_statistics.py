"""RecordEpisodeStatistics: what it adds to info, remembers, and refuses."""

from __future__ import annotations

import copy
import pickle
import time
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from gymreel.errors import ConfigError
from gymreel.wrappers import RecordEpisodeStatistics
from support.environments import RewardsEnv


def run_episode(env: gym.Env[Any, Any]) -> dict[str, Any]:
    """Run one episode and return the last step's info."""
    env.reset()
    while True:
        _, _, terminated, truncated, info = env.step(0)
        if terminated or truncated:
            return info


@pytest.mark.parametrize("truncates", [False, True])
def test_totals_are_in_the_last_info(truncates: bool) -> None:
    env = RecordEpisodeStatistics(RewardsEnv([1.0, -0.5, 2.0], truncates=truncates))
    started = time.perf_counter()
    info = run_episode(env)
    assert set(info) == {"episode"}
    assert info["episode"]["r"] == 2.5
    assert info["episode"]["l"] == 3
    assert 0 <= info["episode"]["t"] <= time.perf_counter() - started + 1e-6
    assert round(info["episode"]["t"], 6) == info["episode"]["t"]


def test_info_is_left_alone_before_the_end() -> None:
    env = RecordEpisodeStatistics(RewardsEnv([1.0, 1.0], info=lambda: {"lives": 3}))
    assert env.reset() == (0, {})
    assert env.step(0) == (1, 1.0, False, False, {"lives": 3})
    assert set(env.step(0)[4]) == {"lives", "episode"}


def test_current_episode_can_be_read_at_any_time() -> None:
    env = RecordEpisodeStatistics(RewardsEnv([1.0, 2.0, 3.0]))
    assert (env.episode_count, env.episode_start_time) == (0, -1)
    before = time.perf_counter()
    env.reset()
    assert before <= env.episode_start_time <= time.perf_counter()
    env.step(0)
    env.step(0)
    assert (env.episode_returns, env.episode_lengths, env.episode_count) == (3.0, 2, 0)
    env.step(0)
    assert (env.episode_returns, env.episode_lengths, env.episode_count) == (6.0, 3, 1)
    env.reset()
    assert (env.episode_returns, env.episode_lengths, env.episode_count) == (0.0, 0, 1)


def test_queues_remember_the_last_episodes() -> None:
    rewards = [1.0]
    env = RecordEpisodeStatistics(RewardsEnv(rewards), buffer_length=2)
    for reward in (1.0, 2.0, 3.0):
        rewards[0] = reward
        run_episode(env)
    assert list(env.return_queue) == [2.0, 3.0]
    assert list(env.length_queue) == [1, 1]
    assert len(env.time_queue) == 2
    assert env.episode_count == 3


def test_an_episode_that_was_cut_off_is_not_counted() -> None:
    env = RecordEpisodeStatistics(RewardsEnv([1.0, 1.0]))
    env.reset()
    env.step(0)
    info = run_episode(env)
    assert (info["episode"]["r"], info["episode"]["l"]) == (2.0, 2)
    assert list(env.length_queue) == [2]


def test_any_number_is_a_reward() -> None:
    env = RecordEpisodeStatistics(RewardsEnv([np.float32(0.5), 1, True]))
    assert run_episode(env)["episode"]["r"] == 2.5
    env = RecordEpisodeStatistics(RewardsEnv([np.array([1.0, 2.0]), np.array([3.0, 4.0])]))
    assert run_episode(env)["episode"]["r"].tolist() == [4.0, 6.0]


def test_unlimited_buffer() -> None:
    env = RecordEpisodeStatistics(RewardsEnv([1.0]), buffer_length=None)
    for _ in range(150):
        run_episode(env)
    assert len(env.return_queue) == 150


def test_another_key() -> None:
    env = RecordEpisodeStatistics(RewardsEnv([1.0]), stats_key="totals")
    assert set(run_episode(env)) == {"totals"}


def test_two_of_them_need_two_keys() -> None:
    inner = RecordEpisodeStatistics(RewardsEnv([1.0]))
    assert set(run_episode(RecordEpisodeStatistics(inner, stats_key="again"))) == {
        "episode",
        "again",
    }
    env = RecordEpisodeStatistics(inner)
    # Gymnasium's assert fails there; whoever catches that must catch this.
    with pytest.raises(AssertionError, match="stats_key='episode' is in the environment's info"):
        run_episode(env)
    with pytest.raises(ConfigError):
        run_episode(env)
    assert env.episode_count == 0


@pytest.mark.parametrize("buffer_length", [-1, 2.5, "3"])
def test_a_wrong_buffer_length_is_named(buffer_length: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        RecordEpisodeStatistics(RewardsEnv([1.0]), buffer_length)
    assert f"buffer_length={buffer_length!r} must be a whole number from 0" in str(caught.value)


def test_env_can_be_made_again_from_its_spec() -> None:
    env = RecordEpisodeStatistics(gym.make("CartPole-v1"), 7, stats_key="totals")
    assert env.spec is not None
    twin = gym.make(pickle.loads(pickle.dumps(env.spec)))
    assert isinstance(twin, RecordEpisodeStatistics)
    assert twin.return_queue.maxlen == 7
    assert "totals" in run_episode(twin)
    assert gym.spec("CartPole-v1").from_json(env.spec.to_json()) == env.spec
    env.close()
    twin.close()


def test_copies_count_on_their_own() -> None:
    env = RecordEpisodeStatistics(RewardsEnv([1.0, 1.0]))
    env.reset()
    env.step(0)
    twin = copy.deepcopy(env)
    twin.step(0)
    assert (env.episode_lengths, twin.episode_lengths) == (1, 2)
    assert (env.episode_count, twin.episode_count) == (0, 1)
