"""What does RecordEpisodeStatistics cost per step?

The environments do nothing, so that the wrapper's own time is seen.
"""

from __future__ import annotations

import functools
import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from harness import Arguments, Column, Results, parse_arguments, take_turns
from numpy.typing import NDArray

COLUMNS = [
    Column("added_us", "added µs/step", 3, spread=True),
    Column("step_us", "step µs", 3, spread=True),
]
BARE = "no wrapper"
EPISODE_LENGTH = 200
NUM_ENVS = (8, 64, 1024)


class IdleEnv(gym.Env[Any, Any]):
    """An environment that only counts its steps."""

    observation_space = gym.spaces.Discrete(1)
    action_space = gym.spaces.Discrete(1)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self._num_steps = 0
        return 0, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._num_steps += 1
        return 0, 1.0, False, self._num_steps == EPISODE_LENGTH, {}


class IdleVectorEnv(gym.vector.VectorEnv[Any, Any, Any]):
    """A vector of environments whose episodes are equally long and end at different steps."""

    single_observation_space = gym.spaces.Discrete(1)
    single_action_space = gym.spaces.Discrete(1)

    def __init__(self, num_envs: int) -> None:
        self.metadata = {"autoreset_mode": gym.vector.AutoresetMode.NEXT_STEP}
        self.num_envs = num_envs
        self.observation_space = gym.spaces.MultiDiscrete([1] * num_envs)
        self.action_space = gym.spaces.MultiDiscrete([1] * num_envs)
        self._observations = np.zeros(num_envs, np.int64)
        self._rewards = np.ones(num_envs)
        self._never: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self._lengths = np.arange(self.num_envs) % EPISODE_LENGTH
        return self._observations, {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        self._lengths += 1
        ends = self._lengths == EPISODE_LENGTH
        self._lengths[ends] = -1
        return self._observations, self._rewards, self._never, ends, {}


def measure(arguments: Arguments) -> Results:
    """Measure single environments, then vectors of several sizes."""
    results = Results("statistics_cost", str(__doc__), COLUMNS, arguments)
    _compare(results, "one environment", "wrappers", IdleEnv, arguments.pick(50_000, 20_000))
    for num_envs in NUM_ENVS:
        make = functools.partial(IdleVectorEnv, num_envs)
        num_steps = arguments.pick(4000, 1000)
        _compare(results, f"{num_envs} environments", "wrappers.vector", make, num_steps)
    return results


def _compare(
    results: Results, case: str, module: str, make: Callable[[], Any], num_steps: int
) -> None:
    if not results.arguments.wants_case(case):
        return
    wrappers: dict[str, Callable[[Any], Any]] = {BARE: lambda env: env}
    for name, package in (("gymreel", "gymreel"), ("Gymnasium", "gymnasium")):
        try:
            wrappers[name] = importlib.import_module(f"{package}.{module}").RecordEpisodeStatistics
        except (ImportError, AttributeError) as error:
            results.skip(f"{name} {module}", str(error))
    rounds = results.arguments.num_rounds(9, quick=5)
    bare = 0.0
    for name in take_turns(tuple(wrappers), rounds):
        microseconds = _step(wrappers[name](make()), num_steps)
        results.add(case, name, step_us=microseconds)
        if name == BARE:
            bare = microseconds
        else:
            results.add(case, name, added_us=microseconds - bare)


def _step(env: Any, num_steps: int) -> float:
    """Return the median over whole episodes, on which interruptions have no effect."""
    env.reset()
    times = []
    for _ in range(num_steps // EPISODE_LENGTH):
        start = time.perf_counter()
        for _ in range(EPISODE_LENGTH):
            env.step(0)
        times.append((time.perf_counter() - start) / EPISODE_LENGTH)
        if isinstance(env, gym.Env):
            env.reset()
    return 1e6 * statistics.median(times)


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
