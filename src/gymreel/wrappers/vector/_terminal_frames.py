"""Where the last frames of episodes come from when environments are reset in the same step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv

from gymreel._warnings import warn_in_recorder
from gymreel.wrappers._episode_totals import ends_episode
from gymreel.wrappers.keep_terminal_frame import TERMINAL_FRAME, render_or_error
from gymreel.wrappers.vector._episode_arrays import entry_of

__all__ = ["TerminalFrames"]


class TerminalFrames:
    """Finds the terminal frame of an environment that was reset within the step.

    A ``SyncVectorEnv`` has its environments at hand, so each gets a wrapper that renders when an
    episode ends while somebody wants it; one, however many recorders there are. Others tell it in
    ``infos``, see ``KeepTerminalFrame``.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], environments: Collection[int]) -> None:
        """Look at how the environments can be reached that will be recorded."""
        self._wanted = _Wanted()
        self._has_warned = False
        vector = env.unwrapped
        self._vector = vector if isinstance(vector, SyncVectorEnv) else None
        self._hooked = tuple(environments)
        self.attach()

    def attach(self) -> None:
        """Take hold of the environments, unless that was done and not undone."""
        if self._vector is None or self._wanted.is_attached:
            return
        self._wanted.is_attached = True
        singles = list(self._vector.envs)
        for i in self._hooked:
            hook = singles[i]
            if not isinstance(hook, _Hook):  # Further in it would render without what is around.
                singles[i] = hook = _Hook(hook, i)
            hook.add(self._wanted)
        self._vector.envs = singles

    def detach(self) -> None:
        """Unhook the environments, and leave them as they were if nobody else holds them."""
        if self._vector is None or not self._wanted.is_attached:
            return
        self._wanted.is_attached = False
        self._vector.envs = [_without_hook(single, self._wanted) for single in self._vector.envs]

    def __del__(self) -> None:
        """Let go of the environments, which may outlive the recorder."""
        if getattr(self, "_vector", None) is not None:
            self.detach()

    def want(self, environments: Collection[int]) -> None:
        """Keep the frames of these environments, should their episodes end in the next step."""
        if environments:
            self.attach()
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
        holder = [self._wanted.frames.pop(i)] if i in self._wanted.frames else []
        told = _told_in(last_infos, i)
        if told is not None:
            return [told]
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
    """What hooks look at; not ``TerminalFrames`` itself, which would make a cycle."""

    def __init__(self) -> None:
        self.environments: Collection[int] = ()
        self.frames: dict[int, Any] = {}
        self.is_attached = False


class _Hook(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps the last frame of environment ``i`` for those that want it, until the step is over."""

    def __init__(self, env: gym.Env[Any, Any], i: int) -> None:
        super().__init__(env)
        # Names that no environment has: ``set_attr`` and ``call`` look here first.
        self._gymreel_number = i
        self._gymreel_all: list[_Wanted] = []

    @property
    def spec(self) -> Any:  # type: ignore[override]
        """The environment's own: this is not for ``gym.make``."""
        return self.env.spec

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        result = self.env.step(action)
        if ends_episode(result[2], result[3]):
            i = self._gymreel_number
            wanted = [each for each in self._gymreel_all if i in each.environments]
            if wanted:
                frame = render_or_error(self.env)
                for each in wanted:
                    each.frames[i] = frame
        return result

    def add(self, wanted: _Wanted) -> None:
        """Keep frames for one recorder more."""
        self._gymreel_all.append(wanted)

    def drop(self, wanted: _Wanted) -> bool:
        """Keep no more frames for a recorder, and return whether nobody is left."""
        self._gymreel_all = [each for each in self._gymreel_all if each is not wanted]
        return not self._gymreel_all


def _without_hook(env: Any, wanted: _Wanted) -> Any:
    """Return an environment without a recorder's hook, if nobody else wants its frames."""
    outer, inner = None, env
    while isinstance(inner, gym.Wrapper):
        if isinstance(inner, _Hook) and inner.drop(wanted):
            if outer is None:
                return inner.env
            outer.env = inner.env  # Somebody has put a wrapper around it since.
            return env
        outer, inner = inner, inner.env
    return env
