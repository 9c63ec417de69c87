"""What a vector ``RecordVideo`` does differently for each ``layout``."""

from __future__ import annotations

import abc
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from gymreel.wrappers.vector._step_sums import Indices
from gymreel.wrappers.vector._vector_recording import VectorRecording

__all__ = ["Layout"]


class Layout(abc.ABC):
    """Makes videos of the environments that are recorded.

    The recorder decides when, and says so with itself as an argument: a layout that held it would
    be a cycle, and a recorder that is dropped is to complete its videos at once. What fails in the
    middle of a step or reset is put into the recorder's ``_failures``, for its end: there is more
    to be done, whatever ``on_error`` says.

    Attributes:
        followed: The environments whose episodes begin and end recordings.
    """

    followed: Sequence[int]

    @abc.abstractmethod
    def start(self, recorder: VectorRecording, video_name: str) -> None:
        """Start recording all environments; what is being recorded ends first.

        Raises:
            GymreelError: No video can be written there and ``on_error`` is ``"raise"``.
        """

    @abc.abstractmethod
    def stop(self, recorder: VectorRecording) -> None:
        """End all that is being recorded.

        Raises:
            NotRecordingError: Nothing is.
        """

    @abc.abstractmethod
    def capture(self, recorder: VectorRecording) -> None:
        """Render a frame into each video.

        Raises:
            NotRecordingError: Nothing is being recorded.
            GymreelError: It failed, and ``on_error`` is ``"raise"``.
        """

    @abc.abstractmethod
    def begin(self, recorder: VectorRecording, i: int, what: str) -> None:
        """Start the recording that follows environment ``i``, named after ``what`` it shows."""

    @abc.abstractmethod
    def end(self, recorder: VectorRecording, i: int) -> None:
        """End the recording that follows environment ``i``, if there is one."""

    @abc.abstractmethod
    def record_terminal(self, recorder: VectorRecording, frames: dict[int, Any]) -> dict[int, Any]:
        """Record the last frames of environments that are in their next episodes already.

        Returns:
            Those that :meth:`record` is to show at the end of this step.
        """

    @abc.abstractmethod
    def record(
        self,
        recorder: VectorRecording,
        environments: Sequence[int],
        instead: dict[int, Any],
    ) -> None:
        """Record a frame at the end of a step or reset.

        Args:
            recorder: Whose it is; something is being recorded.
            environments: Those that took part, of all that can be recorded.
            instead: Frames to show in the place of what the environments show by now.
        """

    @abc.abstractmethod
    def recorded(self, recorder: VectorRecording) -> Collection[int]:
        """Say which environments are being recorded; it may change with the recordings."""

    @abc.abstractmethod
    def path_of(self, recorder: VectorRecording, i: int) -> Path | None:
        """Give the file that follows environment ``i`` now."""

    @abc.abstractmethod
    def add_rewards(self, recorder: VectorRecording, rewards: Any, resting: Indices) -> None:
        """Count a step in the recordings, but for environments that did not take it."""

    @abc.abstractmethod
    def without_recordings(self) -> Layout:
        """Give the same layout for a copy of the recorder, which is not recording."""
