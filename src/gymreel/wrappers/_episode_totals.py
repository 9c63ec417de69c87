"""What one environment's current episode has come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["EpisodeTotals", "add_reward", "ends_episode", "have_all_ended"]


class EpisodeTotals:
    """The current episode of one environment: its sums, and how it ended if it has."""

    __slots__ = (
        "flags",
        "index",
        "info",
        "is_told",
        "length",
        "return_",
        "seed",
        "terminated",
        "truncated",
    )

    def __init__(self, index: int = -1, seed: int | None = None) -> None:
        """Begin at a reset, with what that was given."""
        self.index = index
        self.seed = seed
        self.length = 0
        self.return_: float | None = 0.0
        self.terminated = False
        self.truncated = False
        self.info: Mapping[str, Any] = {}
        self.flags: tuple[Any, Any] | None = None
        """Of the last step of many environments in one; see :meth:`settle_flags`."""
        self.is_told = False
        """Whether those who are told of episodes know that it has ended."""

    def settle_flags(self) -> None:
        """Note whether all of many environments in one have ended with the last step.

        Looked at when the episode is over and not at each step: it waits for a GPU to be done.
        """
        if self.flags is not None:
            self.terminated, self.truncated = have_all_ended(*self.flags)
            self.flags = None


def ends_episode(terminated: Any, truncated: Any) -> bool:
    """Return whether a step ended an episode; of many environments in one, whether all have."""
    try:
        return bool(terminated or truncated)
    except Exception:  # Arrays and tensors raise what they like.
        return any(have_all_ended(terminated, truncated))


def have_all_ended(terminated: Any, truncated: Any) -> tuple[bool, bool]:
    """Take the flags of many environments in one, as arrays or tensors.

    Returns:
        Whether there is one that was terminated, and one that was truncated, if each was either;
        else False twice.
    """
    try:
        if not (terminated | truncated).all():
            return False, False
        return _is_any_set(terminated), _is_any_set(truncated)
    except Exception:  # No flags that we know.
        return False, False


def _is_any_set(flags: Any) -> bool:
    return flags if isinstance(flags, bool) else bool(flags.any())


def add_reward(total: float | None, reward: Any) -> float | None:
    """Return a sum and what a step gave together, in full precision.

    Arrays and tensors of one element count as numbers. With what is no number there is no sum, and
    none any more: None.
    """
    if type(reward) is float and total is not None:
        return total + reward
    if total is None:
        return None
    try:
        if isinstance(reward, np.ndarray):
            reward = reward.item()  # NumPy's float() refuses arrays of one element.
        if isinstance(reward, (str, bytes, bytearray)):
            return None
        return total + float(reward)
    except Exception:  # Not one number, too large, or whatever a class of the user's may raise.
        return None
