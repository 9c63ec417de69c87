"""``Logging`` reports episodes and videos with Python's ``logging``."""

from __future__ import annotations

import logging

from gymreel._validation import show, to_whole_number
from gymreel.episodes import Episode
from gymreel.errors import ConfigTypeError
from gymreel.trackers._tracker import Tracker

__all__ = ["Logging"]


class Logging(Tracker):
    """Logs a line for each episode and each video with Python's ``logging``."""

    def __init__(self, logger: str | logging.Logger = "gymreel", level: int = logging.INFO) -> None:
        """Log to a logger.

        Args:
            logger: The logger or its name.
            level: Level of the lines.

        Raises:
            ConfigError: An argument is of another type.
        """
        if not isinstance(logger, (str, logging.Logger)):
            raise ConfigTypeError(f"logger={show(logger)} must be a logger or its name")
        number = to_whole_number(level)
        if number is None:
            raise ConfigTypeError(f"level={show(level)} must be a number, such as logging.INFO")
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._level = number

    def log_episode(self, episode: Episode) -> None:
        """Log a line for an episode."""
        if episode.terminated:
            end = "terminated"
        else:
            end = "truncated" if episode.truncated else "interrupted"
        self._logger.log(self._level, "%s, %s", episode.describe(), end)

    def log_video(self, episode: Episode) -> None:
        """Log a line for a video."""
        self._logger.log(
            self._level,
            "episode %d is recorded: %s (%d frames, %d bytes)",
            episode.index,
            episode.path,
            episode.num_frames,
            episode.num_bytes,
        )
