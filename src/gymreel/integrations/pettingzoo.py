"""Videos of PettingZoo's games, encoded while they go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gymreel._extras import missing_package
from gymreel._frame_conversion import how_to_convert
from gymreel._validation import check_choice, show
from gymreel._writer_config import DEFAULT_MAX_PENDING_BYTES
from gymreel.episodes import Episode
from gymreel.errors import ConfigTypeError, FrameTypeError, GymreelError, NotRecordingError
from gymreel.keep import KeepPolicy
from gymreel.trackers import Tracker
from gymreel.wrappers._episode_recording import EpisodeRecording
from gymreel.wrappers._episode_totals import add_reward, ends_episode

try:
    from pettingzoo import AECEnv, ParallelEnv
    from pettingzoo.utils import BaseParallelWrapper, BaseWrapper
except ImportError as error:
    raise missing_package(__name__, "pettingzoo", "pettingzoo", error) from error

__all__ = ["AECRecordVideo", "ParallelRecordVideo", "RecordVideo"]


class RecordVideo(EpisodeRecording):
    """Records episodes of a game, or stretches of steps, into video files.

    ``RecordVideo(env, "videos")`` gives a :class:`ParallelRecordVideo` for a parallel environment
    and an :class:`AECRecordVideo` for one whose agents act one after the other. Both have the
    arguments of ``gymreel.wrappers.RecordVideo`` and behave as that does: a video for each episode
    that ``episode_trigger`` names, encoded in the background, complete after :meth:`close`.

    The first frame is the one after the reset. A parallel environment gives one more for each step.
    Of agents that act in turns, ``every="step"`` shows the game after each agent's step, and
    ``every="cycle"`` when all have had their turn; by default each cycle where the environment says
    that its agents act at the same time (``is_parallelizable``), and else each step, as in chess.
    The steps by which agents that are out leave the game show nothing and do not count.

    An ``Episode`` has the sum of all agents' rewards as ``return_``, and each one's in
    ``info["returns"]``.

    Attributes:
        recording: Whether frames are being recorded.
        episode_id: Number of the current episode, from 0; -1 before the first.
        step_id: Number of the latest step over all episodes, from 0; -1 before the first. Of agents
            that act in turns each one's step counts.
    """

    env: Any

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Let everything of the environment's be there, for which PettingZoo has no types."""

    def __new__(cls, env: Any = None, *_: Any, **__: Any) -> RecordVideo:
        """Choose the class for the kind of environment."""
        if cls is RecordVideo:
            cls = ParallelRecordVideo if isinstance(env, ParallelEnv) else AECRecordVideo  # noqa: PLW0642
        return super().__new__(cls)

    def __init__(  # The order of gymreel.wrappers.RecordVideo.
        self,
        env: AECEnv | ParallelEnv,
        video_folder: str | os.PathLike[str],
        episode_trigger: Callable[[int], bool] | None = None,
        step_trigger: Callable[[int], bool] | None = None,
        video_length: float = 0,
        name_prefix: str = "rl-video",
        fps: float | Fraction | None = None,
        disable_logger: bool = True,
        gc_trigger: Callable[[int], bool] | None = None,
        *,
        every: Literal["cycle", "step"] | None = None,
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
        """Wrap a game.

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
            fps: Frames per second; None for ``env.metadata["render_fps"]``, or 30 without that.
            disable_logger: False prints a line for each file that is complete.
            gc_trigger: Asked with the number of the episode at the end of each recording whether
                to run ``gc.collect()``; None for never.
            every: When to record a frame, where agents act one after the other; see above.
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
            on_error: What to do about a video that fails: warn of it once, or ``"raise"``, as in
                ``gymreel.wrappers.RecordVideo``.
            wait: Whether the ``reset`` or ``step`` that ends a recording waits until the video is
                complete, 10 seconds at most; if that is not enough, it warns once. For scripts that
                look for the file at once, as Gymnasium's recorder has it; see
                :meth:`wait_for_videos` for less waiting.
            keep: Which videos stay, decided when they are complete.
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
        kind = ParallelEnv if isinstance(self, ParallelRecordVideo) else AECEnv
        if not isinstance(env, kind):
            raise ConfigTypeError(f"env={show(env)} must be a pettingzoo.{kind.__name__}")
        if every is not None:
            check_choice("every", every, ["cycle", "step"], also=", or None")
        self.env = env
        if every is None:
            every = "cycle" if env.metadata.get("is_parallelizable") else "step"
        self._every_step = every == "step"
        self._returns: dict[str, float | None] = {}
        self._set_up(
            env,
            video_folder=video_folder,
            episode_trigger=episode_trigger,
            step_trigger=step_trigger,
            video_length=video_length,
            name_prefix=name_prefix,
            fps=fps,
            disable_logger=disable_logger,
            gc_trigger=gc_trigger,
            codec=codec,
            preset=preset,
            crf=crf,
            pixel_format=pixel_format,
            options=options,
            suffix=suffix,
            copy=copy,
            max_pending_bytes=max_pending_bytes,
            on_full=on_full,
            on_error=on_error,
            wait=wait,
            keep=keep,
            on_saved=on_saved,
            episode_log=episode_log,
            trackers=trackers,
            report_when=report_when,
        )

    def close(self) -> None:
        """End the recording, close the environment, and wait for all files to be complete.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        try:
            self._tell_episode()
            if self.recording:
                self.stop_recording()
        finally:
            try:
                self.env.close()
            finally:
                self._complete_videos()

    def _begin_totals(self, seed: int | None) -> None:
        super()._begin_totals(seed)
        self._returns = {str(agent): 0.0 for agent in self.env.agents}

    def _take_step(
        self,
        rewards: Mapping[Any, Any],
        terminations: Iterable[Any],
        truncations: Iterable[Any],
        *,
        has_ended: bool,
    ) -> None:
        """Note what a step gave; the frame comes after this."""
        self.step_id += 1
        totals, returns = self._totals, self._returns
        totals.length += 1
        together: float | None = 0.0
        for agent, reward in rewards.items():
            name = str(agent)
            returns[name] = add_reward(returns.get(name, 0.0), reward)
            together = add_reward(together, reward)
        totals.return_ = add_reward(totals.return_, together)
        if self.recording:
            self._recorded_frames.add_step(together)
        if self.step_trigger and self.step_trigger(self.step_id):
            self.start_recording(f"{self.name_prefix}-step-{self.step_id}")
        if has_ended:
            totals.terminated = any(ends_episode(terminated, False) for terminated in terminations)
            totals.truncated = any(ends_episode(truncated, False) for truncated in truncations)
            # A game that no agent is left in is over, whatever it says of them.
            totals.terminated |= not totals.truncated
            self._tell_episode()

    def _capture_frame(self) -> None:
        """Render a frame into the video; subclasses override this to record something else."""
        if not self.recording:
            raise NotRecordingError("cannot capture a frame: nothing is being recorded")
        # In a list and never in a variable: nothing else leads to the frame then.
        holder: list[Any] = [self.env.render()]
        try:
            if not isinstance(holder[0], np.ndarray):
                raise FrameTypeError(
                    "expected type of frame returned by render to be a numpy array, "
                    f"got instead {type(holder[0])}; {how_to_convert(type(holder[0]))}"
                )
            frames = self._recorded_frames
            frames.num_frames += frames.write_from(holder)
        except GymreelError as error:
            self._fail_recording(error)

    def _episode_info(self) -> Mapping[str, Any]:
        return {"returns": dict(self._returns)}

    def _name_environment(self, env: Any) -> str:
        game = env.unwrapped
        return str(getattr(game, "metadata", {}).get("name", type(game).__name__))

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording, with an episode of its own."""
        return {**super().__getstate__(), "_returns": dict(self._returns)}


class ParallelRecordVideo(RecordVideo, BaseParallelWrapper):
    """Records a game whose agents act at the same time; see :class:`RecordVideo`."""

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Reset the environment; an episode's recording ends here and the next may start.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        self._settle_videos()
        result = self.env.reset(seed=seed, options=options)
        self._begin_episode(seed)
        return result

    def step(self, actions: dict[Any, Any]) -> Any:
        """Let all agents act, and record a frame if :attr:`recording`.

        Raises:
            GymreelError: The recording failed and ``on_error`` is ``"raise"``; the environment has
                taken the step.
        """
        is_over = not self.env.agents
        observations, rewards, terminations, truncations, infos = self.env.step(actions)
        if not is_over:
            self._take_step(
                rewards,
                terminations.values(),
                truncations.values(),
                has_ended=not self.env.agents,
            )
            if self.recording:
                self._record_frame()
        return observations, rewards, terminations, truncations, infos


class AECRecordVideo(RecordVideo, BaseWrapper):
    """Records a game whose agents act one after the other; see :class:`RecordVideo`."""

    _have_acted: frozenset[Any] = frozenset()
    """Who has had a turn since the last cycle."""

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Reset the environment; an episode's recording ends here and the next may start.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        self._settle_videos()
        self.env.reset(seed=seed, options=options)
        self._have_acted = frozenset()
        self._begin_episode(seed)

    def step(self, action: Any) -> None:
        """Let the agent act whose turn it is, and record a frame if it is time for one.

        Raises:
            GymreelError: The recording failed and ``on_error`` is ``"raise"``; the environment has
                taken the step.
        """
        env = self.env
        if not env.agents:
            env.step(action)
            return
        agent = env.agent_selection
        is_out = self._is_out(agent)
        env.step(action)
        has_ended = False
        if not is_out:
            self._have_acted |= {agent}
            has_ended = all(self._is_out(other) for other in env.agents)
            self._take_step(
                env.rewards,
                env.terminations.values(),
                env.truncations.values(),
                has_ended=has_ended,
            )
        is_cycle = bool(self._have_acted) and (has_ended or self._ends_cycle())
        if is_cycle:
            self._have_acted = frozenset()
        if self.recording and (is_cycle if not self._every_step else not is_out):
            self._record_frame()

    def _is_out(self, agent: Any) -> bool:
        """Say whether an agent's next step is the one by which it leaves the game."""
        env = self.env
        return ends_episode(env.terminations.get(agent, True), env.truncations.get(agent, True))

    def _ends_cycle(self) -> bool:
        """Say whether the next to act has had its turn already."""
        env = self.env
        if not env.agents:
            return False
        following = env.agent_selection
        return following in self._have_acted and not self._is_out(following)
