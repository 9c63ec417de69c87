"""What every tracker does."""

from __future__ import annotations

from gymreel.episodes import Episode

__all__ = ["Tracker"]


class Tracker:
    """Is told of every episode and of every video; subclasses override what they want to hear.

    Both are called by the wrapper on the thread that steps the environment, so they should be
    quick. What they raise becomes a warning, and the next episode is told of all the same.
    """

    def log_episode(self, episode: Episode) -> None:
        """Take note of an episode that has ended, recorded or not; its video is not complete."""

    def log_video(self, episode: Episode) -> None:
        """Take note of a video that is complete and stays: ``episode.path``."""
