"""How fast are many small videos at once, and how many threads does that take?

Every writer gets one frame of 160 x 210 in turn, until all are closed. Each contender runs in a
process of its own.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import children
import frames
from frames import Frames
from harness import Arguments, Column, Results, Stopwatch, parse_arguments, take_turns
from machine import memory_folder, usable_cpus

SIZE = "160x210"
# Frames of each stream for so many streams, complete and quick.
STREAMS = {1: (2000, 400), 16: (150, 30), 64: (50, 10), 256: (15, 3)}
COLUMNS = [
    Column("fps", "frames/s, all", 0, spread=True),
    Column("cpu_ms", "CPU ms/frame", 2),
    Column("threads", "threads", 0),
]
PYAV = "PyAV"
PYAV_POOL = "PyAV, pool of threads"
CONTENDERS = ("gymreel", PYAV, PYAV_POOL)


def measure(arguments: Arguments, counts: tuple[int, ...] = tuple(STREAMS)) -> Results:
    """Let the contenders take turns for each number of streams."""
    results = Results("many_streams", str(__doc__), COLUMNS, arguments)
    frames.load(SIZE, 1, quick=arguments.quick)
    for count in counts:
        case = f"{count} streams of {SIZE}"
        num_frames = arguments.pick(*STREAMS[count])
        if not arguments.wants_case(case):
            continue
        for name in take_turns(CONTENDERS, arguments.num_rounds(3, quick=1)):
            if not arguments.wants(name):
                continue
            try:
                measured = children.in_child(_run, name, count, num_frames, arguments.quick)
            except ImportError as error:
                results.skip(name, str(error))
                continue
            results.add(case, name, **measured)
        results.note(case, PYAV_POOL, f"{usable_cpus()} threads of ours share the writers")
    return results


def _run(name: str, count: int, num_frames: int, quick: bool) -> dict[str, float]:
    """Run in a fresh process."""
    clip = frames.load(SIZE, num_frames, quick=quick)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        paths = [Path(folder, f"{i}.mp4") for i in range(count)]
        with Stopwatch() as stopwatch:
            threads = (
                _write_in_pool(paths, clip) if name == PYAV_POOL else _write(name, paths, clip)
            )
        assert all(path.stat().st_size > 0 for path in paths)
    num_all = count * num_frames
    return {
        "fps": num_all / stopwatch.wall,
        "cpu_ms": 1000 * stopwatch.cpu / num_all,
        "threads": threads,
    }


def _open(name: str, path: Path, clip: Frames) -> Any:
    # Imported here, so that no contender counts the threads of another.
    if name == "gymreel":
        from recorders.base import CRF, FPS, PRESET  # noqa: PLC0415

        from gymreel import VideoWriter  # noqa: PLC0415

        return VideoWriter(path, fps=FPS, preset=PRESET, crf=CRF)
    from recorders.with_pyav import PyavWriter  # noqa: PLC0415

    height, width, _ = clip[0].shape
    return PyavWriter(path, width, height)


def _write(name: str, paths: list[Path], clip: Frames) -> int:
    writers = [_open(name, path, clip) for path in paths]
    most_threads = 0
    for frame in clip:
        for writer in writers:
            writer.write(frame)
        most_threads = max(most_threads, children.num_threads())
    for writer in writers:
        if name == "gymreel":
            writer.finish()  # So that all complete at the same time.
    for writer in writers:
        writer.close()
    return most_threads


def _write_in_pool(paths: list[Path], clip: Frames) -> int:
    num_workers = usable_cpus()
    with ThreadPoolExecutor(num_workers) as pool:
        shares = [paths[i::num_workers] for i in range(num_workers)]
        most_threads = pool.map(lambda share: _write(PYAV, share, clip) if share else 0, shares)
        return max(most_threads)


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
