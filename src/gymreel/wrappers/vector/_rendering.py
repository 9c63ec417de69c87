"""The frames of a vector environment at one moment, in whichever form it renders them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv, VectorWrapper

from gymreel._frame_conversion import HOW_TO_CONVERT
from gymreel._tensors import as_array, is_tensor
from gymreel.errors import FrameError, FrameTypeError
from gymreel.wrappers.keep_terminal_frame import render_or_error

__all__ = ["Renderer", "Show", "name_environment"]


class Show:
    """The frames of one moment, each of which can be taken once.

    A frame is taken in a list that holds the only reference to it, so that its memory can be
    borrowed. Environments that can be rendered one by one are rendered when their frame is taken.
    """

    def __init__(
        self,
        frames: dict[int, Any] | np.ndarray,
        environments: Sequence[gym.Env[Any, Any]] = (),
    ) -> None:
        """Start with the frames that were rendered.

        Args:
            frames: Frames by the environments' numbers, or ``(num_envs, height, width, 3)``.
            environments: All environments, of which those without a frame are rendered.
        """
        self._frames = frames
        self._environments = environments

    def replace(self, i: int, frame: Any) -> None:
        """Replace the frame of environment ``i``."""
        if isinstance(self._frames, np.ndarray):
            self._frames = dict(enumerate(self._frames))
        self._frames[i] = frame

    def take(self, i: int) -> list[np.ndarray]:
        """Take the frame of environment ``i``, as the only element of a list.

        Raises:
            FrameTypeError: Rendering failed, or returned something else than an array.
        """
        frames = self._frames
        if isinstance(frames, np.ndarray):
            return [frames[i]]
        holder = [frames.pop(i) if i in frames else render_or_error(self._environments[i])]
        if not isinstance(holder[0], np.ndarray) and not is_tensor(holder[0]):
            raise _no_frame(holder[0])
        if is_tensor(holder[0]):
            holder[0] = as_array(holder[0])
        return holder

    def take_all(self, environments: Sequence[int]) -> list[np.ndarray]:
        """Take several frames as a list, or all frames as one array in a list.

        Raises:
            FrameTypeError: Rendering failed, or returned something else than an array.
        """
        frames = self._frames
        if isinstance(frames, np.ndarray) and list(environments) == list(range(len(frames))):
            self._frames = {}
            return [frames]
        holder = []
        for i in environments:
            try:
                holder += self.take(i)
            except FrameTypeError as error:
                raise name_environment(i, error) from error.__cause__
        return holder


def name_environment(i: int, error: FrameError) -> FrameError:
    """Return an error that names the environment it is about."""
    named = type(error)(f"environment {i}: {error}")
    named.__cause__ = error.__cause__
    return named


class Renderer:
    """Renders the environments of a vector environment.

    Those of a ``SyncVectorEnv`` are rendered one by one, unless a wrapper around it overrides
    ``render``. So none is rendered that is not recorded, and one that raises costs no other
    environment's frame.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        """Find out how the environments can be reached."""
        self._env = env
        self._sync: SyncVectorEnv | None = None
        while isinstance(env, VectorWrapper) and _renders_as(VectorWrapper, env):
            env = env.env
        if isinstance(env, SyncVectorEnv) and _renders_as(SyncVectorEnv, env):
            self._sync = env

    def render(self) -> Show:
        """Render every environment, now or when its frame is taken.

        Raises:
            FrameTypeError: Rendering failed, or did not return one frame for each environment.
        """
        if self._sync is not None:
            return Show({}, self._sync.envs)
        num_envs = self._env.num_envs
        try:
            rendered: Any = self._env.render()
        except Exception as error:
            raise FrameTypeError(
                f"render() of the vector environment raised {type(error).__name__}: {error}"
            ) from error
        if is_tensor(rendered):
            rendered = as_array(rendered)  # In one piece, also from a device.
        if isinstance(rendered, np.ndarray):
            if rendered.ndim == 4 and len(rendered) == num_envs:
                return Show(rendered)
            what = f"an array of shape {rendered.shape}"
        elif isinstance(rendered, Sequence):
            if len(rendered) == num_envs:
                return Show(dict(enumerate(rendered)))
            what = f"{len(rendered)} frame{'' if len(rendered) == 1 else 's'}"
        else:
            what = type(rendered).__name__
        raise FrameTypeError(
            f"render() of the vector environment must give one frame for each of its {num_envs} "
            f"environments, as a sequence or as one array (num_envs, height, width, 3); got {what}"
        )


def _renders_as(kind: type[VectorEnv[Any, Any, Any]], env: VectorEnv[Any, Any, Any]) -> bool:
    return getattr(env.render, "__func__", None) is kind.render


def _no_frame(rendered: Any) -> FrameTypeError:
    if isinstance(rendered, FrameTypeError):
        return rendered
    kind = type(rendered)
    return FrameTypeError(
        f"render() gave {kind.__name__} instead of a numpy array; {HOW_TO_CONVERT}"
    )
