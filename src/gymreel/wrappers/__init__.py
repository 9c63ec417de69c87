"""Gymnasium wrappers that record, under the names that Gymnasium uses.

Replace ``gymnasium.wrappers`` by ``gymreel.wrappers`` in the import; nothing else changes.
"""

from gymreel.wrappers.keep_terminal_frame import KeepTerminalFrame
from gymreel.wrappers.record_episode_statistics import RecordEpisodeStatistics
from gymreel.wrappers.record_video import RecordVideo

__all__ = ["KeepTerminalFrame", "RecordEpisodeStatistics", "RecordVideo"]
