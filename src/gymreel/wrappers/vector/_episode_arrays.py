"""What the current episodes of many environments have come to, in arrays."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from gymreel.wrappers.keep_terminal_frame import TERMINAL_FRAME
from gymreel.wrappers.vector._step_sums import Indices, StepSums, as_array

__all__ = ["EpisodeArrays", "entry_of", "final_infos", "info_of"]

_NONE: Indices = np.empty(0, np.intp)


class EpisodeArrays(StepSums):
    """The current episode of each environment: its number, its sums, and whether it is over.

    Attributes:
        index: Numbers of the episodes, from 0; -1 before the first reset.
        terminated: Whether the last step of an episode that is over said so,
        truncated: or this.
        is_over: Which episodes have ended and whose environments were not reset yet.
        seeds: What the resets at their starts were given, if anything.
    """

    def __init__(self, num_envs: int, autoreset_mode: AutoresetMode) -> None:
        """Begin before the first reset."""
        super().__init__(num_envs)
        self._mode = autoreset_mode
        self.index = np.full(num_envs, -1)
        self.terminated = np.zeros(num_envs, bool)
        self.truncated = np.zeros(num_envs, bool)
        self.is_over = np.zeros(num_envs, bool)
        self.seeds: list[int | None] = [None] * num_envs

    def step(
        self, rewards: Any, terminations: Any, truncations: Any
    ) -> tuple[Indices, Indices, Indices]:
        """Take what a step gave.

        Returns:
            The environments that took no step, as their episodes were over; those of them that were
            reset in its place (autoreset in the next step); and those whose episodes ended with it.
            Where it reset those at once, their next episodes begin with :meth:`begin`, when the
            caller is done with these.
        """
        resting = self.is_over.nonzero()[0]
        begun = _NONE
        if self._mode is AutoresetMode.NEXT_STEP:
            self.add_step(rewards, _NONE)
            if resting.size > 0:
                begun = resting
                self.begin(begun)
        else:  # Nobody has reset those: what they do meanwhile belongs to no episode.
            self.add_step(rewards, resting)
        terminations, truncations = as_array(terminations, bool), as_array(truncations, bool)
        dones = np.logical_or(terminations, truncations)
        if not dones.any():
            return resting, begun, _NONE
        ended = np.flatnonzero(dones & ~self.is_over)
        self.terminated[ended] = terminations[ended]
        self.truncated[ended] = truncations[ended]
        self.is_over[ended] = True
        return resting, begun, ended

    def begin(self, environments: Indices, seeds: Sequence[int | None] | None = None) -> None:
        """Begin the next episodes of some environments.

        Args:
            environments: Their numbers.
            seeds: One for each environment there is, not only for these; None for none.
        """
        self.index[environments] += 1
        self.restart(environments)
        self.terminated[environments] = False
        self.truncated[environments] = False
        self.is_over[environments] = False
        for i in environments.tolist():
            self.seeds[i] = None if seeds is None else seeds[i]


def final_infos(infos: Any) -> Any:
    """Take the last infos of episodes out of those of a step that reset their environments.

    Returns:
        They, in the form that ``infos`` have; those themselves where there are no others.
    """
    if isinstance(infos, Mapping):
        return infos.get("final_info", infos)
    if isinstance(infos, (list, tuple)):
        return [
            each.get("final_info", each) if isinstance(each, Mapping) else each for each in infos
        ]
    return infos


_MAX_NAMES = 2000

_NOT_FOR_LOGS = ("final_obs", "final_info", TERMINAL_FRAME)


def info_of(infos: Any, i: int) -> dict[str, Any]:
    """Take one environment's ``info`` out of those of all, without observations and frames.

    Of a mapping at most the first 2,000 names are looked at, masks included.

    Args:
        infos: As Gymnasium puts them together: for each name an array with an entry for each
            environment, or a mapping of such; with an underscore before the name, which
            environments have it. Or else a list of one ``info`` for each environment.
        i: The environment's number.
    """
    if not isinstance(infos, Mapping):
        entry = entry_of(infos, i)
        if not isinstance(entry, Mapping):
            return {}
        return {name: _own(value) for name, value in entry.items() if name not in _NOT_FOR_LOGS}
    info: dict[str, Any] = {}
    for name, values in itertools.islice(infos.items(), _MAX_NAMES):
        is_mask = isinstance(name, str) and name.startswith("_") and name[1:] in infos
        has_it = entry_of(infos.get(f"_{name}"), i)
        is_absent = isinstance(has_it, (bool, np.bool_)) and not has_it
        if is_mask or is_absent or name in _NOT_FOR_LOGS:
            continue
        if isinstance(values, Mapping):
            info[name] = info_of(values, i)
        elif (value := entry_of(values, i, _MISSING)) is not _MISSING:
            info[name] = _own(value)
    return info


def _own(value: Any) -> Any:
    """Copy an array, as the environment may use it again."""
    return value.copy() if isinstance(value, np.ndarray) else value


_MISSING = object()


def entry_of(values: Any, i: int, default: Any = None) -> Any:
    """Take environment ``i``'s out of an array or list of all; the default where there is none."""
    is_array = isinstance(values, np.ndarray) and values.ndim > 0
    if (is_array or isinstance(values, (list, tuple))) and len(values) > i:
        return values[i]
    return default
