"""Environment variables that are on or off, such as ``GYMREEL_DEBUG=1``."""

from __future__ import annotations

import os

__all__ = ["is_on"]


def is_on(variable: str) -> bool:
    """Return whether an environment variable is set to anything but ``""`` and ``"0"``."""
    return os.environ.get(variable, "") not in ("", "0")
