"""What a vector environment renders: one frame for each environment, in whichever form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from gymreel.errors import FrameTypeError

__all__ = ["RenderedFrames", "render_all"]


class RenderedFrames:
    """The frames of one moment, which are handed on one by one and held no longer.

    Each may be taken once, in a list that holds the only reference to it, so that its memory can be
    borrowed. Of a natively vectorised environment's array, all can be taken together.
    """

    def __init__(self, frames: dict[int, Any] | np.ndarray) -> None:
        """Hold the frames by their environments' numbers, or ``(num_envs, height, width, 3)``."""
        self._frames = frames

    def check(self, i: int) -> None:
        """See that there is a frame of environment ``i``.

        Raises:
            FrameTypeError: There is something else, or rendering failed.
        """
        frame = self._frames[i]
        if isinstance(frame, np.ndarray):
            return
        if isinstance(frame, Exception):
            raise FrameTypeError(
                f"render() of environment {i} raised {type(frame).__name__}: {frame}"
            ) from frame
        raise FrameTypeError(
            f"render() of environment {i} gave {type(frame).__name__} instead of a numpy array"
        )

    def replace(self, i: int, frame: Any) -> None:
        """Put another frame in the place of environment ``i``'s."""
        if isinstance(self._frames, np.ndarray):
            self._frames = dict(enumerate(self._frames))
        self._frames[i] = frame

    def take(self, i: int) -> list[Any]:
        """Take the frame of environment ``i``, as the only element of a list."""
        return [self._frames[i] if isinstance(self._frames, np.ndarray) else self._frames.pop(i)]

    def take_all(self, environments: Sequence[int]) -> list[Any]:
        """Take several frames as a list, or all of them as one array in a list."""
        if not isinstance(self._frames, np.ndarray):
            return [self._frames.pop(i) for i in environments]
        frames, self._frames = self._frames, {}
        if len(environments) == len(frames):
            return [frames]
        return [frames[i] for i in environments]


def render_all(env: VectorEnv[Any, Any, Any], num_envs: int) -> RenderedFrames:
    """Render every environment.

    An environment that raises costs its own frame and no other, where the environments can be
    reached one by one; the exception stands in the place of its frame.

    Raises:
        FrameTypeError: What came is not one frame for each environment, or rendering failed and
            cannot be done one by one.
    """
    try:
        rendered = env.render()
    except Exception as error:
        singles = getattr(env.unwrapped, "envs", None)
        if singles is None:
            raise FrameTypeError(
                f"render() of the vector environment raised {type(error).__name__}: {error}"
            ) from error
        return RenderedFrames({i: _render_or_tell(env) for i, env in enumerate(singles)})
    if rendered is None:
        raise FrameTypeError("render() of the vector environment gave nothing")
    if isinstance(rendered, np.ndarray):
        if rendered.ndim == 4 and len(rendered) == num_envs:
            return RenderedFrames(rendered)
        what = f"an array of shape {rendered.shape}"
    elif isinstance(rendered, Sequence):
        if len(rendered) == num_envs:
            return RenderedFrames(dict(enumerate(rendered)))
        what = f"{len(rendered)} frame{'' if len(rendered) == 1 else 's'}"
    else:
        what = f"{type(rendered).__name__}"
    raise FrameTypeError(
        f"render() of the vector environment must give one frame for each of its {num_envs} "
        f"environments, as a sequence or as one array (num_envs, height, width, 3); got {what}"
    )


def _render_or_tell(env: Any) -> Any:
    try:
        return env.render()
    except Exception as error:
        return error
