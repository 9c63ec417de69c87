"""The command line: ``python -m gymreel COMMAND``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from gymreel import __version__
from gymreel._cli import doctor, recover, run

_COMMANDS = (run, recover, doctor)


def main(arguments: Sequence[str]) -> int:
    """Run a command and return the exit status.

    Args:
        arguments: The command line without the name of the program.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gymreel",
        description="Records environments to video files. `COMMAND --help` describes a command.",
    )
    parser.add_argument("--version", action="version", version=f"gymreel {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    # The arguments of a script must not be parsed here.
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
