"""Checks of the arguments of vector recorders, and what they find out about the environments."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from gymreel._validation import check_flag, show, to_whole_number
from gymreel._warnings import warn_in_recorder
from gymreel.errors import ConfigError

__all__ = [
    "autoreset_mode_of",
    "check_envs",
    "check_no_lists",
    "environment_name",
    "seeds_of",
]


def check_envs(
    envs: Sequence[int] | None, record_first_only: bool, num_envs: int
) -> tuple[int, ...]:
    """Return the numbers of the environments to record.

    Raises:
        ConfigError: ``envs`` does not list different environments.
    """
    check_flag("record_first_only", record_first_only)
    if envs is None:
        return (0,) if record_first_only else tuple(range(num_envs))
    if record_first_only:
        raise ConfigError(f"envs={show(envs)} and record_first_only=True both say whom to record")
    try:
        numbers = [to_whole_number(each) for each in itertools.islice(envs, num_envs + 1)]
    except Exception:  # It cannot be iterated, or its class raises something of its own.
        numbers = []
    chosen = tuple(i for i in numbers if i is not None and 0 <= i < num_envs)
    if not chosen or len(set(chosen)) != len(numbers):
        raise ConfigError(
            f"envs={show(envs)} must list different environments by their numbers, from 0 to "
            f"{num_envs - 1}"
        )
    return chosen


def check_no_lists(env: VectorEnv[Any, Any, Any]) -> None:
    """Refuse a render mode that returns lists of frames.

    Raises:
        ConfigError: The message names the render mode to use.
    """
    mode = env.render_mode
    if isinstance(mode, str) and mode.endswith("_list"):
        raise ConfigError(
            f"env has render_mode={mode!r}, which gives a list of frames for each environment; "
            f"make it with render_mode={mode.removesuffix('_list')!r}"
        )


def environment_name(env: VectorEnv[Any, Any, Any]) -> str:
    """Return the id of the environments, or the name of a class where they have none."""
    base: Any = env.unwrapped
    if base.spec is None and isinstance(base, SyncVectorEnv):
        base = base.envs[0].unwrapped
    return str(base.spec.id) if base.spec is not None else type(base).__name__


def autoreset_mode_of(env: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    """Return when a vector environment resets an environment whose episode is over.

    Metadata without ``autoreset_mode`` mean ``NEXT_STEP``, with a warning.

    Raises:
        ConfigError: The entry in the metadata is not a mode.
    """
    mode: object = env.metadata.get("autoreset_mode")
    if mode is None:
        warn_in_recorder(
            f"{env} does not say in its metadata when it resets its environments "
            "(autoreset_mode); taking AutoresetMode.NEXT_STEP.",
        )
        return AutoresetMode.NEXT_STEP
    try:
        return AutoresetMode(mode)
    except ValueError:
        raise ConfigError(
            f"env.metadata['autoreset_mode']={mode!r} must be a gymnasium.vector.AutoresetMode"
        ) from None


def seeds_of(seed: Any, num_envs: int) -> list[int | None]:
    """Return the seed of each environment, as Gymnasium distributes them; None for no number."""
    if isinstance(seed, (int, np.integer)):
        return [int(seed) + i for i in range(num_envs)]
    is_list = isinstance(seed, (Sequence, np.ndarray)) and len(seed) == num_envs
    given = seed if is_list else [None] * num_envs
    return [int(each) if isinstance(each, (int, np.integer)) else None for each in given]
