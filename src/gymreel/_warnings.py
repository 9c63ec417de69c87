"""Warnings, which name the line of the caller."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

from gymreel.errors import GymreelWarning

__all__ = ["warn", "warn_in_recorder"]

_SKIPPED = ("gymreel", "gymnasium")


def warn(message: str) -> None:
    """Warn with ``GymreelWarning`` at the innermost line outside of gymreel and Gymnasium.

    Raises:
        GymreelWarning: The warning filters turn warnings into errors.
    """
    warnings.warn(message, GymreelWarning, stacklevel=_stacklevel())


def warn_in_recorder(message: str) -> None:
    """Warn, unless ``gymnasium.logger.set_level`` has silenced warnings.

    Raises:
        GymreelWarning: The warning filters turn warnings into errors.
    """
    logger = sys.modules.get("gymnasium.logger")
    if logger is None or logger.min_level <= logger.WARN:
        warn(message)


def _stacklevel() -> int:
    """Return the ``stacklevel`` of the caller of :func:`warn`."""
    level = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _package_of(frame) in _SKIPPED:
        level += 1
        frame = frame.f_back
    return level


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
