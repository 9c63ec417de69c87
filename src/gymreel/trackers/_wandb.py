"""Episodes and their videos in Weights & Biases."""

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
    """Logs scalars of each episode, and each video as the file that it is, to a W&B run.

    ``episode/return`` and ``episode/length`` are shown over ``episode/step``, the steps of all
    environments together. The video is ``episode/video``. W&B takes mp4, webm and gif; of a video
    of another kind one warning says that it is not logged.

    Each episode and each video is a row of the run, and counts in the run's own steps. Where the
    training counts those itself, ``run.log(…, step=update)``, W&B ignores what comes with a number
    that the rows have passed already: give ``commit=False`` there.
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
            run: What ``wandb.init()`` has returned; None for the ``wandb.run`` of the moment in
                which something is logged.
            prefix: What the names start with instead of ``episode``, such as ``"eval"``.
            commit: False logs into the row that the training will log next, in which the last
                episode and the last video since the one before stand for all.
            interrupted: Whether the numbers of episodes that were cut off by ``close()`` or an
                early ``reset()`` are logged too.

        Raises:
            ConfigError: No run is active and none is given, or an argument is wrong.
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
                f"W&B takes no {episode.path.suffix} files, so the videos are not logged there; "
                'with suffix=".mp4" they are',
            )

    def _run(self) -> Any:
        wandb = _wandb()
        run = self._given_run if self._given_run is not None else wandb.run
        if run is None:
            raise ConfigError("WandB found no active run: call wandb.init() first, or give run=…")
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
    """Give a video as W&B takes it; None where W&B takes no such files."""
    assert episode.path is not None
    container = episode.path.suffix[1:].lower()
    if container not in wandb.Video.EXTS:
        return None
    return wandb.Video(str(episode.path), caption=episode.describe(), format=container)


def _wandb() -> Any:
    return import_package("wandb", "wandb", "WandB")
