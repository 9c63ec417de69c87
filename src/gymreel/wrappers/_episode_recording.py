"""What recorders do that follow one environment, or one game, from episode to episode."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy as copy_object
from typing import Any

from gymreel.episodes import Episode
from gymreel.wrappers._episode_totals import EpisodeTotals
from gymreel.wrappers._video_recording import VideoRecording

__all__ = ["EpisodeRecording"]


class EpisodeRecording(VideoRecording):
    """The part of ``RecordVideo`` that knows one current episode.

    Subclasses add to ``_totals`` what each step gives.
    """

    def _set_up(self, env: Any, **arguments: Any) -> None:
        self._totals = EpisodeTotals()
        super()._set_up(env, **arguments)

    def _begin_episode(self, seed: int | None) -> None:
        """Note a reset: an episode's recording ends here and the next may start."""
        self._tell_episode()
        self.episode_id += 1
        if self.recording and self.video_length == float("inf"):
            self.stop_recording()
        self._begin_totals(seed)
        if self.episode_trigger and self.episode_trigger(self.episode_id):
            self.start_recording(f"{self.name_prefix}-episode-{self.episode_id}")
        if self.recording:
            self._record_frame()

    def _begin_totals(self, seed: int | None) -> None:
        """Forget the episode before; subclasses that add up more do that here too."""
        self._totals = EpisodeTotals(self.episode_id, seed)

    def _tell_episode(self) -> None:
        """Report the current episode, which ends here, once.

        One without a step is told of if there is a video of it: each video has its line in the log.
        """
        totals = self._totals
        has_begun = totals.length > 0 or (totals.index >= 0 and len(self._recorded_frames) > 0)
        if has_begun and not totals.is_told and self._reports.wants_episodes:
            totals.is_told = True
            self._reports.ended([self._current_episode()])

    def _current_episode(self) -> Episode:
        totals = self._totals
        return Episode(
            index=totals.index,
            environment=self._environment,
            return_=totals.return_,
            length=totals.length,
            seed=totals.seed,
            terminated=totals.terminated,
            truncated=totals.truncated,
            info=self._episode_info(),
            step=self._count_steps(),
            name_prefix=self.name_prefix,
            path=self._video_of_recording(),
            recorder=self._reports.recorder,
        )

    def _episode_info(self) -> Mapping[str, Any]:
        """Give the ``info`` of the current episode."""
        return self._totals.info

    def _count_steps(self) -> int:
        """Count the steps so far, over all episodes."""
        return self.step_id + 1

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording, with an episode of its own."""
        return {**super().__getstate__(), "_totals": copy_object(self._totals)}
