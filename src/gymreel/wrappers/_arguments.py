"""What recording wrappers check, prepare and note before the first frame."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import Any

from gymreel import __version__
from gymreel._warnings import warn_in_recorder
from gymreel.config import GIF_FPS
from gymreel.episodes import Episode
from gymreel.errors import ConfigError, OutputError
from gymreel.keep import as_recorded
from gymreel.recovery import find_interrupted
from gymreel.triggers import Trigger

__all__ = [
    "Uncopied",
    "check_arguments",
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
    video_length: float,
    suffix: str,
    on_error: str,
    **triggers: Callable[[int], bool] | None,
) -> None:
    """Refuse the arguments that no video can be recorded with; the writer refuses its own.

    Raises:
        ConfigError: An argument is wrong, or the render mode gives no images.
    """
    render_mode = getattr(env, "render_mode", None)
    if render_mode in (None, "human", "ansi"):
        raise ConfigError(
            f"env has render_mode={render_mode!r}, which gives no images to record; make it "
            "with a render mode that does, such as rgb_array"
        )
    for name, trigger in triggers.items():
        # Gymnasium takes any false value for no trigger.
        if trigger and not callable(trigger):
            raise ConfigError(f"{name}={trigger!r} must be a function of a number, or None")
    length: object = video_length
    if not isinstance(length, Real) or not float(length) >= 0:  # ``not >=`` refuses NaN as well.
        raise ConfigError(
            f"video_length={video_length!r} must be a positive number of steps, or 0 for episodes"
        )
    if not str(suffix).startswith("."):
        raise ConfigError(f"suffix={suffix!r} must name a container, as '.mp4' does")
    if on_error not in ("warn", "raise"):
        raise ConfigError(f"on_error={on_error!r} must be 'warn' or 'raise'")


def fit_frame_rate(fps: Any, suffix: str) -> tuple[Any, Fraction | None]:
    """Fit an environment's frame rate to the container of the videos, and say so once.

    Args:
        fps: What the environment's metadata say.
        suffix: The end of the files' names.

    Returns:
        The frame rate of the videos, and which share of the frames they show; None for all.
    """
    limit = GIF_FPS[1]
    is_number = isinstance(fps, Real) and not isinstance(fps, bool)
    if str(suffix).lower() != ".gif" or not is_number or not limit < float(fps) < float("inf"):
        return fps, None
    warn_in_recorder(
        f"The environment shows {float(fps):g} frames per second, and a GIF no more than "
        f"{float(limit):g}: the videos leave frames out, evenly, and take as long. Record into "
        "another container, such as suffix='.mp4', for every frame, or choose fps=…"
    )
    exact = Fraction(fps if isinstance(fps, (int, Fraction)) else float(fps))
    return limit, limit / exact.limit_denominator(10010)


def video_path(folder: str, video_name: str, suffix: str) -> Path:
    """Give the path of a video, which may be in a folder below ``folder`` and nowhere else.

    Args:
        folder: An absolute path.
        video_name: The file's name without suffix, such as ``"ALE/Breakout-v5-episode-0"``.
        suffix: The end of the file's name.

    Raises:
        ConfigError: The name leads out of the folder.
    """
    path = os.path.normpath(os.path.join(folder, f"{video_name}{suffix}"))
    below = os.path.dirname(path)
    if os.path.commonpath([folder, path]) != folder:
        raise ConfigError(
            f"video_name={video_name!r} leads out of video_folder={folder!r}; take the names of "
            "files from inside it"
        )
    if below != folder:
        # The folder may be a link, as its user wishes; one below it may be somebody else's.
        real = os.path.realpath(folder)
        if os.path.commonpath([real, os.path.realpath(below)]) != real:
            raise ConfigError(
                f"video_name={video_name!r} leads out of video_folder={folder!r} through a "
                f"symbolic link in {below!r}; record into the folder that it leads to"
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
