"""Draws the plots of docs/performance.md from the results.

python benchmarks/plot.py build/bench/results/*.json
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import report
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

FOLDER = report.DOCUMENT.parent / "performance"
OURS, PEER, LIMIT = "#0b7285", "#adb5bd", "#f08c00"
Rows = list[Mapping[str, Any]]


def main() -> None:
    """Draw every plot that there are results for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    results = report.load(options.results)
    options.folder.mkdir(parents=True, exist_ok=True)
    # The same results give the same file: no date, no random names.
    mpl.rcParams.update({"svg.hashsalt": "gymreel", "svg.fonttype": "none", "font.size": 9})
    for name, draw in PLOTS.items():
        if name not in results:
            continue
        figure = draw(results[name]["rows"])
        figure.savefig(options.folder / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _draw_encode_throughput(rows: Rows) -> Any:
    rows = [row for row in rows if row["case"] == "1920x1080" and "fps" in row["summary"]]
    figure, (speed, cost) = plt.subplots(1, 2, figsize=(9, 0.34 * len(rows) + 0.8), sharey=True)
    _bars(speed, rows, "fps", "1080p frames per second")
    _bars(cost, rows, "cpu_ms", "CPU ms per frame")
    speed.invert_yaxis()  # For both: they share it.
    return figure


def _draw_step_overhead(rows: Rows) -> Any:
    return _draw_grouped(rows, "added_us", "µs that recording adds to a step")


def _draw_reset_stall(rows: Rows) -> Any:
    return _draw_grouped(rows, "added_ms", "reset() after a recorded episode, ms")


def _draw_grouped(rows: Rows, key: str, title: str) -> Any:
    """Draw two bars for each case, on a logarithmic scale."""
    cases = list(dict.fromkeys(row["case"] for row in rows))
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(cases) + 0.9))
    for offset, contender, color in ((-0.2, "gymreel", OURS), (0.2, "Gymnasium", PEER)):
        values = {
            row["case"]: max(row["summary"][key]["median"], 1e-3)
            for row in rows
            if row["contender"] == contender and key in row["summary"]
        }
        places = [cases.index(case) + offset for case in values]
        bars = axes.barh(places, list(values.values()), 0.38, label=contender, color=color)
        axes.bar_label(bars, [f"{value:,.4g}" for value in values.values()], padding=3)
    axes.set_xscale("log")
    axes.set_yticks(range(len(cases)), cases)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.legend(frameon=False)
    return _finish(figure, axes, title)


def _draw_peak_memory(rows: Rows) -> Any:
    figure, axes = plt.subplots(figsize=(6, 3))
    for contender, color in (("gymreel", OURS), ("Gymnasium", PEER)):
        points = sorted(
            (_leading_number(row["case"]), row["summary"]["peak_mb"]["median"], bool(row["notes"]))
            for row in rows
            if row["contender"] == contender
        )
        lengths = [length for length, _, _ in points]
        axes.plot(lengths, [peak for _, peak, _ in points], "o-", color=color, label=contender)
        for length, peak, is_extrapolated in points:
            if is_extrapolated:
                axes.annotate("extrapolated", (length, peak), ha="right", va="top")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("frames of 1080p")
    axes.legend(frameon=False)
    return _finish(figure, axes, "MB that recording takes")


def _draw_many_streams(rows: Rows) -> Any:
    figure, axes = plt.subplots(figsize=(6, 3))
    contenders = list(dict.fromkeys(row["contender"] for row in rows))
    for contender, color in zip(contenders, (OURS, PEER, LIMIT), strict=False):
        points = sorted(
            (_leading_number(row["case"]), row["summary"]["fps"]["median"])
            for row in rows
            if row["contender"] == contender
        )
        axes.plot(*zip(*points, strict=True), "o-", color=color, label=contender)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("streams at once")
    axes.legend(frameon=False)
    return _finish(figure, axes, "160x210 frames per second, all streams")


def _bars(axes: Axes, rows: Rows, key: str, title: str) -> None:
    names = [row["contender"] for row in rows]
    values = [row["summary"][key]["median"] for row in rows]
    colors = [
        OURS if name.startswith("gymreel") else LIMIT if name.endswith("yuv420p in") else PEER
        for name in names
    ]
    bars = axes.barh(names, values, color=colors)
    axes.bar_label(bars, [f"{value:,.3g}" for value in values], padding=3)
    axes.margins(x=0.12)
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)


def _finish(figure: Any, axes: Axes, title: str) -> Any:
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _leading_number(case: str) -> int:
    match = re.match(r"[\d,]+", case)
    assert match is not None, case
    return int(match.group().replace(",", ""))


PLOTS = {
    "encode_throughput": _draw_encode_throughput,
    "step_overhead": _draw_step_overhead,
    "reset_stall": _draw_reset_stall,
    "peak_memory": _draw_peak_memory,
    "many_streams": _draw_many_streams,
}

if __name__ == "__main__":
    main()
