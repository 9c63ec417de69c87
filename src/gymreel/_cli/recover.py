"""``python -m gymreel recover``: completes the partial files that killed processes left."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from gymreel.errors import GymreelError
from gymreel.recovery import RecoveredRecording, recover_and_report

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers of ``argparse``."""
    parser = commands.add_parser(
        "recover",
        help="make complete videos of the partial files that killed processes left",
        description="Makes complete videos of the partial files that killed processes left.",
    )
    parser.add_argument("path", help="a folder, which is searched recursively, or a file")
    parser.set_defaults(function=_recover)


def _recover(arguments: argparse.Namespace) -> int:
    try:
        recovered, problems = recover_and_report(arguments.path)
    except GymreelError as error:
        recovered, problems = [], [str(error)]
    for problem in problems:
        print(f"gymreel recover: {problem}", file=sys.stderr)
    try:
        _print(recovered)
        if not recovered and not problems:
            print(f"nothing to recover in {arguments.path}")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader is gone. Discard the rest, also what the interpreter flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1 if problems else 0


def _print(recovered: list[RecoveredRecording]) -> None:
    for recording in recovered:
        if recording.path is not None:
            seconds = f"{recording.duration_seconds:.2f} s"
            print(f"{recording.path}: {recording.num_frames} frames, {seconds}")
        elif recording.damaged_path is None:
            print(f"{recording.partial_path}: no frames, removed")
