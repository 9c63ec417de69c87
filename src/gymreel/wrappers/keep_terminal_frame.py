"""The last frame of an episode, where its environment is reset before anybody can render it."""

from __future__ import annotations

from typing import Any, Generic, SupportsFloat

import gymnasium as gym
from gymnasium.core import ActType, ObsType

from gymreel.errors import FrameTypeError
from gymreel.wrappers._arguments import check_env
from gymreel.wrappers._episode_totals import ends_episode

__all__ = ["TERMINAL_FRAME", "KeepTerminalFrame", "render_or_error"]

TERMINAL_FRAME = "terminal_frame"


class KeepTerminalFrame(
    gym.Wrapper[ObsType, ActType, ObsType, ActType],
    Generic[ObsType, ActType],
    gym.utils.RecordConstructorArgs,
):
    """Renders when an episode ends and puts ``[frame]`` into ``info["terminal_frame"]``.

    For the environments inside a vector environment that resets them in the step that ends an
    episode (``AutoresetMode.SAME_STEP``): the frame comes out in ``infos["final_info"]``, where
    ``gymreel.wrappers.vector.RecordVideo`` looks for it. In a ``SyncVectorEnv`` that finds its way
    without this.

    The frame is in a list because vector environments put arrays together into one, and fail where
    their shapes differ. Where ``render()`` raised, the list holds an error that says so: a step
    that has been taken must not be lost for a picture.
    """

    def __init__(self, env: gym.Env[ObsType, ActType]) -> None:
        """Wrap an environment with a render mode that gives images."""
        check_env(env)
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def step(self, action: ActType) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step, and render if it was the last one."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        if ends_episode(terminated, truncated):
            info = {**info, TERMINAL_FRAME: [render_or_error(self.env)]}
        return obs, reward, terminated, truncated, info


def render_or_error(env: gym.Env[Any, Any]) -> Any:
    """Return what ``render()`` gives, or an error that says what it raised; both pickle."""
    try:
        return env.render()
    except Exception as error:
        failure = FrameTypeError(f"render() raised {type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure
