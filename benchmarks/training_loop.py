"""How much slower is a training loop that records, against the same loop that only renders?

A policy of NumPy matrix products chooses each action, every step is rendered, and one video
goes on over the ends of episodes. Each block of steps ends with the recording's end, inside the
time for those who encode there; what gymreel still has to encode then is waited for between the
blocks and shown beside.

``any core``: nothing is pinned. ``one core``: the thread that trains may use the first core
only, and the others are free; ``pinned first`` does that before the recorder exists, ``recorder
first`` after it has recorded once. Threads inherit where they may run from the thread that
starts them, so the order may matter.
"""

from __future__ import annotations

import importlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import children
import gymnasium as gym
import gymnasium.wrappers
import numpy as np
from harness import Arguments, Column, Results, Stopwatch, ThreadMeter, parse_arguments, take_turns
from machine import memory_folder, usable_cpus
from step_overhead import RenderAlone

COLUMNS = [
    Column("percent", "% of render alone", 1, spread=True),
    Column("steps", "steps/s", 0, spread=True),
    Column("cpu_ms", "CPU ms/step, all", 2),
    Column("thread_ms", "… this thread", 2),
    Column("waited_ms", "waited for the core, ms/step", 2),
    Column("preempted", "put aside/step", 1),
    Column("faults", "page faults/step", 0),
    Column("left_ms", "left to encode, ms", 0),
]
RENDER_ALONE = "render alone"
PLACEMENTS = ("any core", "one core, recorder first", "one core, pinned first")


@dataclass(frozen=True)
class Training:
    """An environment, and how long to train in it."""

    environment: str
    settings: dict[str, Any]
    num_steps: int
    num_steps_quick: int


TRAININGS = {
    "CartPole 600x400": Training("CartPole-v1", {}, 400, 200),
    "Breakout 160x210": Training("ALE/Breakout-v5", {}, 600, 200),
    "Ant 1280x720": Training("Ant-v5", {"width": 1280, "height": 720}, 12, 8),
}


def measure(arguments: Arguments) -> Results:
    """Train in all environments, each placement in its own process."""
    results = Results("training_loop", str(__doc__), COLUMNS, arguments)
    placements = PLACEMENTS if usable_cpus() > 1 else PLACEMENTS[:1]
    for name, training in TRAININGS.items():
        for placement in placements:
            case = f"{name}, {placement}"
            if not (arguments.wants_case(name) or arguments.wants_case(case)):
                continue
            num_steps = arguments.pick(training.num_steps, training.num_steps_quick)
            num_rounds = arguments.num_rounds(11, quick=1)
            try:
                blocks = children.in_child(_train, training, placement, num_steps, num_rounds)
            except Exception as error:  # No MuJoCo, no OpenGL, no ROM: the others still count.
                results.skip(case, f"{type(error).__name__}: {error}")
                continue
            for contender, block in blocks:
                results.add(case, contender, **block)
    return results


def _train(
    training: Training, placement: str, num_steps: int, num_rounds: int
) -> list[tuple[str, dict[str, float]]]:
    """Return each contender's blocks in their order. Runs in a fresh process."""
    gym.logger.min_level = gym.logger.ERROR  # Metadata and folders that exist: known.
    os.environ.setdefault("MUJOCO_GL", "egl")
    if placement != "any core":
        # Software rendering must stay on the thread that trains, as on a machine without a GPU
        # it is its work.
        os.environ["LP_NUM_THREADS"] = "0"
    if placement == "one core, pinned first":
        _pin()
    # Imported here, and not above, so that nothing of it has started before the thread is pinned.
    record_video = importlib.import_module("gymreel.wrappers").RecordVideo
    wrappers: dict[str, Callable[..., Any]] = {
        RENDER_ALONE: lambda env, folder, _: RenderAlone(env),
        "gymreel": lambda env, folder, settings: record_video(env, folder, **settings),
        "Gymnasium": lambda env, folder, settings: gymnasium.wrappers.RecordVideo(
            env, str(folder), **settings
        ),
    }
    if training.environment.startswith("ALE/"):
        gym.register_envs(importlib.import_module("ale_py"))
    bare = gym.make(
        training.environment, render_mode="rgb_array", disable_env_checker=True, **training.settings
    )
    blocks = []
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        for wrap in wrappers.values():  # To warm up.
            _block(bare, wrap, Path(folder), 10)
        if placement == "one core, recorder first":
            _pin()
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
    bare: gym.Env[Any, Any], wrap: Callable[..., Any], folder: Path, num_steps: int
) -> dict[str, float]:
    settings = {
        "step_trigger": lambda step: step == 0,
        "video_length": num_steps - 1,
    }
    env = wrap(_StaysOpen(bare), folder, settings)
    policy = Policy(bare)
    with Stopwatch() as whole:
        observation, _ = env.reset(seed=1)
        start = time.perf_counter()
        meter = ThreadMeter()
        for _ in range(num_steps):
            observation, _, terminated, truncated, _ = env.step(policy(observation))
            if terminated or truncated:
                observation, _ = env.reset()
        seconds = time.perf_counter() - start
        thread = meter.read()
        with Stopwatch() as rest:
            env.close()  # For gymreel: waits for what is left.
    return {
        "steps": num_steps / seconds,
        "cpu_ms": 1000 * whole.cpu / num_steps,
        "thread_ms": 1000 * thread["cpu"] / num_steps,
        "waited_ms": 1000 * thread["waited"] / num_steps,
        "preempted": thread["preempted"] / num_steps,
        "faults": thread["faults"] / num_steps,
        "left_ms": 1000 * rest.wall,
    }


class _StaysOpen(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps the environment open when a recorder closes, as opening MuJoCo takes seconds."""

    def close(self) -> None:
        pass


class Policy:
    """Stands for a small network on one core: a batch takes about a millisecond."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        random = np.random.default_rng(1)
        self._space = env.action_space
        self._space.seed(1)
        self._weights = [random.standard_normal((256, 256), np.float32) / 16 for _ in range(4)]
        self._batch = random.standard_normal((64, 256), np.float32)

    def __call__(self, observation: Any) -> Any:
        activations = self._batch
        for weights in self._weights:
            activations = np.tanh(activations @ weights)
        self.last_value = float(statistics.fmean(activations[0, :4]))
        return self._space.sample()


def _pin() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
