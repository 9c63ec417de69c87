"""What recording wrappers check, prepare and note before the first frame."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import gymnasium as gym

from gymreel import __version__
from gymreel._validation import check_choice, check_flag, check_number, check_text, show
from gymreel._warnings import warn_in_recorder
from gymreel._writer_config import GIF_FPS, MAX_NAME_BYTES
from gymreel.episodes import Episode
from gymreel.errors import ConfigError, ConfigTypeError, OutputError
from gymreel.keep import as_recorded
from gymreel.recovery import find_interrupted
from gymreel.triggers import Trigger, check_trigger

__all__ = [
    "Uncopied",
    "check_arguments",
    "check_env",
    "check_names",
    "fit_frame_rate",
    "keep_functions_uncopied",
    "make_video_folder",
    "video_metadata",
    "video_path",
    "warn_of_overwriting",
]


class Uncopied:
    """A function that is never copied; a copy of a method would copy all that its object holds."""

    def __init__(self, function: Callable[..., Any]) -> None:
        """Stand in the place of a function."""
        self._function = function

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function."""
        return self._function(*arguments, **named)

    def __deepcopy__(self, memo: dict[int, Any]) -> Uncopied:
        """Stay one."""
        return self


def keep_functions_uncopied(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as Gymnasium may record them, which copies them, and again for ``env.spec``.

    The object of a method that the user gives may be large, or may not be copied at all. What text
    can stand for is text, so that ``env.spec.to_json()`` holds it.
    """
    return {name: _as_recorded(value) for name, value in arguments.items()}


def _as_recorded(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if callable(value) and not isinstance(value, Trigger):
        return Uncopied(value)
    return as_recorded(value)


def check_arguments(
    env: Any,
    *,
    video_length: float,
    name_prefix: str,
    suffix: str,
    on_error: str,
    disable_logger: bool,
    **triggers: object,
) -> None:
    """Refuse the arguments that no video can be recorded with; the writer refuses its own.

    Raises:
        ConfigError: An argument is wrong, or the render mode gives no images.
    """
    check_render_mode(env)
    for name, trigger in triggers.items():
        # False is no trigger to Gymnasium.
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


def fit_frame_rate(fps: Any, suffix: str) -> tuple[Any, Fraction | None]:
    """Fit an environment's frame rate to the container of the videos, and say so once.

    Args:
        fps: What the environment's metadata say, a finite number or None.
        suffix: The end of the files' names.

    Returns:
        The frame rate of the videos, and which share of the frames they show; None for all.
    """
    limit = GIF_FPS[1]
    if fps is None or suffix.lower() != ".gif" or fps <= limit:
        return fps, None
    warn_in_recorder(
        f"The environment shows {float(fps):g} frames per second, and a GIF no more than "
        f"{float(limit):g}: the videos leave frames out, evenly, and take as long. Record into "
        "another container, such as suffix='.mp4', for every frame, or choose fps=…"
    )
    exact = Fraction(fps if isinstance(fps, (int, Fraction)) else float(fps))
    return limit, limit / exact.limit_denominator(10010)


def check_env(env: object) -> None:
    """Refuse what is no environment.

    Raises:
        ConfigTypeError: It is none; the message says so of vector environments.
    """
    if isinstance(env, gym.Env):
        return
    advice = ""
    if hasattr(env, "num_envs"):
        advice = "; for a vector environment take the wrapper of gymreel.wrappers.vector"
    raise ConfigTypeError(f"env={show(env)} must be a gymnasium.Env{advice}")


def check_render_mode(env: Any) -> None:
    """Refuse a render mode that gives no images.

    Raises:
        ConfigError: The message says how to make the environment.
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
        if isinstance(env, gym.vector.VectorEnv):
            make = f"gym.make_vec({spec.id!r}, num_envs={env.num_envs}"
        call = f': {make}, render_mode="{mode}")'
    raise ConfigError(f"{what}; make it with a render mode that does, such as {mode}{call}")


_WITHOUT_IMAGES = (None, "human", "ansi")


def _spec_of(env: Any) -> Any:
    """Return the spec of an environment, or else of the first environment in it; or None."""
    first = next(iter(getattr(getattr(env, "unwrapped", env), "envs", ())), None)
    return getattr(env, "spec", None) or getattr(first, "spec", None)


def check_names(folder: str, name_prefix: str, suffix: str) -> None:
    """Refuse a prefix that no file can be called by, or whose folder cannot be written to.

    Args:
        folder: An absolute path, of a folder that exists.
        name_prefix: The beginning of the names of the files.
        suffix: The end of them.

    Raises:
        ConfigError: The names lead out of the folder, or are too long.
        OutputError: There is a file in the place of a folder, or a folder cannot be written to.
    """
    argument = f"name_prefix={show(name_prefix)}"
    path = video_path(folder, f"{name_prefix}{_LONGEST_ENDING}", suffix, argument)
    place = path.parent
    while not os.path.lexists(place):
        place = place.parent
    which = "name_prefix" if place != Path(folder) else "video_folder"
    if not place.is_dir():
        raise OutputError(
            errno.ENOTDIR, f"write to the folder of {which}", "it is a file", str(place)
        )
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=_KNOWS_EFFECTIVE_IDS):
        raise OutputError(
            errno.EACCES, f"write to the folder of {which}", "it is not writable", str(place)
        )


_LONGEST_ENDING = "-step-9999999999-to-step-9999999999"
"""The longest ending that recorders give to a prefix; that of Stable-Baselines3's."""

_KNOWS_EFFECTIVE_IDS = os.access in os.supports_effective_ids


def video_path(folder: str, video_name: str, suffix: str, argument: str | None = None) -> Path:
    """Give the path of a video, which may be in a folder below ``folder`` and nowhere else.

    Args:
        folder: An absolute path.
        video_name: The file's name without suffix, such as ``"ALE/Breakout-v5-episode-0"``.
        suffix: The end of the file's name.
        argument: What the caller knows the name by, as ``name=value``.

    Raises:
        ConfigError: The name leads out of the folder, or is too long.
    """
    argument = argument or f"video_name={show(video_name)}"
    path = os.path.normpath(os.path.join(folder, f"{video_name}{suffix}"))
    below = os.path.dirname(path)
    if os.path.commonpath([folder, path]) != folder:
        raise ConfigError(
            f"{argument} leads out of video_folder={show(folder)}; take the names of files from "
            "inside it"
        )
    if len(os.fsencode(os.path.basename(path))) > MAX_NAME_BYTES:
        longest = MAX_NAME_BYTES - len(_LONGEST_ENDING) - len(suffix)
        raise ConfigError(
            f"{argument} is too long for the name of a file; take {longest} bytes or fewer"
        )
    if below != folder:
        # The folder may be a link, as its user wishes; one below it may be somebody else's.
        real = os.path.realpath(folder)
        if os.path.commonpath([real, os.path.realpath(below)]) != real:
            raise ConfigError(
                f"{argument} leads out of video_folder={show(folder)} through a symbolic link in "
                f"{below!r}; record into the folder that it leads to"
            )
    return Path(path)


def make_video_folder(folder: str) -> None:
    """Make the folder, or warn of interrupted recordings in it.

    Args:
        folder: An absolute path.

    Raises:
        OutputError: The folder cannot be made.
    """
    if os.path.isdir(folder):
        interrupted = find_interrupted(Path(folder))
        if interrupted:
            names = ", ".join(partial.name for partial in interrupted[:3])
            more = ", …" if len(interrupted) > 3 else ""
            warn_in_recorder(
                f"{folder} holds {len(interrupted)} recording(s) that were interrupted ({names}"
                f"{more}): gymreel.recover({folder!r}) makes videos of them.",
            )
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(error.errno or 0, "make video_folder", reason, folder) from error


def warn_of_overwriting(first: Path, start_ns: int) -> None:
    """Warn if there are videos of an earlier run that those of a recorder may replace.

    Args:
        first: The path of the recorder's first video, ``PREFIX-episode-0.SUFFIX``.
        start_ns: When the run began, see ``gymreel._runs``.
    """
    prefix = first.stem.removesuffix("-episode-0")
    named = re.compile(f"{re.escape(prefix)}-(env|episode|step)-.*{re.escape(first.suffix)}")
    try:
        with os.scandir(first.parent) as entries:
            example = next(
                (
                    entry.name
                    for entry in entries
                    if named.fullmatch(entry.name)
                    and entry.is_file()
                    and entry.stat(follow_symlinks=False).st_mtime_ns < start_ns
                ),
                None,
            )
    except OSError:  # What is wrong with the folder is said when something is recorded.
        return
    if example is not None:
        warn_in_recorder(
            f"Overwriting existing videos at {first.parent}: {example} and others of that prefix "
            "are of an earlier run, and give way to new ones of the same names. Another "
            "`video_folder` or `name_prefix` keeps both.",
        )


def video_metadata(video_name: str, episode: Episode) -> dict[str, str]:
    """Say in the video where it comes from.

    Args:
        video_name: The file's name without folder and suffix.
        episode: The episode at the first frame.

    Returns:
        Metadata for ``VideoWriter``: ``title`` and ``encoded_by`` are names that players know.
    """
    metadata = {
        "title": video_name,
        "encoded_by": f"gymreel {__version__}",
        "environment": episode.environment,
        "name_prefix": episode.name_prefix,
        "episode": str(episode.index),
    }
    if episode.seed is not None:
        metadata["seed"] = str(episode.seed)
    return metadata
