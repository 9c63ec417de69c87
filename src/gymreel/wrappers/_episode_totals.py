"""What one environment's current episode has come to."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

__all__ = ["EpisodeTotals", "add_reward"]


class EpisodeTotals:
    """The current episode of one environment: its sums, and how it ended if it has."""

    __slots__ = ("index", "info", "is_told", "length", "return_", "seed", "terminated", "truncated")

    def __init__(self, index: int = -1, seed: int | None = None) -> None:
        """Begin at a reset, with what that was given."""
        self.index = index
        self.seed = seed
        self.length = 0
        self.return_: float | None = 0.0
        self.terminated = False
        self.truncated = False
        self.info: Mapping[str, Any] = {}
        self.is_told = False
        """Whether those who are told of episodes know that it has ended."""


def add_reward(total: float | None, reward: Any) -> float | None:
    """Add what a step gave to a sum, in full precision; what is no number has no sum."""
    if type(reward) is float and total is not None:
        return total + reward
    is_number = isinstance(reward, (Real, np.bool_)) or (
        isinstance(reward, np.ndarray) and reward.ndim == 0
    )
    if total is None or not is_number:
        return None
    try:
        return total + float(reward)
    except Exception:  # Too large, or whatever else a class of the user's may raise.
        return None
