"""``Tracker``: the base class of all trackers."""

from __future__ import annotations

from typing import Any, TypeVar

from gymreel._validation import check_flag, check_text
from gymreel.episodes import Episode
from gymreel.errors import ConfigError

__all__ = ["Tracker", "check_interrupted", "check_prefix", "scalars_of"]

_Self = TypeVar("_Self")


class Tracker:
    """Is called for every episode and every video. Subclasses override the methods they need.

    Recorders call the methods on the thread that steps the environment, so they should be fast. An
    exception becomes a warning, and the next episode is reported as usual.

    A tracker may hold files or connections, so it is never copied: copies of an environment share
    it.
    """

    def log_episode(self, episode: Episode) -> None:
        """Log an episode that has ended, recorded or not. Its video is not complete yet.

        This includes interrupted episodes, see ``Episode.interrupted``.
        """

    def log_video(self, episode: Episode) -> None:
        """Log a video that is complete and stays, at ``episode.path``.

        If ``keep`` may drop a video later, this is called when the recorder is closed, unless the
        recorder has ``report_when="complete"``.
        """

    def __deepcopy__(self: _Self, memo: dict[int, Any]) -> _Self:
        """Return the tracker itself."""
        return self


def check_prefix(prefix: object) -> str:
    """Return the argument ``prefix``, with which the names of scalars start.

    Raises:
        ConfigError: ``prefix`` is not a string, or is empty.
    """
    wanted = "the start of a name, such as 'episode',"
    if not (text := check_text("prefix", prefix, wanted=wanted)):
        raise ConfigError(f"prefix={text!r} must be {wanted} and not empty")
    return text


def check_interrupted(interrupted: object) -> bool:
    """Return the argument ``interrupted``: whether to log the numbers of interrupted episodes.

    Raises:
        ConfigError: ``interrupted`` is not a bool.
    """
    return check_flag("interrupted", interrupted)


def scalars_of(episode: Episode) -> dict[str, float]:
    """Return the numbers of an episode by name, without a return if that is unknown."""
    scalars: dict[str, float] = {"length": episode.length}
    if episode.return_ is not None:
        scalars["return"] = float(episode.return_)
    return scalars
