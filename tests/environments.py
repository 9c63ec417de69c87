"""Tiny environments whose frames say which frame they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

__all__ = ["NumberedEnv", "RewardsEnv", "numbered_frame", "read_number", "run_episodes"]

_BLOCK = 16  # Pixels: a macroblock of H.264, so that lossy coding cannot blur two bits together.
_BITS_PER_ROW = 4
_NUM_ROWS = 4


def numbered_frame(number: int, height: int = 64, width: int = 64) -> np.ndarray:
    """Paint a number as 4 by 4 black and white blocks at the top left, on grey.

    Args:
        number: From 0 to 65535.
        height: Rows, at least 64.
        width: Pixels in a row, at least 64.

    Returns:
        A fresh ``(height, width, 3)`` uint8 array.
    """
    frame = np.full((height, width, 3), 128, np.uint8)
    _paint_number(frame, number)
    return frame


def read_number(frame: np.ndarray) -> int:
    """Read the number that :func:`numbered_frame` painted.

    Args:
        frame: ``(height, width, 3)`` uint8, perhaps after lossy coding.

    Returns:
        The number.
    """
    number = 0
    for bit in range(_BITS_PER_ROW * _NUM_ROWS):
        brightness = float(frame[_block(bit)].mean())
        # A frame that is another one's mixture or a broken one must not pass as a number.
        assert not 64 < brightness < 192, f"bit {bit} is neither black nor white: {brightness}"
        number |= (brightness >= 192) << bit
    return number


def _paint_number(frame: np.ndarray, number: int) -> None:
    for bit in range(_BITS_PER_ROW * _NUM_ROWS):
        frame[_block(bit)] = 255 if number >> bit & 1 else 0


def _block(bit: int) -> tuple[slice, slice]:
    row, column = divmod(bit, _BITS_PER_ROW)
    return (
        slice(row * _BLOCK, (row + 1) * _BLOCK),
        slice(column * _BLOCK, (column + 1) * _BLOCK),
    )


class NumberedEnv(gym.Env[int, int]):
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
        size: tuple[int, int] = (64, 64),
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
        self.observation_space = gym.spaces.Discrete(65536)
        self.action_space = gym.spaces.Discrete(2)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, **metadata}
        self.num_states = 0
        self.frames = frames or {}
        self._episode_length = episode_length
        self._steps_left = 0
        self._size = size
        self._buffer = np.full((*size, 3), 128, np.uint8) if reuse_buffer else None
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
            _paint_number(self._buffer, number)
            return self._buffer
        return numbered_frame(number, *self._size)

    def close(self) -> None:
        """Close, or fail to."""
        if self._close_error is not None:
            raise self._close_error


class RewardsEnv(gym.Env[int, int]):
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
        self.observation_space = gym.spaces.Discrete(65536)
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
        """Give the next reward; the last one again after the end."""
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
