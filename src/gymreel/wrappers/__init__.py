"""Gymnasium wrappers that record, under the names that Gymnasium uses.

Replace ``gymnasium.wrappers`` by ``gymreel.wrappers`` in the import; nothing else changes.
"""

from typing import TYPE_CHECKING

from gymreel._lazy import import_when_asked
from gymreel.wrappers.keep_terminal_frame import KeepTerminalFrame
from gymreel.wrappers.record_episode_statistics import RecordEpisodeStatistics
from gymreel.wrappers.record_video import RecordVideo

if TYPE_CHECKING:
    from gymreel.wrappers import vector as vector
else:
    __getattr__ = import_when_asked(__name__, "vector")

__all__ = ["KeepTerminalFrame", "RecordEpisodeStatistics", "RecordVideo"]
