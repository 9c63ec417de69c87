"""Environments that people train on. A test that asks for one that is not installed is skipped."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

__all__ = ["KeepFrames", "make_breakout", "make_cartpole", "make_hopper"]


class KeepFrames(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps a copy of every frame that is rendered."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.frames: list[np.ndarray] = []

    def render(self) -> Any:
        # The frame itself must go on as the environment made it: nobody else holds it.
        holder: list[Any] = [self.env.render()]
        self.frames.append(holder[0].copy())
        return holder.pop()


def make_cartpole(max_episode_steps: int = 20) -> gym.Env[Any, Any]:
    """Drawn with pygame, 600x400, 50 frames a second."""
    pytest.importorskip("pygame", reason="pygame is not installed")
    return gym.make("CartPole-v1", render_mode="rgb_array", max_episode_steps=max_episode_steps)


def make_breakout(max_episode_steps: int = 20) -> gym.Env[Any, Any]:
    """Of the Arcade Learning Environment, 160x210, 30 frames a second."""
    gym.register_envs(pytest.importorskip("ale_py", reason="ale_py is not installed"))
    return gym.make("ALE/Breakout-v5", render_mode="rgb_array", max_episode_steps=max_episode_steps)


def make_hopper(
    max_episode_steps: int = 8, width: int = 320, height: int = 240
) -> gym.Env[Any, Any]:
    """Of MuJoCo, 125 frames a second."""
    pytest.importorskip("mujoco", reason="MuJoCo is not installed")
    return gym.make(
        "Hopper-v5",
        render_mode="rgb_array",
        max_episode_steps=max_episode_steps,
        width=width,
        height=height,
    )
