"""One video for each environment, each following its own episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gymnasium import logger

from gymreel.episodes import Episode
from gymreel.errors import GymreelError
from gymreel.wrappers._recorded_frames import RecordedFrames
from gymreel.wrappers.vector._frames import RenderedFrames
from gymreel.writer import VideoWriter

__all__ = ["SeparateVideos"]


class SeparateVideos:
    """The recordings of several environments that begin and end independently.

    A failure ends the recording that it befell and no other. It becomes a warning at once, or waits
    in ``failures`` for the caller to raise.
    """

    def __init__(
        self,
        make_writer: Callable[[str, Episode], VideoWriter],
        episode_of: Callable[[int], Episode],
        has_ended: Callable[[VideoWriter, Episode], None],
        *,
        warns: bool,
    ) -> None:
        """Start without recordings.

        Args:
            make_writer: Opens the file of a name, for an episode that begins.
            episode_of: The current episode of an environment.
            has_ended: Is told of a file that gets no more frames, and of its episode.
            warns: Whether failures become warnings.
        """
        self._make_writer = make_writer
        self._episode_of = episode_of
        self._has_ended = has_ended
        self._warns = warns
        self.recordings: dict[int, RecordedFrames] = {}
        """What is being recorded, by the environment's number."""
        self.failures: list[GymreelError] = []

    def start(self, i: int, video_name: str) -> None:
        """Start a recording; one of this environment that is in progress ends first."""
        self.stop(i)
        try:
            self.recordings[i] = RecordedFrames(self._make_writer(video_name, self._episode_of(i)))
        except GymreelError as error:
            self._fail(i, error)

    def stop(self, i: int) -> None:
        """End the recording of an environment, if there is one."""
        frames = self.recordings.pop(i, None)
        if frames is None:
            return
        if frames.num_frames == 0:
            logger.warn(
                "%s", f"Ignored saving a video of environment {i} as there were zero frames."
            )
        assert frames.writer is not None
        self._has_ended(frames.writer, self._episode_of(i))
        frames.finish()

    def stop_all(self) -> None:
        """End every recording."""
        for i in tuple(self.recordings):
            self.stop(i)

    def capture(self, rendered: RenderedFrames, environments: Iterable[int], length: float) -> None:
        """Write a frame of each of these environments that is being recorded.

        A recording that has more than ``length`` frames then ends.
        """
        for i in environments:
            frames = self.recordings.get(i)
            if frames is None:
                continue
            try:
                rendered.check(i)
                frames.num_frames += frames.write_from(rendered.take(i))
            except GymreelError as error:
                self._fail(i, error)
            if frames.num_frames > length:
                self.stop(i)

    def path_of(self, i: int) -> Path | None:
        """Give the file that an environment is being recorded into."""
        frames = self.recordings.get(i)
        return frames.writer.path if frames is not None and frames.writer is not None else None

    def fail_all(self, error: GymreelError) -> None:
        """End every recording for a reason that they share, which is said once."""
        for frames in self.recordings.values():
            frames.num_frames = max(frames.num_frames, 1)
        names = ", ".join(f"{path.name}" for i in self.recordings if (path := self.path_of(i)))
        self.stop_all()
        self._say(f"Recording stopped: {names}: {error}", error)

    def add_rewards(self, rewards: Any, without: Iterable[int]) -> None:
        """Count a step in each recording, but for environments that were reset instead."""
        resting = frozenset(without)
        for i, frames in self.recordings.items():
            if i not in resting:
                frames.add_step(rewards[i])

    def take_failures(self) -> list[GymreelError]:
        """Return what failed since the last call."""
        failures, self.failures = self.failures, []
        return failures

    def _fail(self, i: int, error: GymreelError) -> None:
        frames = self.recordings.get(i)
        path = self.path_of(i)
        if frames is not None:
            frames.num_frames = max(frames.num_frames, 1)  # What happened is said here.
            self.stop(i)
        name = f"{path.name}: " if path is not None else ""
        self._say(f"Recording stopped: {name}environment {i}: {error}", error)

    def _say(self, text: str, error: GymreelError) -> None:
        if self._warns:
            # As an argument: the message may hold a per cent sign, and Gymnasium formats its own.
            logger.warn("%s", text)
        else:
            self.failures.append(error)
