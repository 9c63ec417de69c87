"""How much slower do 64 environments step that are all recorded, than if they are only rendered?

Breakout, 160 x 210 pixels, in a SyncVectorEnv, with a policy of NumPy matrix products.
``separate``: one file for each environment, each following its own episodes. ``grid``: one file of
all. Gymnasium's recorder makes a grid, and encodes it at the end. What is still to encode when a
block of steps ends is waited for between the blocks and shown beside; threads are those of the
process at the end of the block.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import children
import gymnasium as gym
import gymnasium.wrappers.vector
from gymnasium.vector import SyncVectorEnv, VectorEnv, VectorWrapper
from harness import Arguments, Column, Results, Stopwatch, parse_arguments, take_turns
from machine import memory_folder
from training_loop import Policy

COLUMNS = [
    Column("percent", "% of render alone", 1, spread=True),
    Column("steps", "steps/s", 1, spread=True),
    Column("frames", "frames/s", 0),
    Column("cpu_ms", "CPU ms/step, all", 2),
    Column("left_ms", "left to encode, ms", 0),
    Column("threads", "threads", 0),
]
NUM_ENVS = 64
RENDER_ALONE = "render alone"
SEPARATE = "gymreel, separate"


def measure(arguments: Arguments) -> Results:
    """Measure the contenders in turns, each size in its own process."""
    results = Results("vector_video", str(__doc__), COLUMNS, arguments)
    case = f"{NUM_ENVS} Breakouts"
    num_steps = arguments.pick(200, 40)
    num_rounds = arguments.num_rounds(7, quick=1)
    try:
        blocks = children.in_child(_play, num_steps, num_rounds)
    except ImportError as error:
        results.skip(case, f"{type(error).__name__}: {error}")
        return results
    for contender, block in blocks:
        results.add(case, contender, **block)
    return results


class _RenderAlone(VectorWrapper[Any, Any, Any, Any, Any]):
    """Renders when recording would, and drops the frames: the part that recording cannot avoid."""

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        result = self.env.reset(seed=seed, options=options)
        self.env.render()
        return result

    def step(self, actions: Any) -> Any:
        result = self.env.step(actions)
        self.env.render()
        return result


class _StaysOpen(VectorWrapper[Any, Any, Any, Any, Any]):
    """Keeps the environments open when a recorder closes."""

    def close(self, **kwargs: Any) -> None:
        pass


def _play(num_steps: int, num_rounds: int) -> list[tuple[str, dict[str, float]]]:
    gym.logger.min_level = gym.logger.ERROR  # Folders that exist: known.
    gym.register_envs(importlib.import_module("ale_py"))
    recorder = importlib.import_module("gymreel.wrappers.vector").RecordVideo

    def ours(layout: str) -> Callable[[Any, Path], Any]:
        return lambda env, folder: recorder(
            env, folder, episode_trigger=lambda _: True, layout=layout, preset="ultrafast"
        )

    wrappers: dict[str, Callable[[Any, Path], Any]] = {
        RENDER_ALONE: lambda env, folder: _RenderAlone(env),
        SEPARATE: ours("separate"),
        "gymreel, grid": ours("grid"),
        "Gymnasium, grid": lambda env, folder: gymnasium.wrappers.vector.RecordVideo(
            env, str(folder), episode_trigger=lambda _: True
        ),
    }
    make = [lambda: gym.make("ALE/Breakout-v5", render_mode="rgb_array")] * NUM_ENVS
    bare = SyncVectorEnv(make)
    blocks = []
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        for wrap in wrappers.values():  # To warm up.
            _block(bare, wrap, Path(folder), 5)
        last_render_alone = 0.0
        for name in take_turns(tuple(wrappers), num_rounds):
            block = _block(bare, wrappers[name], Path(folder), num_steps)
            if name == RENDER_ALONE:
                last_render_alone = block["steps"]
            else:
                block["percent"] = 100 * block["steps"] / last_render_alone
            blocks.append((name, block))
    bare.close()
    return blocks


def _block(
    bare: VectorEnv[Any, Any, Any], wrap: Callable[[Any, Path], Any], folder: Path, num_steps: int
) -> dict[str, float]:
    envs = wrap(_StaysOpen(bare), folder)
    policy = Policy(bare)
    with Stopwatch() as whole:
        observation, _ = envs.reset(seed=1)
        start = time.perf_counter()
        for _ in range(num_steps):
            observation, *_ = envs.step(policy(observation))
        seconds = time.perf_counter() - start
        threads = len(os.listdir("/proc/self/task"))
        with Stopwatch() as rest:
            envs.close()  # For gymreel: waits for what is left.
    return {
        "steps": num_steps / seconds,
        "frames": NUM_ENVS * num_steps / seconds,
        "cpu_ms": 1000 * whole.cpu / num_steps,
        "left_ms": 1000 * rest.wall,
        "threads": threads,
    }


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
