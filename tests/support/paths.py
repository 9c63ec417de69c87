"""Where the tests and the project lie."""

from pathlib import Path

__all__ = ["PROJECT", "TESTS"]

TESTS = Path(__file__).parents[1]
"""The folder ``tests``; a child process that starts in it can import ``support``."""

PROJECT = TESTS.parent
"""The folder of ``pyproject.toml``; a wheel's tests have little more of the project beside them."""
