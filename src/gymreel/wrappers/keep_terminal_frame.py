"""The last frame of an episode whose environment is reset before it can be rendered."""

from __future__ import annotations

from typing import Any, Generic, SupportsFloat

import gymnasium as gym
from gymnasium.core import ActType, ObsType

from gymreel._recording.episode import ends_episode
from gymreel.errors import FrameTypeError
from gymreel.wrappers._environments import check_env

__all__ = ["TERMINAL_FRAME", "KeepTerminalFrame", "render_or_error"]

TERMINAL_FRAME = "terminal_frame"


class KeepTerminalFrame(
    gym.Wrapper[ObsType, ActType, ObsType, ActType],
    Generic[ObsType, ActType],
    gym.utils.RecordConstructorArgs,
):
    """Wrapper that puts ``[frame]`` into ``info["terminal_frame"]`` when an episode ends.

    It is meant for the environments inside a vector environment that resets them in the step that
    ends an episode (``AutoresetMode.SAME_STEP``). The frame appears in ``infos["final_info"]``,
    where ``gymreel.wrappers.vector.RecordVideo`` looks for it. A ``SyncVectorEnv`` does not need
    this.

    The frame is in a list because vector environments combine arrays into one, which fails where
    their shapes differ. If ``render()`` raises, the list holds an error instead of the frame, so
    that the step is not lost.
    """

    def __init__(self, env: gym.Env[ObsType, ActType]) -> None:
        """Wrap an environment with a render mode that returns images."""
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
    """Return the result of ``render()``, or an error if it raises; both can be pickled."""
    try:
        return env.render()
    except Exception as error:
        failure = FrameTypeError(f"render() raised {type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure
