"""A video of each environment, each of which begins and ends on its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from gymreel._recording.pending_videos import Failure
from gymreel._recording.recorder import Recorder
from gymreel._recording.step_sums import Indices, StepSums
from gymreel._recording.video_folder import VideoFolder
from gymreel._warnings import warn_in_recorder
from gymreel.episodes import Episode
from gymreel.errors import FrameError, GymreelError
from gymreel.wrappers.vector._rendering import Renderer, Show, name_environment

__all__ = ["SeparateVideos"]

_EpisodeOf = Callable[[int], Episode]


class SeparateVideos:
    """Records several environments, each with a :class:`Recorder` of its own.

    A video that fails costs no other environment's video. Failures are returned as values.
    """

    def __init__(self, folder: VideoFolder, num_envs: int, renderer: Renderer) -> None:
        """Start without recordings.

        Args:
            folder: Folder of all the videos.
            num_envs: Number of environments.
            renderer: Renders the environments.
        """
        self._folder = folder
        self._renderer = renderer
        self._recorders: dict[int, Recorder] = {}
        self._sums = StepSums(num_envs)

    @property
    def recorded(self) -> Collection[int]:
        """Numbers of the environments that are being recorded; follows later changes."""
        return self._recorders.keys()

    def path_of(self, i: int) -> Path | None:
        """Return the file that environment ``i`` is being recorded into, or None."""
        recorder = self._recorders.get(i)
        return recorder.path if recorder is not None else None

    def start(self, i: int, video_name: str, episode: Episode) -> list[Failure]:
        """Start the video of environment ``i``; one in progress ends first."""
        self.stop(i, episode)
        recorder = Recorder(self._folder)
        try:
            recorder.start(video_name, episode)
        except GymreelError as error:
            return [(f"Recording stopped: {video_name}: ", error)]
        self._recorders[i] = recorder
        self._sums.restart(i)
        return []

    def stop(self, i: int, episode: Episode) -> None:
        """End the video of environment ``i``, if there is one."""
        frames = self._stop(i, episode)
        if frames == 0:
            warn_in_recorder(
                f"Ignored saving a video of environment {i} as there were zero frames."
            )

    def add_rewards(self, rewards: Any, resting: Indices) -> None:
        """Add the rewards of a step, except for environments that did not take it."""
        self._sums.add_step(rewards, resting)

    def record(
        self,
        environments: Sequence[int],
        ended: Collection[int],
        episode_of: _EpisodeOf,
        video_length: float,
    ) -> list[Failure]:
        """Render these environments into their videos, as far as they are being recorded.

        Args:
            environments: Numbers of environments.
            ended: Environments that show the last frames of their episodes.
            episode_of: Returns the episode of an environment.
            video_length: A video ends once it has more frames than this.
        """
        shown = [i for i in environments if i in self._recorders]
        if self._folder.frame_stride > 1:
            shown = [i for i in shown if not self._leaves_out(i, i in ended, video_length)]
        if not shown:
            return []
        try:
            show = self._renderer.render()
        except GymreelError as error:
            names = ", ".join(self._recorders[i].frames.path.name for i in shown)
            for i in shown:
                self._stop(i, episode_of(i))
            return [(f"Recording stopped: {names}: ", error)]
        return self.write(show, shown, episode_of, video_length)

    def write(
        self, show: Show, environments: Iterable[int], episode_of: _EpisodeOf, video_length: float
    ) -> list[Failure]:
        """Write a frame of each of these environments, all of which are being recorded."""
        failures: list[Failure] = []
        for i in environments:
            frames = self._recorders[i].frames
            try:
                holder = show.take(i)
                frames.num_frames += frames.write_from(holder)
            except GymreelError as error:
                named = name_environment(i, error) if isinstance(error, FrameError) else error
                failures.append((f"Recording stopped: {frames.path.name}: ", named))
                self._stop(i, episode_of(i))
            else:
                if frames.length > video_length:
                    self.stop(i, episode_of(i))
        return failures

    def _leaves_out(self, i: int, is_last: bool, video_length: float) -> bool:
        """Return whether the present state of environment ``i`` is left out of its video."""
        frames = self._recorders[i].frames
        return frames.leaves_out(is_last=is_last or frames.num_states >= video_length)

    def _stop(self, i: int, episode: Episode) -> int | None:
        """End a video, and return its number of frames; None where there is none."""
        recorder = self._recorders.pop(i, None)
        if recorder is None:
            return None
        frames = recorder.frames
        frames.num_steps = int(self._sums.lengths[i])
        frames.total_reward = self._sums.return_of(i)
        recorder.stop(episode)
        return frames.num_frames
