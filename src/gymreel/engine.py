"""Settings of the one engine that encodes for the whole process.

Environment variables set them from outside: ``GYMREEL_NUM_THREADS``, ``GYMREEL_PRIORITY`` and
``GYMREEL_MAX_PENDING_BYTES``. They are read when gymreel is imported. So is ``GYMREEL_DEBUG``: with
``1``, each frame that is recorded without a copy is checked when it is encoded, and a recording
whose frame has changed since ``write()`` fails and says so. That takes some milliseconds a frame.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

from gymreel import _core
from gymreel._environment import is_on
from gymreel._validation import check_choice, check_whole_number
from gymreel.errors import ConfigError

__all__ = [
    "get_max_pending_bytes",
    "get_num_threads",
    "get_priority",
    "set_max_pending_bytes",
    "set_num_threads",
    "set_priority",
]

_MAX_THREADS = 1024


def set_num_threads(num_threads: int | None) -> None:
    """Limit the threads that encode.

    Args:
        num_threads: At most this many workers, and this many threads for all encoders together;
            ``None`` for as many as there are CPUs that this process may use (its affinity and its
            control group's quota, not the machine's). Encoders that are open keep theirs.

    Raises:
        ConfigError: Not a whole number from 1 to 1024.
    """
    count = 0
    if num_threads is not None:
        count = check_whole_number(
            "num_threads", num_threads, at_least=1, at_most=_MAX_THREADS, also=", or None"
        )
    _core.set_num_threads(count)


def get_num_threads() -> int:
    """Return the limit on the threads that encode."""
    return _core.get_num_threads()


def set_priority(priority: Literal["background", "normal"]) -> None:
    """Set whether encoding gives way to the training loop.

    Args:
        priority: ``"background"`` (the default) runs worker and encoder threads at a lower priority
            of the operating system, so that on busy CPUs encoding slows down and training does not.
            ``"normal"`` treats both alike. Encoders that are open keep what they have.

    Raises:
        ConfigError: Neither of the two.
    """
    check_choice("priority", priority, ["background", "normal"])
    _core.set_background_priority(priority == "background")


def get_priority() -> Literal["background", "normal"]:
    """Return whether encoding gives way to the training loop."""
    return "background" if _core.has_background_priority() else "normal"


def set_max_pending_bytes(num_bytes: int) -> None:
    """Limit the memory of all frames that wait for encoders, of all writers together.

    The default is 512 MiB, or a quarter of the memory limit of this process's control group where
    that is less. A single writer is further limited by its own ``max_pending_bytes``.
    Each may always have one frame under way, so the bound is this plus one frame for each writer.

    Raises:
        ConfigError: Not a whole number from 1.
    """
    _core.set_max_pending_bytes(
        check_whole_number("num_bytes", num_bytes, at_least=1, at_most=2**62)
    )


def get_max_pending_bytes() -> int:
    """Return the limit on the memory of all frames that wait for encoders."""
    return _core.get_max_pending_bytes()


def _apply(variable: str, apply: Callable[[Any], None], convert: Callable[[str], Any]) -> None:
    value = os.environ.get(variable)
    if not value:
        return
    try:
        apply(convert(value))
    except ValueError as error:
        raise ConfigError(f"environment variable {variable}={value!r}: {error}") from None


CHECK_BORROWED = is_on("GYMREEL_DEBUG")
"""Whether borrowed frames are checked for changes."""

_apply("GYMREEL_NUM_THREADS", set_num_threads, int)
_apply("GYMREEL_PRIORITY", set_priority, str)
_apply("GYMREEL_MAX_PENDING_BYTES", set_max_pending_bytes, int)
