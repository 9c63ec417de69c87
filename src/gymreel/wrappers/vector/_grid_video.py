"""One video of all environments, which follows the episodes of the first."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gymreel import _core, grid
from gymreel.errors import FrameError, GymreelError, NotRecordingError
from gymreel.wrappers._video_recording import VideoRecording
from gymreel.wrappers.vector._frames import Renderer
from gymreel.wrappers.vector._layout import Layout
from gymreel.wrappers.vector._step_sums import Indices
from gymreel.wrappers.vector._vector_recording import VectorRecording

__all__ = ["GridVideo"]


class GridVideo(Layout):
    """The recorder's own video, as Gymnasium has it.

    Whatever can be overridden is called on the recorder, so that a subclass sees each recording
    start and end, and each frame.
    """

    def __init__(self, envs: Sequence[int], aspect_ratio: float, renderer: Renderer) -> None:
        """Show these environments, with about this width to height."""
        self.followed = (envs[0],)
        self._envs = envs
        self._aspect_ratio = aspect_ratio
        self._renderer = renderer
        self._instead: dict[int, Any] = {}  # Frames that the next picture shows in others' places.

    def start(self, recorder: VectorRecording, video_name: str) -> None:
        """Start the video."""
        VideoRecording.start_recording(recorder, video_name)

    def stop(self, recorder: VectorRecording) -> None:
        """End the video."""
        VideoRecording.stop_recording(recorder)

    def capture(self, recorder: VectorRecording) -> None:
        """Put the environments' frames together in the encoder's memory."""
        if not recorder.recording:
            raise NotRecordingError("cannot capture a frame: nothing is being recorded")
        instead, self._instead = self._instead, {}
        try:
            show = self._renderer.render()
            for i, frame in instead.items():
                show.replace(i, frame)
            holder = show.take_all(self._envs)
            frames = recorder.recorded_frames
            try:
                if recorder.frame_cols < 0:
                    width, height = grid.cell_size(_core.tile_sizes(holder))
                    recorder.frame_cols, recorder.frame_rows = grid.arrange(
                        len(self._envs), width, height, self._aspect_ratio
                    )
                frames.num_frames += frames.write_tiles_from(holder, recorder.frame_cols)
            except FrameError as error:
                _raise_in_words(error, self._envs)
        except GymreelError as error:
            recorder._fail_recording(error)

    def begin(self, recorder: VectorRecording, i: int, what: str) -> None:
        """Start the video."""
        try:
            recorder.start_recording(f"{recorder.name_prefix}-{what}")
        except GymreelError as error:
            recorder._failures.append(("", error))

    def end(self, recorder: VectorRecording, i: int) -> None:
        """End the video."""
        if recorder.recording:
            recorder.stop_recording()

    def record_terminal(self, recorder: VectorRecording, frames: dict[int, Any]) -> dict[int, Any]:
        """Record a picture if the first environment's episode has ended.

        Others are seen as they were at the ends of their episodes, in this picture or the next.
        """
        if self._envs[0] not in frames:
            return frames
        self.record(recorder, self._envs, frames)
        return {}

    def record(
        self,
        recorder: VectorRecording,
        environments: Sequence[int],
        instead: dict[int, Any],
    ) -> None:
        """Record all environments as they are, those that wait for their reset too."""
        self._instead = instead
        try:
            recorder._record_frame()
        except GymreelError as error:
            recorder._failures.append(("", error))

    def recorded(self, recorder: VectorRecording) -> Collection[int]:
        """Say all of them, or none."""
        return self._envs if recorder.recording else ()

    def path_of(self, recorder: VectorRecording, i: int) -> Path | None:
        """Give the file, for the first environment alone."""
        return recorder._video_of_recording() if i == self._envs[0] else None

    def add_rewards(self, recorder: VectorRecording, rewards: Any, resting: Indices) -> None:
        """Count the steps of the first environment."""
        if self._envs[0] not in resting:
            recorder.recorded_frames.add_step(rewards[self._envs[0]])

    def without_recordings(self) -> GridVideo:
        """Give another one of the same environments."""
        return GridVideo(self._envs, self._aspect_ratio, self._renderer)


def _raise_in_words(error: FrameError, environments: Sequence[int]) -> NoReturn:
    """Raise an error that says which environment it is about, and not which tile."""

    def name(match: re.Match[str]) -> str:
        return f"environment {environments[int(match[1])]}"

    raise type(error)(re.sub(r"\btile (\d+)", name, str(error))) from error
