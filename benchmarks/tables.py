"""Results as Markdown tables, which are readable in a terminal as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Column", "render", "render_table"]


@dataclass(frozen=True)
class Column:
    """A quantity that a benchmark measures.

    ``spread`` shows the smallest and the largest sample beside the median.
    """

    key: str
    title: str
    digits: int = 1
    spread: bool = False


def render(results: Mapping[str, Any]) -> str:
    """Render one benchmark's JSON: a table for each case, then who was skipped and why."""
    blocks = []
    cases = dict.fromkeys(row["case"] for row in results["rows"])
    for case in cases:
        rows = [row for row in results["rows"] if row["case"] == case]
        columns = [
            Column(**column)
            for column in results["columns"]
            if any(column["key"] in row["summary"] for row in rows)
        ]
        header = [case, *(column.title for column in columns)]
        body = [[row["contender"], *(_cell(row, column) for column in columns)] for row in rows]
        if any(row["notes"] for row in rows):
            header.append("")
            for line, row in zip(body, rows, strict=True):
                line.append("; ".join(row["notes"]))
        blocks.append(render_table(header, body, num_numbers=len(columns)))
    if results["skipped"]:
        reasons = (f"{name} ({reason})" for name, reason in results["skipped"].items())
        blocks.append(f"Not measured: {'; '.join(reasons)}.")
    return "\n\n".join(blocks)


def render_table(
    header: Sequence[str], body: Sequence[Sequence[str]], num_numbers: int | None = None
) -> str:
    """Render a table: a first column of names, ``num_numbers`` of numbers, the others text."""
    if num_numbers is None:
        num_numbers = len(header) - 1
    lines = [list(header), *(list(line) for line in body)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(header))]
    numbers = range(1, 1 + num_numbers)

    def pad(line: Sequence[str]) -> str:
        cells = (
            text.rjust(width) if i in numbers else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        return f"| {' | '.join(cells)} |"

    rule = [
        "-" * (width - 1) + ":" if i in numbers else "-" * width for i, width in enumerate(widths)
    ]
    return "\n".join([pad(lines[0]), pad(rule), *(pad(line) for line in lines[1:])])


def _cell(row: Mapping[str, Any], column: Column) -> str:
    summary = row["summary"].get(column.key)
    if summary is None:
        return ""
    median = _number(summary["median"], column.digits)
    if not column.spread or len(row["samples"][column.key]) == 1:
        return median
    lowest, highest = (_number(summary[key], column.digits) for key in ("min", "max"))
    return f"{median} ({lowest}…{highest})"


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"
