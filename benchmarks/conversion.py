"""How long does one frame take from RGB to YUV, on one thread?

Runs the C++ benchmark, which compares gymreel's kernels with swscale, and with a plain copy of
the frame as the floor.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from harness import Arguments, Column, Results, parse_arguments

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
BINARY = Path(os.environ.get("GYMREEL_CONVERT_BENCH") or BUILD / "convert_bench")
COLUMNS = [
    Column("us", "µs/frame", 1, spread=True),
    Column("memcpy", "times memcpy", 2),
    Column("swscale", "times faster than swscale", 1),
]
FLOOR = "memcpy"
SWSCALE = "swscale bicubic"


def measure(arguments: Arguments) -> Results:
    """Run the C++ benchmark several times; it alternates its contenders itself."""
    results = Results("conversion", str(__doc__), COLUMNS, arguments)
    if not BINARY.exists():
        results.skip("everything", "build it with `make bench-convert` first")
        return results
    for _ in range(arguments.num_rounds(5)):
        times = _run(arguments.pick(41, 11))
        for (case, name), microseconds in times.items():
            if not (arguments.wants_case(case) and arguments.wants(name)):
                continue
            results.add(case, name, us=microseconds)
            if name != FLOOR:
                results.add(case, name, memcpy=microseconds / times[case, FLOOR])
            if name.startswith("gymreel") and (case, SWSCALE) in times:
                results.add(case, name, swscale=times[case, SWSCALE] / microseconds)
    return results


def _run(num_rounds: int) -> dict[tuple[str, str], float]:
    """Return the microseconds of each case and contender."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.json")
        command = [str(BINARY), "--rounds", str(num_rounds), "--json", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        rows = json.loads(path.read_text())
    return {(row["case"], row["name"]): row["us_per_frame"] for row in rows}


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
