"""The recordings of several environments, each of which begins and ends by itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from gymreel.errors import FrameError, GymreelError
from gymreel.wrappers._recorded_frames import RecordedFrames
from gymreel.wrappers.vector._episode_arrays import Indices
from gymreel.wrappers.vector._frames import Show, name_environment
from gymreel.writer import VideoWriter

__all__ = ["SeparateVideos"]


class SeparateVideos:
    """What is being recorded of which environment; whoever owns this starts and ends it."""

    def __init__(self, num_envs: int) -> None:
        """Start without recordings."""
        self.recordings: dict[int, RecordedFrames] = {}
        """By the environments' numbers."""
        # Of all environments together: one by one takes longer than all the rest of a step.
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, int)

    def start(self, i: int, writer: VideoWriter) -> None:
        """Record environment ``i``, which was not being recorded."""
        self.recordings[i] = RecordedFrames(writer)
        self._returns[i] = 0
        self._lengths[i] = 0

    def pop(self, i: int) -> RecordedFrames | None:
        """Take out the recording of an environment, if there is one, to end it."""
        frames = self.recordings.pop(i, None)
        if frames is not None:
            frames.num_steps = int(self._lengths[i])
            frames.total_reward = float(self._returns[i])
        return frames

    def capture(
        self, show: Show, environments: Iterable[int], length: float
    ) -> list[tuple[int, GymreelError | None]]:
        """Write a frame of each of these environments, all of which are being recorded.

        Returns:
            Whose recordings are to end: because they have more than ``length`` frames, or failed.
        """
        over: list[tuple[int, GymreelError | None]] = []
        for i in environments:
            frames = self.recordings[i]
            try:
                holder = show.take(i)
                frames.num_frames += frames.write_from(holder)
            except FrameError as error:
                over.append((i, name_environment(i, error)))
            except GymreelError as error:
                over.append((i, error))
            else:
                if frames.num_frames > length:
                    over.append((i, None))
        return over

    def add_rewards(self, rewards: Any, resting: Indices) -> None:
        """Count a step of all environments but those that did not take it."""
        kept = self._returns[resting], self._lengths[resting]
        self._returns += rewards
        self._lengths += 1
        self._returns[resting], self._lengths[resting] = kept

    def path_of(self, i: int) -> Path | None:
        """Give the file that an environment is being recorded into."""
        frames = self.recordings.get(i)
        return frames.writer.path if frames is not None and frames.writer is not None else None
