"""Videos of many environments at once: all in one picture, or one file for each."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, cast

import gymnasium as gym
import numpy as np
from gymnasium.core import ActType, ObsType
from gymnasium.vector import AutoresetMode, VectorEnv

from gymreel._recording.checks import (
    check_aspect_ratio,
    check_render_mode,
    to_recordable,
)
from gymreel._recording.options import RecorderOptions, complete_options, documents_options
from gymreel._recording.pending_videos import Failure
from gymreel._recording.step_sums import Indices
from gymreel._recording.wrapper import RecordingWrapper
from gymreel._validation import check_choice, show
from gymreel.episodes import Episode
from gymreel.errors import ConfigTypeError, GymreelError, NotRecordingError
from gymreel.wrappers.vector._arguments import (
    autoreset_mode_of,
    check_envs,
    check_no_lists,
    environment_name,
    seeds_of,
)
from gymreel.wrappers.vector._episode_arrays import EpisodeArrays, final_infos, info_of
from gymreel.wrappers.vector._grid import Grid
from gymreel.wrappers.vector._rendering import Renderer, Show
from gymreel.wrappers.vector._separate import SeparateVideos
from gymreel.wrappers.vector._terminal_frames import TerminalFrames
from gymreel.wrappers.vector._wrapper import GenericVectorWrapper

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RecordVideo"]


class RecordVideo(
    RecordingWrapper,
    GenericVectorWrapper[ObsType, ActType, ObsType, ActType, np.ndarray],
    Generic[ObsType, ActType],
    gym.utils.RecordConstructorArgs,
):
    """Wrapper that records a vector environment: a grid of all environments, or a file for each.

    A drop-in for ``gymnasium.wrappers.vector.RecordVideo`` (behaviour as of Gymnasium 1.4.0). As
    there, with ``layout="grid"`` the episodes are those of the first environment that is recorded;
    the other environments are shown as they are meanwhile. With ``layout="separate"`` each
    environment's own episodes are recorded, into ``{name_prefix}-env-{i}-episode-{k}``.

    An episode of ``n`` steps has ``n + 1`` frames, in every autoreset mode (in a grid, one more for
    each manual reset of other environments, as in Gymnasium). In ``SAME_STEP`` mode, the last frame
    comes from the environments themselves in a ``SyncVectorEnv``, and from
    ``gymreel.wrappers.KeepTerminalFrame`` around each environment in other vector environments. In
    a grid, environments other than the first show it in place of their first frame after the reset.

    Each file has an encoder of its own while it is being recorded, so with ``layout="separate"``
    memory grows with the number of environments; ``envs`` selects some of them. Worker threads and
    waiting frames are bounded for all files together.

    Attributes:
        recording: Whether frames are being recorded, of any environment.
        recorded_frames: Frames of the grid, which ``len`` counts; empty with ``layout="separate"``.
        autoreset_mode: When the vector environment resets an environment whose episode is over.
        step_id: Number of the latest step, from 0; -1 before the first.
        frame_cols: Number of columns of the grid; -1 before the first frame.
        frame_rows: Number of rows of the grid; -1 before the first frame.

    Differences from Gymnasium: any number of environments gets the grid that fits the aspect ratio
    best, with black in empty cells; environments of different sizes are padded; and those of
    ``gymreel.wrappers.RecordVideo``.
    """

    @documents_options
    def __init__(  # Gymnasium's order.
        self,
        env: VectorEnv[ObsType, ActType, np.ndarray],
        video_folder: str | os.PathLike[str],
        video_aspect_ratio: tuple[int, int] = (1, 1),
        record_first_only: bool = False,
        episode_trigger: Callable[[int], bool] | None = None,
        step_trigger: Callable[[int], bool] | None = None,
        video_length: float = 0,
        name_prefix: str = "rl-video",
        fps: float | Fraction | None = None,
        disable_logger: bool = True,
        gc_trigger: Callable[[int], bool] | None = None,
        *,
        layout: Literal["grid", "separate"] = "grid",
        envs: Sequence[int] | None = None,
        **options: Unpack[RecorderOptions],
    ) -> None:
        """Wrap a vector environment.

        Args:
            env: Vector environment with a render mode that returns images.
            video_folder: Folder of the videos; created if it does not exist.
            video_aspect_ratio: Width and height whose ratio the grid comes as close to as possible.
            record_first_only: The same as ``envs=[0]``.
            episode_trigger: Function that is called with the number of each episode, and returns
                whether to record it: episodes of the first environment that is recorded, or of each
                environment with ``layout="separate"``.
            step_trigger: Function that is called at each step with its number, and returns whether
                to start recording there.
            video_length: 0 records whole episodes; ``n`` records ``n + 1`` frames.
            name_prefix: Beginning of the file names: ``{name_prefix}-episode-{number}`` and
                ``{name_prefix}-step-{number}``, or ``{name_prefix}-env-{i}-episode-{number}`` and
                so on with ``layout="separate"``.
            fps: Frames per second; None for ``env.metadata["render_fps"]``, or 30 without it.
            disable_logger: False prints a line for each complete video.
            gc_trigger: Function that is called with the number of the episode at the end of each
                recording, and returns whether to run ``gc.collect()``; None for never. Used only
                with ``layout="grid"``.
            layout: ``"grid"`` for one video of all environments, ``"separate"`` for one of each.
            envs: Numbers of the environments to record; None for all.
            {options}

        Raises:
            ConfigError: An argument is wrong, or the render mode returns no images.
            OutputError: The folder cannot be created or written to.
        """
        if not isinstance(env, VectorEnv):
            raise ConfigTypeError(
                f"env={show(env)} must be a gymnasium.vector.VectorEnv; for a single environment "
                "take gymreel.wrappers.RecordVideo"
            )
        GenericVectorWrapper.__init__(self, env)
        check_choice("layout", layout, ["grid", "separate"])
        check_no_lists(env)
        self.record_first_only = record_first_only
        self._envs = check_envs(envs, record_first_only, env.num_envs)
        self.video_aspect_ratio = video_aspect_ratio
        aspect_ratio = check_aspect_ratio(video_aspect_ratio)
        self.autoreset_mode = autoreset_mode_of(env)
        check_render_mode(env)
        self.render_history: list[Any] = []  # Always empty, as in Gymnasium: no mode gives lists.
        self.frame_cols = -1
        self.frame_rows = -1
        self._episodes = EpisodeArrays(env.num_envs, self.autoreset_mode)
        # Episodes that are over, until the next ones of their environments begin.
        self._final: dict[int, Episode] = {}
        # What fails during a step or reset, which is completed before it is reported.
        self._failures: list[Failure] = []
        RecordingWrapper.__init__(
            self,
            environment=environment_name(env),
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
                    "video_aspect_ratio": video_aspect_ratio,
                    "record_first_only": record_first_only,
                    "episode_trigger": episode_trigger,
                    "step_trigger": step_trigger,
                    "video_length": video_length,
                    "name_prefix": name_prefix,
                    "fps": fps,
                    "disable_logger": disable_logger,
                    "gc_trigger": gc_trigger,
                    "layout": layout,
                    "envs": envs,
                    **complete_options(type(self), options),
                }
            ),
        )
        self._terminal: TerminalFrames | None = None
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            self._terminal = TerminalFrames(env, self._envs)
        renderer = Renderer(env)
        self._grid = Grid(self._envs, aspect_ratio, renderer)
        self._separate: SeparateVideos | None = None
        self._followed: Sequence[int] = self._envs[:1]
        if layout == "separate":
            self._separate = SeparateVideos(self._folder, env.num_envs, renderer)
            self._followed = self._envs

    @property
    def episode_id(self) -> int:
        """Number of the current episode of the first environment that is recorded."""
        return int(self._episodes.index[self._envs[0]])

    @episode_id.setter
    def episode_id(self, number: int) -> None:
        self._episodes.index[self._envs[0]] = number

    @property
    def has_autoreset(self) -> bool:
        """Whether the next step resets the first environment that is recorded."""
        is_over = bool(self._episodes.is_over[self._envs[0]])
        return is_over and self.autoreset_mode is AutoresetMode.NEXT_STEP

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[ObsType, dict[str, Any]]:
        """Reset all environments, or those of ``options["reset_mask"]``; their recordings end.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        # First, so that a failure is raised before the environments are touched.
        self._settle_videos()
        mask = (options or {}).get("reset_mask")  # The environment may remove it.
        obs, infos = self.env.reset(seed=cast("Any", seed), options=options)
        begun = np.arange(self.num_envs) if mask is None else np.flatnonzero(mask)
        episodes = self._episodes
        self._report_episodes(begun[~episodes.is_over[begun]], {})
        episodes.begin(begun, seeds_of(seed, self.num_envs))
        self._follow(begun)
        if self.recording:
            self._record(begun.tolist(), {}, ())
        self._end_step()
        return obs, infos

    def step(
        self, actions: ActType
    ) -> tuple[ObsType, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Take a step in all environments, and record a frame of each if :attr:`recording`.

        Raises:
            GymreelError: A recording failed and ``on_error`` is ``"raise"``; the environments have
                taken the step. A video that failed in the background is reported before that.
        """
        if self._folder.has_news:
            self._settle_videos()
        terminal = self._terminal
        if terminal is not None:
            terminal.want(self._recorded())
        try:
            obs, rewards, terminations, truncations, infos = self.env.step(actions)
        finally:
            if terminal is not None:
                terminal.want(())  # The environments may outlive this wrapper.
        self.step_id += 1

        # Everything the environments have done is noted before anything here can fail.
        resting, begun, ended = self._episodes.step(rewards, terminations, truncations)
        if self.recording:
            self._add_rewards(rewards, resting)
        last_infos: Any = infos
        if ended.size > 0:
            if terminal is not None:
                last_infos = final_infos(infos)
            self._report_episodes(ended, last_infos)
        self._follow(begun)
        instead: dict[int, Any] = {}
        if terminal is not None and ended.size > 0:
            try:
                if self.recording:
                    instead = self._record_terminal_frames(terminal, ended, last_infos)
            finally:
                self._episodes.begin(ended)
            self._follow(ended)
        if self.step_trigger and self.step_trigger(self.step_id):
            try:
                self.start_recording(f"{self.name_prefix}-step-{self.step_id}")
            except GymreelError as error:
                self._failures.append(("", error))  # Other videos may have started.
        if self.recording:
            environments: Sequence[int] = self._envs
            if resting.size > begun.size:
                # Some wait for a manual reset and show nothing new. Those that were reset in this
                # step show their next episodes.
                waiting = set(resting.tolist()).difference(begun.tolist())
                environments = [i for i in self._envs if i not in waiting]
            self._record(environments, instead, ended.tolist() if terminal is None else ())
        if self._folder.has_news or self._failures:
            self._end_step()
        return obs, rewards, terminations, truncations, infos

    def close(self, **kwargs: Any) -> None:
        """End the recordings, wait for all files to be complete, and close the environments.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        episodes = self._episodes
        try:
            self._report_episodes(np.flatnonzero(~episodes.is_over), {})
            if self.recording:
                self.stop_recording()
        finally:
            episodes.lengths[:] = 0  # They have been reported.
            try:
                # First, as closing never returns where a worker process has died.
                self._complete_videos()
            finally:
                if self._terminal is not None:
                    self._terminal.detach()
                super().close(**kwargs)

    def start_recording(self, video_name: str) -> None:
        """Start a recording; one that is in progress ends first.

        Args:
            video_name: Name of the file without folder and suffix. With ``layout="separate"`` there
                is a file for each environment, with ``-env-{i}`` in its name: after the prefix if
                ``video_name`` begins with the prefix, and otherwise at the end.

        Raises:
            GymreelError: No video can be written there and ``on_error`` is ``"raise"``.
        """
        if self._separate is None:
            super().start_recording(video_name)
            return
        prefix = f"{self.name_prefix}-"
        for i in self._envs:
            if video_name.startswith(prefix):
                self._start_separate(i, f"{prefix}env-{i}-{video_name.removeprefix(prefix)}")
            else:
                self._start_separate(i, f"{video_name}-env-{i}")
        self._say_noted_failures()

    def stop_recording(self) -> None:
        """End the recording, or all recordings; files are completed in the background.

        Raises:
            NotRecordingError: Nothing is being recorded.
        """
        if self._separate is None:
            super().stop_recording()
            return
        if not self.recording:
            raise NotRecordingError("stop_recording was called, but nothing is being recorded")
        for i in tuple(self._separate.recorded):
            self._separate.stop(i, self._episode_of(i))
        self._note([])
        if self._waits:
            self._await_videos()

    def _capture_frame(self) -> None:
        """Render all environments into a frame of the grid; subclasses override this.

        With ``layout="separate"``, each environment is rendered into a frame of its own video.
        """
        if not self.recording:
            raise NotRecordingError("cannot capture a frame: nothing is being recorded")
        if self._separate is not None:
            self._record(self._envs, {}, self._envs)
            self._say_noted_failures()
            return
        try:
            tiles = self._grid.render()
            if self.frame_cols < 0:
                self.frame_cols, self.frame_rows = self._grid.arrange(tiles)
            frames = self._recorder.frames
            frames.num_frames += frames.write_tiles_from(tiles, self.frame_cols)
        except GymreelError as error:
            self._fail_recording(self._grid.name_environments(error))

    def _recorded(self) -> Collection[int]:
        """Return the environments that are being recorded, also after later changes."""
        if self._separate is not None:
            return self._separate.recorded
        return self._envs if self.recording else ()

    def _record(
        self, environments: Sequence[int], instead: dict[int, Any], ended: Collection[int]
    ) -> None:
        """Record a frame at the end of a step or reset.

        Args:
            environments: Environments that took part. A grid shows the others as well.
            instead: Frames that a grid shows in place of what the environments render now.
            ended: Environments that show the last frames of their episodes.
        """
        if self._separate is not None:
            self._note(
                self._separate.record(environments, ended, self._episode_of, self.video_length)
            )
            return
        self._grid.instead = instead
        try:
            self._record_frame(is_last=self._envs[0] in ended)
        except GymreelError as error:
            self._failures.append(("", error))

    def _record_terminal_frames(
        self, terminal: TerminalFrames, ended: Indices, last_infos: Any
    ) -> dict[int, Any]:
        """Record the last frames of episodes whose environments show the next ones already.

        A grid is recorded if the first environment's episode has ended.

        Returns:
            Frames that are left to be shown at the end of the step.
        """
        recorded = self._recorded()
        holders = {i: terminal.take(i, last_infos) for i in ended.tolist() if i in recorded}
        kept = {i: holder.pop() for i, holder in holders.items() if holder}
        if self._separate is not None:
            show, environments = Show(kept), tuple(kept)
            self._note(
                self._separate.write(show, environments, self._episode_of, self.video_length)
            )
            return {}
        if self._envs[0] not in kept:
            return kept
        self._record(self._envs, kept, kept)
        return {}

    def _follow(self, begun: Indices) -> None:
        """End the recordings of environments whose next episodes begin, and start those due."""
        if begun.size == 0:
            return
        chosen = set(begun.tolist())
        due = [i for i in self._followed if i in chosen]
        if self.video_length == float("inf"):
            for i in due:
                self._stop_following(i)
        for i in chosen:
            self._final.pop(i, None)
        for i in due:
            episode = int(self._episodes.index[i])
            if self.episode_trigger and self.episode_trigger(episode):
                self._start_following(i, f"episode-{episode}")

    def _start_following(self, i: int, what: str) -> None:
        """Start the video of environment ``i``'s episode."""
        if self._separate is not None:
            self._start_separate(i, f"{self.name_prefix}-env-{i}-{what}")
            return
        try:
            self.start_recording(f"{self.name_prefix}-{what}")
        except GymreelError as error:
            self._failures.append(("", error))

    def _stop_following(self, i: int) -> None:
        """End the video of environment ``i``'s episode, if there is one."""
        if self._separate is not None:
            self._separate.stop(i, self._episode_of(i))
            self._note([])
        elif self.recording:
            self.stop_recording()

    def _start_separate(self, i: int, video_name: str) -> None:
        assert self._separate is not None
        self._note(self._separate.start(i, video_name, self._episode_of(i)))

    def _note(self, failures: Sequence[Failure]) -> None:
        """Note what failed in separate videos, and whether any is still being recorded."""
        self._failures += failures
        self.recording = bool(self._recorded())

    def _add_rewards(self, rewards: Any, resting: Indices) -> None:
        """Add the rewards of a step to what is being recorded."""
        if self._separate is not None:
            self._separate.add_rewards(rewards, resting)
        elif self._envs[0] not in resting:
            self._recorder.frames.add_step(rewards[self._envs[0]])

    def _report_episodes(self, ended: Indices, infos: Any) -> None:
        """Report episodes that have just ended, and note how, for the videos that show them.

        Such a video may end later, with the next episode, and may even begin later, with
        ``step_trigger``.
        """
        self._folder.has_news |= ended.size > 0
        reports = self._folder.reports
        reported = []
        for i in ended.tolist():
            path = self._path_of(i)
            # An episode without a step is reported only if it is in a video: each video has its
            # line in the log.
            has_begun = self._episodes.lengths[i] > 0 or (
                path is not None and self._episodes.index[i] >= 0
            )
            is_reported = reports.wants_episodes and has_begun
            if not (is_reported or path is not None or self.step_trigger):
                continue
            self._final[i] = episode = self._describe_now(i, info_of(infos, i), path)
            if is_reported:
                reported.append(episode)
        if reported:
            reports.ended(reported)

    def _path_of(self, i: int) -> Path | None:
        """Return the file that environment ``i``'s episode is being recorded into, or None."""
        if self._separate is not None:
            return self._separate.path_of(i)
        return self._recorder.path if i == self._envs[0] else None

    def _episode_of(self, i: int) -> Episode:
        """Return environment ``i``'s episode as it ended, or as it is now."""
        return self._final.get(i) or self._describe_now(i, {}, self._path_of(i))

    def _describe_now(self, i: int, info: dict[str, Any], path: Path | None) -> Episode:
        totals = self._episodes.totals_of(i, info)
        step = (self.step_id + 1) * self.num_envs
        return self._describe(totals, step=step, path=path, env_index=i)

    def _current_episode(self) -> Episode:
        return self._episode_of(self._envs[0])

    def _end_step(self) -> None:
        """Wait for videos if that is asked for, and report what failed during a step or reset."""
        if self._waits and self._folder.has_news:
            self._await_videos()
        self._say_noted_failures()

    def _say_noted_failures(self) -> None:
        failures, self._failures = self._failures, []
        self._say_failures(failures)

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording, with episodes of its own."""
        state = super().__getstate__()
        folder = state["_folder"]
        separate = self._separate and SeparateVideos(folder, self.num_envs, self._grid.renderer)
        return {
            **state,
            "_episodes": copy.deepcopy(self._episodes),
            "_final": {},
            "_failures": [],
            "_separate": separate,
        }
