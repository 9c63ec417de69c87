"""Videos of many environments at once: all in one picture, or one file for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, Literal, cast

import gymnasium as gym
import numpy as np
from gymnasium.core import ActType, ObsType
from gymnasium.vector import AutoresetMode, VectorEnv

from gymreel._validation import check_choice, show
from gymreel._writer_config import DEFAULT_MAX_PENDING_BYTES
from gymreel.episodes import Episode
from gymreel.errors import ConfigTypeError, GymreelError
from gymreel.keep import KeepPolicy
from gymreel.trackers import Tracker
from gymreel.wrappers._arguments import keep_functions_uncopied
from gymreel.wrappers._vector_wrapper import GenericVectorWrapper
from gymreel.wrappers.vector._arguments import (
    autoreset_mode_of,
    check_aspect_ratio,
    check_envs,
    check_render_mode,
    seeds_of,
)
from gymreel.wrappers.vector._episode_arrays import final_infos
from gymreel.wrappers.vector._frames import Renderer
from gymreel.wrappers.vector._grid_video import GridVideo
from gymreel.wrappers.vector._layout import Layout
from gymreel.wrappers.vector._separate_videos import SeparateVideos
from gymreel.wrappers.vector._step_sums import Indices
from gymreel.wrappers.vector._terminal_frames import TerminalFrames
from gymreel.wrappers.vector._vector_recording import VectorRecording

__all__ = ["RecordVideo"]


class RecordVideo(
    VectorRecording,
    GenericVectorWrapper[ObsType, ActType, ObsType, ActType, np.ndarray],
    Generic[ObsType, ActType],
    gym.utils.RecordConstructorArgs,
):
    """Records a vector environment: a grid of all environments, or a file for each.

    A drop-in for ``gymnasium.wrappers.vector.RecordVideo`` (behaviour as of Gymnasium 1.4.0). As
    there, with ``layout="grid"`` the episodes are those of the first environment that is recorded;
    the others are seen as they are meanwhile. With ``layout="separate"`` each environment follows
    its own episodes, into ``{name_prefix}-env-{i}-episode-{k}``.

    An episode of ``n`` steps gives ``n + 1`` frames, in every autoreset mode (a grid one more for
    each reset of others by hand, as in Gymnasium). In ``SAME_STEP`` the last frame comes from the
    environments themselves in a ``SyncVectorEnv``, and from ``gymreel.wrappers.KeepTerminalFrame``
    around each environment in others. In a grid it stands in the place of the one after the reset,
    for environments that are not followed.

    Each file has an encoder of its own while it is being recorded, so with ``layout="separate"``
    memory grows with the number of environments: choose some with ``envs`` where they are many.
    The worker threads and the frames that wait are bounded for all of them together.

    Attributes:
        recording: Whether frames are being recorded, of any environment.
        recorded_frames: Counts the frames of the grid; always empty with ``layout="separate"``.
        autoreset_mode: When the vector environment resets what has ended.
        step_id: Number of the latest step, from 0; -1 before the first.
        frame_cols: Columns of the grid; -1 before the first frame.
        frame_rows: Rows of the grid.

    Differences from Gymnasium: any number of environments gets the grid that fits the aspect ratio
    best, with black where none is left; environments of different sizes are padded; and those of
    ``gymreel.wrappers.RecordVideo``.
    """

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
        """Wrap a vector environment.

        Args:
            env: The vector environment, with a render mode that gives images.
            video_folder: Where the videos go; made if it does not exist.
            video_aspect_ratio: Width to height that the grid comes as near to as it can.
            record_first_only: The same as ``envs=[0]``.
            episode_trigger: Asked with the number of each episode whether to record it: of the
                first environment that is recorded, or with ``layout="separate"`` of each.
            step_trigger: Asked at each step with its number whether to start recording there.
            video_length: 0 records whole episodes; ``n`` records ``n + 1`` frames.
            name_prefix: The files are called ``{name_prefix}-episode-{number}`` and
                ``{name_prefix}-step-{number}``, or with ``layout="separate"``
                ``{name_prefix}-env-{i}-episode-{number}`` and so on.
            fps: Frames per second; None for ``env.metadata["render_fps"]``, or 30 without that.
            disable_logger: False prints a line for each file that is complete.
            gc_trigger: Asked with the number of the episode at the end of each recording whether
                to run ``gc.collect()``; None for never. Only with ``layout="grid"``.
            layout: ``"grid"`` for one video of all, ``"separate"`` for one of each.
            envs: Which environments to record, by their numbers; None for all.
            codec: An encoder's name, or ``"auto"`` for the best one for the container.
            preset: The encoder's speed, as it names them.
            crf: The encoder's constant quality; lower is better.
            pixel_format: How the video stores colours, as FFmpeg names it.
            options: More options for the encoder, as FFmpeg names them.
            suffix: The end of the file names, which selects the container.
            copy: Whether to copy each frame, as for ``gymreel.wrappers.RecordVideo``.
            max_pending_bytes: Memory for frames that wait for the encoder, of each file.
            on_full: Whether a frame over that limit waits, or is left out (``"drop"``).
            on_error: What to do about a video that fails: warn of it once, or ``"raise"``, from the
                next ``step`` or ``reset`` before the environments see it where that can be.
            wait: Whether the ``reset`` or ``step`` that ends a recording waits until the video is
                complete, 10 seconds at most; if that is not enough, it warns once. For scripts that
                look for the file at once, as Gymnasium's recorder has it; see
                :meth:`wait_for_videos` for less waiting.
            keep: Which videos stay, decided when they are complete.
            on_saved: Called with the ``Episode`` for each video that is complete and stays, from a
                later ``reset`` or from ``close``; see ``report_when``.
            episode_log: Whether to add a line for each episode of each environment to
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
        if not isinstance(env, VectorEnv):
            raise ConfigTypeError(
                f"env={show(env)} must be a gymnasium.vector.VectorEnv; for a single environment "
                "take gymreel.wrappers.RecordVideo"
            )
        GenericVectorWrapper.__init__(self, env)
        check_choice("layout", layout, ["grid", "separate"])
        check_render_mode(env)
        self.record_first_only = record_first_only
        self._envs = check_envs(envs, record_first_only, env.num_envs)
        self.video_aspect_ratio = video_aspect_ratio
        aspect_ratio = check_aspect_ratio(video_aspect_ratio)
        self.autoreset_mode = autoreset_mode_of(env)
        self.render_history: list[Any] = []  # Always empty, as in Gymnasium: no mode gives lists.
        self._set_up(env, **arguments)
        # After the checks, as it copies them, which may take long or fail where they are wrong.
        gym.utils.RecordConstructorArgs.__init__(
            self,
            video_aspect_ratio=video_aspect_ratio,
            record_first_only=record_first_only,
            layout=layout,
            envs=envs,
            **keep_functions_uncopied(arguments),
        )
        self._terminal: TerminalFrames | None = None
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            self._terminal = TerminalFrames(env, self._envs)
        renderer = Renderer(env)
        self._layout: Layout
        if layout == "grid":
            self._layout = GridVideo(self._envs, aspect_ratio, renderer)
        else:
            self._layout = SeparateVideos(self._envs, env.num_envs, renderer)

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
        # First, so that an earlier video's failure is raised while the environments are untouched.
        self._settle_videos()
        mask = (options or {}).get("reset_mask")  # The environment may take it out.
        obs, infos = self.env.reset(seed=cast("Any", seed), options=options)
        begun = np.arange(self.num_envs) if mask is None else np.flatnonzero(mask)
        episodes = self._episodes
        self._tell(begun[~episodes.is_over[begun]], {})
        episodes.begin(begun, seeds_of(seed, self.num_envs))
        self._follow(begun)
        if self.recording:
            self._layout.record(self, begun.tolist(), {})
        if self._waits and self._has_news:
            self._await_videos()
        self._say_failures()
        return obs, infos

    def step(
        self, actions: ActType
    ) -> tuple[ObsType, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Take a step in all environments, and record a frame of each if :attr:`recording`.

        Raises:
            GymreelError: A recording failed and ``on_error`` is ``"raise"``; the environments have
                taken the step. One that was completing in the background is told of before that.
        """
        if self._has_news:
            self._settle_videos()
        layout = self._layout
        terminal = self._terminal
        if terminal is not None:
            terminal.want(layout.recorded(self))
        try:
            obs, rewards, terminations, truncations, infos = self.env.step(actions)
        finally:
            if terminal is not None:
                terminal.want(())  # The environments may outlive this recorder.
        self.step_id += 1

        # All of what the environments have done is noted before anything here can fail.
        resting, begun, ended = self._episodes.step(rewards, terminations, truncations)
        if self.recording:
            layout.add_rewards(self, rewards, resting)
        last_infos: Any = infos
        if ended.size > 0:
            if terminal is not None:
                last_infos = final_infos(infos)
            self._tell(ended, last_infos)
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
                self._failures.append(("", error))  # Others may have started: they get this frame.
        if self.recording:
            environments: Sequence[int] = self._envs
            if resting.size > begun.size:
                # Those wait for their reset and show nothing new; who was reset in this step shows
                # its next episode.
                waiting = set(resting.tolist()).difference(begun.tolist())
                environments = [i for i in self._envs if i not in waiting]
            layout.record(self, environments, instead)
        if self._waits and self._has_news:
            self._await_videos()
        if self._failures:
            self._say_failures()
        return obs, rewards, terminations, truncations, infos

    def close(self, **kwargs: Any) -> None:
        """End the recordings, wait for all files to be complete, and close the environments.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        episodes = self._episodes
        try:
            self._tell(np.flatnonzero(~episodes.is_over), {})
            if self.recording:
                self.stop_recording()
        finally:
            episodes.lengths[:] = 0  # They have been told of.
            try:
                # First: closing never comes back where a worker process has died.
                self._complete_videos()
            finally:
                if self._terminal is not None:
                    self._terminal.detach()
                super().close(**kwargs)

    def start_recording(self, video_name: str) -> None:
        """Start a recording; one that is in progress ends first.

        Args:
            video_name: The file's name without folder and suffix. With ``layout="separate"`` a file
                for each environment, with ``-env-{i}`` in its name: after the prefix if
                ``video_name`` begins with it, or else at the end.

        Raises:
            GymreelError: No video can be written there and ``on_error`` is ``"raise"``.
        """
        self._layout.start(self, video_name)

    def stop_recording(self) -> None:
        """End the recording, or all of them; files are completed in the background.

        Raises:
            NotRecordingError: Nothing is being recorded.
        """
        self._layout.stop(self)
        if self._waits:
            self._await_videos()

    def _capture_frame(self) -> None:
        """Render all environments into a frame of the grid; subclasses override this.

        With ``layout="separate"``, into a frame of each video.
        """
        self._layout.capture(self)

    def _record_terminal_frames(
        self, terminal: TerminalFrames, ended: Indices, last_infos: Any
    ) -> dict[int, Any]:
        """Record the last frames of episodes whose environments show the next ones already.

        Returns:
            Those that are to be shown at the end of the step.
        """
        recorded = self._layout.recorded(self)
        holders = {i: terminal.take(i, last_infos) for i in ended.tolist() if i in recorded}
        kept = {i: holder.pop() for i, holder in holders.items() if holder}
        return self._layout.record_terminal(self, kept)

    def _follow(self, begun: Indices) -> None:
        """End the recordings of environments whose next episodes begin, and start those due."""
        if begun.size == 0:
            return
        chosen = set(begun.tolist())
        due = [i for i in self._layout.followed if i in chosen]
        if self.video_length == float("inf"):
            for i in due:
                self._layout.end(self, i)
        for i in chosen:
            self._final.pop(i, None)
        for i in due:
            episode = int(self._episodes.index[i])
            if self.episode_trigger and self.episode_trigger(episode):
                self._layout.begin(self, i, f"episode-{episode}")

    def _path_of(self, i: int) -> Path | None:
        return self._layout.path_of(self, i)

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording."""
        return {**super().__getstate__(), "_layout": self._layout.without_recordings()}
