"""The last frames of episodes whose environments are reset within the step that ends them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv

from gymreel._recording.episode import ends_episode
from gymreel._warnings import warn_in_recorder
from gymreel.wrappers.keep_terminal_frame import TERMINAL_FRAME, render_or_error
from gymreel.wrappers.vector._episode_arrays import entry_of

__all__ = ["TerminalFrames"]


class TerminalFrames:
    """Finds the terminal frame of an environment that was reset within the step.

    The environments of a ``SyncVectorEnv`` can be reached. Each one gets a wrapper, shared by all
    recorders, that renders when an episode ends whose last frame is wanted. Other vector
    environments return the frame in ``infos``, see ``KeepTerminalFrame``.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], environments: Collection[int]) -> None:
        """Find out how the environments to record can be reached."""
        self._wanted = _Wanted()
        self._has_warned = False
        vector = env.unwrapped
        self._vector = vector if isinstance(vector, SyncVectorEnv) else None
        self._hooked = tuple(environments)
        self.attach()

    def attach(self) -> None:
        """Put the wrappers around the environments, unless they are there."""
        if self._vector is None or self._wanted.is_attached:
            return
        self._wanted.is_attached = True
        singles = list(self._vector.envs)
        for i in self._hooked:
            hook = singles[i]
            if not isinstance(hook, _Hook):  # Outermost, to render what the other wrappers show.
                singles[i] = hook = _Hook(hook, i)
            hook.add(self._wanted)
        self._vector.envs = singles

    def detach(self) -> None:
        """Remove the wrappers that no other recorder needs."""
        if self._vector is None or not self._wanted.is_attached:
            return
        self._wanted.is_attached = False
        self._vector.envs = [_without_hook(single, self._wanted) for single in self._vector.envs]

    def __del__(self) -> None:
        """Detach from the environments, which may outlive the recorder."""
        if getattr(self, "_vector", None) is not None:
            self.detach()

    def want(self, environments: Collection[int]) -> None:
        """Keep the last frames of episodes that end in the next step, for these environments."""
        if environments:
            self.attach()
        self._wanted.environments = environments

    def take(self, i: int, last_infos: Any) -> list[Any]:
        """Take the last frame of the episode of environment ``i`` that has just ended.

        Args:
            i: Number of the environment.
            last_infos: Infos of the episodes that have ended, see ``final_infos``.

        Returns:
            A list with the result of ``render()``, or with the error that it raised. The list is
            empty where the frame was not kept, of which the first time is warned of.
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
    """Return the frame that ``KeepTerminalFrame`` has put into environment ``i``'s last info."""
    if isinstance(last_infos, Mapping):
        entry = entry_of(last_infos.get(TERMINAL_FRAME), i)
    else:
        info = entry_of(last_infos, i)
        entry = info.get(TERMINAL_FRAME) if isinstance(info, Mapping) else None
    if isinstance(entry, list):
        return entry[0] if entry else None
    is_frame = isinstance(entry, np.ndarray) and entry.ndim > 1  # Not something else of that name.
    return entry if is_frame else None


class _Wanted:
    """What the wrappers share with one ``TerminalFrames``, without a reference cycle."""

    def __init__(self) -> None:
        self.environments: Collection[int] = ()
        self.frames: dict[int, Any] = {}
        self.is_attached = False


class _Hook(gym.Wrapper[Any, Any, Any, Any]):
    """Wrapper that keeps the last frame of an episode for the recorders that want it."""

    def __init__(self, env: gym.Env[Any, Any], i: int) -> None:
        super().__init__(env)
        # Names that no environment uses, as ``set_attr`` and ``call`` look them up here first.
        self._gymreel_number = i
        self._gymreel_all: list[_Wanted] = []

    @property
    def spec(self) -> Any:  # type: ignore[override]
        """Spec of the environment; this wrapper is not for ``gym.make``."""
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
        """Keep frames for another recorder."""
        self._gymreel_all.append(wanted)

    def drop(self, wanted: _Wanted) -> bool:
        """Keep no more frames for a recorder, and return whether none is left."""
        self._gymreel_all = [each for each in self._gymreel_all if each is not wanted]
        return not self._gymreel_all


def _without_hook(env: Any, wanted: _Wanted) -> Any:
    """Return an environment without the hook, if no other recorder wants its frames."""
    outer, inner = None, env
    while isinstance(inner, gym.Wrapper):
        if isinstance(inner, _Hook) and inner.drop(wanted):
            if outer is None:
                return inner.env
            outer.env = inner.env  # Another wrapper was put around it since.
            return env
        outer, inner = inner, inner.env
    return env
