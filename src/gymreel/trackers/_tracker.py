"""What every tracker does."""

from __future__ import annotations

from typing import Any, TypeVar

from gymreel._validation import check_flag, check_text
from gymreel.episodes import Episode
from gymreel.errors import ConfigError

__all__ = ["Tracker", "check_interrupted", "check_prefix", "scalars_of"]

_Self = TypeVar("_Self")


class Tracker:
    """Is told of every episode and of every video; subclasses override what they want to hear.

    Both are called by the wrapper on the thread that steps the environment, so they should be
    quick. What they raise becomes a warning, and the next episode is told of all the same.

    A tracker is never copied: copies of an environment tell the same one, which may hold files or
    connections.
    """

    def log_episode(self, episode: Episode) -> None:
        """Take note of an episode that has ended, recorded or not; its video is not complete.

        Episodes that were cut off are among them: ``episode.interrupted``.
        """

    def log_video(self, episode: Episode) -> None:
        """Take note of a video that is complete and stays: ``episode.path``.

        With a ``keep`` that may drop a video later, this comes when the recorder is closed, unless
        the recorder has ``report_when="complete"``.
        """

    def __deepcopy__(self: _Self, memo: dict[int, Any]) -> _Self:
        """Stay one."""
        return self


def check_prefix(prefix: object) -> str:
    """Return what the names of the scalars start with.

    Raises:
        ConfigError: It is not text.
    """
    wanted = "the start of a name, such as 'episode',"
    if not (text := check_text("prefix", prefix, wanted=wanted)):
        raise ConfigError(f"prefix={text!r} must be {wanted} and not empty")
    return text


def check_interrupted(interrupted: object) -> bool:
    """Return whether the numbers of interrupted episodes are shown.

    Raises:
        ConfigError: It is no flag.
    """
    return check_flag("interrupted", interrupted)


def scalars_of(episode: Episode) -> dict[str, float]:
    """Give the numbers of an episode by name; no return where the rewards have no sum."""
    scalars: dict[str, float] = {"length": episode.length}
    if episode.return_ is not None:
        scalars["return"] = float(episode.return_)
    return scalars
