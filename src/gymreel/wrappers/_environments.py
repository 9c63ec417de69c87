"""Checks of the environments that wrappers are put around."""

from __future__ import annotations

import gymnasium as gym

from gymreel._validation import show
from gymreel.errors import ConfigTypeError

__all__ = ["check_env"]


def check_env(env: object) -> None:
    """Refuse anything that is not a Gymnasium environment.

    Raises:
        ConfigTypeError: For a vector environment, the message names the wrapper to use.
    """
    if isinstance(env, gym.Env):
        return
    advice = ""
    if hasattr(env, "num_envs"):
        advice = "; for a vector environment take the wrapper of gymreel.wrappers.vector"
    raise ConfigTypeError(f"env={show(env)} must be a gymnasium.Env{advice}")
