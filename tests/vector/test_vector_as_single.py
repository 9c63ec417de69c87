"""Vector recorders and statistics beside a recorder for each environment, in random episodes."""

from __future__ import annotations

import functools
import random
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import gymreel.wrappers.vector
from gymreel import read_episodes
from gymreel.triggers import always
from gymreel.wrappers import KeepTerminalFrame, RecordEpisodeStatistics, RecordVideo
from support.environments import NumberedEnv
from support.soak import choose
from support.vector_environments import MODE_NAMES, MODES, numbers_by_cell
from support.video_reader import names_in, numbers_in

NUM_RUNS = choose(short=2, soak=40)

Record = tuple[Any, ...]


class Random(NumberedEnv):
    """Episodes of random lengths, rewards and endings, the same for each environment of a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        self._episode_length = self._random.choice((1, 1, 2, 3, 5, 8))
        return super().reset(seed=seed, options=options)

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        obs, _, over, _, info = super().step(action)
        ending = self._random.choice(((True, False), (False, True), (True, True)))
        terminated, truncated = ending if over else (False, False)
        return obs, self._random.randrange(-8, 9) / 4, terminated, truncated, info


class Singles:
    """The same environments, each in recorders of its own, treated as a vector environment does."""

    def __init__(self, folder: Path, seeds: list[int], mode: AutoresetMode) -> None:
        self.statistics = [RecordEpisodeStatistics(Random(seed)) for seed in seeds]
        self.envs: list[gym.Env[Any, Any]] = [
            RecordVideo(env, folder, always, name_prefix=f"env-{i}", episode_log=True)
            for i, env in enumerate(self.statistics)
        ]
        self._mode = mode
        self._is_over = [False] * len(seeds)

    def reset(self, mask: np.ndarray, seed: int | None = None) -> None:
        for i in np.flatnonzero(mask).tolist():
            self.envs[i].reset(seed=None if seed is None else seed + i)
            self._is_over[i] = False

    def step(self) -> list[tuple[float, int] | None]:
        """Take a step, and return the totals of the episodes that it ended."""
        totals: list[tuple[float, int] | None] = [None] * len(self.envs)
        for i, env in enumerate(self.envs):
            if self._is_over[i]:
                env.reset()
                self._is_over[i] = False
                continue
            _, _, terminated, truncated, info = env.step(0)
            if terminated or truncated:
                totals[i] = (info["episode"]["r"], info["episode"]["l"])
                if self._mode is AutoresetMode.SAME_STEP:
                    env.reset()
                else:
                    self._is_over[i] = self._mode is AutoresetMode.NEXT_STEP
        return totals

    def close(self) -> None:
        for env in self.envs:
            env.close()


def make(kind: str, seeds: list[int], mode: AutoresetMode) -> Any:
    if kind == "sync":
        return SyncVectorEnv(
            [functools.partial(Random, seed) for seed in seeds], autoreset_mode=mode
        )
    return AsyncVectorEnv([functools.partial(kept, seed) for seed in seeds], autoreset_mode=mode)


def kept(seed: int) -> gym.Env[Any, Any]:
    return KeepTerminalFrame(Random(seed))


def run(vector: Any, singles: Singles, mode: AutoresetMode, seed: int, num_steps: int) -> None:
    """Play both, with partial resets in between, and compare what each step gives."""
    choice = np.random.default_rng(seed)
    vector.reset(seed=seed)
    singles.reset(np.ones(vector.num_envs, bool), seed)
    for _ in range(num_steps):
        _, _, terminations, truncations, infos = vector.step(np.zeros(vector.num_envs, int))
        dones = terminations | truncations
        expected = singles.step()
        mask = infos.get("_episode", np.zeros(vector.num_envs, bool))
        assert mask.tolist() == dones.tolist() == [each is not None for each in expected]
        for i, totals in enumerate(expected):
            if totals is not None:
                episode = infos["episode"]
                assert (float(episode["r"][i]), int(episode["l"][i])) == totals
        resets = dones & (mode is AutoresetMode.DISABLED)
        if choice.random() < 0.25:
            resets = resets | (choice.random(vector.num_envs) < 0.3)
        if resets.any():
            new_seed = int(choice.integers(1000)) if choice.random() < 0.5 else None
            vector.reset(seed=new_seed, options={"reset_mask": resets})
            singles.reset(resets, new_seed)
    vector.close()
    singles.close()


def records_of(folder: Path, i: int, *, is_single: bool) -> list[Record]:
    return [
        (
            each.index,
            each.return_,
            each.length,
            each.seed,
            each.terminated,
            each.truncated,
            numbers_in(each.path) if each.path is not None else None,
        )
        for each in read_episodes(folder)
        if (each.name_prefix == f"env-{i}" if is_single else each.env_index == i)
    ]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
@pytest.mark.parametrize("number", range(NUM_RUNS))
def test_videos_and_totals_are_those_of_single_recorders(
    tmp_path: Path, mode: AutoresetMode, kind: str, number: int
) -> None:
    seeds = [100 * number + i for i in range(3)]
    singles = Singles(tmp_path / "singles", seeds, mode)
    statistics = gymreel.wrappers.vector.RecordEpisodeStatistics(make(kind, seeds, mode))
    grid = gymreel.wrappers.vector.RecordVideo(
        statistics, tmp_path / "grid", episode_trigger=always, envs=[1, 0], episode_log=True
    )
    separate = gymreel.wrappers.vector.RecordVideo(
        grid, tmp_path / "vector", episode_trigger=always, layout="separate", episode_log=True
    )
    run(separate, singles, mode, number, 40)
    for i in range(3):
        expected = records_of(tmp_path / "singles", i, is_single=True)
        assert records_of(tmp_path / "vector", i, is_single=False) == expected
        assert all(numbers is not None for *_, numbers in expected)
    assert len(names_in(tmp_path / "vector")) == len(read_episodes(tmp_path / "vector"))
    for name in ("return_queue", "length_queue"):
        theirs = [entry for single in singles.statistics for entry in getattr(single, name)]
        assert sorted(getattr(statistics, name)) == sorted(theirs)
    # The grid follows the first of its environments; others' resets by hand add pictures.
    followed = [each for each in read_episodes(tmp_path / "grid") if each.env_index == 1]
    expected = records_of(tmp_path / "singles", 1, is_single=True)
    assert [(each.index, each.return_, each.length) for each in followed] == [
        record[:3] for record in expected
    ]
    for each, (*_, numbers) in zip(followed, expected, strict=True):
        assert each.path is not None
        cells = [cells[0] for cells in numbers_by_cell(each.path)]
        shown = [cell for k, cell in enumerate(cells) if k == 0 or cell != cells[k - 1]]
        assert shown == numbers
