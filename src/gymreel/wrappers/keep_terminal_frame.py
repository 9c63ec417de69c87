"""The last frame of an episode, where its environment is reset before anybody can render it."""

from __future__ import annotations

from typing import Any, Generic, SupportsFloat

import gymnasium as gym
from gymnasium.core import ActType, ObsType, RenderFrame

__all__ = ["TERMINAL_FRAME", "KeepTerminalFrame"]

TERMINAL_FRAME = "terminal_frame"


class KeepTerminalFrame(
    gym.Wrapper[ObsType, ActType, ObsType, ActType],
    Generic[ObsType, ActType],
    gym.utils.RecordConstructorArgs,
):
    """Renders when an episode ends and puts the frame into ``info["terminal_frame"]``.

    For the environments inside a vector environment that resets them in the step that ends an
    episode (``AutoresetMode.SAME_STEP``): the frame comes out in ``infos["final_info"]``, where
    ``gymreel.wrappers.vector.RecordVideo`` looks for it. In a ``SyncVectorEnv`` that finds its way
    without this.
    """

    def __init__(self, env: gym.Env[ObsType, ActType]) -> None:
        """Wrap an environment with a render mode that gives images."""
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def step(self, action: ActType) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step, and render if it was the last one."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            info = self._keep(self.env.render(), info)
        return obs, reward, terminated, truncated, info

    def _keep(
        self, frame: RenderFrame | list[RenderFrame] | None, info: dict[str, Any]
    ) -> dict[str, Any]:
        return {**info, TERMINAL_FRAME: frame}
