"""What does RecordEpisodeStatistics cost per step of a vector of CartPoles?

CartPole's own vector environment with random actions: about one episode in twenty-three ends at
each step. Contenders have their turns in short blocks, and a block's added time is over the block
without a wrapper just before it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import gymnasium.wrappers.vector
import numpy as np
from harness import Arguments, Column, Results, parse_arguments, take_turns

import gymreel.wrappers.vector

COLUMNS = [
    Column("added_us", "added µs/step", 2, spread=True),
    Column("step_us", "step µs", 2, spread=True),
]
BARE = "no wrapper"
WRAPPERS: dict[str, Callable[[Any], Any]] = {
    BARE: lambda envs: envs,
    "gymreel": gymreel.wrappers.vector.RecordEpisodeStatistics,
    "Gymnasium": gymnasium.wrappers.vector.RecordEpisodeStatistics,
}
NUM_ENVS = (8, 64, 1024)
BLOCK_LENGTH = 50


def measure(arguments: Arguments) -> Results:
    """Measure vectors of several sizes."""
    results = Results("vector_statistics", str(__doc__), COLUMNS, arguments)
    for num_envs in NUM_ENVS:
        case = f"{num_envs} CartPoles"
        if arguments.wants_case(case):
            _compare(results, case, num_envs)
    return results


def _compare(results: Results, case: str, num_envs: int) -> None:
    envs = {name: wrap(_make(num_envs)) for name, wrap in WRAPPERS.items()}
    actions = np.random.default_rng(0).integers(0, 2, (BLOCK_LENGTH, num_envs))
    for each in envs.values():
        each.reset(seed=0)
        _step(each, actions)
    bare = 0.0
    for name in take_turns(tuple(envs), results.arguments.num_rounds(300, quick=60)):
        microseconds = _step(envs[name], actions)
        results.add(case, name, step_us=microseconds)
        if name == BARE:
            bare = microseconds
        else:
            results.add(case, name, added_us=microseconds - bare)


def _make(num_envs: int) -> Any:
    return gym.make_vec("CartPole-v1", num_envs, vectorization_mode="vector_entry_point")


def _step(envs: Any, actions: Any) -> float:
    """Return the median over a block, on which interruptions have no effect."""
    times = []
    for action in actions:
        start = time.perf_counter()
        envs.step(action)
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
