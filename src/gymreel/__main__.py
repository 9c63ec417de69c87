"""``python -m gymreel``: what gymreel does from the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from gymreel import __version__
from gymreel._cli import doctor, recover, run

_COMMANDS = (run, recover, doctor)


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say.

    Args:
        arguments: Without the program's name.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gymreel",
        description="Records what agents do. `COMMAND --help` says more about each command.",
    )
    parser.add_argument("--version", action="version", version=f"gymreel {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    # What a script is given is its own affair, whatever it looks like.
    own, rest = run.split(arguments)
    parsed = parser.parse_args(own)
    if not hasattr(parsed, "function"):
        parser.print_help()
        return 0
    parsed.rest = rest
    status: int = parsed.function(parsed)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
