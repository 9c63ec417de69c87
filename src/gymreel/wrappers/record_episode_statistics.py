"""Returns, lengths and durations of episodes."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Any, SupportsFloat

import gymnasium as gym
from gymnasium.core import ActType, ObsType

from gymreel._recording.episode import ends_episode
from gymreel._validation import check_text, check_whole_number, show
from gymreel.errors import ConfigTypeError, StatsKeyError
from gymreel.wrappers._environments import check_env

__all__ = ["ConfigTypeError", "RecordEpisodeStatistics", "StatsKeyError", "check_arguments"]


class RecordEpisodeStatistics(
    gym.Wrapper[ObsType, ActType, ObsType, ActType], gym.utils.RecordConstructorArgs
):
    """Adds up rewards and steps, and puts the totals into ``info`` when an episode ends.

    A drop-in for ``gymnasium.wrappers.RecordEpisodeStatistics`` (behaviour as of Gymnasium 1.4.0).
    The last step of an episode returns an ``info`` with::

        {"episode": {"r": <sum of rewards>, "l": <number of steps>, "t": <seconds since reset>}}

    An environment that is many in one, and whose steps give arrays or tensors of flags, ends an
    episode with the step in which every element is set, and the sums have an entry for each.

    Attributes:
        time_queue: Seconds that each of the last ``buffer_length`` episodes took.
        return_queue: Sum of rewards of each.
        length_queue: Number of steps of each.
        episode_count: Number of episodes that have ended.
        episode_returns: Sum of rewards of the current episode so far.
        episode_lengths: Number of steps of the current episode so far.
        episode_start_time: ``time.perf_counter()`` at the start of the current episode, -1 before
            the first.
    """

    def __init__(
        self,
        env: gym.Env[ObsType, ActType],
        buffer_length: int | None = 100,
        stats_key: str = "episode",
    ) -> None:
        """Wrap an environment.

        Args:
            env: The environment.
            buffer_length: How many episodes the three queues remember; None for all.
            stats_key: Where in ``info`` the totals go.

        Raises:
            ConfigTypeError: ``buffer_length`` is neither None nor a whole number.
            ConfigError: ``buffer_length`` is negative.
        """
        check_env(env)
        buffer_length = check_arguments(buffer_length, stats_key)
        gym.utils.RecordConstructorArgs.__init__(
            self, buffer_length=buffer_length, stats_key=stats_key
        )
        gym.Wrapper.__init__(self, env)

        self._stats_key = stats_key
        self.episode_count = 0
        self.episode_start_time: float = -1
        self.episode_returns: float = 0.0
        self.episode_lengths: int = 0
        self.time_queue: deque[float] = deque(maxlen=buffer_length)
        self.return_queue: deque[float] = deque(maxlen=buffer_length)
        self.length_queue: deque[int] = deque(maxlen=buffer_length)

    def step(self, action: ActType) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step and count it.

        Args:
            action: The action for the environment.

        Returns:
            The environment's own result, with the totals in ``info`` if it ended the episode.

        Raises:
            StatsKeyError: The episode ended and ``info`` has the key already.
        """
        # Not super().step(): one Python call less on every step of a training.
        obs, reward, terminated, truncated, info = self.env.step(action)
        self.episode_returns += reward  # type: ignore[operator]  # A number, or an array.
        self.episode_lengths += 1
        try:
            is_over = bool(terminated or truncated)
        except Exception:  # Many environments in one, whose flags are arrays or tensors.
            is_over = ends_episode(terminated, truncated)
        if is_over:
            self._end_episode(info)
        return obs, reward, terminated, truncated, info

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObsType, dict[str, Any]]:
        """Reset the environment and start counting from zero.

        Args:
            seed: For the environment's random numbers.
            options: For the environment.

        Returns:
            The environment's own result.
        """
        obs, info = self.env.reset(seed=seed, options=options)
        self.episode_start_time = time.perf_counter()
        self.episode_returns = 0.0
        self.episode_lengths = 0
        return obs, info

    def _end_episode(self, info: dict[str, Any]) -> None:
        if self._stats_key in info:
            raise StatsKeyError(
                f"stats_key={show(self._stats_key)} is in the environment's info already, with "
                f"{show(info[self._stats_key])}; choose another stats_key (is the environment "
                "wrapped in RecordEpisodeStatistics twice?)"
            )
        # Six digits: microseconds, as Gymnasium rounds it.
        seconds = round(time.perf_counter() - self.episode_start_time, 6)
        info[self._stats_key] = {"r": self.episode_returns, "l": self.episode_lengths, "t": seconds}
        self.time_queue.append(seconds)
        self.return_queue.append(self.episode_returns)
        self.length_queue.append(self.episode_lengths)
        self.episode_count += 1
        # For environments that go on without reset.
        self.episode_start_time = time.perf_counter()


def check_arguments(buffer_length: int | None, stats_key: str) -> int | None:
    """Return ``buffer_length`` as an ``int``.

    Raises:
        ConfigTypeError: It is neither None nor a whole number, or ``stats_key`` is not text.
        ConfigError: It is negative, or longer than any queue.
    """
    check_text("stats_key", stats_key)
    if buffer_length is None:
        return None
    return check_whole_number(
        "buffer_length", buffer_length, at_least=0, at_most=sys.maxsize, also=", or None"
    )
