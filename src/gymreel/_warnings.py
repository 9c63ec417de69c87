"""The one way in which gymreel warns."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

from gymreel.errors import GymreelWarning

__all__ = ["warn", "warn_in_recorder"]

_PASSED_OVER = ("gymreel", "gymnasium")


def warn(message: str) -> None:
    """Warn with ``GymreelWarning`` at the caller's line, the first one outside of gymreel.

    Calls that pass through Gymnasium's wrappers on their way are passed over too.

    Raises:
        GymreelWarning: Warnings are errors here.
    """
    warnings.warn(message, GymreelWarning, stacklevel=_stacklevel())


def warn_in_recorder(message: str) -> None:
    """Warn as :func:`warn`, unless ``gymnasium.logger.set_level`` has silenced warnings.

    Raises:
        GymreelWarning: Warnings are errors here.
    """
    logger = sys.modules.get("gymnasium.logger")
    if logger is None or logger.min_level <= logger.WARN:
        warn(message)


def _stacklevel() -> int:
    """Return the ``stacklevel`` with which ``warn`` names the caller's line."""
    level = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _package_of(frame) in _PASSED_OVER:
        level += 1
        frame = frame.f_back
    return level


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
