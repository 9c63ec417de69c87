"""Where the last frames of episodes come from when environments are reset in the same step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium import logger
from gymnasium.core import RenderFrame
from gymnasium.vector import SyncVectorEnv, VectorEnv

from gymreel.wrappers.keep_terminal_frame import TERMINAL_FRAME, KeepTerminalFrame

__all__ = ["TerminalFrames"]


class TerminalFrames:
    """Finds the terminal frame of an environment that was reset within the step.

    A ``SyncVectorEnv`` has its environments at hand, so each gets a wrapper that renders when an
    episode ends while this wants it. Others tell it in ``infos``, see ``KeepTerminalFrame``.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        """Look at how the environments can be reached."""
        self.wanted = False
        """Whether somebody is recording."""
        self._has_warned = False
        self._hooks: list[_Hook] = []
        vector = env.unwrapped
        if isinstance(vector, SyncVectorEnv):
            self._hooks = [_Hook(single, self) for single in vector.envs]
            vector.envs = list(self._hooks)

    def take(self, i: int, infos: Mapping[str, Any]) -> Any | None:
        """Take the last frame of the episode of environment ``i`` that has just ended.

        Returns:
            What its ``render()`` gave; None where nobody has kept it, which is said once.
        """
        final = infos.get("final_info")
        if isinstance(final, Mapping) and TERMINAL_FRAME in final:
            has_it = final.get(f"_{TERMINAL_FRAME}")
            if has_it is None or has_it[i]:
                return final[TERMINAL_FRAME][i]
        if self._hooks:
            frame, self._hooks[i].frame = self._hooks[i].frame, None
            if frame is not None:
                return frame
        if not self._has_warned:
            self._has_warned = True
            logger.warn(
                "%s",
                f"The last frame of each episode is missing in the videos: environment {i} was "
                "reset in the step that ended its episode, before it could be rendered. Put "
                "gymreel.wrappers.KeepTerminalFrame around each environment inside the vector "
                "environment, or make that with autoreset_mode=AutoresetMode.NEXT_STEP.",
            )
        return None


class _Hook(KeepTerminalFrame[Any, Any]):
    """Keeps the frame for ``TerminalFrames`` instead of sending it on."""

    def __init__(self, env: gym.Env[Any, Any], owner: TerminalFrames) -> None:
        super().__init__(env)
        self._owner = owner
        self.frame: Any | None = None

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        if self._owner.wanted:
            return super().step(action)
        return self.env.step(action)

    def _keep(
        self, frame: RenderFrame | list[RenderFrame] | None, info: dict[str, Any]
    ) -> dict[str, Any]:
        self.frame = frame
        return info
