"""How much does recording add to env.step(), over rendering alone?

Each step renders a frame in memory of its own, as environments do; the frames are prepared, so
that only the copy of one costs time. Steps come 30 times a second, so every encoder keeps up.
What encoding at the end of the episode costs is another benchmark's question (reset_stall).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import frames
import gymnasium as gym
import gymnasium.wrappers
from frames import Frames
from harness import Arguments, Column, Results, parse_arguments, percentile, take_turns
from machine import memory_folder
from prepared_env import PreparedEnv

import gymreel.wrappers

SIZES = ("84x84", "600x400", "1920x1080")
RENDER_ALONE = "render alone"
STEPS_PER_SECOND = 30
COLUMNS = [
    Column("added_us", "added µs/step", 1, spread=True),
    Column("step_us", "step µs, median", 1),
    Column("p99_us", "step µs, p99", 0),
    Column("cpu_us", "CPU µs of this thread, median", 1),
]


class RenderAlone(gym.Wrapper[Any, Any, Any, Any]):
    """Renders when recording would, and drops the frame: the part that recording cannot avoid."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        result = self.env.reset(seed=seed, options=options)
        self.env.render()
        return result

    def step(self, action: int) -> Any:
        result = self.env.step(action)
        self.env.render()
        return result


def _render_alone(env: gym.Env[Any, Any], folder: Path) -> gym.Env[Any, Any]:
    return RenderAlone(env)


def _gymreel(env: gym.Env[Any, Any], folder: Path) -> gym.Env[Any, Any]:
    return gymreel.wrappers.RecordVideo(env, folder, episode_trigger=lambda _: True)


def _gymnasium(env: gym.Env[Any, Any], folder: Path) -> gym.Env[Any, Any]:
    return gymnasium.wrappers.RecordVideo(env, str(folder), episode_trigger=lambda _: True)


WRAPPERS: dict[str, Callable[[gym.Env[Any, Any], Path], gym.Env[Any, Any]]] = {
    RENDER_ALONE: _render_alone,
    "gymreel": _gymreel,
    "Gymnasium": _gymnasium,
}


def measure(arguments: Arguments, sizes: tuple[str, ...] = SIZES) -> Results:
    """Measure the steps of the wrappers, in turns."""
    gym.logger.min_level = gym.logger.ERROR  # The folder exists: known.
    results = Results("step_overhead", str(__doc__), COLUMNS, arguments)
    num_steps = arguments.pick(60, 30)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        for size in filter(arguments.wants_case, sizes):
            clip = frames.load(size, num_steps, quick=arguments.quick)
            render_alone = 0.0
            for name in take_turns(tuple(WRAPPERS), arguments.num_rounds(5)):
                seconds, cpu_seconds = _step(name, clip, Path(folder))
                median = statistics.median(seconds)
                if name == RENDER_ALONE:
                    render_alone = median
                else:
                    results.add(size, name, added_us=1e6 * (median - render_alone))
                p99 = percentile(seconds, 99)
                cpu = statistics.median(cpu_seconds)
                results.add(size, name, step_us=1e6 * median, p99_us=1e6 * p99, cpu_us=1e6 * cpu)
    return results


def _step(name: str, clip: Frames, folder: Path) -> tuple[list[float], list[float]]:
    """Return the wall-clock and the CPU seconds of each step."""
    env = WRAPPERS[name](PreparedEnv(clip), folder)
    env.reset()
    seconds, cpu_seconds = [], []
    next_step = time.perf_counter()
    for _ in clip:
        next_step += 1 / STEPS_PER_SECOND
        time.sleep(max(0.0, next_step - time.perf_counter()))
        cpu_start = time.thread_time()
        start = time.perf_counter()
        env.step(0)
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.thread_time() - cpu_start)
    if isinstance(env, gymnasium.wrappers.RecordVideo):
        env.recording = False  # Encoding is not the question here, and takes seconds.
        env.recorded_frames.clear()
    env.close()
    return seconds, cpu_seconds


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
