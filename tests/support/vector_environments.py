"""Vector environments whose frames say which environment and which frame they are."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from gymreel import read_episodes
from support.environments import NumberedEnv, numbered_frame, read_number
from support.frames import HEIGHT, WIDTH
from support.video_reader import iterate_frames, names_in, numbers_in

__all__ = [
    "MODES",
    "MODE_NAMES",
    "NativeEnv",
    "RandomLengths",
    "act",
    "check_episodes",
    "numbered",
    "numbers_by_cell",
    "numbers_by_file",
    "play",
    "read_cells",
    "sync",
]

MODES = list(AutoresetMode)
MODE_NAMES = [mode.name for mode in MODES]


class RandomLengths(NumberedEnv):
    """Episodes of random lengths, from one step to eight."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def reset(self, **arguments: Any) -> tuple[int, dict[str, Any]]:
        self._episode_length = self._random.choice((1, 1, 2, 3, 5, 8))
        return super().reset(**arguments)


class NativeEnv(VectorEnv[Any, Any, Any]):
    """A vector environment that is one itself, and renders into one array.

    Args:
        lengths: Of the episodes of each environment.
        mode: The autoreset mode; anything else for a test of it.
        rendered: What ``render`` gives instead; a function is called.
    """

    single_observation_space = gym.spaces.Discrete(4096)
    single_action_space = gym.spaces.Discrete(2)

    def __init__(
        self,
        lengths: Sequence[int],
        mode: Any = AutoresetMode.NEXT_STEP,
        *,
        render_mode: str | None = "rgb_array",
        rendered: Any = None,
    ) -> None:
        self.num_envs = len(lengths)
        self.metadata = {"autoreset_mode": mode, "render_fps": 30}
        self.render_mode = render_mode
        self.rendered = rendered
        self._mode = mode
        self._lengths = np.array(lengths)
        self._left = np.zeros(self.num_envs, int)
        self.numbers = np.full(self.num_envs, -1)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        mask = np.ones(self.num_envs, bool) if not options else options["reset_mask"]
        self._left[mask] = self._lengths[mask]
        self.numbers[mask] += 1
        return self.numbers.copy(), {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        begun = self._left == 0
        self.numbers += 1
        self._left = np.where(begun, self._lengths, self._left - 1)
        dones = self._left == 0
        return self.numbers.copy(), np.where(begun, 0.0, 1.0), dones, np.zeros_like(dones), {}

    def render(self) -> Any:
        if self.rendered is not None:
            return self.rendered() if callable(self.rendered) else self.rendered
        return np.stack([numbered_frame(int(number)) for number in self.numbers])


def numbered(*lengths: int, **arguments: Any) -> list[Callable[[], NumberedEnv]]:
    """Return functions that make numbered environments with episodes of these lengths."""
    return [functools.partial(NumberedEnv, length, **arguments) for length in lengths]


def sync(
    *lengths: int, mode: AutoresetMode = AutoresetMode.NEXT_STEP, **arguments: Any
) -> SyncVectorEnv:
    """Make a vector environment of numbered ones."""
    return SyncVectorEnv(numbered(*lengths, **arguments), autoreset_mode=mode)


def act(envs: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """Take a step, always with action 0; say whose episodes it ended, and give its infos."""
    _, _, terminations, truncations, infos = envs.step(np.zeros(envs.num_envs, int))
    return terminations | truncations, infos


def play(envs: Any, num_steps: int, *, seed: int | None = None) -> Iterator[int]:
    """Take steps, and reset by hand what nobody resets; with a seed, others now and then as well.

    Yields:
        The number of each step, after it.
    """
    choice = np.random.default_rng(seed)
    is_disabled = envs.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    envs.reset(seed=seed)
    for step in range(num_steps):
        dones, _ = act(envs)
        yield step
        mask = dones & is_disabled
        if seed is not None and choice.random() < 0.3:
            mask = mask | (choice.random(envs.num_envs) < 0.3)
        if mask.any():
            envs.reset(options={"reset_mask": mask})


def numbers_by_file(folder: Path) -> dict[str, list[int]]:
    """Read every video of a folder."""
    return {name: numbers_in(folder / name) for name in names_in(folder)}


def check_episodes(folder: Path, environments: Sequence[int]) -> int:
    """Check that the videos show each frame of each environment once, an episode in each file.

    The environments' numbers go on from one episode to the next, and the log says how long those
    are. All of them must have been recorded, but for one that was only just reset.

    Returns:
        How many there are.
    """
    videos = numbers_by_file(folder)
    num_videos = len(videos)
    for i in environments:
        shown: list[int] = []
        for episode in [each for each in read_episodes(folder) if each.env_index == i]:
            numbers = videos.pop(f"rl-video-env-{i}-episode-{episode.index}.mp4")
            assert len(numbers) == episode.length + 1, (i, episode.index)
            shown += numbers
        for name in [name for name in videos if f"-env-{i}-" in name]:
            numbers = videos.pop(name)
            assert len(numbers) == 1
            shown += numbers
        assert sorted(shown) == list(range(len(shown))), i
    assert videos == {}
    return num_videos


def read_cells(frame: np.ndarray) -> list[int]:
    """Read the number in each cell of a grid, row by row; a black one is 0."""
    height, width, _ = frame.shape
    return [
        read_number(frame[y : y + HEIGHT, x : x + WIDTH])
        for y in range(0, height, HEIGHT)
        for x in range(0, width, WIDTH)
    ]


def numbers_by_cell(path: Path) -> list[list[int]]:
    """Read the numbers in each frame of a video of a grid."""
    return [read_cells(frame) for frame in iterate_frames(path)]
