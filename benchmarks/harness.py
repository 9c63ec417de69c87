"""What all benchmarks share: command line, order of contenders, samples, CPU time, JSON."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import machine
import tables
from tables import Column

__all__ = [
    "Column",
    "Results",
    "Stopwatch",
    "ThreadMeter",
    "parse_arguments",
    "percentile",
    "take_turns",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Arguments:
    """The command line that every benchmark has."""

    quick: bool
    json: Path | None
    rounds: int | None
    cases: frozenset[str]
    contenders: frozenset[str]

    def pick(self, full: T, quick: T) -> T:
        """Choose between what a complete and what a quick run does."""
        return quick if self.quick else full

    def num_rounds(self, full: int, quick: int = 2) -> int:
        """Return the number of rounds in which each contender runs once."""
        return self.rounds or self.pick(full, quick)

    def wants_case(self, name: str) -> bool:
        """Return whether to measure this case."""
        return not self.cases or name in self.cases

    def wants(self, contender: str) -> bool:
        """Return whether to measure this contender."""
        return not self.contenders or contender in self.contenders


def parse_arguments(description: str | None, argv: Sequence[str] | None = None) -> Arguments:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--json", type=Path, help="write machine, versions and samples there")
    parser.add_argument("--rounds", type=int, help="how often each contender has its turn")
    parser.add_argument("--case", action="append", default=[], help="only this case; repeatable")
    parser.add_argument("--only", action="append", default=[], help="only this contender")
    options = parser.parse_args(argv)
    return Arguments(
        options.quick,
        options.json,
        options.rounds,
        frozenset(options.case),
        frozenset(options.only),
    )


def take_turns(contenders: Sequence[T], num_rounds: int) -> Iterator[T]:
    """Yield A B C A B C …, so that a noisy machine disturbs all contenders alike."""
    for _ in range(num_rounds):
        yield from contenders


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that ``percent`` of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]


class Stopwatch:
    """Wall-clock and CPU time of a ``with`` block: this process and the children it waited for."""

    wall = 0.0
    cpu = 0.0

    def __enter__(self) -> Stopwatch:
        self._cpu_start = _cpu_seconds()
        self._wall_start = time.perf_counter()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.wall = time.perf_counter() - self._wall_start
        self.cpu = _cpu_seconds() - self._cpu_start


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class ThreadMeter:
    """Counters of this thread since the meter was made, which explain a slow step or reset."""

    def __init__(self) -> None:
        self._start = self._read()

    def read(self) -> dict[str, float]:
        """Return CPU seconds, page faults, preemptions, and seconds of waiting for a core."""
        return {key: value - self._start[key] for key, value in self._read().items()}

    @staticmethod
    def _read() -> dict[str, float]:
        usage = resource.getrusage(resource.RUSAGE_THREAD)
        try:
            waited = int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
        except OSError:
            waited = 0.0
        return {
            "cpu": usage.ru_utime + usage.ru_stime,
            "faults": usage.ru_minflt,
            "preempted": usage.ru_nivcsw,
            "waited": waited,
        }


class Results:
    """The samples of one benchmark, by case and contender."""

    def __init__(
        self, name: str, question: str, columns: Sequence[Column], arguments: Arguments
    ) -> None:
        self.name = name
        self.question = question
        self.columns = list(columns)
        self.arguments = arguments
        self._samples: dict[tuple[str, str], dict[str, list[float]]] = {}
        self._notes: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._skipped: dict[str, str] = {}
        self._load_at_start = machine.load()
        self._started = time.perf_counter()

    def add(self, case: str, contender: str, **values: float) -> None:
        """Add one sample of each named quantity, in the unit of its column."""
        row = self._samples.setdefault((case, contender), {})
        for key, value in values.items():
            row.setdefault(key, []).append(value)

    def note(self, case: str, contender: str, text: str) -> None:
        """Add a remark to a row, unless it is there already."""
        if text not in self._notes[case, contender]:
            self._notes[case, contender].append(text)

    def skip(self, contender: str, reason: str) -> None:
        """Record why a contender has no row."""
        self._skipped[contender] = reason

    def median(self, case: str, contender: str, key: str) -> float | None:
        """Return the median of the samples, or None where there are none."""
        samples = self._samples.get((case, contender), {}).get(key)
        return statistics.median(samples) if samples else None

    def as_json(self) -> dict[str, Any]:
        """Return the samples, the machine and the versions as JSON."""
        return {
            "benchmark": self.name,
            "question": self.question,
            "quick": self.arguments.quick,
            "seconds": round(time.perf_counter() - self._started, 1),
            "machine": machine.describe(),
            "load_average": {"start": self._load_at_start, "end": machine.load()},
            "versions": machine.versions(),
            "columns": [asdict(column) for column in self.columns],
            "rows": [
                {
                    "case": case,
                    "contender": contender,
                    "summary": {key: _summary(values) for key, values in samples.items()},
                    "samples": samples,
                    "notes": self._notes.get((case, contender), []),
                }
                for (case, contender), samples in self._samples.items()
            ],
            "skipped": self._skipped,
        }

    def finish(self) -> None:
        """Print the tables, and write the JSON file that the command line names."""
        everything = self.as_json()
        print(f"\n{self.question}\n")
        print(tables.render(everything))
        print(f"\n({everything['seconds']} s)")
        if self.arguments.json:
            self.arguments.json.parent.mkdir(parents=True, exist_ok=True)
            self.arguments.json.write_text(json.dumps(everything, indent=1) + "\n")


def _summary(samples: Sequence[float]) -> dict[str, float]:
    return {
        "median": statistics.median(samples),
        "min": min(samples),
        "max": max(samples),
    }
