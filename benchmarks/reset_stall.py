"""How long does reset() take at the end of a recorded episode?

A reset renders the first frame of the next episode; what is added is measured over that. The loop
runs as fast as it can, which is the hard case: the encoder is behind when the episode
ends.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import frames
import gymnasium as gym
from frames import Frames
from harness import Arguments, Column, Results, ThreadMeter, parse_arguments, take_turns
from machine import memory_folder
from prepared_env import PreparedEnv
from step_overhead import RENDER_ALONE, WRAPPERS

# Steps in an episode of a complete and of a quick run.
EPISODES = {"84x84": (500, 100), "600x400": (500, 100), "1920x1080": (200, 60)}
COLUMNS = [
    Column("added_ms", "added ms, median", 3, spread=True),
    Column("median_ms", "reset() ms, median", 3),
    Column("worst_ms", "worst", 3),
    Column("waited_ms", "… of it waited for a core", 1),
    Column("resets", "resets per run", 0),
]


def measure(arguments: Arguments) -> Results:
    """Play whole episodes and time the resets between them."""
    gym.logger.min_level = gym.logger.ERROR  # The folder exists: known.
    results = Results("reset_stall", str(__doc__), COLUMNS, arguments)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        for size, lengths in EPISODES.items():
            if not arguments.wants_case(size):
                continue
            length = arguments.pick(*lengths)
            clip = frames.load(size, length, quick=arguments.quick)
            render_alone = 0.0
            for name in take_turns(tuple(WRAPPERS), arguments.num_rounds(3, quick=1)):
                # One episode of Gymnasium's takes seconds to save.
                num_resets = arguments.pick(2, 2) if name == "Gymnasium" else arguments.pick(8, 4)
                seconds, waited = _play(name, clip, length, num_resets, Path(folder))
                median = statistics.median(seconds)
                if name == RENDER_ALONE:
                    render_alone = median
                else:
                    results.add(size, name, added_ms=1000 * (median - render_alone))
                results.add(
                    size,
                    name,
                    median_ms=1000 * median,
                    worst_ms=1000 * max(seconds),
                    waited_ms=1000 * waited,
                    resets=num_resets,
                )
                results.note(size, name, f"episodes of {length} steps")
    return results


def _play(
    name: str, clip: Frames, length: int, num_resets: int, folder: Path
) -> tuple[list[float], float]:
    """Return the seconds of each reset, and how long the worst one waited for a core."""
    env = WRAPPERS[name](PreparedEnv(clip, episode_length=length), folder)
    env.reset()
    resets = []
    for _ in range(num_resets):
        truncated = False
        while not truncated:
            _, _, _, truncated, _ = env.step(0)
        meter = ThreadMeter()
        start = time.perf_counter()
        env.reset()
        resets.append((time.perf_counter() - start, meter.read()["waited"]))
    env.close()
    seconds, waited = max(resets)
    return [each for each, _ in resets], min(seconds, waited)


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
