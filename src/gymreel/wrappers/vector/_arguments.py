"""What recording vector environments needs to know before the first frame."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from gymreel._validation import check_flag, check_number, show, to_whole_number
from gymreel._warnings import warn_in_recorder
from gymreel.errors import ConfigError

__all__ = [
    "autoreset_mode_of",
    "check_aspect_ratio",
    "check_envs",
    "check_render_mode",
    "environment_name",
    "seeds_of",
]


def check_envs(
    envs: Sequence[int] | None, record_first_only: bool, num_envs: int
) -> tuple[int, ...]:
    """Return the numbers of the environments to record.

    Raises:
        ConfigError: They are not such numbers.
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


def check_aspect_ratio(ratio: tuple[int, int]) -> float:
    """Return width divided by height.

    Raises:
        ConfigError: It is no ratio.
    """
    try:
        width, height = (check_number("video_aspect_ratio", each) for each in ratio)
        result = float(width / height)
        is_valid = width > 0 and 0 < result < float("inf")
    except Exception:  # As above; ours for what is no number among them.
        is_valid = False
    if not is_valid:
        raise ConfigError(
            f"video_aspect_ratio={show(ratio)} must be a width and a height, such as (16, 9)"
        )
    return result


def check_render_mode(env: VectorEnv[Any, Any, Any]) -> None:
    """Refuse to record lists of frames; what gives no images at all is refused elsewhere.

    Raises:
        ConfigError: The render mode gives lists.
    """
    mode = env.render_mode
    if isinstance(mode, str) and mode.endswith("_list"):
        raise ConfigError(
            f"env has render_mode={mode!r}, which gives a list of frames for each environment; "
            f"make it with render_mode={mode.removesuffix('_list')!r}"
        )


def environment_name(env: VectorEnv[Any, Any, Any]) -> str:
    """Return the id that the environments were registered under, or else a class."""
    base: Any = env.unwrapped
    if base.spec is None and isinstance(base, SyncVectorEnv):
        base = base.envs[0].unwrapped
    return str(base.spec.id) if base.spec is not None else type(base).__name__


def autoreset_mode_of(env: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    """Return when a vector environment resets what has ended; one that does not say is warned of.

    Raises:
        ConfigError: It says something that is no mode.
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
    """Return what each environment was given, as Gymnasium hands out seeds; None for no number."""
    if isinstance(seed, (int, np.integer)):
        return [int(seed) + i for i in range(num_envs)]
    is_list = isinstance(seed, (Sequence, np.ndarray)) and len(seed) == num_envs
    given = seed if is_list else [None] * num_envs
    return [int(each) if isinstance(each, (int, np.integer)) else None for each in given]
