"""``MLflow`` reports episodes and videos to an MLflow run."""

from __future__ import annotations

import time
from typing import Any

from gymreel._extras import import_package
from gymreel._validation import check_text
from gymreel.episodes import Episode
from gymreel.errors import ConfigError
from gymreel.trackers._tracker import Tracker, check_interrupted, check_prefix, scalars_of

__all__ = ["MLflow"]


class MLflow(Tracker):
    """Logs metrics of each episode to an MLflow run, and each video as an artifact.

    ``episode/return`` and ``episode/length`` are logged at the step at which the episode ended,
    counted over all environments. If MLflow's server is slow to reach,
    ``mlflow.config.enable_async_logging()`` sends the metrics in the background; a video is always
    sent before training continues.
    """

    def __init__(
        self,
        run_id: str | None = None,
        *,
        tracking_uri: str | None = None,
        artifact_path: str | None = "videos",
        prefix: str = "episode",
        interrupted: bool = False,
    ) -> None:
        """Log to a run.

        Args:
            run_id: Id of the run; None for the run that is active on the calling thread when
                something is logged.
            tracking_uri: Where MLflow keeps its runs; None for MLflow's own setting.
            artifact_path: Folder of the videos among the run's artifacts; None for no folder.
            prefix: Start of the names of the metrics, such as ``"eval"``.
            interrupted: Whether to log the metrics of episodes that ``close()`` or an early
                ``reset()`` interrupted.

        Raises:
            ConfigError: No run is active and no ``run_id`` is given, or an argument is invalid.
            MissingPackageError: MLflow is not installed: ``pip install gymreel[mlflow]``.
        """
        given = {"run_id": run_id, "tracking_uri": tracking_uri, "artifact_path": artifact_path}
        for name, value in given.items():
            if value is not None:
                check_text(name, value, wanted="text, or None")
        self._prefix = check_prefix(prefix)
        self._interrupted = check_interrupted(interrupted)
        self._run_id = run_id
        self._tracking_uri = tracking_uri
        self._artifact_path = artifact_path
        self._active_run_id()

    def log_episode(self, episode: Episode) -> None:
        """Log the metrics of an episode."""
        if episode.interrupted and not self._interrupted:
            return
        metric = import_package("mlflow.entities", "mlflow", "MLflow").Metric
        now = int(time.time() * 1000)
        metrics = [
            metric(f"{self._prefix}/{name}", value, now, episode.step)
            for name, value in scalars_of(episode).items()
        ]
        self._client().log_batch(self._active_run_id(), metrics)

    def log_video(self, episode: Episode) -> None:
        """Log a video as an artifact."""
        self._client().log_artifact(self._active_run_id(), str(episode.path), self._artifact_path)

    def _client(self) -> Any:
        # Made for each call, which is fast, because a client cannot be sent to other processes.
        return _mlflow().MlflowClient(self._tracking_uri)

    def _active_run_id(self) -> str:
        if self._run_id is not None:
            return self._run_id
        run = _mlflow().active_run()
        if run is None:
            raise ConfigError(
                "MLflow found no active run: call mlflow.start_run() first, or pass run_id=…"
            )
        return str(run.info.run_id)


def _mlflow() -> Any:
    return import_package("mlflow", "mlflow", "MLflow")
