"""A tracker that notes what it is told."""

from __future__ import annotations

from gymreel import Episode
from gymreel.trackers import Tracker

__all__ = ["NotingTracker"]


class NotingTracker(Tracker):
    """Notes the episodes and videos that it is told of, in their order."""

    def __init__(self) -> None:
        self.episodes: list[Episode] = []
        self.videos: list[Episode] = []

    def log_episode(self, episode: Episode) -> None:
        self.episodes.append(episode)

    def log_video(self, episode: Episode) -> None:
        self.videos.append(episode)
