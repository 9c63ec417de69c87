"""What an environment's current episode has come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["EpisodeTotals", "add_reward", "ends_episode", "have_all_ended"]


@dataclass(slots=True)
class EpisodeTotals:
    """The totals of one environment's episode, and how it ended if it has.

    Attributes:
        index: Number of the episode, from 0; -1 before the first.
        seed: Seed that the reset was given.
        length: Number of steps.
        return_: Sum of the rewards; None where they have no sum.
        terminated: Whether the environment terminated the episode.
        truncated: Whether the environment truncated the episode.
        info: The ``info`` of its last step.
        flags: The arrays ``terminated`` and ``truncated`` of the last step of an environment that
            is itself a batch. They are read at the end of the episode, see :meth:`settle_flags`.
        is_told: Whether the end of the episode has been reported.
    """

    index: int = -1
    seed: int | None = None
    length: int = 0
    return_: float | None = 0.0
    terminated: bool = False
    truncated: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[Any, Any] | None = None
    is_told: bool = False

    def settle_flags(self) -> None:
        """Set ``terminated`` and ``truncated`` from arrays of flags, if there are any.

        This is called after the last step and not at each one, because it may wait for a GPU.
        """
        if self.flags is not None:
            self.terminated, self.truncated = have_all_ended(*self.flags)
            self.flags = None


def ends_episode(terminated: Any, truncated: Any) -> bool:
    """Return whether a step ended an episode; of many environments in one, the episodes of all."""
    try:
        return bool(terminated or truncated)
    except Exception:  # The truth value of arrays and tensors may raise anything.
        return any(have_all_ended(terminated, truncated))


def have_all_ended(terminated: Any, truncated: Any) -> tuple[bool, bool]:
    """Return whether the episodes of many environments in one have all ended, and how.

    Args:
        terminated: An array or tensor of flags.
        truncated: The same.

    Returns:
        Whether any was terminated, and whether any was truncated. Both are False unless each
        episode has ended in either way.
    """
    try:
        if not (terminated | truncated).all():
            return False, False
        return _is_any_set(terminated), _is_any_set(truncated)
    except Exception:  # These are no flags of a known kind.
        return False, False


def _is_any_set(flags: Any) -> bool:
    return flags if isinstance(flags, bool) else bool(flags.any())


def add_reward(total: float | None, reward: Any) -> float | None:
    """Return the sum of a total and a reward, in full precision.

    Arrays and tensors of one element count as numbers. None stands for no sum: it is returned for a
    reward that is no number, and for a total of None.
    """
    if type(reward) is float and total is not None:
        return total + reward
    if total is None:
        return None
    try:
        if isinstance(reward, np.ndarray):
            reward = reward.item()  # float() refuses NumPy's arrays of one element.
        if isinstance(reward, (str, bytes, bytearray)):
            return None
        return total + float(reward)
    except Exception:  # Several numbers, one too large, or anything that a user's class raises.
        return None
