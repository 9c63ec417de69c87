"""Switches in the environment: ``GYMREEL_DEBUG=1`` and the like."""

from __future__ import annotations

import os

__all__ = ["is_on"]


def is_on(variable: str) -> bool:
    """Return whether an environment variable is set, to anything but nothing and ``0``."""
    return os.environ.get(variable, "") not in ("", "0")
