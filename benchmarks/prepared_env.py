"""An environment with prepared frames, so that the measured time is the recorder's."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from frames import Frames
from numpy.typing import NDArray

__all__ = ["PreparedEnv"]


class PreparedEnv(gym.Env[NDArray[np.float32], Any]):
    """Goes through prepared frames, one at each step, over and over again.

    Args:
        frames: The frames.
        fresh: Whether each frame is a new copy, as that of an environment is, rather than the
            prepared array itself.
        episode_length: Steps after which an episode is truncated; 0 for never.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012
    observation_space = gym.spaces.Box(-1.0, 1.0, (4,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, frames: Frames, *, fresh: bool = True, episode_length: int = 0) -> None:
        self.render_mode = "rgb_array"
        self._frames = frames
        self._fresh = fresh
        self._episode_length = episode_length
        self._num_steps = 0
        self._observation = np.zeros(4, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        self._num_steps = 0
        return self._observation, {}

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        self._num_steps += 1
        return self._observation, 1.0, False, self._num_steps == self._episode_length, {}

    def render(self) -> NDArray[np.uint8]:
        frame = self._frames[self._num_steps % len(self._frames)]
        return frame.copy() if self._fresh else frame
