"""What recorders do that follow many environments, each from episode to episode."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy as copy_deeply
from pathlib import Path
from typing import Any

from gymnasium.vector import AutoresetMode

from gymreel.episodes import Episode
from gymreel.errors import GymreelError
from gymreel.wrappers._unfinished_videos import say_failures
from gymreel.wrappers._video_recording import VideoRecording
from gymreel.wrappers.vector._arguments import environment_name
from gymreel.wrappers.vector._episode_arrays import EpisodeArrays, info_of
from gymreel.wrappers.vector._step_sums import Indices

__all__ = ["VectorRecording"]


class VectorRecording(VideoRecording):
    """The part of the vector ``RecordVideo`` that knows the current episode of each environment.

    Subclasses set ``autoreset_mode`` and ``_envs``, the environments to record, before the rest.

    Attributes:
        autoreset_mode: When the vector environment resets what has ended.
        frame_cols: Columns of the grid; -1 before the first frame.
        frame_rows: Rows of the grid.
    """

    autoreset_mode: AutoresetMode
    num_envs: int
    _envs: tuple[int, ...]

    def _set_up(self, env: Any, **arguments: Any) -> None:
        self._episodes = EpisodeArrays(env.num_envs, self.autoreset_mode)
        # Of episodes that are over, until their next ones begin.
        self._final: dict[int, Episode] = {}
        self._failures: list[tuple[str, GymreelError]] = []  # To be said when the step is over.
        self._has_news = False  # Something has ended since videos were last asked about.
        self.frame_cols = -1
        self.frame_rows = -1
        super()._set_up(env, **arguments)

    @property
    def episode_id(self) -> int:
        """Number of the current episode of the first environment that is recorded."""
        return int(self._episodes.index[self._envs[0]])

    @episode_id.setter
    def episode_id(self, number: int) -> None:
        self._episodes.index[self._envs[0]] = number

    def _name_environment(self, env: Any) -> str:
        return environment_name(env)

    def _path_of(self, i: int) -> Path | None:
        """Give the file that environment ``i``'s episode is being recorded into."""
        raise NotImplementedError

    def _tell(self, ended: Indices, infos: Any) -> None:
        """Tell of episodes that have just ended, and note how, for the videos that show them.

        Those may end later, with the next episode, and even begin later: with the step_trigger.
        """
        self._has_news |= ended.size > 0
        told = []
        wants_episodes = self._reports.wants_episodes
        for i in ended.tolist():
            path = self._path_of(i)
            # One without a step if there is a video of it: each video has its line in the log.
            has_begun = self._episodes.lengths[i] > 0 or (
                path is not None and self._episodes.index[i] >= 0
            )
            is_told = wants_episodes and has_begun
            if not (is_told or path is not None or self.step_trigger):
                continue
            self._final[i] = episode = self._episode_now(i, info_of(infos, i), path)
            if is_told:
                told.append(episode)
        if told:
            self._reports.ended(told)

    def _episode_of(self, i: int) -> Episode:
        """Say how environment ``i``'s episode ended, or else how far it has come."""
        return self._final.get(i) or self._episode_now(i, {}, self._path_of(i))

    def _episode_now(self, i: int, info: Mapping[str, Any], path: Path | None) -> Episode:
        episodes = self._episodes
        return Episode(
            index=int(episodes.index[i]),
            env_index=i,
            environment=self._environment,
            return_=episodes.return_of(i),
            length=int(episodes.lengths[i]),
            seed=episodes.seeds[i],
            terminated=bool(episodes.terminated[i]),
            truncated=bool(episodes.truncated[i]),
            info=info,
            step=(self.step_id + 1) * self.num_envs,
            name_prefix=self.name_prefix,
            path=path,
            recorder=self._reports.recorder,
        )

    def _current_episode(self) -> Episode:
        return self._episode_of(self._envs[0])

    def _end_recording(self) -> None:
        super()._end_recording()
        self._has_news = True

    def _settle_videos(self, *, wait: bool = False) -> None:
        self._has_news = False
        super()._settle_videos(wait=wait)

    def _say_failures(self) -> None:
        """Warn of what failed since the last call, or raise the first and warn of the others."""
        failures, self._failures = self._failures, []
        say_failures(failures, self.on_error)

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording, with episodes of its own."""
        return {
            **super().__getstate__(),
            "_episodes": copy_deeply(self._episodes),
            "_final": {},
            "_failures": [],
        }
