"""A game for PettingZoo's recorders. Importing this module needs PettingZoo."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from pettingzoo import ParallelEnv

from support.environments import numbered_frame

__all__ = ["NumberedGame"]


class NumberedGame(ParallelEnv):  # type: ignore[misc,unused-ignore]
    """A game of two agents with numbered frames, in which the second agent leaves first."""

    metadata: dict[str, Any] = {  # noqa: RUF012
        "name": "numbered_v0",
        "is_parallelizable": True,
        "render_fps": 10,
    }

    def __init__(self, length: int = 5, second: int = 3, render_mode: str | None = "rgb_array"):
        self.possible_agents = ["a", "b"]
        self.agents: list[str] = []
        self.render_mode = render_mode
        self.num_states = 0
        self.frames: dict[int, Any] = {}
        self._lengths = {"a": length, "b": second}
        self._num_steps = 0

    def observation_space(self, agent: str) -> gym.Space[Any]:
        return gym.spaces.Discrete(4096)

    def action_space(self, agent: str) -> gym.Space[Any]:
        return gym.spaces.Discrete(2)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.agents = list(self.possible_agents)
        self.num_states += 1
        self._num_steps = 0
        return dict.fromkeys(self.agents, 0), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> Any:
        self.num_states += 1
        self._num_steps += 1
        agents = self.agents
        out = {agent: self._num_steps >= self._lengths[agent] for agent in agents}
        self.agents = [agent for agent in agents if not out[agent]]
        rewards = {agent: {"a": 1.0, "b": -0.5}[agent] for agent in agents}
        truncated = {agent: out[agent] and agent == "a" for agent in agents}
        terminated = {agent: out[agent] and agent == "b" for agent in agents}
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in agents}
        return dict.fromkeys(agents, self._num_steps), rewards, terminated, truncated, infos

    def render(self) -> Any:
        number = self.num_states - 1
        return self.frames.get(number, numbered_frame(number))

    def close(self) -> None:
        pass
