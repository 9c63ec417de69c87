"""Whether the long versions of tests run: ``GYMREEL_SOAK=1``, see ``make soak``."""

from __future__ import annotations

from gymreel._environment import is_on

__all__ = ["IS_SOAK"]

IS_SOAK = is_on("GYMREEL_SOAK")
