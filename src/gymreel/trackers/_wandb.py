"""``WandB`` reports episodes and videos to a Weights & Biases run."""

from __future__ import annotations

from typing import Any

from gymreel._extras import import_package
from gymreel._validation import check_flag, show
from gymreel._warnings import warn
from gymreel.episodes import Episode
from gymreel.errors import ConfigError
from gymreel.trackers._tracker import Tracker, check_interrupted, check_prefix, scalars_of

__all__ = ["WandB", "as_media"]


class WandB(Tracker):
    """Logs scalars of each episode, and each video file, to a W&B run.

    ``episode/return`` and ``episode/length`` are shown over ``episode/step``, the number of steps
    of all environments together. Videos are logged as ``episode/video``. W&B takes mp4, webm and
    gif files; one warning says that others are not logged.

    Each episode and each video is a row of the run and increments the run's step. If the training
    passes steps itself, ``run.log(…, step=update)``, W&B ignores rows whose step is too small: use
    ``commit=False`` then.
    """

    def __init__(
        self,
        run: Any = None,
        *,
        prefix: str = "episode",
        commit: bool = True,
        interrupted: bool = False,
    ) -> None:
        """Log to a run.

        Args:
            run: The run that ``wandb.init()`` returned; None for ``wandb.run`` at the time when
                something is logged.
            prefix: Start of the names, such as ``"eval"``.
            commit: False adds to the row that the training logs next, which then has only the
                latest episode and the latest video.
            interrupted: Whether to log the numbers of episodes that ``close()`` or an early
                ``reset()`` interrupted.

        Raises:
            ConfigError: No run is active and no ``run`` is given, or an argument is invalid.
            MissingPackageError: W&B is not installed: ``pip install gymreel[wandb]``.
        """
        self._prefix = check_prefix(prefix)
        self._interrupted = check_interrupted(interrupted)
        self._given_run = run
        if run is not None and not callable(getattr(run, "log", None)):
            raise ConfigError(f"run={show(run)} must be what wandb.init() returns, or None")
        self._commit = check_flag("commit", commit)
        self._run_with_axis: str | None = None
        self._has_warned = False
        self._run()

    def log_episode(self, episode: Episode) -> None:
        """Log the scalars of an episode."""
        if self._interrupted or not episode.interrupted:
            self._log(episode, scalars_of(episode))

    def log_video(self, episode: Episode) -> None:
        """Log a video."""
        assert episode.path is not None
        media = as_media(_wandb(), episode)
        if media is not None:
            self._log(episode, {"video": media})
        elif not self._has_warned:
            self._has_warned = True
            warn(
                f"W&B takes no {episode.path.suffix} files, so the videos are not logged; "
                'use suffix=".mp4"',
            )

    def _run(self) -> Any:
        wandb = _wandb()
        run = self._given_run if self._given_run is not None else wandb.run
        if run is None:
            raise ConfigError("WandB found no active run: call wandb.init() first, or pass run=…")
        return run

    def _log(self, episode: Episode, values: dict[str, Any]) -> None:
        run = self._run()
        axis = f"{self._prefix}/step"
        if self._run_with_axis != run.id:
            run.define_metric(axis)
            run.define_metric(f"{self._prefix}/*", step_metric=axis)
            self._run_with_axis = run.id
        named = {f"{self._prefix}/{name}": value for name, value in values.items()}
        run.log({**named, axis: episode.step}, commit=self._commit)


def as_media(wandb: Any, episode: Episode) -> Any:
    """Return a video as an object of W&B, or None if W&B takes no such files."""
    assert episode.path is not None
    container = episode.path.suffix[1:].lower()
    if container not in wandb.Video.EXTS:
        return None
    return wandb.Video(str(episode.path), caption=episode.describe(), format=container)


def _wandb() -> Any:
    return import_package("wandb", "wandb", "WandB")
