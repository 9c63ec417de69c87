"""``python -m gymreel recover``: complete files of what killed processes have left."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from gymreel.errors import GymreelError
from gymreel.recovery import recover

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Describe the command.

    Args:
        commands: What ``argparse`` gives for adding it to.
    """
    parser = commands.add_parser(
        "recover",
        help="make complete videos of what a killed process has left",
        description="Makes complete videos of the partial files that killed processes have left.",
    )
    parser.add_argument("path", help="a folder, searched with those in it; or one recording")
    parser.set_defaults(function=_recover)


def _recover(arguments: argparse.Namespace) -> int:
    try:
        recovered = recover(arguments.path)
    except GymreelError as error:
        print(f"gymreel recover: {error}", file=sys.stderr)
        return 1
    for recording in recovered:
        if recording.path is None:
            print(f"{recording.partial_path}: no frames, removed")
        else:
            seconds = f"{recording.duration_seconds:.2f} s"
            print(f"{recording.path}: {recording.num_frames} frames, {seconds}")
    if not recovered:
        print(f"nothing to recover in {arguments.path}")
    return 0
