"""How long does VideoWriter.write() of a borrowed frame take while there is room in the queue?

``busy``: the encoder has work already, as in any loop faster than it is. ``idle``: the encoder
waits, as in a slow loop, so each write has to wake a thread. ``write_from`` is the way
RecordVideo takes.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import frames
import numpy as np
from frames import Frames
from harness import Arguments, Column, Results, parse_arguments, percentile, take_turns
from machine import memory_folder
from numpy.typing import NDArray

import gymreel
from gymreel import VideoWriter

SIZES = ("84x84", "1920x1080", "3840x2160")
# Frames of one run, complete and quick. Each is in memory of its own. As many of every size: the
# first writes find cold caches.
NUM_FRAMES = (40, 20)
COLUMNS = [
    Column("median_us", "median µs", 2, spread=True),
    Column("p99_us", "p99 µs", 1),
    Column("worst_us", "worst µs", 0),
    Column("borrowed", "borrowed", 0),
    Column("frames", "of frames", 0),
]
Hand = Callable[[VideoWriter, Frames], float]


def _clock() -> float:
    """Return the time that reading the clock takes."""
    start = time.perf_counter_ns()
    return (time.perf_counter_ns() - start) / 1000


def _write(writer: VideoWriter, waiting: Frames) -> float:
    start = time.perf_counter_ns()
    writer.write(waiting.pop())
    return (time.perf_counter_ns() - start) / 1000


def _write_from(writer: VideoWriter, waiting: Frames) -> float:
    start = time.perf_counter_ns()
    writer.write_from([waiting.pop()])
    return (time.perf_counter_ns() - start) / 1000


CONTENDERS: dict[str, tuple[Hand, bool]] = {
    "write, busy": (_write, False),
    "write_from, busy": (_write_from, False),
    "write, idle": (_write, True),
    "write_from, idle": (_write_from, True),
}


def measure(arguments: Arguments) -> Results:
    """Measure the ways to write a frame in turns, at all sizes."""
    results = Results("write_latency", str(__doc__), COLUMNS, arguments)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        count = arguments.pick(*NUM_FRAMES)
        for size in filter(arguments.wants_case, SIZES):
            clip = frames.load(size, count, quick=arguments.quick)
            for name in take_turns(tuple(CONTENDERS), arguments.num_rounds(9, quick=3)):
                if not arguments.wants(name):
                    continue
                samples, borrowed = _run(name, clip, Path(folder, "video.mp4"))
                results.add(
                    size,
                    name,
                    median_us=statistics.median(samples),
                    p99_us=percentile(samples, 99),
                    worst_us=max(samples),
                    borrowed=borrowed,
                    frames=len(samples),
                )
    return results


def _run(name: str, clip: Frames, path: Path) -> tuple[list[float], int]:
    hand, is_idle = CONTENDERS[name]
    # So that the queue is never full.
    budget = 2 * sum(frame.nbytes for frame in clip)
    gymreel.set_max_pending_bytes(budget)
    with VideoWriter(path, max_pending_bytes=budget) as writer:
        writer.write(clip[0])  # Opens the file and starts the threads.
        samples = _hand_over_idle(writer, hand, clip) if is_idle else _burst(writer, hand, clip)
        borrowed = writer.stats.num_borrowed
    overhead = statistics.median(_clock() for _ in range(101))
    return [sample - overhead for sample in samples], borrowed


def _burst(writer: VideoWriter, hand: Hand, clip: Frames) -> list[float]:
    waiting = [frame.copy() for frame in clip]
    return [hand(writer, waiting) for _ in clip]


def _hand_over_idle(writer: VideoWriter, hand: Hand, clip: Frames) -> list[float]:
    samples = []
    waiting: list[NDArray[np.uint8]] = []
    for frame in clip[:10]:
        waiting.append(frame.copy())
        while writer.stats.num_encoded < writer.stats.num_written:
            time.sleep(0.0005)
        time.sleep(0.002)  # The worker goes to sleep.
        samples.append(hand(writer, waiting))
    return samples


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
