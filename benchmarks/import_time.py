"""How long does importing take, over starting Python?"""

from __future__ import annotations

import subprocess
import sys
import time

from harness import Arguments, Column, Results, parse_arguments, take_turns

START = "pass"
STATEMENTS = (
    START,
    "import numpy",
    "import gymreel",
    "import gymnasium",
    "import gymreel.wrappers",
    # RecordVideo imports it when it saves the first video.
    "import gymnasium.wrappers, moviepy",
    "import av",
    "import imageio_ffmpeg",
    "import cv2",
)
COLUMNS = [Column("added_ms", "added ms", 0, spread=True)]


def measure(arguments: Arguments) -> Results:
    """Start a Python for each statement in turn."""
    results = Results("import_time", str(__doc__), COLUMNS, arguments)
    statements = []
    for statement in STATEMENTS:
        if _seconds(statement) is None:  # Also warms the disk's cache.
            results.skip(statement, "not installed")
        else:
            statements.append(statement)
    start = 0.0
    for statement in take_turns(statements, arguments.num_rounds(7, quick=2)):
        seconds = _seconds(statement) or 0.0
        if statement == START:
            start = seconds
        else:
            results.add("statement", statement, added_ms=1000 * (seconds - start))
    return results


def _seconds(statement: str) -> float | None:
    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", statement], check=False, capture_output=True)
    return time.perf_counter() - start if run.returncode == 0 else None


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
