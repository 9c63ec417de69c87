"""What a recorder checks of its arguments, and prepares from them, before the first frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from gymreel._frame_conversion import HOW_TO_CONVERT
from gymreel._validation import check_choice, check_flag, check_number, check_text, show
from gymreel._warnings import warn_in_recorder
from gymreel._writer_config import GIF_FPS
from gymreel.errors import ConfigError, FrameTypeError
from gymreel.keep import as_recorded
from gymreel.triggers import Trigger, check_trigger

__all__ = [
    "check_arguments",
    "check_aspect_ratio",
    "check_render_mode",
    "choose_frame_rate",
    "not_an_array",
    "to_recordable",
]

_WITHOUT_IMAGES = (None, "human", "ansi")


def check_arguments(
    *,
    video_length: float,
    name_prefix: str,
    suffix: str,
    on_error: str,
    disable_logger: bool,
    wait: bool,
    **triggers: object,
) -> None:
    """Check the arguments that neither the writer nor the reports check.

    Raises:
        ConfigError: One of them is wrong.
    """
    for name, trigger in triggers.items():
        # Gymnasium takes False for no trigger.
        if trigger is not None and trigger is not False:
            check_trigger(name, trigger)
    if check_number("video_length", video_length) < 0:
        raise ConfigError(
            f"video_length={show(video_length)} must be a number of steps, or 0 for episodes"
        )
    check_text("name_prefix", name_prefix)
    if not check_text("suffix", suffix).startswith("."):
        raise ConfigError(f"suffix={show(suffix)} must name a container, as '.mp4' does")
    check_choice("on_error", on_error, ["warn", "raise"])
    check_flag("disable_logger", disable_logger)
    check_flag("wait", wait)


def choose_frame_rate(
    fps: float | Fraction | None, render_fps: Any, suffix: str, frame_stride: int
) -> tuple[Any, Fraction | None]:
    """Return the frame rate of the videos, and which share of the frames they show.

    A rate of the environment's that its container cannot hold is lowered, with a warning.

    Args:
        fps: Frame rate that the user asked for; None for the environment's.
        render_fps: ``render_fps`` of the environment's metadata; None for 30.
        suffix: Suffix of the file names.
        frame_stride: Number n, if every n-th state of the environment is recorded.

    Returns:
        Frames per second before ``frame_stride`` divides them, and a number of frames shown per
        frame rendered; None for all.

    Raises:
        ConfigError: ``render_fps`` is not a finite number.
    """
    if fps is not None:
        return fps, None
    if render_fps is None:
        return 30, None
    check_number('env.metadata["render_fps"]', render_fps, is_finite=True)
    limit = GIF_FPS[1] * frame_stride
    if suffix.lower() != ".gif" or render_fps <= limit:
        return render_fps, None
    stride = f" with frame_stride={frame_stride}" if frame_stride > 1 else ""
    warn_in_recorder(
        f"The environment shows {float(render_fps):g} frames per second, and a GIF no more than "
        f"{float(limit):g}{stride}: the videos leave frames out, evenly, and take as long. Record "
        "into another container, such as suffix='.mp4', for every frame, or choose fps=…"
    )
    exact = Fraction(render_fps if isinstance(render_fps, (int, Fraction)) else float(render_fps))
    return limit, limit / exact.limit_denominator(10010)


def check_render_mode(env: Any) -> None:
    """Refuse an environment whose render mode returns no images.

    Raises:
        ConfigError: The message shows how to make the environment.
    """
    render_mode = getattr(env, "render_mode", None)
    if render_mode not in _WITHOUT_IMAGES:
        return
    modes = (getattr(env, "metadata", None) or {}).get("render_modes") or ["rgb_array"]
    with_images = [mode for mode in modes if mode not in _WITHOUT_IMAGES]
    what = f"env has render_mode={render_mode!r}, which gives no images to record"
    if not with_images:
        raise ConfigError(f"{what}; it has only {show(modes)}, and none such as rgb_array")
    mode = "rgb_array" if "rgb_array" in with_images else with_images[0]
    call = ""
    if (spec := _spec_of(env)) is not None:
        make = f"gym.make({spec.id!r}"
        if hasattr(env, "num_envs"):
            make = f"gym.make_vec({spec.id!r}, num_envs={env.num_envs}"
        call = f': {make}, render_mode="{mode}")'
    raise ConfigError(f"{what}; make it with a render mode that does, such as {mode}{call}")


def _spec_of(env: Any) -> Any:
    """Return the spec of an environment, or of the first environment in it; None without one."""
    first = next(iter(getattr(getattr(env, "unwrapped", env), "envs", ())), None)
    return getattr(env, "spec", None) or getattr(first, "spec", None)


def not_an_array(kind: type) -> FrameTypeError:
    """Return the error for a ``render()`` that gave an object of another class than an array."""
    return FrameTypeError(
        "expected type of frame returned by render to be a numpy array, got instead "
        f"{kind}; {HOW_TO_CONVERT}"
    )


def check_aspect_ratio(ratio: tuple[int, int]) -> float:
    """Return width divided by height.

    Raises:
        ConfigError: ``ratio`` is not a pair of positive numbers.
    """
    try:
        width, height = (check_number("video_aspect_ratio", each) for each in ratio)
        result = float(width / height)
        is_valid = width > 0 and 0 < result < float("inf")
    except Exception:  # It is not iterable, or holds something that is not a number.
        is_valid = False
    if not is_valid:
        raise ConfigError(
            f"video_aspect_ratio={show(ratio)} must be a width and a height, such as (16, 9)"
        )
    return result


class _Uncopied:
    """A function that is never copied: copying a method would copy everything its object holds."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._function(*arguments, **named)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Uncopied:
        return self


def to_recordable(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a wrapper's arguments in a form that Gymnasium can record for ``env.spec``.

    Gymnasium copies them deeply. Functions are guarded against that, as the object of a method may
    be large or impossible to copy. What has a textual form becomes text, for
    ``env.spec.to_json()``.
    """
    return {name: _to_recordable(value) for name, value in arguments.items()}


def _to_recordable(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if callable(value) and not isinstance(value, Trigger):
        return _Uncopied(value)
    return as_recorded(value)
