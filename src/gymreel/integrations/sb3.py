"""Videos of Stable-Baselines3's vector environments, encoded in the background."""

from __future__ import annotations

import copy
import functools
import math
import os
import types
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gymreel import _core, grid
from gymreel._extras import missing_package
from gymreel._recording.checks import check_aspect_ratio, not_an_array
from gymreel._recording.episode import EpisodeTotals, add_reward
from gymreel._recording.options import RecorderOptions, documents_options
from gymreel._recording.step_sums import Indices, StepSums
from gymreel._recording.wrapper import RecordingWrapper
from gymreel._tensors import as_array, is_tensor
from gymreel._validation import check_whole_number, show
from gymreel.episodes import Episode
from gymreel.errors import (
    ConfigTypeError,
    GymreelError,
    NotRecordingError,
    RenderModeError,
)
from gymreel.integrations._sb3_clip import Clip
from gymreel.triggers import check_trigger

try:
    # Not from the package, which may be half imported when gymreel.patch() imports this module.
    from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvWrapper
    from stable_baselines3.common.vec_env.dummy_vec_env import DummyVecEnv
    from stable_baselines3.common.vec_env.subproc_vec_env import SubprocVecEnv
except ImportError as error:
    raise missing_package(__name__, "stable_baselines3", "sb3", error) from error

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RenderModeError", "VecVideoRecorder"]

_NONE: Indices = np.empty(0, np.intp)


class VecVideoRecorder(RecordingWrapper, VecEnvWrapper):
    """Wrapper that records stretches of steps of all environments in one picture.

    A drop-in for ``stable_baselines3.common.vec_env.VecVideoRecorder`` (behaviour as of
    Stable-Baselines3 2.9), with the same arguments, file names, frames and methods to override.
    Frames go to background threads as soon as they are rendered, each environment's directly to its
    place in the picture. So no clip builds up in memory, and no step waits for an encoder that
    keeps up. :meth:`close` waits until every file is complete.

    A clip begins at a reset or a step that ``record_video_trigger`` selects, ends once it has more
    than ``video_length`` frames, and is called
    ``{name_prefix}-step-{begin}-to-step-{begin + video_length}``. A clip that is cut short, by
    :meth:`close` or by a reset that begins another one, is named after the steps that it holds once
    it is complete.

    The ``Episode`` of a clip, for ``keep``, ``on_saved`` and trackers, is the one of the first
    environment in which the clip ended, as far as it had come. ``keep.last`` and
    ``keep.disk_budget`` suit clips best. Episodes are written to the log and not reported to
    trackers, as Stable-Baselines3 logs them itself. With ``on_error="raise"``, a file that fails in
    the background is reported by the next ``step_async`` or ``reset``.

    Attributes:
        recording: Whether frames are being recorded.
        step_id: Number of steps so far, each of all environments.
        video_name: File name of the latest clip, with suffix.
        video_path: Path of the latest clip.
        video_recorder: Object with that path as ``path``, as in older versions of
            Stable-Baselines3; ``huggingface_sb3`` reads it.
        frames_per_sec: Frames per second of the next clip.

    Differences from Stable-Baselines3: ``recorded_frames`` counts the frames and holds none.
    Environments of different sizes are padded. A reset that begins a clip while another is being
    recorded does not overwrite that one. Nothing is printed unless ``disable_logger`` is False.
    Where a wrapper below overrides ``render``, its result is recorded, as there. moviepy is not
    needed.
    """

    @documents_options
    def __init__(  # Stable-Baselines3's order.
        self,
        venv: VecEnv,
        video_folder: str | os.PathLike[str],
        record_video_trigger: Callable[[int], bool],
        video_length: int = 200,
        name_prefix: str = "rl-video",
        *,
        video_aspect_ratio: tuple[int, int] | None = None,
        fps: float | Fraction | None = None,
        disable_logger: bool = True,
        **options: Unpack[RecorderOptions],
    ) -> None:
        """Wrap a vector environment.

        Args:
            venv: Vector environment whose environments have the render mode ``rgb_array``.
            video_folder: Folder of the videos; created if it does not exist.
            record_video_trigger: Function that is called with the number of steps so far, and
                returns whether to begin a clip.
            video_length: A clip has one frame more than this.
            name_prefix: Beginning of the file names.
            video_aspect_ratio: Width and height whose ratio the picture comes close to; None for as
                many rows as columns or one more, as in Stable-Baselines3.
            fps: Frames per second; None for the environments' ``render_fps``, or 30 without it.
            disable_logger: False prints a line for each complete video.
            {options}

        Raises:
            ConfigError: An argument is wrong, or the render mode is not ``rgb_array``.
            OutputError: The folder cannot be created or written to.
        """
        if not isinstance(venv, VecEnv):
            raise ConfigTypeError(
                f"venv={show(venv)} must be a vector environment of Stable-Baselines3"
            )
        VecEnvWrapper.__init__(self, venv)
        self.env = venv
        base = _innermost(venv)
        if isinstance(base, (DummyVecEnv, SubprocVecEnv)):
            metadata = base.get_attr("metadata")[0]
        else:
            metadata = base.metadata
        self.env.metadata = metadata
        if venv.render_mode != "rgb_array":
            raise RenderModeError(
                f"The render_mode must be 'rgb_array', not {venv.render_mode!r}: make the "
                "environments with that"
            )
        check_trigger("record_video_trigger", record_video_trigger, also="")
        video_length = check_whole_number("video_length", video_length, at_least=0)
        self.record_video_trigger = record_video_trigger
        self._totals = EpisodeTotals()
        RecordingWrapper.__init__(
            self,
            environment=_name_of_environment(base),
            render_fps=metadata.get("render_fps"),
            video_folder=video_folder,
            step_trigger=record_video_trigger,
            video_length=video_length,
            name_prefix=name_prefix,
            fps=fps,
            disable_logger=disable_logger,
            warns_of_overwriting=False,
            **options,
        )
        self.video_length = video_length
        self.step_id = 0
        self._gives_images = _renders_plainly(venv)
        self._aspect_ratio = None
        if video_aspect_ratio is not None:
            self._aspect_ratio = check_aspect_ratio(video_aspect_ratio)
        self._num_columns = 0
        self._clip: Clip | None = None
        self._replaced: Path | None = None  # File of a clip that gives way to the next one.
        self._sums = StepSums(venv.num_envs)
        self._indices = np.zeros(venv.num_envs, int)
        self._last_shown = -1  # Latest episode of the first environment that a clip has shown.

    def reset(self) -> Any:
        """Reset the environments; a clip may begin here.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        self._settle_videos()
        obs = self.venv.reset()
        is_due = self._video_enabled()
        is_next = self._clip is not None and self._clip.begin != self.step_id
        if is_due and is_next and self.recording:
            self._stop_recording()
        self._log_unfinished_episodes()
        self._totals = EpisodeTotals(self._totals.index + 1)
        if is_due:
            self._start_video_recorder()
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        """Begin a step.

        Raises:
            GymreelError: A video that was completing failed and ``on_error`` is ``"raise"``.
        """
        if len(self._folder.pending) > self.recording:  # Others than the one in progress.
            self._settle_videos()
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        """End the step, and record a frame if :attr:`recording`.

        Raises:
            GymreelError: The recording failed and ``on_error`` is ``"raise"``; the environments
                have taken the step.
        """
        obs, rewards, dones, infos = self.venv.step_wait()
        self.step_id += 1
        totals = self._totals
        totals.length += 1
        totals.return_ = add_reward(totals.return_, rewards[0])
        if dones[0]:
            totals.info = infos[0]
            totals.truncated = bool(infos[0].get("TimeLimit.truncated", False))
            totals.terminated = not totals.truncated
        if self._folder.reports.writes_log:
            self._sums.add_step(rewards, _NONE)
            if np.any(dones):
                self._log_episodes(np.flatnonzero(dones), infos)
        if self.recording:
            frames = self._recorder.frames
            frames.add_step(rewards[0])
            if frames.stride == 1 or not self._leaves_out(is_last=False):
                self._capture_frame()
            if self.recording and frames.length > self.video_length:
                self._stop_recording()
        elif self._video_enabled():
            self._start_video_recorder()
        if dones[0]:  # The environment is in its next episode already.
            self._totals = EpisodeTotals(totals.index + 1)
        return obs, rewards, dones, infos

    def close(self) -> None:
        """End the recording, close the environments, and wait for all files to be complete.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        try:
            if self.recording:
                self._stop_recording()
            self._log_unfinished_episodes()
        finally:
            try:
                VecEnvWrapper.close(self)
            finally:
                self._complete_videos()

    def _log_episodes(self, environments: Indices, infos: Sequence[Any] | None) -> None:
        """Log episodes that end here; without infos, they are interrupted."""
        self._folder.reports.log(
            self._episode_of(i, infos[i] if infos is not None else None)
            for i in environments.tolist()
        )
        self._sums.restart(environments)
        self._indices[environments] += 1

    def _log_unfinished_episodes(self) -> None:
        unfinished = np.flatnonzero(self._sums.lengths)
        if unfinished.size > 0:
            self._log_episodes(unfinished, None)

    def _episode_of(self, i: int, info: Mapping[str, Any] | None) -> Episode:
        is_truncated = info is not None and bool(info.get("TimeLimit.truncated", False))
        totals = EpisodeTotals(
            index=int(self._indices[i]),
            length=int(self._sums.lengths[i]),
            return_=self._sums.return_of(i),
            terminated=info is not None and not is_truncated,
            truncated=is_truncated,
            info={key: info[key] for key in info if key != "terminal_observation"} if info else {},
        )
        path = self._clip_of_episode() if i == 0 else None
        return self._describe(totals, step=self._count_steps(), path=path, env_index=i)

    def _current_episode(self) -> Episode:
        return self._describe(self._totals, step=self._count_steps(), path=self._recorder.path)

    def _clip_of_episode(self) -> Path | None:
        """Return the latest clip if it shows the first environment's episode, or None."""
        if self._clip is None or not (self.recording or self._last_shown == self._indices[0]):
            return None
        return self._clip.path

    def _video_enabled(self) -> bool:
        return bool(self.record_video_trigger(self.step_id))

    def _start_video_recorder(self) -> None:
        """Begin a clip, named after this step, with its first frame."""
        name = f"{self.name_prefix}-step-{self.step_id}-to-step-{self.step_id + self.video_length}"
        self.video_name = f"{name}{self._folder.suffix}"
        self.video_path = os.path.join(self.video_folder, self.video_name)
        self._start_recording()
        if self.recording:
            if self._recorder.frames.stride > 1:
                self._leaves_out(is_last=False)  # Counts the first state, which is never left out.
            self._capture_frame()

    def _start_recording(self) -> None:
        """Start a recording into :attr:`video_path`; one that is in progress ends first."""
        before = self._recorder.frames.writer
        if before is not None and self._clip is not None and self._clip.begin == self.step_id:
            # Two resets without a step between them, the user's and that of ``learn()``: the few
            # frames since the first one give way to this clip, and are not reported.
            self._replaced = before.path
            self._folder.pending.forget(before)
            self._stop_recording()
        try:
            self.start_recording(self.video_name.removesuffix(self._folder.suffix))
        finally:
            self._replaced = None
        if self.recording:
            frames = self._recorder.frames
            assert frames.writer is not None
            self._clip = Clip(self.name_prefix, self.step_id, int(self.video_length), frames.path)
            self._take_name_of_clip()
            rename = functools.partial(self._clip.rename, self._folder, frames)
            self._folder.pending.rename(frames.writer, rename)

    def _take_name_of_clip(self) -> None:
        if self._clip is not None:
            self.video_path = str(self._clip.path)
            self.video_name = os.path.relpath(self.video_path, self.video_folder)

    def _settle_videos(self, *, wait: bool = False) -> None:
        super()._settle_videos(wait=wait)
        self._take_name_of_clip()

    def _start_recorder(self, video_name: str) -> Path:
        episode = self._current_episode()
        return self._recorder.start(video_name, episode, instead_of=self._replaced)

    def _stop_recording(self) -> None:
        """End the recording; its file is completed in the background."""
        # If a step has just ended an episode, its frame belongs to the next one already.
        self._last_shown = int(self._indices[0]) - (self._sums.lengths[0] == 0)
        self.stop_recording()

    def _capture_frame(self) -> None:
        """Render all environments into a frame of the video; subclasses override this."""
        if not self.recording:
            raise NotRecordingError("cannot capture a frame: nothing is being recorded")
        # The only references, so that the writer may borrow the memory.
        holder: list[Any] = list(self.env.get_images()) if self._gives_images else []
        if not self._gives_images:
            holder.append(self.env.render())
        try:
            frames = self._recorder.frames
            # No variable may refer to a frame, so that its memory can be borrowed.
            for kind in {type(frame) for frame in holder if not _is_array(frame)}:
                raise not_an_array(kind)
            for k in range(len(holder)):
                if is_tensor(holder[k]):
                    holder[k] = as_array(holder[k])
            if len(holder) == 1:
                frames.num_frames += frames.write_from(holder)
            else:
                if self._num_columns == 0:
                    self._num_columns = self._choose_columns(holder)
                frames.num_frames += frames.write_tiles_from(holder, self._num_columns)
        except GymreelError as error:
            self._fail_recording(error)

    def _choose_columns(self, tiles: list[Any]) -> int:
        count = len(tiles)
        if self._aspect_ratio is None:
            return math.ceil(count / math.ceil(math.sqrt(count)))
        width, height = grid.cell_size(_core.tile_sizes(tiles))
        return grid.arrange(count, width, height, self._aspect_ratio)[0]

    @property
    def video_recorder(self) -> types.SimpleNamespace:
        """Object with the path of the latest clip as ``path``, which is None before the first."""
        return types.SimpleNamespace(path=None if self._clip is None else str(self._clip.path))

    def _count_steps(self) -> int:
        num_steps: int = self.step_id * self.num_envs
        return num_steps

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording, with episodes of its own."""
        return {
            **super().__getstate__(),
            "_totals": copy.copy(self._totals),
            "_sums": copy.deepcopy(self._sums),
            "_indices": self._indices.copy(),
        }


def _is_array(frame: object) -> bool:
    return isinstance(frame, np.ndarray) or is_tensor(frame)


def _innermost(venv: VecEnv) -> VecEnv:
    while isinstance(venv, VecEnvWrapper):
        venv = venv.venv
    return venv


def _name_of_environment(base: VecEnv) -> str:
    # Only environments of this process are asked: the question could end another process.
    first = next(iter(getattr(base, "envs", ())), None)
    spec = getattr(first, "spec", None)
    return str(spec.id if spec is not None else type(base).__name__)


def _renders_plainly(venv: VecEnv) -> bool:
    """Return whether ``render()`` only puts the environments' pictures together."""
    while isinstance(venv, VecEnvWrapper):
        if type(venv).render is not VecEnvWrapper.render:
            return False
        venv = venv.venv
    gives_images = type(venv).get_images is not VecEnv.get_images
    return gives_images and type(venv).render in (VecEnv.render, DummyVecEnv.render)
