"""Sums of the rewards and steps of many environments, in arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Indices", "StepSums", "as_array"]

Indices = NDArray[np.intp]


class StepSums:
    """Sums over a stretch of each environment's steps.

    They are kept in arrays: a loop over the environments would take longer than the rest of a step.

    Attributes:
        returns: ``(num_envs,)``, sums of rewards; see :meth:`return_of`.
        lengths: ``(num_envs,)``, numbers of steps.
    """

    def __init__(self, num_envs: int) -> None:
        """Start without steps."""
        self.returns = np.zeros(num_envs)
        self.lengths = np.zeros(num_envs, int)
        self._has_returns = True

    def add_step(self, rewards: Any, resting: Indices) -> None:
        """Add a step of all environments except those in ``resting``, which did not take it."""
        kept = (self.returns[resting], self.lengths[resting]) if resting.size > 0 else None
        if self._has_returns:
            # Rewards may be several for each environment, or no numbers. The step counts anyway.
            try:
                np.add(self.returns, as_array(rewards, float), self.returns)
            except (TypeError, ValueError):
                self._has_returns = self._add_single_elements(rewards)
        self.lengths += 1
        if kept is not None:
            self.returns[resting], self.lengths[resting] = kept

    def _add_single_elements(self, rewards: Any) -> bool:
        """Add rewards that are an array of one element for each environment.

        Returns:
            Whether they were that.
        """
        try:
            np.add(self.returns, as_array(rewards, float).reshape(len(self.returns)), self.returns)
        except (TypeError, ValueError):
            return False
        return True

    def restart(self, environments: Indices | int) -> None:
        """Start again from zero for some environments."""
        self.returns[environments] = 0
        self.lengths[environments] = 0

    def return_of(self, i: int) -> float | None:
        """Return the sum of environment ``i``'s rewards; None where they have no sum."""
        return float(self.returns[i]) if self._has_returns else None


def as_array(values: Any, kind: type[float] | type[bool]) -> NDArray[Any]:
    """Return one value for each environment as an array, also from tensors on a GPU.

    Raises:
        TypeError: The values are not of that kind.
        ValueError: The values cannot be converted to that kind.
    """
    if isinstance(values, np.ndarray):
        return values
    try:
        return np.asarray(values, kind)
    except (TypeError, ValueError):
        return np.array([kind(_one_element(value)) for value in values])


def _one_element(value: Any) -> Any:
    """Return the element of an array with one element, which NumPy converts in no other way."""
    return value.item() if isinstance(value, np.ndarray) else value
