"""Tiny environments whose frames say which frame they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from support.frames import HEIGHT, WIDTH, Frame, numbered

__all__ = ["NumberedEnv", "RewardsEnv", "numbered_frame", "read_number", "run_episodes"]

_BITS = (HEIGHT // 16, 16, WIDTH // 16, 16)  # Rows and columns of blocks of 16 by 16 pixels.


def numbered_frame(number: int, height: int = HEIGHT, width: int = WIDTH) -> Frame:
    """Paint a number as black and white blocks at the top left of a grey frame.

    Args:
        number: From 0 to 4095.
        height: Rows, at least 48.
        width: Pixels in a row, at least 64.

    Returns:
        A fresh ``(height, width, 3)`` uint8 array.
    """
    frame = np.full((height, width, 3), 128, np.uint8)
    frame[:HEIGHT, :WIDTH] = numbered(number)
    return frame


def read_number(frame: Frame) -> int:
    """Read the number that :func:`numbered_frame` painted, also after lossy coding."""
    brightness = frame[:HEIGHT, :WIDTH].reshape(*_BITS, -1).mean(axis=(1, 3, 4)).ravel()
    # A frame that is another one's mixture or a broken one must not pass as a number.
    assert not ((brightness > 64) & (brightness < 192)).any(), brightness
    return sum(1 << bit for bit, bright in enumerate(brightness) if bright >= 192)


class NumberedEnv(gym.Env[Any, Any]):
    """Episodes of a fixed length whose frames are numbered through, from 0 at the first reset.

    Attributes:
        num_states: How many resets and steps there have been; the current frame shows one less.
        frames: By number, what to render instead of the numbered frame.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012

    def __init__(
        self,
        episode_length: int = 5,
        *,
        size: tuple[int, int] = (HEIGHT, WIDTH),
        render_mode: str | None = "rgb_array",
        reuse_buffer: bool = False,
        frames: dict[int, Any] | None = None,
        close_error: Exception | None = None,
        **metadata: Any,
    ) -> None:
        """Make an environment.

        Args:
            episode_length: Steps until ``terminated``.
            size: (height, width) of the frames.
            render_mode: None, ``"rgb_array"`` or anything a test needs.
            reuse_buffer: Whether every frame is painted into the same array.
            frames: By number, what to render instead of the numbered frame; a function is called.
            close_error: What ``close`` raises.
            **metadata: Changes to the environment's metadata.
        """
        self.observation_space = gym.spaces.Discrete(4096)
        self.action_space = gym.spaces.Discrete(2)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, **metadata}
        self.num_states = 0
        self.frames = frames or {}
        self._episode_length = episode_length
        self._steps_left = 0
        self._size = size
        self._buffer = numbered_frame(0, *size) if reuse_buffer else None
        self._close_error = close_error

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed)
        self.num_states += 1
        self._steps_left = self._episode_length
        return self.num_states - 1, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Go to the next number."""
        self.num_states += 1
        self._steps_left -= 1
        return self.num_states - 1, 1.0, self._steps_left == 0, False, {}

    def render(self) -> Any:
        """Paint the current number."""
        number = self.num_states - 1
        if number in self.frames:
            frame = self.frames[number]
            return frame() if callable(frame) else frame
        if self._buffer is not None:
            self._buffer[:HEIGHT, :WIDTH] = numbered(number)
            return self._buffer
        return numbered_frame(number, *self._size)

    def close(self) -> None:
        """Close, or fail to."""
        if self._close_error is not None:
            raise self._close_error


class RewardsEnv(gym.Env[Any, Any]):
    """An episode whose steps give these rewards."""

    def __init__(
        self,
        rewards: Sequence[Any],
        *,
        truncates: bool = False,
        info: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """Make an environment.

        Args:
            rewards: One for each step.
            truncates: Whether the episode ends by ``truncated`` instead of ``terminated``.
            info: Makes the ``info`` of each step.
        """
        self.observation_space = gym.spaces.Discrete(4096)
        self.action_space = gym.spaces.Discrete(2)
        self._rewards = rewards
        self._truncates = truncates
        self._info = info
        self._num_steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed)
        self._num_steps = 0
        return 0, {}

    def step(self, action: int) -> tuple[int, Any, bool, bool, dict[str, Any]]:
        """Return the next reward, or the last one again after the end."""
        reward = self._rewards[min(self._num_steps, len(self._rewards) - 1)]
        self._num_steps += 1
        ended = self._num_steps == len(self._rewards)
        return (
            self._num_steps,
            reward,
            ended and not self._truncates,
            ended and self._truncates,
            self._info(),
        )


def run_episodes(env: gym.Env[Any, Any], num_episodes: int = 1) -> None:
    """Run whole episodes, always with action 0."""
    for _ in range(num_episodes):
        env.reset()
        ended = False
        while not ended:
            _, _, terminated, truncated, _ = env.step(0)
            ended = terminated or truncated
