"""Videos of PettingZoo's games, encoded in the background."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gymreel._extras import missing_package
from gymreel._recording.checks import check_render_mode, not_an_array
from gymreel._recording.episode import EpisodeTotals, add_reward, ends_episode
from gymreel._recording.options import RecorderOptions, documents_options
from gymreel._recording.wrapper import EpisodeRecordingWrapper
from gymreel._tensors import is_tensor
from gymreel._validation import check_choice, show
from gymreel.episodes import Episode
from gymreel.errors import ConfigTypeError, GymreelError, NotRecordingError

try:
    from pettingzoo import AECEnv, ParallelEnv
    from pettingzoo.utils import BaseParallelWrapper, BaseWrapper
except ImportError as error:
    raise missing_package(__name__, "pettingzoo", "pettingzoo", error) from error

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["AECRecordVideo", "ParallelRecordVideo", "RecordVideo"]


class RecordVideo(EpisodeRecordingWrapper):
    """Wrapper that records episodes of a game, or stretches of steps, into video files.

    ``RecordVideo(env, "videos")`` returns a :class:`ParallelRecordVideo` for a parallel environment
    and an :class:`AECRecordVideo` for one whose agents act one after the other. Both have the
    arguments of ``gymreel.wrappers.RecordVideo`` and behave in the same way: a video for each
    episode that ``episode_trigger`` selects, encoded in the background, complete after
    :meth:`close`.

    The first frame is the one after the reset. A parallel environment is recorded after each step.
    Where agents act in turns, ``every="step"`` records after each agent's step, and
    ``every="cycle"`` after all agents have had their turn. The default is each cycle where the
    environment declares that its agents act at the same time (``is_parallelizable``), and otherwise
    each step, as in chess. Steps with which agents leave the game are neither recorded nor counted.

    An ``Episode`` has the sum of all agents' rewards as ``return_``, and the return of each agent
    in ``info["returns"]``.

    Attributes:
        recording: Whether frames are being recorded.
        episode_id: Number of the current episode, from 0; -1 before the first.
        step_id: Number of the latest step over all episodes, from 0; -1 before the first. Where
            agents act in turns, each agent's step counts.
    """

    env: Any

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Have every attribute of the environment, for which PettingZoo has no types."""

    def __new__(cls, env: Any = None, *_: Any, **__: Any) -> RecordVideo:
        """Choose the class for the kind of environment."""
        if cls is RecordVideo:
            cls = ParallelRecordVideo if isinstance(env, ParallelEnv) else AECRecordVideo  # noqa: PLW0642
        return super().__new__(cls)

    @documents_options
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
        **options: Unpack[RecorderOptions],
    ) -> None:
        """Wrap a game.

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
            fps: Frames per second; None for ``env.metadata["render_fps"]``, or 30 without it.
            disable_logger: False prints a line for each complete video.
            gc_trigger: Function that is called with the number of the episode at the end of each
                recording, and returns whether to run ``gc.collect()``; None for never.
            every: When to record a frame where agents act in turns, see above.
            {options}

        Raises:
            ConfigError: An argument is wrong, or the render mode returns no images.
            OutputError: The folder cannot be created or written to.
        """
        kind = ParallelEnv if isinstance(self, ParallelRecordVideo) else AECEnv
        if not isinstance(env, kind):
            raise ConfigTypeError(f"env={show(env)} must be a pettingzoo.{kind.__name__}")
        if every is not None:
            check_choice("every", every, ["cycle", "step"], also=", or None")
        check_render_mode(env)
        self.env = env
        if every is None:
            every = "cycle" if env.metadata.get("is_parallelizable") else "step"
        self._every_step = every == "step"
        self._returns: dict[str, float | None] = {}
        self._totals = EpisodeTotals()
        game = env.unwrapped
        super().__init__(
            environment=str(getattr(game, "metadata", {}).get("name", type(game).__name__)),
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

    def close(self) -> None:
        """End the recording, close the environment, and wait for all files to be complete.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        try:
            self._report_episode()
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
        """Add the results of a step, whose frame has not been recorded yet."""
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
            self._recorder.frames.add_step(together)
        # Before the trigger or the start of a recording can raise, which would lose the outcome.
        if has_ended:
            totals.terminated = any(ends_episode(terminated, False) for terminated in terminations)
            totals.truncated = any(ends_episode(truncated, False) for truncated in truncations)
            # A game without agents is over, whatever their flags say.
            totals.terminated |= not totals.truncated
        if self.step_trigger and self.step_trigger(self.step_id):
            self.start_recording(f"{self.name_prefix}-step-{self.step_id}")
        if has_ended:
            self._report_episode()

    def _capture_frame(self) -> None:
        """Render a frame into the video; subclasses override this to record something else."""
        if not self.recording:
            raise NotRecordingError("cannot capture a frame: nothing is being recorded")
        # In a list and never in a variable: the writer borrows a frame that nothing else refers to.
        holder: list[Any] = [self.env.render()]
        try:
            if not isinstance(holder[0], np.ndarray) and not is_tensor(holder[0]):
                raise not_an_array(type(holder[0]))
            frames = self._recorder.frames
            frames.num_frames += frames.write_from(holder)
        except GymreelError as error:
            self._fail_recording(error)

    def _current_episode(self) -> Episode:
        self._totals.info = {"returns": dict(self._returns)}
        return super()._current_episode()

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle as not recording, with an episode of its own."""
        return {**super().__getstate__(), "_returns": dict(self._returns)}


# Of a class with both methods, inspect.signature() and help() show the parameters of __new__.
RecordVideo.__new__.__signature__ = inspect.signature(  # type: ignore[attr-defined]
    RecordVideo.__init__
)


class ParallelRecordVideo(RecordVideo, BaseParallelWrapper):
    """Wrapper that records a game whose agents act at the same time; see :class:`RecordVideo`."""

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Reset the environment; the recording of an episode ends here, and the next may start.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        self._settle_videos()
        result = self.env.reset(seed=seed, options=options)
        self._begin_episode(seed)
        return result

    def step(self, actions: dict[Any, Any]) -> Any:
        """Take a step of all agents, and record a frame if :attr:`recording`.

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
                self._record_frame(is_last=not self.env.agents)
        return observations, rewards, terminations, truncations, infos


class AECRecordVideo(RecordVideo, BaseWrapper):
    """Wrapper that records a game whose agents act in turns; see :class:`RecordVideo`."""

    _have_acted: frozenset[Any] = frozenset()
    """Agents that have had a turn since the last cycle."""

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Reset the environment; the recording of an episode ends here, and the next may start.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``.
        """
        self._settle_videos()
        self.env.reset(seed=seed, options=options)
        self._have_acted = frozenset()
        self._begin_episode(seed)

    def step(self, action: Any) -> None:
        """Take the step of the agent whose turn it is, and record a frame if one is due.

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
            self._record_frame(is_last=has_ended)

    def _is_out(self, agent: Any) -> bool:
        """Return whether an agent's next step is the one with which it leaves the game."""
        env = self.env
        return ends_episode(env.terminations.get(agent, True), env.truncations.get(agent, True))

    def _ends_cycle(self) -> bool:
        """Return whether the next agent to act has had its turn already."""
        env = self.env
        if not env.agents:
            return False
        following = env.agent_selection
        return following in self._have_acted and not self._is_out(following)
