"""Thousands of short recordings in one process leave no descriptor, thread or memory behind."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import statistics
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest

import gymreel
from gymreel import FrameShapeError, OutputError, VideoWriter
from support.environments import numbered_frame
from support.paths import TESTS
from support.soak import choose
from support.video_reader import numbers_in

NUM_RECORDINGS = choose(short=300, soak=10_000)
NUM_WARM_UP = 200
NUM_ROWS = 20
SIZES = [(48, 64), (96, 128), (84, 84), (240, 320)]
SUFFIXES = [".mp4", ".mkv", ".mov", ".gif", ".m4v", ".webm"]
MAX_OPEN = 6
# Resident memory goes up and down with what the allocator happens to keep, so that gives back what
# it can first, and medians are compared: over 10,000 recordings those of the two halves differ by
# less than 2 MiB. A leak of 2 KiB in each recording would make them differ by 10.
MAX_GROWTH_KIB = 6 * 1024
MAX_PEAK_KIB = 32 * 1024
SETTLED_WITHIN = 10.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@dataclass(frozen=True)
class _Usage:
    descriptors: int
    threads: int
    resident_kib: int


def _usage() -> _Usage:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # Only glibc has it.
    if trim is not None:
        trim(0)
    status = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if line
    )
    return _Usage(
        # The listing itself has one open.
        descriptors=len(os.listdir("/proc/self/fd")) - 1,
        threads=int(status["Threads"]),
        resident_kib=int(status["VmRSS"].split()[0]),
    )


class _Load:
    """Short recordings of all kinds, a few of them under way at any time."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._open: list[tuple[VideoWriter, str]] = []
        self._dropped: list[Path] = []
        self._num_started = 0

    def run(self, count: int) -> None:
        for _ in range(count):
            self._start()
            if len(self._open) >= MAX_OPEN:
                self._end(*self._open.pop(0))

    def end_all(self) -> None:
        while self._open:
            self._end(*self._open.pop(0))
        for path in self._dropped:
            while not path.exists():
                pass
        self._dropped.clear()

    def _start(self) -> None:
        index = self._num_started
        self._num_started += 1
        suffix = SUFFIXES[index % len(SUFFIXES)]
        # VP9 takes long to open: a few of those will do.
        if suffix == ".webm" and index % 10:
            suffix = ".mp4"
        path = self._folder / f"{index}{suffix}"
        height, width = self._random.choice(SIZES)
        end = self._random.choices(["close", "drop", "wrong frame", "folder"], [6, 2, 1, 1])[0]
        writer = VideoWriter(path)
        for number in range(self._random.randint(3, 12)):
            writer.write(numbered_frame(number, height, width))
        if end == "wrong frame":
            with pytest.raises(FrameShapeError):
                writer.write(numbered_frame(0, height + 2, width))
        if end == "folder":
            path.mkdir()
        self._open.append((writer, end))

    def _end(self, writer: VideoWriter, end: str) -> None:
        path = writer.path
        if end == "drop":
            self._dropped.append(path)
            return  # The caller holds it no more.
        if end == "folder":
            with pytest.raises(OutputError, match="rename"):
                writer.close()
            with pytest.raises(OutputError, match="is a folder"):
                VideoWriter(path)
            path.rmdir()
            (recovered,) = gymreel.recover(path.with_name(f".{path.name}.partial"))
            assert recovered.path == path
            num_frames = recovered.num_frames
        else:
            num_frames = writer.close().num_frames
        if self._random.random() < 0.05:
            numbers = numbers_in(path)
            assert numbers == list(range(num_frames))
        path.unlink()
        done = [dropped for dropped in self._dropped if dropped.exists()]
        for dropped in done:
            dropped.unlink()
            self._dropped.remove(dropped)


def _settled(warm: _Usage | None) -> _Usage:
    """Read the usage once what is dropped has completed: its file appears a little before."""
    gc.collect()
    end = time.monotonic() + SETTLED_WITHIN
    while True:
        usage = _usage()
        is_back = warm is None or (usage.descriptors, usage.threads) == (
            warm.descriptors,
            warm.threads,
        )
        if is_back or time.monotonic() > end:
            return usage


def _main(folder: Path, count: int) -> None:
    """Record, read the usage every twentieth of the run, and print it as a table."""
    warnings.simplefilter("error")
    started = time.monotonic()
    load = _Load(folder, seed=5)
    load.run(NUM_WARM_UP)
    load.end_all()
    warm = _settled(None)
    print(f"{'recordings':>10} {'descriptors':>11} {'threads':>7} {'resident KiB':>12}")
    rows = [(0, warm)]
    done = 0
    for row in range(1, NUM_ROWS + 1):
        wanted = count * row // NUM_ROWS
        load.run(wanted - done)
        load.end_all()
        done = wanted
        rows.append((done, _settled(warm)))
    for done, usage in rows:
        print(f"{done:10} {usage.descriptors:11} {usage.threads:7} {usage.resident_kib:12}")
    print(f"{time.monotonic() - started:.1f} s")
    resident = [usage.resident_kib for _, usage in rows[1:]]
    half = len(resident) // 2
    growth = statistics.median(resident[half:]) - statistics.median(resident[:half])
    print(f"{growth:+g} KiB from the first half's median to the second's")
    assert growth <= MAX_GROWTH_KIB
    for _, usage in rows:
        assert usage.descriptors == warm.descriptors, usage
        assert usage.threads == warm.threads, usage
        assert usage.resident_kib - warm.resident_kib <= MAX_PEAK_KIB, usage


@pytest.mark.timeout(1800)
def test_recordings_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # In a process of its own: nothing that other tests left can come and go meanwhile.
    finished = subprocess.run(
        [sys.executable, __file__, str(tmp_path), str(NUM_RECORDINGS)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    with capsys.disabled():
        print(f"\n{finished.stdout}")
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
