"""How much memory does recording take as the episode grows?

RecordVideo around prepared 1080p frames, as fast as the loop can go: the queue is full all the
time. Each contender runs in a process of its own. The memory that is there before the first
frame is subtracted.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import children
import frames
import gymnasium as gym
from harness import Arguments, Column, Results, parse_arguments
from machine import memory_folder
from prepared_env import PreparedEnv
from step_overhead import WRAPPERS

SIZE = "1920x1080"
# How long the episode is when memory is looked at, complete and quick. Gymnasium needs 6 MB for
# each frame, and twice that while it encodes.
LENGTHS = {
    "gymreel": ((100, 300, 1000, 3000, 10_000), (50, 100, 300)),
    "Gymnasium": ((50, 100, 200, 400), (25, 50, 100)),
}
COLUMNS = [
    Column("peak_mb", "peak MB", 0),
    Column("seconds", "after s", 0),
]


def measure(arguments: Arguments) -> Results:
    """Record a long episode with each contender."""
    results = Results("peak_memory", str(__doc__), COLUMNS, arguments)
    frames.load(SIZE, 1, quick=True)
    for name, lengths in LENGTHS.items():
        if not arguments.wants(name):
            continue
        measured = children.in_child(_record, name, arguments.pick(*lengths))
        for num_frames, megabytes, seconds in measured:
            case = f"{num_frames:,} frames of {SIZE}"
            results.add(case, name, peak_mb=megabytes, seconds=seconds)
        if name == "Gymnasium":
            (first, low, _), (last, high, _) = measured[0], measured[-1]
            per_frame = (high - low) / (last - first)
            longest = arguments.pick(*LENGTHS["gymreel"])[-1]
            results.add(f"{longest:,} frames of {SIZE}", name, peak_mb=per_frame * longest)
            results.note(f"{longest:,} frames of {SIZE}", name, "extrapolated")
    return results


def _record(name: str, lengths: tuple[int, ...]) -> list[tuple[int, float, float]]:
    """Return the peak in MB after ``num_frames`` frames. Runs in its own process."""
    gym.logger.min_level = gym.logger.ERROR  # The folder exists: known.
    clip = frames.load(SIZE, 20, quick=True)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        env: gym.Env[Any, Any] = WRAPPERS[name](PreparedEnv(clip), Path(folder))
        del clip
        _forget_peak()
        before = children.rss()
        measured = []
        start = time.perf_counter()
        env.reset()
        num_frames = 1
        for length in lengths:
            while num_frames < length:
                env.step(0)
                num_frames += 1
            measured.append((length, (children.peak_rss() - before) / 1e6))
        seconds = time.perf_counter() - start
        env.close()
        if name == "gymreel":
            # The last: closing counts too. Gymnasium's is left out, to its advantage.
            measured[-1] = (lengths[-1], (children.peak_rss() - before) / 1e6)
    return [(length, peak, seconds * length / lengths[-1]) for length, peak in measured]


def _forget_peak() -> None:
    """Reset the kernel's peak counter, as loading the frames took more for a moment."""
    if os.access("/proc/self/clear_refs", os.W_OK):
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
