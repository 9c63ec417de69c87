"""A process that records in real time and is killed at any moment loses no more than a second."""

from __future__ import annotations

import os
import random
import select
import signal
import statistics
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from soak import IS_SOAK
from video_reader import names_in, numbers_in

from gymreel import recover

FPS = 30
MAX_LOST = FPS
SIZES = [(84, 84), (600, 400), (1280, 720)]
NUM_KILLS = 100 if IS_SOAK else 6
AT_ONCE = 2

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

# Blocks that move behind the number give the encoder some work, and fragments some size.
_RECORDS = f"""
    import os, sys, time
    from pathlib import Path
    import numpy as np
    import gymreel
    from frames import HEIGHT, WIDTH, numbered

    width, height = int(sys.argv[2]), int(sys.argv[3])
    shape = (height // 8 + 64, width // 8 + 64, 3)
    blocks = np.random.default_rng(1).integers(64, 192, shape, np.uint8)
    background = blocks.repeat(8, axis=0).repeat(8, axis=1)
    writer = gymreel.VideoWriter(Path(sys.argv[1], "video.mp4"), fps={FPS})
    start = time.monotonic()
    for number in range(4096):
        at = 2 * number % 512
        frame = background[at : at + height, at : at + width].copy()
        frame[:HEIGHT, :WIDTH] = numbered(number)
        time.sleep(max(0.0, start + number / {FPS} - time.monotonic()))
        writer.write(frame)
        os.write(1, b"%d\\n" % number)
"""


@dataclass(frozen=True)
class _Kill:
    size: tuple[int, int]
    seconds: float
    num_written: int
    numbers: list[int]

    @property
    def num_lost(self) -> int:
        return self.num_written - len(self.numbers)


def _record_and_kill(folder: Path, size: tuple[int, int], seconds: float) -> _Kill:
    """Kill a recording process a while after its first frame, and recover what it left."""
    folder.mkdir()
    command = [sys.executable, "-c", textwrap.dedent(_RECORDS), str(folder), *map(str, size)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[1]
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        pipe = process.stdout.fileno()
        told = os.read(pipe, 65536)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([pipe], [], [], left)[0]:
                told += os.read(pipe, 65536)
        process.kill()
        told += process.stdout.read()
        errors = process.stderr.read().decode()
    assert process.returncode == -signal.SIGKILL, errors
    assert errors == ""
    written = [int(line) for line in told.splitlines()]
    assert written == list(range(len(written)))

    recovered = recover(folder)
    # Killed so early that no fragment was complete: nothing is left at all.
    if not recovered or recovered[0].path is None:
        assert names_in(folder) == []
        return _Kill(size, seconds, len(written), [])
    assert len(recovered) == 1
    assert names_in(folder) == ["video.mp4"]
    assert recovered[0].size == size
    numbers = numbers_in(folder / "video.mp4")
    assert len(numbers) == recovered[0].num_frames
    return _Kill(size, seconds, len(written), numbers)


def _assert_beginning(numbers: list[int]) -> None:
    """Assert that these are the first n frames, without a hole."""
    assert numbers == list(range(len(numbers)))


@pytest.mark.timeout(900)
def test_a_killed_process_loses_a_second_at_most(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random_moments = random.Random(20)
    plan = [
        (tmp_path / str(index), SIZES[index % len(SIZES)], random_moments.uniform(0.3, 4.0))
        for index in range(NUM_KILLS)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        kills = list(pool.map(lambda arguments: _record_and_kill(*arguments), plan))

    losses = [kill.num_lost for kill in kills]
    worst, median = max(losses), statistics.median(losses)
    pace = min(kill.num_written / (kill.seconds * FPS) for kill in kills)
    with capsys.disabled():
        print(
            f"\n{len(kills)} kills: lost at worst {worst} frames ({worst / FPS:.2f} s), "
            f"in the median {median:g} ({median / FPS:.2f} s); "
            f"{sum(not kill.numbers for kill in kills)} left none, "
            f"{sum(kill.numbers != list(range(len(kill.numbers))) for kill in kills)} end in a "
            f"gap; slowest pace {pace:.0%}"
        )
        for size in SIZES:
            of_size = [kill.num_lost for kill in kills if kill.size == size]
            print(f"  {size[0]}x{size[1]}: at worst {max(of_size)}, at best {min(of_size)}")
    for kill in kills:
        _assert_beginning(kill.numbers)
        assert all(number <= kill.num_written for number in kill.numbers[-1:]), kill
        # One more may have been written than the process lived to tell of.
        assert -1 <= kill.num_lost <= MAX_LOST, kill
