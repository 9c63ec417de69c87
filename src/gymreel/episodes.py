"""Episodes as records, and the log of them that recorders write beside their videos."""

from __future__ import annotations

from gymreel._episode import LOG_NAME, Episode
from gymreel._episode_log_reader import read_episodes

__all__ = ["LOG_NAME", "Episode", "read_episodes"]
