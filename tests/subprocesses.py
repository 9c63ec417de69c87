"""Scripts in an interpreter of their own: exits, and what a process can only do to itself."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

__all__ = ["run_python"]


def run_python(
    script: str, folder: Path, *options: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own, with the folder as its argument."""
    command = [sys.executable, *options, "-c", textwrap.dedent(script), str(folder)]
    finished = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent, check=False
    )
    assert finished.returncode == 0 or not check, finished.stderr
    return finished
