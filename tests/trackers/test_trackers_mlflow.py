"""MLflow's client finds the episodes' metrics and the videos as artifacts, in a local store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gymreel import ConfigError, Episode
from gymreel.trackers import MLflow
from gymreel.triggers import at
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes

mlflow: Any = pytest.importorskip("mlflow", reason="mlflow is not installed")

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    # A database would need SQLAlchemy, which mlflow-skinny does without; a store of files must be
    # asked for.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    uri = (tmp_path / "store").as_uri()
    mlflow.set_tracking_uri(uri)
    yield uri
    while mlflow.active_run() is not None:
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


def _metrics(run_id: str, name: str) -> list[tuple[int, float]]:
    history = mlflow.MlflowClient().get_metric_history(run_id, name)
    return [(metric.step, metric.value) for metric in history]


@pytest.mark.parametrize("is_given", [True, False])
def test_metrics_and_videos_are_read_back(tmp_path: Path, is_given: bool) -> None:
    run = mlflow.start_run()
    run_id = run.info.run_id
    if is_given:
        mlflow.end_run()
    tracker = MLflow(run_id) if is_given else MLflow()
    env = RecordVideo(NumberedEnv(4), tmp_path / "v", at({1}), trackers=[tracker])
    run_episodes(env, 2)
    env.close()
    assert _metrics(run_id, "episode/length") == [(4, 4.0), (8, 4.0)]
    assert _metrics(run_id, "episode/return") == [(4, 4.0), (8, 4.0)]
    artifacts = mlflow.MlflowClient().list_artifacts(run_id, "videos")
    assert [artifact.path for artifact in artifacts] == ["videos/rl-video-episode-1.mp4"]
    copy = mlflow.artifacts.download_artifacts(
        run_id=run_id, artifact_path=artifacts[0].path, dst_path=str(tmp_path / "down")
    )
    assert Path(copy).read_bytes() == (tmp_path / "v" / "rl-video-episode-1.mp4").read_bytes()


def test_a_store_a_folder_and_a_prefix_of_ones_own(tmp_path: Path) -> None:
    uri = (tmp_path / "other").as_uri()
    client = mlflow.MlflowClient(uri)
    run_id = client.create_run(client.create_experiment("e")).info.run_id
    tracker = MLflow(run_id, tracking_uri=uri, artifact_path="a/b", prefix="eval")
    video = tmp_path / "x.mkv"
    video.write_bytes(b"video")
    tracker.log_episode(Episode(0, length=3, step=5, return_=None, terminated=True))
    tracker.log_video(Episode(0, length=3, step=5, path=video))
    assert client.get_run(run_id).data.metrics == {"eval/length": 3.0}
    assert [entry.path for entry in client.list_artifacts(run_id, "a/b")] == ["a/b/x.mkv"]


def test_without_a_run_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mlflow\.start_run\(\) first, or pass run_id"):
        MLflow()
    mlflow.start_run()
    env = RecordVideo(NumberedEnv(4), tmp_path / "v", at(set()), trackers=[MLflow()])
    mlflow.end_run()
    run_episodes(env)
    with pytest.warns(UserWarning, match="log_episode raised ConfigError .*no active run"):
        env.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"run_id": 3}, "run_id=3 must be text"),
        ({"tracking_uri": 3}, "tracking_uri=3 must be text"),
        ({"run_id": "a", "artifact_path": Path("v")}, "artifact_path=.* must be text"),
        ({"run_id": "a", "prefix": None}, "prefix=None must be"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MLflow(**arguments)
