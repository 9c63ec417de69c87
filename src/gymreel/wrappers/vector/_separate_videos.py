"""A video of each environment, each of which begins and ends by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from gymreel._warnings import warn_in_recorder
from gymreel.errors import FrameError, GymreelError, NotRecordingError
from gymreel.wrappers._recorded_frames import RecordedFrames
from gymreel.wrappers.vector._frames import Renderer, Show, name_environment
from gymreel.wrappers.vector._layout import Layout
from gymreel.wrappers.vector._step_sums import Indices, StepSums
from gymreel.wrappers.vector._vector_recording import VectorRecording

__all__ = ["SeparateVideos"]


class SeparateVideos(Layout):
    """What is being recorded of which environment. One that fails costs no other's video."""

    def __init__(self, envs: Sequence[int], num_envs: int, renderer: Renderer) -> None:
        """Record these of the environments there are."""
        self.followed = self._envs = envs
        self._num_envs = num_envs
        self._renderer = renderer
        self._recordings: dict[int, RecordedFrames] = {}
        self._sums = StepSums(num_envs)

    def start(self, recorder: VectorRecording, video_name: str) -> None:
        """Start a video of each, with the environment's number in its name."""
        prefix = f"{recorder.name_prefix}-"
        for i in self._envs:
            if video_name.startswith(prefix):
                self.begin(recorder, i, video_name.removeprefix(prefix))
            else:
                self._begin(recorder, i, f"{video_name}-env-{i}")
        recorder._say_failures()

    def stop(self, recorder: VectorRecording) -> None:
        """End the video of each."""
        if not self._recordings:
            raise NotRecordingError("stop_recording was called, but nothing is being recorded")
        for i in tuple(self._recordings):
            self.end(recorder, i)

    def capture(self, recorder: VectorRecording) -> None:
        """Render a frame of each into its video."""
        if not self._recordings:
            raise NotRecordingError("cannot capture a frame: nothing is being recorded")
        self.record(recorder, self._envs, {})
        recorder._say_failures()

    def begin(self, recorder: VectorRecording, i: int, what: str) -> None:
        """Start the video of one."""
        self._begin(recorder, i, f"{recorder.name_prefix}-env-{i}-{what}")

    def end(self, recorder: VectorRecording, i: int) -> None:
        """End the video of one."""
        frames = self._end(recorder, i)
        if frames is not None and frames.num_frames == 0:
            warn_in_recorder(
                f"Ignored saving a video of environment {i} as there were zero frames."
            )

    def record_terminal(self, recorder: VectorRecording, frames: dict[int, Any]) -> dict[int, Any]:
        """Record each in its own video."""
        self._write(recorder, Show(frames), tuple(frames))
        return {}

    def record(
        self,
        recorder: VectorRecording,
        environments: Sequence[int],
        instead: dict[int, Any],
    ) -> None:
        """Record these environments, each in its own video."""
        shown = [i for i in environments if i in self._recordings]
        if not shown:
            return
        try:
            show = self._renderer.render()
        except GymreelError as error:
            names = ", ".join(self._recordings[i].path.name for i in shown)
            for i in shown:
                self._end(recorder, i)
            recorder._failures.append((f"Recording stopped: {names}: ", error))
        else:
            self._write(recorder, show, shown)

    def recorded(self, recorder: VectorRecording) -> Collection[int]:
        """Say whose videos are being recorded."""
        return self._recordings

    def path_of(self, recorder: VectorRecording, i: int) -> Path | None:
        """Give the file of one."""
        frames = self._recordings.get(i)
        return frames.path if frames is not None else None

    def add_rewards(self, recorder: VectorRecording, rewards: Any, resting: Indices) -> None:
        """Count the steps of all together."""
        self._sums.add_step(rewards, resting)

    def without_recordings(self) -> SeparateVideos:
        """Give another one of the same environments."""
        return SeparateVideos(self._envs, self._num_envs, self._renderer)

    def _write(self, recorder: VectorRecording, show: Show, environments: Iterable[int]) -> None:
        """Write a frame of each of these environments, all of which are being recorded."""
        length = recorder.video_length
        for i in environments:
            frames = self._recordings[i]
            try:
                holder = show.take(i)
                frames.num_frames += frames.write_from(holder)
            except FrameError as error:
                self._fail(recorder, i, name_environment(i, error))
            except GymreelError as error:
                self._fail(recorder, i, error)
            else:
                if frames.num_frames > length:
                    self.end(recorder, i)

    def _fail(self, recorder: VectorRecording, i: int, error: GymreelError) -> None:
        name = self._recordings[i].path.name
        self._end(recorder, i)
        recorder._failures.append((f"Recording stopped: {name}: ", error))

    def _begin(self, recorder: VectorRecording, i: int, video_name: str) -> None:
        self.end(recorder, i)
        try:
            writer = recorder._make_writer(video_name, recorder._episode_of(i))
        except GymreelError as error:
            recorder._failures.append((f"Recording stopped: {video_name}: ", error))
            return
        self._recordings[i] = RecordedFrames(writer, recorder._share)
        self._sums.restart(i)
        recorder.recording = True

    def _end(self, recorder: VectorRecording, i: int) -> RecordedFrames | None:
        frames = self._recordings.pop(i, None)
        if frames is None:
            return None
        recorder.recording = bool(self._recordings)
        frames.num_steps = int(self._sums.lengths[i])
        frames.total_reward = self._sums.return_of(i)
        assert frames.writer is not None
        recorder._unfinished.ended(frames.writer, recorder._episode_of(i))
        recorder._has_news = True
        try:
            frames.finish()
        except GymreelError as error:  # Of the last frame.
            recorder._failures.append((f"{frames.path.name}: ", error))
        return frames
