"""Settings of the engine, which encodes for the whole process.

The environment variables ``GYMREEL_NUM_THREADS``, ``GYMREEL_PRIORITY`` and
``GYMREEL_MAX_PENDING_BYTES`` set the initial values when gymreel is imported. With
``GYMREEL_DEBUG=1``, each frame that is recorded without a copy is checked when it is encoded, and
the recording fails if the frame has changed since ``write()``. That takes some milliseconds per
frame.
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
    """Set the limit for encoding threads.

    Args:
        num_threads: Largest number of workers, and also of threads of all encoders together. None
            for the number of CPUs that this process may use by its affinity and the quota of its
            control group. Encoders that are open keep their threads.

    Raises:
        ConfigError: ``num_threads`` is not a whole number from 1 to 1024.
    """
    count = 0
    if num_threads is not None:
        count = check_whole_number(
            "num_threads", num_threads, at_least=1, at_most=_MAX_THREADS, also=", or None"
        )
    _core.set_num_threads(count)


def get_num_threads() -> int:
    """Return the limit for encoding threads."""
    return _core.get_num_threads()


def set_priority(priority: Literal["background", "normal"]) -> None:
    """Set whether encoding gives way to the training loop.

    Args:
        priority: ``"background"`` (the default) runs worker and encoder threads at a lower priority
            of the operating system, so that encoding slows down rather than training if the CPUs
            are busy. ``"normal"`` treats both alike. Encoders that are open keep their priority.

    Raises:
        ConfigError: ``priority`` is neither of the two.
    """
    check_choice("priority", priority, ["background", "normal"])
    _core.set_background_priority(priority == "background")


def get_priority() -> Literal["background", "normal"]:
    """Return the priority of encoding threads, see :func:`set_priority`."""
    return "background" if _core.has_background_priority() else "normal"


def set_max_pending_bytes(num_bytes: int) -> None:
    """Set the limit for the memory of waiting frames, of all writers together.

    The default is 512 MiB, or a quarter of the memory limit of the process's control group if that
    is less. Each writer also has a limit of its own, ``max_pending_bytes``. A writer may always
    queue one frame, so the total is bounded by this limit plus one frame per writer. Besides, a
    writer keeps at most two buffers of copied frames for reuse.

    Args:
        num_bytes: The limit, in bytes.

    Raises:
        ConfigError: ``num_bytes`` is not a whole number of at least 1.
    """
    _core.set_max_pending_bytes(
        check_whole_number("num_bytes", num_bytes, at_least=1, at_most=2**62)
    )


def get_max_pending_bytes() -> int:
    """Return the limit for the memory of waiting frames, in bytes."""
    return _core.get_max_pending_bytes()


def _apply(variable: str, apply: Callable[[Any], None], convert: Callable[[str], Any]) -> None:
    """Apply the value of an environment variable, if it is set."""
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
