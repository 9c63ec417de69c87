"""Videos of episodes, encoded while the environment goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Generic, Literal, SupportsFloat, cast

import gymnasium as gym
import numpy as np
from gymnasium.core import ActType, ObsType, RenderFrame

from gymreel._frame_conversion import how_to_convert
from gymreel._warnings import warn_in_recorder
from gymreel._writer_config import DEFAULT_MAX_PENDING_BYTES
from gymreel.episodes import Episode
from gymreel.errors import FrameTypeError, GymreelError, NotRecordingError
from gymreel.keep import KeepPolicy
from gymreel.trackers import Tracker
from gymreel.wrappers._arguments import check_env, keep_functions_uncopied
from gymreel.wrappers._episode_recording import EpisodeRecording
from gymreel.wrappers._episode_totals import add_reward

__all__ = ["RecordVideo"]


class RecordVideo(
    EpisodeRecording,
    gym.Wrapper[ObsType, ActType, ObsType, ActType],
    Generic[ObsType, ActType],
    gym.utils.RecordConstructorArgs,
):
    """Records episodes, or stretches of steps, into video files.

    A drop-in for ``gymnasium.wrappers.RecordVideo`` (behaviour as of Gymnasium 1.4.0): the same
    arguments, attributes, file names and methods to override. What differs is when the work is
    done. Each frame is handed to a background thread as it is rendered, so no clip builds up in
    memory and neither ``step`` nor ``reset`` waits for an encoder that keeps up; ``close`` waits
    until every file is complete. Without ``close`` they are completed too, when the wrapper is
    dropped or the interpreter exits.

    A recording is started by ``episode_trigger`` at a reset or by ``step_trigger`` at a step, or by
    calling :meth:`start_recording`. It ends with the episode, or once it has more than
    ``video_length`` frames. The frame after the reset is the first one, so an episode of ``n``
    steps gives ``n + 1`` frames, and so does ``video_length=n``.

    An environment that is many in one, and whose steps give arrays or tensors of flags, has its
    episodes from one :meth:`reset` to the next: they have ended, and were not cut off, if every
    element was set at the last step. Flags of one element are taken as they are.

    A video that cannot be recorded to its end (a frame of another size, a full disk) costs one
    warning: what the file has so far is kept, and the next recording starts as usual. See
    ``on_error``.

    Attributes:
        recording: Whether frames are being recorded.
        render_history: With a ``*_list`` render mode, the frames that :meth:`render` still owes
            the caller, because recording has taken them from the environment.
        episode_id: Number of the current episode, from 0; -1 before the first.
        step_id: Number of the latest step over all episodes, from 0; -1 before the first.

    Differences from Gymnasium: a video is complete a moment after the ``reset`` or ``step`` that
    ends it has returned, unless ``wait`` is True; :meth:`wait_for_videos` waits when it is called.
    Gymnasium overwrites a video when a second one of the same name is recorded. Here the second
    one gets a number after its name if the first is of the same process (a notebook cell run again,
    an evaluation loop that makes a new recorder) or of another that records there at the same
    time; videos of earlier runs are overwritten. While recorders are open, the folder holds hidden
    files besides: the partial files and ``.gymreel-run``. ``gc_trigger`` is None by default,
    because the wrapper holds no frames whose memory a ``gc.collect()`` at the end of every
    recording could give back. An fps of None in the environment's metadata means 30. :meth:`close`
    ends the recording before it closes the environment, so none is lost if that fails. Changing
    ``_video_name`` renames nothing.
    """

    def __init__(  # Gymnasium's order.
        self,
        env: gym.Env[ObsType, ActType],
        video_folder: str | os.PathLike[str],
        episode_trigger: Callable[[int], bool] | None = None,
        step_trigger: Callable[[int], bool] | None = None,
        video_length: float = 0,
        name_prefix: str = "rl-video",
        fps: float | Fraction | None = None,
        disable_logger: bool = True,
        gc_trigger: Callable[[int], bool] | None = None,
        *,
        codec: str = "auto",
        preset: str | None = None,
        crf: float | None = None,
        pixel_format: str = "yuv420p",
        options: Mapping[str, str] | None = None,
        suffix: str = ".mp4",
        copy: bool | Literal["auto"] = "auto",
        max_pending_bytes: int = DEFAULT_MAX_PENDING_BYTES,
        on_full: Literal["block", "drop"] = "block",
        on_error: Literal["warn", "raise"] = "warn",
        wait: bool = False,
        keep: KeepPolicy | Callable[[Episode], bool] | str | None = None,
        on_saved: Callable[[Episode], object] | None = None,
        episode_log: bool | None = None,
        trackers: Sequence[Tracker] | None = None,
        report_when: Literal["certain", "complete"] = "certain",
    ) -> None:
        """Wrap an environment.

        Args:
            env: The environment, with a render mode that gives images.
            video_folder: Where the videos go; made if it does not exist.
            episode_trigger: Asked at each reset with the number of the episode whether to record
                it. Without any trigger, ``gymreel.triggers.capped_cubic``.
            step_trigger: Asked at each step with its number over all episodes whether to start
                recording there.
            video_length: 0 records whole episodes; ``n`` records ``n + 1`` frames, over the ends
                of episodes if need be.
            name_prefix: The files are called ``{name_prefix}-episode-{number}`` and
                ``{name_prefix}-step-{number}``.
            fps: Frames per second; None for ``env.metadata["render_fps"]``, or 30 without that. If
                that is more than a GIF shows, frames are left out of it, evenly.
            disable_logger: False prints a line for each file that is complete.
            gc_trigger: Asked with the number of the episode at the end of each recording whether
                to run ``gc.collect()``; None for never.
            codec: An encoder's name, or ``"auto"`` for the best one for the container.
            preset: The encoder's speed, as it names them.
            crf: The encoder's constant quality; lower is better.
            pixel_format: How the video stores colours, as FFmpeg names it.
            options: More options for the encoder, as FFmpeg names them.
            suffix: The end of the file names, which selects the container.
            copy: Whether to copy each frame; ``"auto"`` copies those that somebody can still reach.
            max_pending_bytes: Memory for frames that wait for the encoder.
            on_full: Whether a frame over that limit waits (``"block"``) or is left out
                (``"drop"``).
            on_error: What to do about a video that fails. ``"warn"`` warns once per video.
                ``"raise"`` raises: for the recording in progress at once, from the ``step`` or
                ``reset`` that captured the frame (which the environment has taken, while its
                result is lost), for a file completing in the background from the next ``reset``
                before the environment sees it, or from ``close``. Either way the wrapper has
                stopped recording and can be used further.
            wait: Whether the ``reset`` or ``step`` that ends a recording waits until the video is
                complete, 10 seconds at most; if that is not enough, it warns once. For scripts that
                look for the file at once, as Gymnasium's recorder has it; see
                :meth:`wait_for_videos` for less waiting.
            keep: Which videos stay, decided when they are complete: a policy of ``gymreel.keep``,
                the text that it prints as, or a function of an ``Episode``; None for all.
            on_saved: Called with the ``Episode`` for each video that is complete and stays, from a
                later ``reset`` or from ``close``; see ``report_when``.
            episode_log: Whether to add a line for each episode, recorded or not, to
                ``episodes.jsonl`` in the folder, which ``gymreel.read_episodes`` reads. None does
                so where ``keep``, ``on_saved`` or ``trackers`` is given, or the environment
                variable ``GYMREEL_EPISODE_LOG`` is ``1``.
            trackers: Who else is told of episodes and videos, see ``gymreel.trackers``.
            report_when: When ``on_saved`` and trackers are told of a video. ``"certain"``: once
                it is certain that it stays, which is at :meth:`close` with a ``keep`` that may
                still drop it (``best``, ``worst``, ``last``, ``disk_budget``). ``"complete"``: once
                it is complete, though it may be dropped later.

        Raises:
            ConfigError: An argument is wrong, or the render mode gives no images.
            OutputError: The folder cannot be made.
        """
        arguments: dict[str, Any] = {
            "video_folder": video_folder,
            "episode_trigger": episode_trigger,
            "step_trigger": step_trigger,
            "video_length": video_length,
            "name_prefix": name_prefix,
            "fps": fps,
            "disable_logger": disable_logger,
            "gc_trigger": gc_trigger,
            "codec": codec,
            "preset": preset,
            "crf": crf,
            "pixel_format": pixel_format,
            "options": options,
            "suffix": suffix,
            "copy": copy,
            "max_pending_bytes": max_pending_bytes,
            "on_full": on_full,
            "on_error": on_error,
            "wait": wait,
            "keep": keep,
            "on_saved": on_saved,
            "episode_log": episode_log,
            "trackers": trackers,
            "report_when": report_when,
        }
        check_env(env)
        gym.Wrapper.__init__(self, env)
        self.render_history: list[RenderFrame] = []
        self._set_up(env, **arguments)
        # Last, as it copies them, which may take long or fail where they are wrong.
        gym.utils.RecordConstructorArgs.__init__(self, **keep_functions_uncopied(arguments))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObsType, dict[str, Any]]:
        """Reset the environment; an episode's recording ends here and the next may start.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        # First, so that an earlier video's failure is raised while the environment is untouched.
        self._settle_videos()
        self._totals.settle_flags()  # Those may change with the reset.
        obs, info = self.env.reset(seed=seed, options=options)
        self._begin_episode(seed)
        return obs, info

    def step(self, action: ActType) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step, and record a frame if :attr:`recording`.

        Raises:
            GymreelError: The recording failed and ``on_error`` is ``"raise"``; the environment has
                taken the step.
        """
        obs, reward, terminated, truncated, info = self.env.step(action)
        self.step_id += 1
        totals = self._totals
        totals.length += 1
        totals.return_ = add_reward(totals.return_, reward)
        if self.recording:
            self._recorded_frames.add_step(reward)

        if self.step_trigger and self.step_trigger(self.step_id):
            self.start_recording(f"{self.name_prefix}-step-{self.step_id}")
        try:
            is_over = bool(terminated or truncated)
        except Exception:  # Many environments in one, whose flags are arrays or tensors.
            is_over = False
            totals.flags, totals.info = (terminated, truncated), info
        if is_over:
            totals.terminated, totals.truncated = bool(terminated), bool(truncated)
            totals.info = info
            self._tell_episode()
        if self.recording:
            self._record_frame()
        return obs, reward, terminated, truncated, info

    def render(self) -> RenderFrame | list[RenderFrame] | None:
        """Render; in a list mode, give the frames that recording has taken as well.

        Raises:
            GymreelError: The recording failed and ``on_error`` is ``"raise"``.
        """
        rendered = self.env.render()
        if self.recording and isinstance(rendered, list):
            # As Gymnasium does: recording has not captured these, and will not see them again.
            try:
                self.recorded_frames.extend(cast("list[np.ndarray]", rendered))
            except GymreelError as error:
                self._fail_recording(error)
        if not self.render_history:
            return rendered
        history, self.render_history = self.render_history, []
        return history + cast("list[RenderFrame]", rendered)

    def close(self) -> None:
        """End the recording, close the environment, and wait for all files to be complete.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        try:
            self._totals.settle_flags()
            self._tell_episode()
            if self.recording:
                self.stop_recording()
        finally:
            try:
                super().close()
            finally:
                self._complete_videos()

    def _capture_frame(self) -> None:
        """Render a frame into the video; subclasses override this to record something else."""
        if not self.recording:
            raise NotRecordingError("cannot capture a frame: nothing is being recorded")
        # In a list and never in a variable: nothing else leads to the frame then, and the writer
        # can tell whether it may borrow the memory instead of copying it.
        holder: list[Any] = [self.env.render()]
        if isinstance(holder[0], list):
            rendered = holder[0]
            if not rendered:
                warn_in_recorder(
                    "No frame was captured for the video: the environment's render() had been "
                    "called just before and left none."
                )
                return
            self.render_history += rendered
            holder = [rendered[-1]]
        try:
            if not isinstance(holder[0], np.ndarray):
                raise FrameTypeError(
                    "expected type of frame returned by render to be a numpy array, "
                    f"got instead {type(holder[0])}; {how_to_convert(type(holder[0]))}"
                )
            # Once a step, and mostly from cold caches: as few calls as can be.
            frames = self._recorded_frames
            frames.num_frames += frames.write_from(holder)
        except GymreelError as error:
            self._fail_recording(error)
