"""Videos of episodes, encoded in the background."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Generic, SupportsFloat, cast

import gymnasium as gym
import numpy as np
from gymnasium.core import ActType, ObsType, RenderFrame

from gymreel._recording.checks import check_render_mode, not_an_array, to_recordable
from gymreel._recording.episode import EpisodeTotals, add_reward
from gymreel._recording.options import RecorderOptions, complete_options, documents_options
from gymreel._recording.wrapper import EpisodeRecordingWrapper
from gymreel._tensors import is_tensor
from gymreel._warnings import warn_in_recorder
from gymreel.errors import GymreelError, NotRecordingError
from gymreel.wrappers._environments import check_env

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RecordVideo"]


class RecordVideo(
    EpisodeRecordingWrapper,
    gym.Wrapper[ObsType, ActType, ObsType, ActType],
    Generic[ObsType, ActType],
    gym.utils.RecordConstructorArgs,
):
    """Wrapper that records episodes, or stretches of steps, into video files.

    A drop-in for ``gymnasium.wrappers.RecordVideo`` (behaviour as of Gymnasium 1.4.0), with the
    same arguments, attributes, file names and methods to override. The difference is when the work
    is done. Each frame is handed to a background thread as soon as it is rendered, so no clip
    builds up in memory, and neither ``step`` nor ``reset`` waits for an encoder that keeps up.
    ``close`` waits until every file is complete. Without ``close``, files are completed when the
    wrapper is dropped or the interpreter exits.

    ``episode_trigger`` starts a recording at a reset, ``step_trigger`` at a step, and
    :meth:`start_recording` at any time. A recording ends with the episode, or once it has more than
    ``video_length`` frames. Its first frame is the one after the reset, so an episode of ``n``
    steps has ``n + 1`` frames, and so has a recording with ``video_length=n``.

    An environment may consist of many environments, with arrays or tensors of flags. Its episodes
    last from one :meth:`reset` to the next, and have ended (rather than been cut off) if every flag
    was set at the last step. Flags of one element count as plain flags.

    A video that cannot be recorded to its end, because of a frame of another size or a full disk,
    costs one warning: the file keeps what it has so far, and the next recording starts as usual.
    See ``on_error``.

    Attributes:
        recording: Whether frames are being recorded.
        render_history: Frames that :meth:`render` still owes the caller, because recording has
            taken them from the environment; used with ``*_list`` render modes.
        episode_id: Number of the current episode, from 0; -1 before the first.
        step_id: Number of the latest step over all episodes, from 0; -1 before the first.

    Differences from Gymnasium:

    - A video is complete a moment after the ``reset`` or ``step`` that ends it has returned, unless
      ``wait`` is True. :meth:`wait_for_videos` waits when it is called.
    - Gymnasium overwrites a video when a second one of the same name is recorded. Here the second
      one gets a number after its name if the first one is of the same process (a notebook cell run
      again, an evaluation loop that makes a new recorder) or of a process that records into the
      folder at the same time. Videos of earlier runs are overwritten.
    - While recorders are open, the folder holds hidden files besides the videos: the partial files,
      and ``.gymreel-run``.
    - ``gc_trigger`` is None by default, as the wrapper holds no frames whose memory a
      ``gc.collect()`` after every recording could free.
    - An fps of None in the environment's metadata means 30.
    - :meth:`close` ends the recording before it closes the environment, so that no video is lost if
      that fails.
    - Changing ``_video_name`` renames nothing.
    """

    @documents_options
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
        **options: Unpack[RecorderOptions],
    ) -> None:
        """Wrap an environment.

        Args:
            env: Environment with a render mode that returns images.
            video_folder: Folder of the videos; created if it does not exist.
            episode_trigger: Function that is called at each reset with the number of the episode,
                and returns whether to record it. Without any trigger,
                ``gymreel.triggers.capped_cubic``.
            step_trigger: Function that is called at each step with its number over all episodes,
                and returns whether to start recording there.
            video_length: 0 records whole episodes; ``n`` records ``n + 1`` frames, across the ends
                of episodes if necessary.
            name_prefix: Beginning of the file names: ``{name_prefix}-episode-{number}`` and
                ``{name_prefix}-step-{number}``.
            fps: Frames per second; None for ``env.metadata["render_fps"]``, or 30 without it. If
                that is more than a GIF can show, some frames are left out, evenly.
            disable_logger: False prints a line for each complete video.
            gc_trigger: Function that is called with the number of the episode at the end of each
                recording, and returns whether to run ``gc.collect()``; None for never.
            {options}

        Raises:
            ConfigError: An argument is wrong, or the render mode returns no images.
            OutputError: The folder cannot be created or written to.
        """
        check_env(env)
        gym.Wrapper.__init__(self, env)
        check_render_mode(env)
        self.render_history: list[RenderFrame] = []
        self._totals = EpisodeTotals()
        base = env.unwrapped
        EpisodeRecordingWrapper.__init__(
            self,
            environment=str(base.spec.id if base.spec else type(base).__name__),
            render_fps=env.metadata.get("render_fps"),
            video_folder=video_folder,
            episode_trigger=episode_trigger,
            step_trigger=step_trigger,
            video_length=video_length,
            name_prefix=name_prefix,
            fps=fps,
            disable_logger=disable_logger,
            gc_trigger=gc_trigger,
            **options,
        )
        # After the checks, as it copies the arguments, which may take long or fail.
        gym.utils.RecordConstructorArgs.__init__(
            self,
            **to_recordable(
                {
                    "video_folder": video_folder,
                    "episode_trigger": episode_trigger,
                    "step_trigger": step_trigger,
                    "video_length": video_length,
                    "name_prefix": name_prefix,
                    "fps": fps,
                    "disable_logger": disable_logger,
                    "gc_trigger": gc_trigger,
                    **complete_options(type(self), options),
                }
            ),
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObsType, dict[str, Any]]:
        """Reset the environment; the recording of an episode ends here, and the next may start.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        # First, so that a failure is raised before the environment is touched.
        self._settle_videos()
        self._totals.settle_flags()  # The environment may change them during the reset.
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
            self._recorder.frames.add_step(reward)
        try:
            is_over = bool(terminated or truncated)
        except Exception:  # Many environments in one, whose flags are arrays or tensors.
            is_over = False
            totals.flags, totals.info = (terminated, truncated), info
        # Before the trigger or the start of a recording can raise, which would lose the outcome.
        if is_over:
            totals.terminated, totals.truncated = bool(terminated), bool(truncated)
            totals.info = info

        if self.step_trigger and self.step_trigger(self.step_id):
            self.start_recording(f"{self.name_prefix}-step-{self.step_id}")
        if is_over:
            self._report_episode()
        if self.recording:
            self._record_frame(is_last=is_over)
        return obs, reward, terminated, truncated, info

    def render(self) -> RenderFrame | list[RenderFrame] | None:
        """Render; in a list mode, return the frames that recording has taken as well.

        Raises:
            GymreelError: The recording failed and ``on_error`` is ``"raise"``.
        """
        rendered = self.env.render()
        if self.recording and isinstance(rendered, list) and self._recorder.frames.stride == 1:
            # As in Gymnasium: recording has not captured these, and will not see them again.
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
            self._report_episode()
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
        # In a list and never in a variable: the writer borrows the memory of a frame that nothing
        # else refers to, and copies any other.
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
            if not isinstance(holder[0], np.ndarray) and not is_tensor(holder[0]):
                raise not_an_array(type(holder[0]))
            # As few Python calls as possible: this runs at every step, mostly from cold caches.
            frames = self._recorder.frames
            frames.num_frames += frames.write_from(holder)
        except GymreelError as error:
            self._fail_recording(error)
