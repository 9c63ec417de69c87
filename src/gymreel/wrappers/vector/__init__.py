"""The wrappers for vector environments, under the names that Gymnasium uses.

Replace ``gymnasium.wrappers.vector`` by ``gymreel.wrappers.vector`` in the import; nothing else
changes.
"""

from gymreel.wrappers.vector.record_episode_statistics import RecordEpisodeStatistics
from gymreel.wrappers.vector.record_video import RecordVideo

__all__ = ["RecordEpisodeStatistics", "RecordVideo"]
