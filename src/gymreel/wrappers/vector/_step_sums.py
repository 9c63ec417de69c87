"""Rewards and steps of many environments, added up in arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Indices", "StepSums", "as_array"]

Indices = NDArray[np.intp]


class StepSums:
    """What some stretch of each environment's steps has come to.

    Of all together, as one by one takes longer than all the rest of a step.

    Attributes:
        returns: Sums of rewards; see :meth:`return_of`.
        lengths: Numbers of steps.
    """

    def __init__(self, num_envs: int) -> None:
        """Begin with none."""
        self.returns = np.zeros(num_envs)
        self.lengths = np.zeros(num_envs, int)
        self._has_returns = True

    def add_step(self, rewards: Any, resting: Indices) -> None:
        """Count a step of all environments but those that did not take it."""
        kept = (self.returns[resting], self.lengths[resting]) if resting.size > 0 else None
        if self._has_returns:
            # A step that has been taken is not lost for rewards that are not for us to understand:
            # several for each environment, or no numbers.
            try:
                np.add(self.returns, as_array(rewards, float), self.returns)
            except (TypeError, ValueError):
                self._has_returns = self._add_single_elements(rewards)
        self.lengths += 1
        if kept is not None:
            self.returns[resting], self.lengths[resting] = kept

    def _add_single_elements(self, rewards: Any) -> bool:
        """Add rewards that are an array of one element for each environment, if they are that."""
        try:
            np.add(self.returns, as_array(rewards, float).reshape(len(self.returns)), self.returns)
        except (TypeError, ValueError):
            return False
        return True

    def restart(self, environments: Indices | int) -> None:
        """Begin again with some."""
        self.returns[environments] = 0
        self.lengths[environments] = 0

    def return_of(self, i: int) -> float | None:
        """Give the sum of environment ``i``'s rewards; None where rewards have no sums."""
        return float(self.returns[i]) if self._has_returns else None


def as_array(values: Any, kind: type[float] | type[bool]) -> NDArray[Any]:
    """Give one value for each environment as an array, wherever they are: on a GPU, say.

    Raises:
        TypeError: They are not of that kind.
        ValueError: Nor can they be made so.
    """
    if isinstance(values, np.ndarray):
        return values
    try:
        return np.asarray(values, kind)
    except (TypeError, ValueError):
        return np.array([kind(_one_element(value)) for value in values])


def _one_element(value: Any) -> Any:
    """Return what an array of one element holds, which NumPy converts by no other way."""
    return value.item() if isinstance(value, np.ndarray) else value
