"""What every recording wrapper does: one recording after the other, into one folder."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from copy import deepcopy as copy_deeply
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from gymreel._runs import RunMember
from gymreel._validation import (
    check_flag,
    check_number,
    check_path,
    check_text,
    check_timeout,
    show,
)
from gymreel._warnings import warn_in_recorder
from gymreel._writer_config import WriterConfig
from gymreel.episodes import Episode
from gymreel.errors import GymreelError, NotRecordingError, RecordedFramesError
from gymreel.keep import KeepPolicy
from gymreel.trackers import Tracker
from gymreel.triggers import capped_cubic
from gymreel.wrappers._arguments import (
    check_arguments,
    check_names,
    fit_frame_rate,
    make_video_folder,
    video_metadata,
    video_path,
    warn_of_overwriting,
)
from gymreel.wrappers._episode_reports import EpisodeReports
from gymreel.wrappers._recorded_frames import RecordedFrames
from gymreel.wrappers._unfinished_videos import UnfinishedVideos
from gymreel.writer import VideoWriter

__all__ = ["VideoRecording"]


_MAX_WAIT_SECONDS = 10
"""How long ``wait=True`` waits for a video at most."""


class VideoRecording:
    """The part of ``RecordVideo`` that does not know how many environments there are.

    Subclasses are Gymnasium wrappers as well; they decide when a recording starts and what a frame
    is, and know the current episode.
    """

    episode_id: int

    enabled = False
    """What W&B's ``monitor_gym`` asks whether to log ``path``; gymreel logs its videos itself."""

    waits_by_default = False
    """Whether recorders wait that are not told to, see ``gymreel.patch(wait=True)``."""

    def _set_up(
        self,
        env: Any,
        *,
        video_folder: str | os.PathLike[str],
        video_length: float,
        name_prefix: str,
        fps: float | Fraction | None,
        disable_logger: bool,
        suffix: str,
        on_error: Literal["warn", "raise"],
        keep: KeepPolicy | Callable[[Episode], bool] | str | None,
        on_saved: Callable[[Episode], object] | None,
        trackers: Sequence[Tracker] | None,
        episode_log: bool | None = None,
        report_when: Literal["certain", "complete"] = "certain",
        episode_trigger: Callable[[int], bool] | None = None,
        step_trigger: Callable[[int], bool] | None = None,
        gc_trigger: Callable[[int], bool] | None = None,
        wait: bool = False,
        warns_of_overwriting: bool = True,
        **writer_arguments: Any,
    ) -> None:
        """Check and keep the arguments, and make the folder.

        Raises:
            ConfigError: An argument is wrong, or the render mode gives no images.
            OutputError: The folder cannot be made.
        """
        check_arguments(
            env,
            video_length=video_length,
            name_prefix=name_prefix,
            suffix=suffix,
            on_error=on_error,
            disable_logger=disable_logger,
            episode_trigger=episode_trigger,
            step_trigger=step_trigger,
            gc_trigger=gc_trigger,
        )
        if episode_trigger is None and step_trigger is None:
            episode_trigger = capped_cubic
        self.episode_trigger = episode_trigger
        self.step_trigger = step_trigger
        self.disable_logger = disable_logger
        self.gc_trigger = gc_trigger
        self.on_error: Literal["warn", "raise"] = on_error

        self._waits = check_flag("wait", wait) or self.waits_by_default
        self._has_warned_of_waiting = False
        self.name_prefix = name_prefix
        self.video_length: float = video_length if video_length != 0 else float("inf")
        folder = check_path(
            video_folder, "video_folder", wanted="the name of a folder", takes_bytes=False
        )
        self.video_folder = os.path.abspath(folder)
        self._suffix = suffix
        self._writer_arguments = writer_arguments
        share = None
        if fps is None:
            fps = env.metadata.get("render_fps")
            if fps is not None:
                check_number('env.metadata["render_fps"]', fps, is_finite=True)
            fps, share = fit_frame_rate(fps, suffix)
        self.frames_per_sec = 30 if fps is None else fps
        self._share = share  # Of the frames, which are in the videos; None for all.
        self.recording = False
        self.step_id = -1
        self.episode_id = -1
        self._video_name: str | None = None
        self._failure: GymreelError | None = None
        self._recorded_frames = RecordedFrames()
        self._reports = EpisodeReports(
            Path(self.video_folder),
            keep=keep,
            on_saved=on_saved,
            episode_log=episode_log,
            trackers=trackers,
            report_when=report_when,
        )
        if self._reports.skips_interrupted and (step_trigger or video_length):
            warn_in_recorder(
                f"keep={keep!r} keeps no recording that ends before its episode does, as those of "
                "step_trigger and video_length mostly do; with interrupted=True, as in "
                "keep.best(3, interrupted=True), it goes by what they show"
            )
        self._unfinished = UnfinishedVideos(self._reports)
        self._run = RunMember()
        self._has_warned_of_name = False
        self._environment = self._name_environment(env)

        argument = f"name_prefix={show(name_prefix)}"
        first = video_path(self.video_folder, f"{name_prefix}-episode-0", suffix, argument)
        make_video_folder(self.video_folder)
        check_names(self.video_folder, name_prefix, suffix)
        if first.parent.is_dir():  # Else it is made for the first recording, if there is one.
            start_ns = self._run.join(first.parent)
            if warns_of_overwriting:
                warn_of_overwriting(first, start_ns)

    def _name_environment(self, env: Any) -> str:
        """Say what is recorded; subclasses override this for environments without a spec."""
        environment = env.unwrapped
        return str(environment.spec.id if environment.spec else type(environment).__name__)

    @property
    def frames_per_sec(self) -> float | Fraction:
        """Frames per second of the next recording."""
        return self._frames_per_sec

    @frames_per_sec.setter
    def frames_per_sec(self, fps: float | Fraction) -> None:
        # All arguments of the writer are checked here, at construction and not at the first frame.
        self._config = WriterConfig.check(self._suffix, fps=fps, **self._writer_arguments)
        self._frames_per_sec = fps
        self._share = None

    @property
    def recorded_frames(self) -> RecordedFrames:
        """Counts the frames of the recording and takes more (``append``), but holds none."""
        return self._recorded_frames

    @recorded_frames.setter
    def recorded_frames(self, frames: RecordedFrames) -> None:
        # ``+=`` assigns what it was applied to. Anything else would silently not be recorded.
        if frames is not self._recorded_frames:
            raise RecordedFramesError(
                "recorded_frames cannot be replaced, its frames are in the video file already; "
                "call stop_recording() and start_recording(name) to begin another video"
            )

    def start_recording(self, video_name: str) -> None:
        """Start a recording; one that is in progress ends first.

        Args:
            video_name: The file's name without folder and suffix.

        Raises:
            ConfigError: ``video_name`` is not plain text.
            GymreelError: No video can be written there and ``on_error`` is ``"raise"``.
        """
        check_text("video_name", video_name)
        if self.recording:
            self.stop_recording()
        if self.on_error == "warn":
            # With "raise" a failure waits for the next reset, which loses no step by raising it.
            self._settle_videos()

        self.recording = True
        self._video_name = video_name
        try:
            writer = self._make_writer(video_name, self._current_episode())
            self._video_name = _name_of(writer.path, self.video_folder, self._suffix)
            self._recorded_frames = RecordedFrames(writer, self._share)
        except GymreelError as error:
            self._fail_recording(error)
        except BaseException:  # Ctrl-C, say: nothing was started.
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
        leaves for :meth:`close` because ``keep`` may still drop them. A video that is still being
        recorded is not waited for: :meth:`stop_recording` ends it.

        Args:
            timeout_seconds: How long at most; None for as long as it takes.

        Returns:
            Whether all are complete, or as complete as they get.

        Raises:
            ConfigError: ``timeout_seconds`` is neither None nor a number from 0.
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        are_complete = self._unfinished.wait(check_timeout(timeout_seconds))
        self._settle_videos()
        return are_complete

    def _capture_frame(self) -> None:
        """Render a frame into the video; subclasses override this to record something else."""
        raise NotImplementedError

    def _current_episode(self) -> Episode:
        """Say how far the recorded environment's episode has come, without a path."""
        raise NotImplementedError

    def _record_frame(self) -> None:
        """Capture a frame and end the recording when it is long enough."""
        try:
            self._capture_frame()
        except GymreelError as error:  # From a subclass that appends to recorded_frames itself.
            self._fail_recording(error)
        if self.recording and self._recorded_frames.num_frames > self.video_length:
            self.stop_recording()

    def _make_writer(
        self, video_name: str, episode: Episode, *, instead_of: Path | None = None
    ) -> VideoWriter:
        """Open a file of that name, or of the next that no other recording of the run has.

        Args:
            video_name: The file's name without folder and suffix.
            episode: The one that is recorded.
            instead_of: The file of another recording of this recorder's that gives way to this.
        """
        wanted = video_path(self.video_folder, video_name, self._suffix)
        claim = self._run.claim(wanted, instead_of=instead_of)
        try:
            name = video_name  # As it was given: the path has been made shorter, of "//" and "..".
            if claim.path != wanted:
                name = _name_of(claim.path, self.video_folder, self._suffix)
            writer = VideoWriter.from_config(
                claim.path, self._config, video_metadata(name, episode)
            )
        except BaseException:
            claim.release()
            raise
        claim.hold(writer.completion())
        self._unfinished.add(writer)
        if claim.path != wanted and not self._has_warned_of_name:
            self._has_warned_of_name = True
            warn_in_recorder(
                f"There is a recording {wanted} of this run already, so this one is "
                f"{claim.path.name}, and likewise from now on. Recorders that share a folder need "
                "names of their own: name_prefix=…"
            )
        return writer

    def _end_recording(self) -> None:
        """Go back to not recording; what has been recorded so far is completed."""
        frames, self._recorded_frames = self._recorded_frames, RecordedFrames()
        self.recording = False
        self._video_name = None
        if frames.writer is not None:
            self._unfinished.ended(frames.writer, self._current_episode())
        try:
            frames.finish()
        except GymreelError as error:  # Of the last frame: it is said with the video.
            self._reports.failures.append(error)

    def _fail_recording(self, error: GymreelError) -> None:
        """End the recording that ``error`` befell, then warn or raise as ``on_error`` says."""
        video_name = self._video_name
        if self.recording:
            # Through the public method, so that a subclass sees each recording end that it saw
            # start; and whatever the subclass does, this recording is over.
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
        """Say what became of the videos that have completed since the last call."""
        self._unfinished.report(wait=wait, on_error=self.on_error, announce=not self.disable_logger)

    def _await_videos(self) -> None:
        """Wait for the videos of recordings that have just ended, as ``wait=True`` wants it."""
        if not self._unfinished.wait(_MAX_WAIT_SECONDS) and not self._has_warned_of_waiting:
            self._has_warned_of_waiting = True
            warn_in_recorder(
                f"wait=True: a video was not complete after {_MAX_WAIT_SECONDS} seconds, and the "
                f"training goes on without it. A faster preset helps, or smaller frames; "
                "wait_for_videos() waits for as long as it takes."
            )
        if self.on_error == "warn":
            # With "raise" a failure waits for the next reset, which loses no step by raising it.
            self._settle_videos()

    def _complete_videos(self) -> None:
        """Wait until all videos are complete, say what became of them, and leave the run."""
        try:
            self._settle_videos(wait=True)
        finally:
            self._run.leave()

    def _video_of_recording(self) -> Path | None:
        """Give the file that the recording in progress will be."""
        writer = self._recorded_frames.writer
        return writer.path if writer is not None else None

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording: two wrappers cannot write one file."""
        return {
            **self.__dict__,
            "recording": False,
            "_video_name": None,
            "_recorded_frames": RecordedFrames(),
            "_unfinished": UnfinishedVideos(self._reports),
            "_run": RunMember(),
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> VideoRecording:
        """Copy all but the user's functions, whose objects may be large or not to be copied."""
        for function in (self.episode_trigger, self.step_trigger, self.gc_trigger):
            memo[id(function)] = function
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        vars(copied).update(copy_deeply(self.__getstate__(), memo))
        return copied

    def __del__(self) -> None:
        """Do nothing: dropped writers complete their files. Gymnasium's wrapper has the method."""


def _name_of(path: Path, folder: str, suffix: str) -> str:
    """Return the name of a video without its folder and suffix."""
    return os.path.relpath(path, folder).removesuffix(suffix)
