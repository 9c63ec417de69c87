"""Where the last frames of episodes come from when environments are reset in the same step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv

from gymreel._warnings import warn_in_recorder
from gymreel.wrappers.keep_terminal_frame import TERMINAL_FRAME, render_or_error
from gymreel.wrappers.vector._episode_arrays import entry_of

__all__ = ["TerminalFrames"]


class TerminalFrames:
    """Finds the terminal frame of an environment that was reset within the step.

    A ``SyncVectorEnv`` has its environments at hand, so each gets a wrapper that renders when an
    episode ends while this wants it. Others tell it in ``infos``, see ``KeepTerminalFrame``.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], environments: Collection[int]) -> None:
        """Look at how the environments can be reached that will be recorded."""
        self._wanted = _Wanted()
        self._has_warned = False
        self._hooks: dict[int, _Hook] = {}
        vector = env.unwrapped
        if isinstance(vector, SyncVectorEnv):
            self._hooks = {i: _Hook(vector.envs[i], i, self._wanted) for i in environments}
            vector.envs = [self._hooks.get(i, single) for i, single in enumerate(vector.envs)]

    def want(self, environments: Collection[int]) -> None:
        """Keep the frames of these environments, should their episodes end in the next step."""
        self._wanted.environments = environments

    def take(self, i: int, last_infos: Any) -> list[Any]:
        """Take the last frame of the episode of environment ``i`` that has just ended.

        Args:
            i: The environment's number.
            last_infos: Of the episodes that have ended, see ``final_infos``.

        Returns:
            What its ``render()`` gave, or what went wrong there, as the only element of a list;
            an empty list where nobody has kept it, which is said once.
        """
        told = _told_in(last_infos, i)
        if told is not None:
            return [told]
        hook = self._hooks.get(i)
        holder = hook.take() if hook is not None else []
        if not holder and not self._has_warned:
            self._has_warned = True
            warn_in_recorder(
                f"The last frame of each episode is missing in the videos: environment {i} was "
                "reset in the step that ended its episode, before it could be rendered. Put "
                "gymreel.wrappers.KeepTerminalFrame around each environment inside the vector "
                "environment, or make that with autoreset_mode=AutoresetMode.NEXT_STEP.",
            )
        return holder


def _told_in(last_infos: Any, i: int) -> Any | None:
    """Give the frame that ``KeepTerminalFrame`` has put into environment ``i``'s last info."""
    if isinstance(last_infos, Mapping):
        entry = entry_of(last_infos.get(TERMINAL_FRAME), i)
    else:
        info = entry_of(last_infos, i)
        entry = info.get(TERMINAL_FRAME) if isinstance(info, Mapping) else None
    if isinstance(entry, list):
        return entry[0] if entry else None
    is_frame = isinstance(entry, np.ndarray) and entry.ndim > 1  # And nothing else of that name.
    return entry if is_frame else None


class _Wanted:
    """What all hooks look at; not ``TerminalFrames`` itself, which would make a cycle."""

    def __init__(self) -> None:
        self.environments: Collection[int] = ()


class _Hook(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps the frame of environment ``i`` until the step is over."""

    def __init__(self, env: gym.Env[Any, Any], i: int, wanted: _Wanted) -> None:
        super().__init__(env)
        # Names that no environment has: ``set_attr`` and ``call`` look here first.
        self._gymreel_number = i
        self._gymreel_wanted = wanted
        self._gymreel_frame: list[Any] = []

    @property
    def spec(self) -> Any:  # type: ignore[override]
        """The environment's own: this is not for ``gym.make``."""
        return self.env.spec

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        result = self.env.step(action)
        is_over = result[2] or result[3]
        if is_over and self._gymreel_number in self._gymreel_wanted.environments:
            self._gymreel_frame = [render_or_error(self.env)]
        return result

    def take(self) -> list[Any]:
        """Take the frame, if one was kept."""
        holder, self._gymreel_frame = self._gymreel_frame, []
        return holder
