"""A process that records in real time and is killed at any moment loses no more than a second."""

from __future__ import annotations

import random
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from killed_recording import FPS, SUFFIXES, Kill, record_and_kill

from support.soak import choose

SIZES = [(84, 84), (600, 400), (1280, 720)]
NUM_KILLS = choose(short=6, soak=100)
AT_ONCE = 2

# Frames that may be lost at 30 a second: those of a second, of webm those of a second and a half.
MOST_LOST = {suffix: FPS for suffix in SUFFIXES} | {".webm": FPS * 3 // 2}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


def _tell(kills: list[Kill], seconds_per_frame: float) -> None:
    losses = [kill.num_lost for kill in kills]
    worst, median = max(losses), statistics.median(losses)
    print(
        f"\n{len(kills)} kills: lost at worst {worst} frames ({worst * seconds_per_frame:.2f} s), "
        f"in the median {median:g} ({median * seconds_per_frame:.2f} s); "
        f"{sum(not kill.numbers for kill in kills)} left none, "
        f"{sum(not kill.is_prefix for kill in kills)} have a gap; "
        f"slowest pace {min(kill.pace for kill in kills):.0%}"
    )
    for suffix in SUFFIXES:
        of_suffix = [kill.num_lost for kill in kills if kill.suffix == suffix]
        if of_suffix:
            print(f"  {suffix}: at worst {max(of_suffix)}, at best {min(of_suffix)}")


@pytest.mark.timeout(1800)
def test_a_killed_process_loses_a_second_at_most(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random_moments = random.Random(20)
    plan = [
        (
            tmp_path / str(index),
            SUFFIXES[index % len(SUFFIXES)],
            SIZES[index // len(SUFFIXES) % len(SIZES)],
            1 / FPS,
            random_moments.uniform(0.3, 4.0),
        )
        for index in range(NUM_KILLS)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        kills = list(pool.map(lambda arguments: record_and_kill(*arguments), plan))
    with capsys.disabled():
        _tell(kills, 1 / FPS)
    for kill in kills:
        assert kill.is_prefix, kill
        assert -1 <= kill.num_lost <= MOST_LOST[kill.suffix] + kill.num_waiting, kill


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("step", choose(short=[1.2], soak=[1.2, 5.0]))
def test_of_a_slow_environment_two_frames_are_lost_at_most(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], step: float
) -> None:
    num_kills = choose(short=1, soak=10)
    random_moments = random.Random(21)
    plan = [
        (
            tmp_path / f"{index}{suffix}",
            suffix,
            SIZES[0],
            step,
            random_moments.uniform(0.9 * step, 3.5 * step),
        )
        for suffix in SUFFIXES
        for index in range(num_kills)
    ]
    # They mostly sleep.
    with ThreadPoolExecutor(10) as pool:
        kills = list(pool.map(lambda arguments: record_and_kill(*arguments), plan))
    with capsys.disabled():
        _tell(kills, step)
    for kill in kills:
        assert kill.is_prefix, kill
        assert -1 <= kill.num_lost <= 2, kill
