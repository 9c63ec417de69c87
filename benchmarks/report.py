"""Puts results into docs/performance.md, between the markers that name them.

    python benchmarks/report.py build/bench/results/*.json

``<!-- results: NAME -->`` … ``<!-- end -->`` holds the tables of the benchmark NAME;
``machine`` and ``bars`` stand for all of them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bars
import tables

__all__ = ["load"]

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
_BLOCK = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def load(paths: list[Path]) -> dict[str, dict[str, Any]]:
    """Return results by the name of their benchmark."""
    read = (json.loads(path.read_text()) for path in paths)
    return {results["benchmark"]: results for results in read}


def main() -> None:
    """Rewrite every block for which there are results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    options = parser.parse_args()
    results = load(options.results)
    blocks = {name: tables.render(each) for name, each in results.items()}
    blocks["machine"] = _describe_machine(results)
    blocks["bars"] = bars.render(results)

    def replace(match: re.Match[str]) -> str:
        opening, name, closing = match.groups()
        return f"{opening}{blocks[name]}\n{closing}" if name in blocks else match.group(0)

    options.document.write_text(_BLOCK.sub(replace, options.document.read_text()))


def _describe_machine(results: Mapping[str, Mapping[str, Any]]) -> str:
    any_result = next(iter(results.values()))
    machine, versions = any_result["machine"], any_result["versions"]
    loads = [value for each in results.values() for value in each["load_average"].values()]
    loads = [value for value in loads if value is not None]
    facts = {
        "processor": f"{machine['cpu']}, {machine['cpus']} cores",
        "memory": f"{machine['memory_gib']} GiB",
        "system": f"{machine['system']}, {machine['kernel']}",
        "files written to": machine["outputs"],
        "load average before, between and after": f"{min(loads)} to {max(loads)}" if loads else "",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    table = tables.render_table(["", ""], [[*fact] for fact in facts.items()], num_numbers=0)
    if any(each["quick"] for each in results.values()):
        table += "\n\n**From a quick run: orders of magnitude, not measurements.**"
    return table


if __name__ == "__main__":
    main()
