"""Returns, lengths and durations of the episodes of vector environments."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np
from gymnasium.core import ActType, ObsType
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from gymreel._validation import show
from gymreel._warnings import warn_in_recorder
from gymreel.errors import ConfigError, ConfigTypeError, InfosTypeError, StatsKeyError
from gymreel.wrappers.record_episode_statistics import check_arguments
from gymreel.wrappers.vector._wrapper import GenericVectorWrapper

__all__ = ["InfosTypeError", "RecordEpisodeStatistics"]

# Arrays, because numpy takes as long to convert a number as to add it to a thousand others.
_NOTHING = np.array(0.0)
_NONE = np.array(0)
_ONE = np.array(1)
_MILLION = np.array(1e6)

_StepResult = tuple[
    ObsType, NDArray[np.floating[Any]], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
]


class RecordEpisodeStatistics(GenericVectorWrapper[ObsType, ActType, ObsType, ActType, Any]):
    """Adds up rewards and steps, and puts the totals into ``infos`` when episodes end.

    A drop-in for ``gymnasium.wrappers.vector.RecordEpisodeStatistics`` (behaviour as of Gymnasium
    1.4.0). A step that ends at least one episode returns ``infos`` with::

        {
            "episode": {
                "r": <(num_envs,) float64: sums of rewards>,
                "l": <(num_envs,) int64: numbers of steps>,
                "t": <(num_envs,) float64: seconds since the episodes began>,
            },
            "_episode": <(num_envs,) bool: whose episodes ended; all others' totals are 0>,
        }

    All three autoreset modes are right, also after ``reset(options={"reset_mask": mask})``, which
    starts the masked episodes anew and leaves the others alone.

    Attributes:
        time_queue: Seconds that each of the last ``buffer_length`` episodes took.
        return_queue: Sum of rewards of each.
        length_queue: Number of steps of each.
        episode_count: Number of episodes that have ended.
        episode_returns: ``(num_envs,)``, sum of rewards of each current episode so far.
        episode_lengths: ``(num_envs,)``, number of steps of each current episode so far.
        episode_start_times: ``(num_envs,)``, ``time.perf_counter()`` at the start of each current
            episode, 0 before the first.
        prev_dones: ``(num_envs,)``, whose episodes the last step ended.
    """

    episode_count: int
    episode_start_times: NDArray[np.float64]
    episode_returns: NDArray[np.float64]
    episode_lengths: NDArray[np.int_]
    time_queue: deque[float]
    return_queue: deque[float]
    length_queue: deque[int]

    def __init__(
        self,
        env: VectorEnv[ObsType, ActType, Any],
        buffer_length: int | None = 100,
        stats_key: str = "episode",
    ) -> None:
        """Wrap a vector environment.

        Args:
            env: The vector environment.
            buffer_length: How many episodes the three queues remember; None for all.
            stats_key: Where in ``infos`` the totals go; the mask goes beside it, after ``_``.

        Raises:
            ConfigTypeError: ``env`` is not a vector environment, its autoreset mode is not an
                ``AutoresetMode``, or ``buffer_length`` is neither None nor a whole number.
            ConfigError: ``buffer_length`` is negative.
        """
        if not isinstance(env, VectorEnv):
            raise ConfigTypeError(
                f"env={show(env)} must be a gymnasium.vector.VectorEnv; for a single environment "
                "take gymreel.wrappers.RecordEpisodeStatistics"
            )
        super().__init__(env)
        buffer_length = check_arguments(buffer_length, stats_key)

        self._stats_key = stats_key
        self._mask_key = f"_{stats_key}"
        self._resets_in_same_step = _autoreset_mode(self) is AutoresetMode.SAME_STEP

        self.episode_count = 0
        self.episode_start_times = np.zeros(self.num_envs)
        # What a step ended is kept as indices: few environments end at once, and operations with a
        # mask take as long as with all of them. The mask is made, and counts, once it is asked for.
        self._ended: NDArray[np.intp]
        self._prev_dones: NDArray[np.bool_] | None
        self._restart_all()
        self.time_queue = deque(maxlen=buffer_length)
        self.return_queue = deque(maxlen=buffer_length)
        self.length_queue = deque(maxlen=buffer_length)

    def step(self, actions: ActType) -> _StepResult[ObsType]:
        """Take a step in all environments and count it.

        Args:
            actions: The actions for the vector environment.

        Returns:
            The vector environment's own result. If a step ends episodes, its ``infos`` are a copy
            with the totals.

        Raises:
            StatsKeyError: Episodes ended and ``infos`` have the key, or that of the mask, already.
            InfosTypeError: ``infos`` are not a dict.
        """
        observations, rewards, terminations, truncations, infos = self.env.step(actions)
        if not isinstance(infos, dict):
            raise InfosTypeError(
                f"infos={show(infos)} must be a dict to hold the totals; put "
                "RecordEpisodeStatistics inside of the wrapper that changes infos, not around it"
            )
        returns, lengths = self.episode_returns, self.episode_lengths
        np.add(returns, rewards, returns)
        np.add(lengths, _ONE, lengths)

        now = 0.0
        if not self._resets_in_same_step:
            begun = self._ended if self._prev_dones is None else self._prev_dones.nonzero()[0]
            if begun.size:
                # This step was their reset, or came in its place: it belongs to no episode.
                now = time.perf_counter()
                returns[begun] = _NOTHING
                lengths[begun] = _NONE
                self.episode_start_times[begun] = now

        dones = np.logical_or(terminations, truncations)
        self._ended = ended = dones.nonzero()[0]
        self._prev_dones = None
        if ended.size:
            infos = self._end_episodes(dones, ended, infos, now or time.perf_counter())
        return observations, rewards, terminations, truncations, infos

    # By position too, as Gymnasium's wrapper has it.
    def reset(
        self,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[ObsType, dict[str, Any]]:
        """Reset the environments, or some of them, and start counting those from zero.

        Args:
            seed: For the environments' random numbers.
            options: For the environments; ``"reset_mask"``, a bool array of ``(num_envs,)``, says
                which to reset.

        Returns:
            The vector environment's own result.

        Raises:
            ConfigTypeError: The mask is not an array of bool.
            ConfigError: The mask has another shape, or selects nothing.
        """
        # Before the reset, in which the vector environment takes the mask out of its options.
        selected = None
        if options is not None and "reset_mask" in options:
            selected = self._selected_by(options["reset_mask"])
        # Gymnasium's annotation knows of one seed only, its vector environments of lists too.
        obs, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        now = time.perf_counter()
        if selected is None:
            self._restart_all()
            self.episode_start_times = np.full(self.num_envs, now)
        else:
            self.episode_start_times[selected] = now
            self.episode_returns[selected] = 0
            self.episode_lengths[selected] = 0
            self.prev_dones[selected] = False
        return obs, infos

    @property
    def prev_dones(self) -> NDArray[np.bool_]:
        """Whose episodes the last step ended, ``(num_envs,)``."""
        if self._prev_dones is None:
            self._prev_dones = np.zeros(self.num_envs, bool)
            self._prev_dones[self._ended] = True
        return self._prev_dones

    @prev_dones.setter
    def prev_dones(self, prev_dones: NDArray[np.bool_]) -> None:
        self._prev_dones = prev_dones

    def _restart_all(self) -> None:
        self.episode_returns = np.zeros(self.num_envs)
        self.episode_lengths = np.zeros(self.num_envs, int)
        self.prev_dones = np.zeros(self.num_envs, bool)

    def _end_episodes(
        self, dones: NDArray[np.bool_], ended: NDArray[np.intp], infos: dict[str, Any], now: float
    ) -> dict[str, Any]:
        """Return a copy of ``infos`` with the totals; ``ended`` are the indices of ``dones``."""
        stats_key, mask_key = self._stats_key, self._mask_key
        if stats_key in infos or mask_key in infos:
            taken = " and ".join(repr(key) for key in (stats_key, mask_key) if key in infos)
            raise StatsKeyError(
                f"stats_key={stats_key!r}, but the environment's infos have {taken} already; "
                "choose another stats_key (is the environment wrapped in RecordEpisodeStatistics "
                "twice?)"
            )
        returns, lengths = self.episode_returns[ended], self.episode_lengths[ended]
        # Six digits: microseconds, by the same operations as in np.round, which takes longer.
        seconds = self.episode_start_times[ended]
        np.subtract(now, seconds, seconds)
        np.multiply(seconds, _MILLION, seconds)
        np.rint(seconds, seconds)
        np.divide(seconds, _MILLION, seconds)

        num_envs = dones.size
        all_returns, all_seconds = np.zeros(num_envs), np.zeros(num_envs)
        all_lengths = np.zeros(num_envs, int)
        all_returns[ended] = returns
        all_lengths[ended] = lengths
        all_seconds[ended] = seconds
        # A copy, because an environment may return the same dict at every step.
        infos = infos.copy()
        infos[stats_key] = {"r": all_returns, "l": all_lengths, "t": all_seconds}
        infos[mask_key] = dones

        self.episode_count += ended.size
        # As Python's numbers, like the single wrapper's: numpy's take four times as long to make.
        self.time_queue.extend(seconds.tolist())
        self.return_queue.extend(returns.tolist())
        self.length_queue.extend(lengths.tolist())

        if self._resets_in_same_step:
            self.episode_returns[ended] = _NOTHING
            self.episode_lengths[ended] = _NONE
            self.episode_start_times[ended] = now
        return infos

    def _selected_by(self, reset_mask: object) -> NDArray[np.intp]:
        """Return the indices where ``reset_mask`` is true; errors are those of Gymnasium."""
        if not isinstance(reset_mask, np.ndarray):
            raise ConfigTypeError(
                f"options['reset_mask']={show(reset_mask)} must be a numpy array of bool"
            )
        if reset_mask.shape != (self.num_envs,):
            raise ConfigError(
                f"options['reset_mask'] has shape {reset_mask.shape}; it must have "
                f"({self.num_envs},), one for each environment"
            )
        if reset_mask.dtype != np.bool_:
            raise ConfigTypeError(
                f"options['reset_mask'] has dtype {reset_mask.dtype}; it must have bool"
            )
        selected = reset_mask.nonzero()[0]
        if not selected.size:
            raise ConfigError(
                f"options['reset_mask']={show(reset_mask)} selects no environment; at least one "
                "must be true (leave reset_mask out to reset all)"
            )
        return selected


def _autoreset_mode(wrapper: RecordEpisodeStatistics[Any, Any]) -> AutoresetMode:
    metadata = wrapper.env.metadata
    if "autoreset_mode" not in metadata:
        warn_in_recorder(
            f"{wrapper} is missing `autoreset_mode` tag in its metadata, therefore, "
            "`RecordEpisodeStatistics` is assuming that the environment uses "
            "`AutoresetMode.NEXT_STEP`. See `https://farama.org/Vector-Autoreset-Mode` for more "
            "information on autoreset modes.",
        )
        return AutoresetMode.NEXT_STEP
    mode = metadata["autoreset_mode"]
    if not isinstance(mode, AutoresetMode):
        raise ConfigTypeError(
            f"env.metadata['autoreset_mode']={show(mode)} must be one of gymnasium.vector."
            f"AutoresetMode: {', '.join(each.name for each in AutoresetMode)}"
        )
    return mode
