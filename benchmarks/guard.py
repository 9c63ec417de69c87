"""Fails when gymreel has become much slower, on a machine that need not be quiet.

Everything is a ratio of two things measured in turn within one run, with bounds far beyond its
noise: this finds the change that doubles a cost, not the one that adds a tenth. Counts, of
threads for example, are exact.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Iterator
from dataclasses import dataclass, replace

import conversion
import encode_throughput
import frames
import many_streams
import peak_memory
import statistics_cost
import step_overhead
import vector_statistics
import write_latency
from harness import Arguments, Results, parse_arguments
from machine import usable_cpus

HD = "1920x1080"


@dataclass(frozen=True)
class Check:
    """A bound and the measured value."""

    what: str
    value: float | None
    bound: float
    at_most: bool = True

    @property
    def holds(self) -> bool:
        """Whether the bound is kept. What could not be measured counts as kept."""
        if self.value is None:
            return True
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def __str__(self) -> str:
        sign = "at most" if self.at_most else "at least"
        if self.value is None:
            return f"skipped  {self.what}: not measured here"
        verdict = "ok      " if self.holds else "BROKEN  "
        return f"{verdict} {self.what}: {self.value:.2f}, {sign} {self.bound:g}"


def _check_conversion(arguments: Arguments) -> Iterator[Check]:
    case = f"RGB24 to yuv420p, {HD}"
    results = conversion.measure(replace(arguments, rounds=3))
    for row in results.as_json()["rows"]:
        if row["case"] == case and row["contender"].endswith("(used)"):
            summary = row["summary"]
            yield Check("1080p conversion, times a memcpy", summary["memcpy"]["median"], 5)
            yield Check(
                "1080p conversion, times faster than swscale",
                summary["swscale"]["median"],
                3,
                at_most=False,
            )
            return
    yield Check("1080p conversion", None, 0)


def _check_encoding(arguments: Arguments) -> Iterator[Check]:
    peer = "ffmpeg command, rgb24 in"
    contenders = frozenset({"gymreel", peer})
    results = encode_throughput.measure(
        replace(arguments, rounds=3, cases=frozenset({HD}), contenders=contenders)
    )
    ratio = _ratio(results, HD, "gymreel", peer, "cpu_ms")
    yield Check("1080p encoding, CPU against the ffmpeg command fed RGB", ratio, 0.9)
    size = _ratio(results, HD, "gymreel", peer, "kilobytes")
    yield Check("1080p encoding, size of the file against it", size, 1.15)
    ssim = _ratio(results, HD, "gymreel", peer, "ssim")
    yield Check("1080p encoding, SSIM against it", ssim, 0.995, at_most=False)


def _check_writing(arguments: Arguments) -> Iterator[Check]:
    small, large = "84x84", "3840x2160"
    results = write_latency.measure(
        replace(
            arguments,
            rounds=5,
            cases=frozenset({small, large}),
            contenders=frozenset({"write, busy"}),
        )
    )
    for size, bound in ((small, 5.0), (large, 0.05)):
        median = results.median(size, "write, busy", "median_us")
        frame = frames.load(size, 1, quick=True)[0]
        copying = 1e6 * min(timeit.repeat(frame.copy, number=10, repeat=20)) / 10
        ratio = median / copying if median is not None else None
        yield Check(f"write() of {size} against a copy of the frame", ratio, bound)
    borrowed = _ratio_within(results, small, "write, busy", "borrowed", "frames")
    yield Check("frames borrowed", borrowed, 1, at_most=False)


def _check_stepping(arguments: Arguments) -> Iterator[Check]:
    results = step_overhead.measure(replace(arguments, rounds=3), sizes=(HD,))
    # CPU time, because by the clock it matters who else wants the core.
    ratio = _ratio(results, HD, "gymreel", "render alone", "cpu_us")
    yield Check("1080p step, this thread's CPU against rendering alone", ratio, 2)


def _check_memory(arguments: Arguments) -> Iterator[Check]:
    results = peak_memory.measure(replace(arguments, contenders=frozenset({"gymreel"})))
    peaks = [row["summary"]["peak_mb"]["max"] for row in results.as_json()["rows"]]
    yield Check("memory of 300 frames of 1080p against 100", peaks[-1] / peaks[-2], 1.3)


def _check_streams(arguments: Arguments) -> Iterator[Check]:
    results = many_streams.measure(
        replace(arguments, rounds=1, contenders=frozenset({"gymreel"})), counts=(64,)
    )
    threads = results.median("64 streams of 160x210", "gymreel", "threads")
    yield Check("threads for 64 streams", threads, 2 * usable_cpus() + 4)


def _check_statistics(arguments: Arguments) -> Iterator[Check]:
    case = "one environment"
    results = statistics_cost.measure(replace(arguments, cases=frozenset({case})))
    ratio = _ratio(results, case, "gymreel", "Gymnasium", "added_us")
    yield Check("RecordEpisodeStatistics against Gymnasium's", ratio, 1.3)
    case = "1024 CartPoles"
    results = vector_statistics.measure(replace(arguments, cases=frozenset({case})))
    ratio = _ratio(results, case, "gymreel", "Gymnasium", "added_us")
    yield Check("… around a vector of 1,024 CartPoles", ratio, 0.6)


def _ratio(results: Results, case: str, contender: str, peer: str, key: str) -> float | None:
    value, other = (results.median(case, name, key) for name in (contender, peer))
    return value / other if value is not None and other else None


def _ratio_within(
    results: Results, case: str, contender: str, key: str, other_key: str
) -> float | None:
    value, other = (results.median(case, contender, name) for name in (key, other_key))
    return value / other if value is not None and other else None


CHECKS = (
    _check_conversion,
    _check_encoding,
    _check_writing,
    _check_stepping,
    _check_memory,
    _check_streams,
    _check_statistics,
)


def main() -> int:
    """Run all checks and report the broken bounds."""
    arguments = replace(parse_arguments(__doc__), quick=True)
    broken = []
    for run in CHECKS:
        for check in run(arguments):
            print(check, flush=True)
            if not check.holds:
                broken.append(check)
    if broken:
        print(f"\nslower than it may be: {'; '.join(check.what for check in broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
