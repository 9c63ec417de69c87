"""What the current episodes of many environments have come to, in arrays."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from gymreel._recording.episode import EpisodeTotals
from gymreel._recording.step_sums import Indices, StepSums, as_array
from gymreel.wrappers.keep_terminal_frame import TERMINAL_FRAME

__all__ = ["EpisodeArrays", "entry_of", "final_infos", "info_of"]

_NONE: Indices = np.empty(0, np.intp)


class EpisodeArrays(StepSums):
    """The current episode of each environment: its number, its sums, and whether it is over.

    Attributes:
        index: ``(num_envs,)``, numbers of the episodes, from 0; -1 before the first reset.
        terminated: ``(num_envs,)``, whether an episode that is over was terminated.
        truncated: ``(num_envs,)``, whether an episode that is over was truncated.
        is_over: ``(num_envs,)``, whether an episode has ended and its environment has not been
            reset yet.
        seeds: Seeds that the resets at their starts were given, or None.
    """

    def __init__(self, num_envs: int, autoreset_mode: AutoresetMode) -> None:
        """Start before the first reset.

        Args:
            num_envs: Number of environments.
            autoreset_mode: When the vector environment resets an environment whose episode is over.
        """
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
        """Add the results of a step.

        Returns:
            Three arrays of environments' numbers, ``resting``, ``begun`` and ``ended``. Those in
            ``resting`` took no step, because their episodes were over. ``begun`` is the part of
            them that was reset instead (autoreset in the next step). The episodes of those in
            ``ended`` have ended with this step; if the step has reset these environments already,
            the caller starts their next episodes with :meth:`begin`.
        """
        resting = self.is_over.nonzero()[0]
        begun = _NONE
        if self._mode is AutoresetMode.NEXT_STEP:
            self.add_step(rewards, _NONE)
            if resting.size > 0:
                begun = resting
                self.begin(begun)
        else:  # Those have not been reset: what they do until then belongs to no episode.
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
        """Start the next episodes of some environments.

        Args:
            environments: Numbers of these environments.
            seeds: Seeds of all environments, not only of these; None for none.
        """
        self.index[environments] += 1
        self.restart(environments)
        self.terminated[environments] = False
        self.truncated[environments] = False
        self.is_over[environments] = False
        for i in environments.tolist():
            self.seeds[i] = None if seeds is None else seeds[i]

    def totals_of(self, i: int, info: Mapping[str, Any]) -> EpisodeTotals:
        """Return the totals of environment ``i``'s episode, with the ``info`` of its last step."""
        return EpisodeTotals(
            index=int(self.index[i]),
            seed=self.seeds[i],
            length=int(self.lengths[i]),
            return_=self.return_of(i),
            terminated=bool(self.terminated[i]),
            truncated=bool(self.truncated[i]),
            info=info,
        )


def final_infos(infos: Any) -> Any:
    """Return the last infos of episodes whose environments were reset in the same step.

    They have the form of ``infos``, which are returned themselves where they hold no such infos.
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
    """Return the ``info`` of one environment, without observations and frames.

    Only the first 2,000 names of a mapping are looked at, including masks.

    Args:
        infos: The infos of all environments, as Gymnasium combines them: for each name an array
            with an entry for each environment, or a mapping of such arrays, and under the name
            after an underscore a mask of the environments that have it. Or a list with one
            ``info`` for each environment.
        i: Number of the environment.
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
    """Return a value, with an array copied, as the environment may reuse that."""
    return value.copy() if isinstance(value, np.ndarray) else value


_MISSING = object()


def entry_of(values: Any, i: int, default: Any = None) -> Any:
    """Return the entry of environment ``i`` in an array or list of all, or a default."""
    is_array = isinstance(values, np.ndarray) and values.ndim > 0
    if (is_array or isinstance(values, (list, tuple))) and len(values) > i:
        return values[i]
    return default
