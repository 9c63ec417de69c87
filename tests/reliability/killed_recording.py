"""A process that records in real time and is killed, and what is recovered of it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from gymreel import recover
from support.paths import TESTS
from support.video_reader import names_in, numbers_in

__all__ = ["FPS", "SUFFIXES", "Kill", "record_and_kill"]

FPS = 30
SUFFIXES = [".mp4", ".mov", ".mkv", ".webm", ".gif"]

# Blocks that move behind the number give the encoder some work, and fragments some size.
_RECORDS = f"""
    import os, sys, time
    from pathlib import Path
    import numpy as np
    import gymreel
    from support.frames import HEIGHT, WIDTH, numbered

    width, height, step = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    shape = (height // 8 + 64, width // 8 + 64, 3)
    blocks = np.random.default_rng(1).integers(64, 192, shape, np.uint8)
    background = blocks.repeat(8, axis=0).repeat(8, axis=1)
    writer = gymreel.VideoWriter(Path(sys.argv[1]), fps={FPS})
    start = time.monotonic()
    for number in range(4096):
        at = 2 * number % 512
        frame = background[at : at + height, at : at + width].copy()
        frame[:HEIGHT, :WIDTH] = numbered(number)
        time.sleep(max(0.0, start + number * step - time.monotonic()))
        writer.write(frame)
        os.write(1, b"%d %d\\n" % (number, writer.stats.num_pending))
"""


@dataclass(frozen=True)
class Kill:
    """One killed process.

    Attributes:
        suffix: The container.
        size: Width and height of the frames.
        step: Seconds between two frames.
        seconds: From the first frame to the kill.
        num_written: Frames that the process lived to tell of. One more may have been written.
        num_waiting: Of these, those that waited for the encoder when the last was told of: none
            where the machine has time for it.
        numbers: Those that were recovered.
    """

    suffix: str
    size: tuple[int, int]
    step: float
    seconds: float
    num_written: int
    num_waiting: int
    numbers: list[int]

    @property
    def num_lost(self) -> int:
        return self.num_written - len(self.numbers)

    @property
    def is_prefix(self) -> bool:
        """Whether the recovered frames are the first ones, each once, in their order."""
        return self.numbers == list(range(len(self.numbers)))

    @property
    def pace(self) -> float:
        """Frames that were written, of those that should have been."""
        return self.num_written / (int(self.seconds / self.step) + 1)


def record_and_kill(
    folder: Path, suffix: str, size: tuple[int, int], step: float, seconds: float
) -> Kill:
    """Kill a recording process a while after its first frame, and recover what it left."""
    folder.mkdir()
    video = folder / f"video{suffix}"
    command = [sys.executable, "-c", textwrap.dedent(_RECORDS), str(video), *map(str, size)]
    with subprocess.Popen(
        [*command, str(step)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=TESTS,
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
    lines = [line.split() for line in told.splitlines()]
    written = [int(number) for number, _ in lines]
    num_waiting = int(lines[-1][1])
    assert written == list(range(len(written)))

    recovered = recover(folder)
    # Killed so early that no packet was in the file: nothing is left at all.
    if not recovered or recovered[0].path is None:
        assert names_in(folder) == []
        return Kill(suffix, size, step, seconds, len(written), num_waiting, [])
    assert len(recovered) == 1
    assert names_in(folder) == [video.name]
    assert recovered[0].size == size
    numbers = numbers_in(video)
    assert len(numbers) == recovered[0].num_frames
    return Kill(suffix, size, step, seconds, len(written), num_waiting, numbers)
