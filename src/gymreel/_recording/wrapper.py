"""What every recording wrapper offers its users, whichever library it is for."""

from __future__ import annotations

import copy
import gc
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gymreel._recording.checks import check_arguments
from gymreel._recording.episode import EpisodeTotals
from gymreel._recording.frames import RecordedFrames
from gymreel._recording.options import RecorderOptions, complete_options
from gymreel._recording.paths import name_of
from gymreel._recording.pending_videos import Failure
from gymreel._recording.recorder import Recorder
from gymreel._recording.video_folder import VideoFolder
from gymreel._validation import check_text, check_timeout
from gymreel._warnings import warn_in_recorder
from gymreel.episodes import Episode
from gymreel.errors import GymreelError, NotRecordingError, RecordedFramesError
from gymreel.triggers import capped_cubic

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["EpisodeRecordingWrapper", "RecordingWrapper"]

_MAX_WAIT_SECONDS = 10
"""Longest time that ``wait=True`` waits for a video."""


class RecordingWrapper:
    """The part of a recording wrapper that does not depend on the environment's library.

    It owns a :class:`VideoFolder` and the :class:`Recorder` of the recording in progress, and turns
    failures into warnings or exceptions as ``on_error`` says. Subclasses are wrappers of some
    library. They decide when a recording starts and what a frame is, and implement
    ``_capture_frame`` and ``_current_episode``.

    Attributes:
        recording: Whether frames are being recorded.
        enabled: Read by W&B's ``monitor_gym``. False stops it from logging each video again. Not a
            switch of this recorder.
        waits_by_default: Whether new recorders wait for their videos, see ``gymreel.patch``.
    """

    episode_id: int
    enabled = False
    waits_by_default = False

    def __init__(
        self,
        *,
        environment: str,
        render_fps: Any,
        video_folder: str | os.PathLike[str],
        video_length: float,
        name_prefix: str,
        fps: float | Fraction | None,
        disable_logger: bool,
        episode_trigger: Callable[[int], bool] | None = None,
        step_trigger: Callable[[int], bool] | None = None,
        gc_trigger: Callable[[int], bool] | None = None,
        warns_of_overwriting: bool = True,
        **options: Unpack[RecorderOptions],
    ) -> None:
        """Check the arguments and create the folder.

        Args:
            environment: Name of the environment.
            render_fps: Frames per second of the environment, or None.
            video_folder: Folder of the videos.
            video_length: Number of steps of a recording; 0 for whole episodes.
            name_prefix: Beginning of the file names.
            fps: Frames per second of the videos; None for those of the environment.
            disable_logger: False prints a line for each complete video.
            episode_trigger: Chooses the episodes to record.
            step_trigger: Chooses the steps at which a recording starts.
            gc_trigger: Chooses the episodes after which garbage is collected.
            warns_of_overwriting: Whether to warn of videos of earlier runs.
            **options: The options that all recorders have in common.

        Raises:
            ConfigError: An argument is wrong.
            OutputError: The folder cannot be created or written to.
        """
        complete = complete_options(type(self), options)
        check_arguments(
            video_length=video_length,
            name_prefix=name_prefix,
            suffix=complete["suffix"],
            on_error=complete["on_error"],
            disable_logger=disable_logger,
            wait=complete["wait"],
            episode_trigger=episode_trigger,
            step_trigger=step_trigger,
            gc_trigger=gc_trigger,
        )
        if episode_trigger is None and step_trigger is None:
            episode_trigger = capped_cubic
        self.episode_trigger = episode_trigger
        self.step_trigger = step_trigger
        self.gc_trigger = gc_trigger
        self.disable_logger = disable_logger
        self.on_error = complete["on_error"]
        self.name_prefix = name_prefix
        self.video_length: float = video_length if video_length != 0 else float("inf")
        self.recording = False
        self.step_id = -1
        self.episode_id = -1
        self._video_name: str | None = None
        self._failure: GymreelError | None = None
        self._waits = complete["wait"] or self.waits_by_default
        self._has_warned_of_waiting = False
        self._folder = VideoFolder(
            video_folder,
            name_prefix=name_prefix,
            fps=fps,
            render_fps=render_fps,
            environment=environment,
            warns_of_overwriting=warns_of_overwriting,
            options=complete,
        )
        self._recorder = Recorder(self._folder)
        if self._folder.reports.skips_interrupted and (step_trigger or video_length):
            warn_in_recorder(
                f"keep={complete['keep']!r} keeps no recording that ends before its episode does, "
                "as those of step_trigger and video_length mostly do; with interrupted=True, as in "
                "keep.best(3, interrupted=True), it goes by what they show"
            )

    @property
    def video_folder(self) -> str:
        """Absolute path of the folder that the videos go to."""
        return self._folder.path

    @video_folder.setter
    def video_folder(self, path: str | os.PathLike[str]) -> None:
        self._folder.path = os.path.abspath(path)

    @property
    def frames_per_sec(self) -> float | Fraction:
        """Frames per second of the next recording.

        Raises:
            ConfigError: On assignment, where the container or encoder does not take it.
        """
        return self._folder.frames_per_sec

    @frames_per_sec.setter
    def frames_per_sec(self, fps: float | Fraction) -> None:
        self._folder.frames_per_sec = fps

    @property
    def recorded_frames(self) -> RecordedFrames:
        """Frames of the recording: ``len`` counts them and ``append`` adds one. None is held."""
        return self._recorder.frames

    @recorded_frames.setter
    def recorded_frames(self, frames: RecordedFrames) -> None:
        # ``+=`` assigns the object that it was applied to. Any other would not be recorded.
        if frames is not self._recorder.frames:
            raise RecordedFramesError(
                "recorded_frames cannot be replaced, its frames are in the video file already; "
                "call stop_recording() and start_recording(name) to begin another video"
            )

    def start_recording(self, video_name: str) -> None:
        """Start a recording; one that is in progress ends first.

        Args:
            video_name: Name of the file without folder and suffix.

        Raises:
            ConfigError: ``video_name`` is not plain text.
            GymreelError: No video can be written there and ``on_error`` is ``"raise"``.
        """
        check_text("video_name", video_name)
        if self.recording:
            self.stop_recording()
        self._settle_before_recording()
        self.recording = True
        self._video_name = video_name
        try:
            path = self._start_recorder(video_name)
            self._video_name = name_of(path, self._folder.path, self._folder.suffix)
        except GymreelError as error:
            self._fail_recording(error)
        except BaseException:  # Such as KeyboardInterrupt: nothing was started.
            self._end_recording()
            raise

    def stop_recording(self) -> None:
        """End the recording; its file is completed in the background.

        Raises:
            NotRecordingError: Nothing is being recorded.
        """
        if not self.recording:
            raise NotRecordingError("stop_recording was called, but nothing is being recorded")
        is_empty = not self.recorded_frames and self._failure is None
        self._end_recording()
        if is_empty:
            warn_in_recorder("Ignored saving a video as there were zero frames to save.")
        if self.gc_trigger and self.gc_trigger(self.episode_id):
            gc.collect()
        if self._waits:
            self._await_videos()

    def wait_for_videos(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the video of every recording that has ended is complete.

        ``on_saved`` and trackers are told of these videos, except of those that ``report_when``
        leaves for ``close`` because ``keep`` may still drop them. A video that is still being
        recorded is not waited for: :meth:`stop_recording` ends it.

        Args:
            timeout_seconds: Longest time to wait, in seconds; None for no limit.

        Returns:
            Whether all are complete, or as complete as they can be.

        Raises:
            ConfigError: ``timeout_seconds`` is neither None nor a number from 0.
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        are_complete = self._folder.pending.wait(check_timeout(timeout_seconds))
        self._settle_videos()
        return are_complete

    def _capture_frame(self) -> None:
        """Render a frame into the video; subclasses override this to record something else."""
        raise NotImplementedError

    def _current_episode(self) -> Episode:
        """Return the recorded environment's episode as it is now."""
        raise NotImplementedError

    def _describe(
        self, totals: EpisodeTotals, *, step: int, path: Path | None, env_index: int = 0
    ) -> Episode:
        """Return the ``Episode`` with these totals.

        Args:
            totals: The totals of the episode.
            step: Number of steps of all environments so far.
            path: File that shows the episode, or None.
            env_index: Number of the environment.
        """
        return Episode(
            index=totals.index,
            env_index=env_index,
            environment=self._folder.environment,
            return_=totals.return_,
            length=totals.length,
            seed=totals.seed,
            terminated=totals.terminated,
            truncated=totals.truncated,
            info=totals.info,
            step=step,
            name_prefix=self.name_prefix,
            path=path,
            recorder=self._folder.reports.recorder,
        )

    def _record_frame(self, *, is_last: bool = False) -> None:
        """Capture a frame unless it is left out, and end the recording when it is long enough.

        Args:
            is_last: Whether the episode has ended.
        """
        frames = self._recorder.frames
        if frames.stride > 1:
            is_left_out = self._leaves_out(is_last=is_last)
            if frames.num_states > self.video_length:  # The last one: it is not left out.
                self._capture_last_frame()
                return
            if is_left_out:
                return
        try:
            self._capture_frame()
        except GymreelError as error:  # From a subclass that appends to recorded_frames itself.
            self._fail_recording(error)
        if self.recording and self._recorder.frames.num_frames > self.video_length:
            self.stop_recording()

    def _leaves_out(self, *, is_last: bool) -> bool:
        """Return whether the present state of the environment is left out of the recording."""
        frames = self._recorder.frames
        return frames.leaves_out(is_last=is_last or frames.num_states >= self.video_length)

    def _capture_last_frame(self) -> None:
        try:
            self._capture_frame()
        except GymreelError as error:
            self._fail_recording(error)
        if self.recording:
            self.stop_recording()

    def _start_recorder(self, video_name: str) -> Path:
        return self._recorder.start(video_name, self._current_episode())

    def _end_recording(self) -> None:
        """Stop recording; the file with the frames so far is completed in the background."""
        self.recording = False
        self._video_name = None
        self._recorder.stop(self._current_episode())

    def _fail_recording(self, error: GymreelError) -> None:
        """End a recording that failed, then warn or raise as ``on_error`` says."""
        video_name = self._video_name
        if self.recording:
            # Through the public method, so that a subclass sees the end of each recording that it
            # saw start. Whatever the subclass does, this recording is over.
            self._failure = error
            try:
                self.stop_recording()
            finally:
                self._failure = None
                self._end_recording()
        if self.on_error == "raise":
            raise error
        warn_in_recorder(f"Recording stopped: {video_name}: {error}")

    def _settle_videos(self, *, wait: bool = False) -> None:
        """Report the videos that have become complete, and warn of failures or raise the first."""
        self._say_failures(self._folder.settle(wait=wait, announce=not self.disable_logger))

    def _settle_before_recording(self) -> None:
        """Report complete videos if ``on_error`` is ``"warn"``.

        With ``"raise"`` a failure waits for the next reset, where an exception loses no step.
        """
        if self.on_error == "warn":
            self._settle_videos()

    def _say_failures(self, failures: Sequence[Failure]) -> None:
        """Warn of failures, or raise the first one and warn of the others.

        Raises:
            GymreelError: ``on_error`` is ``"raise"``.
        """
        raises = self.on_error == "raise" and bool(failures)
        for about, failure in failures[1:] if raises else failures:
            warn_in_recorder(f"{about}{failure}")
        if raises:
            raise failures[0][1]

    def _await_videos(self) -> None:
        """Wait for videos whose recordings have just ended, for ``wait=True``."""
        is_complete = self._folder.pending.wait(_MAX_WAIT_SECONDS)
        if not is_complete and not self._has_warned_of_waiting:
            self._has_warned_of_waiting = True
            warn_in_recorder(
                f"wait=True: a video was not complete after {_MAX_WAIT_SECONDS} seconds, and the "
                f"training goes on without it. A faster preset helps, or smaller frames; "
                "wait_for_videos() waits for as long as it takes."
            )
        self._settle_before_recording()

    def _complete_videos(self) -> None:
        """Wait until all videos are complete, report them, and leave the run."""
        try:
            self._settle_videos(wait=True)
        finally:
            self._folder.leave()

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording: two wrappers cannot write one file."""
        folder = copy.copy(self._folder)
        return {
            **self.__dict__,
            "recording": False,
            "_video_name": None,
            "_folder": folder,
            "_recorder": Recorder(folder),
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> RecordingWrapper:
        """Copy everything but the user's functions, whose objects may be impossible to copy."""
        for function in (self.episode_trigger, self.step_trigger, self.gc_trigger):
            memo[id(function)] = function
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        vars(copied).update(copy.deepcopy(self.__getstate__(), memo))
        return copied

    def __del__(self) -> None:
        """Do nothing: dropped writers complete their files. Gymnasium's wrapper has the method."""


class EpisodeRecordingWrapper(RecordingWrapper):
    """A recording wrapper that follows one environment, or one game, from episode to episode.

    Subclasses add the result of each step to ``_totals``.
    """

    _totals: EpisodeTotals

    def _begin_episode(self, seed: int | None) -> None:
        """Note a reset: the recording of an episode ends here, and the next one may start."""
        self._report_episode()
        self.episode_id += 1
        if self.recording and self.video_length == float("inf"):
            self.stop_recording()
        self._begin_totals(seed)
        if self.episode_trigger and self.episode_trigger(self.episode_id):
            self.start_recording(f"{self.name_prefix}-episode-{self.episode_id}")
        if self.recording:
            self._record_frame()

    def _begin_totals(self, seed: int | None) -> None:
        """Start the totals of the next episode; subclasses with further totals override this."""
        self._totals = EpisodeTotals(self.episode_id, seed)

    def _report_episode(self) -> None:
        """Report the current episode, which ends here, unless that was done.

        An episode without a step is reported only if it is in a video: each video has its line in
        the log.
        """
        totals = self._totals
        has_begun = totals.length > 0 or (totals.index >= 0 and len(self._recorder.frames) > 0)
        if has_begun and not totals.is_told and self._folder.reports.wants_episodes:
            totals.is_told = True
            self._folder.reports.ended([self._current_episode()])

    def _current_episode(self) -> Episode:
        return self._describe(self._totals, step=self.step_id + 1, path=self._recorder.path)

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording, with an episode of its own."""
        return {**super().__getstate__(), "_totals": copy.copy(self._totals)}
