"""The bars that gymreel is measured by, and what the results say about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tables

__all__ = ["render"]

HD = "1920x1080"
LIMIT = "ffmpeg command, yuv420p in"
BUDGET_MB = 256 * 2**20 / 1e6
AllResults = Mapping[str, Mapping[str, Any]]


class NotMeasuredError(LookupError):
    """No result that the bar needs was measured."""


@dataclass(frozen=True)
class Bar:
    """A bound on one measured number."""

    what: str
    wanted: str
    measure: Callable[[AllResults], float]
    limit: float
    at_most: bool
    unit: str = ""
    digits: int = 2

    def line(self, results: AllResults) -> list[str]:
        """Return the bar's line in the table."""
        try:
            value = self.measure(results)
        except NotMeasuredError:
            return [self.what, self.wanted, "not measured", ""]
        reached = value <= self.limit if self.at_most else value >= self.limit
        return [
            self.what,
            self.wanted,
            f"{value:,.{self.digits}f}{self.unit}",
            "reached" if reached else "**missed**",
        ]


def render(results: AllResults) -> str:
    """Render all bars as a table."""
    return tables.render_table(
        ["", "bar", "measured", "verdict"], [bar.line(results) for bar in BARS], num_numbers=0
    )


def _value(
    results: AllResults, benchmark: str, case: str, contender: str, key: str, which: str = "median"
) -> float:
    for row in results.get(benchmark, {}).get("rows", ()):
        if row["case"] == case and row["contender"] == contender and key in row["summary"]:
            return float(row["summary"][key][which])
    raise NotMeasuredError(benchmark, case, contender, key)


def _fps_against(peer: str) -> Callable[[AllResults], float]:
    return lambda results: _ratio(results, "encode_throughput", HD, "gymreel", peer, "fps")


def _ratio(
    results: AllResults, benchmark: str, case: str, contender: str, peer: str, key: str
) -> float:
    value = _value(results, benchmark, case, contender, key)
    return value / _value(results, benchmark, case, peer, key)


def _conversion(key: str) -> Callable[[AllResults], float]:
    def measure(results: AllResults) -> float:
        case = f"RGB24 to yuv420p, {HD}"
        for row in results.get("conversion", {}).get("rows", ()):
            if row["case"] == case and row["contender"].endswith("(used)"):
                return float(row["summary"][key]["median"])
        raise NotMeasuredError(case)

    return measure


def _added(size: str) -> Callable[[AllResults], float]:
    return lambda results: _value(results, "step_overhead", size, "gymreel", "added_us")


def _write(size: str) -> Callable[[AllResults], float]:
    return lambda results: _value(results, "write_latency", size, "write, busy", "median_us")


def _write_large_against_small(results: AllResults) -> float:
    return _write("3840x2160")(results) / _write("84x84")(results)


def _worst_over_sizes(key: str, which: str) -> Callable[[AllResults], float]:
    def measure(results: AllResults) -> float:
        sizes = ("84x84", "600x400", HD)
        return max(_value(results, "reset_stall", s, "gymreel", key, which) for s in sizes)

    return measure


def _peak_memory(results: AllResults) -> float:
    peaks = [
        row["summary"]["peak_mb"]["max"]
        for row in results.get("peak_memory", {}).get("rows", ())
        if row["contender"] == "gymreel"
    ]
    if not peaks:
        raise NotMeasuredError("peak_memory")
    return float(max(peaks))


def _training(case: str) -> Callable[[AllResults], float]:
    return lambda results: _value(results, "training_loop", case, "gymreel", "percent")


def _threads_over_limit(results: AllResults) -> float:
    case = "64 streams of 160x210"
    threads = _value(results, "many_streams", case, "gymreel", "threads", "max")
    cpus = int(next(iter(results.values()))["machine"]["cpus"])
    return threads - (2 * cpus + 4)


def _statistics(results: AllResults) -> float:
    return _ratio(results, "statistics_cost", "one environment", "gymreel", "Gymnasium", "added_us")


def _vector_statistics(num_envs: int) -> Callable[[AllResults], float]:
    case = f"{num_envs} CartPoles"
    return lambda results: _ratio(
        results, "vector_statistics", case, "gymreel", "Gymnasium", "added_us"
    )


STREAMS = "64 streams of 160x210"
BARS = [
    Bar(
        "1080p RGB24 to yuv420p, one thread, against swscale",
        "≥ 6x",
        _conversion("swscale"),
        6.0,
        False,
        "x",
    ),
    Bar("… against a copy of the frame", "≤ 2.5x", _conversion("memcpy"), 2.5, True, "x"),
    Bar(
        "1080p frames per second, against the ffmpeg command fed converted frames",
        "≥ 1.0x",
        _fps_against(LIMIT),
        1.0,
        False,
        "x",
    ),
    Bar("… against PyAV", "≥ 1.7x", _fps_against("PyAV"), 1.7, False, "x"),
    Bar(
        "… against PyAV with better threads than its default",
        "(≥ 1.7x)",
        _fps_against("PyAV, thread_type AUTO"),
        1.7,
        False,
        "x",
    ),
    Bar("… against imageio-ffmpeg", "≥ 1.4x", _fps_against("imageio-ffmpeg"), 1.4, False, "x"),
    Bar(
        "1080p CPU per frame, against the ffmpeg command fed converted frames",
        "≤ 1.0x",
        lambda results: _ratio(results, "encode_throughput", HD, "gymreel", LIMIT, "cpu_ms"),
        1.0,
        True,
        "x",
    ),
    Bar("`write()` of a borrowed frame, 84x84", "≤ 2 µs", _write("84x84"), 2.0, True, " µs"),
    Bar("… of 4K", "≤ 2 µs", _write("3840x2160"), 2.0, True, " µs"),
    Bar(
        "… 4K against 84x84",
        "≤ 1.5x",
        _write_large_against_small,
        1.5,
        True,
        "x",
    ),
    Bar("`RecordVideo.step()` adds, 84x84", "≤ 5 µs", _added("84x84"), 5.0, True, " µs", 1),
    Bar("… 1080p", "≤ 150 µs", _added(HD), 150.0, True, " µs", 1),
    Bar(
        "`reset()` after a recorded episode, added to rendering, median",
        "≤ 1 ms",
        _worst_over_sizes("added_ms", "median"),
        1.0,
        True,
        " ms",
    ),
    Bar(
        "… worst, with rendering",
        "≤ 10 ms",
        _worst_over_sizes("worst_ms", "max"),
        10.0,
        True,
        " ms",
    ),
    Bar(
        "memory over 10,000 frames of 1080p",
        "≤ budget + 64 MB = 332 MB",
        _peak_memory,
        BUDGET_MB + 64,
        True,
        " MB",
        0,
    ),
    Bar(
        "64 streams at once, against 64 PyAV writers",
        "≥ 1.5x",
        lambda results: _ratio(results, "many_streams", STREAMS, "gymreel", "PyAV", "fps"),
        1.5,
        False,
        "x",
    ),
    Bar(
        "… against PyAV writers shared by a pool of threads",
        "(≥ 1.5x)",
        lambda results: _ratio(
            results, "many_streams", STREAMS, "gymreel", "PyAV, pool of threads", "fps"
        ),
        1.5,
        False,
        "x",
    ),
    Bar("… threads over twice the cores + 4", "≤ 0", _threads_over_limit, 0.0, True, "", 0),
    *(
        Bar(
            f"training on one core, the other free: {name}, {order}",
            "≥ 97 %",
            _training(f"{name}, one core, {order}"),
            97.0,
            False,
            " %",
            1,
        )
        for name in ("CartPole 600x400", "Breakout 160x210", "Ant 1280x720")
        for order in ("recorder first", "pinned first")
    ),
    Bar("`RecordEpisodeStatistics`, against Gymnasium's", "≤ 1.0x", _statistics, 1.0, True, "x"),
    Bar(
        "… around a vector of 1,024 CartPoles",
        "≤ 0.33x",
        _vector_statistics(1024),
        1 / 3,
        True,
        "x",
    ),
    Bar("… of 64", "≤ 1.0x", _vector_statistics(64), 1.0, True, "x"),
    Bar("… of 8", "≤ 1.0x", _vector_statistics(8), 1.0, True, "x"),
]
