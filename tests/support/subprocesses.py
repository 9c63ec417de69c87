"""Scripts in an interpreter of their own: exits, and what a process can only do to itself."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from support.paths import TESTS

__all__ = ["run_python"]


def run_python(
    script: str,
    folder: Path,
    *options: str,
    check: bool = True,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own, with the folder or file as its argument."""
    command = [sys.executable, *options, "-c", textwrap.dedent(script), str(folder)]
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=TESTS,
        env=environment,
        check=False,
    )
    assert finished.returncode == 0 or not check, finished.stderr
    return finished
