"""Trackers that need no package, and what is said where a package is missing."""

from __future__ import annotations

import copy
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from gymreel import ConfigError, Episode, MissingPackageError, trackers
from gymreel.trackers import Logging, Tracker
from gymreel.triggers import at
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.subprocesses import run_python


def test_logging_has_a_line_for_each_episode_and_video(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = RecordVideo(NumberedEnv(3), tmp_path / "v", at({1}), trackers=[Logging()])
    run_episodes(env, 2)
    env.reset()
    env.step(0)
    env.close()
    path = tmp_path / "v" / "rl-video-episode-1.mp4"
    lines = [record.getMessage() for record in caplog.records if record.name == "gymreel"]
    # When a video is complete is not certain.
    lines.remove(f"episode 1 is recorded: {path} (4 frames, {path.stat().st_size} bytes)")
    assert lines == [
        "episode 0, return 3, 3 steps, terminated",
        "episode 1, return 3, 3 steps, terminated",
        "episode 2, return 1, 1 step, interrupted",
    ]


def test_logging_to_a_logger_at_a_level(caplog: pytest.LogCaptureFixture) -> None:
    tracker = Logging(logging.getLogger("mine"), logging.WARNING)
    tracker.log_episode(Episode(4, env_index=2, truncated=True))
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("mine", logging.WARNING)
    assert record.getMessage() == "episode 4, environment 2, 0 steps, truncated"


class _Uncopyable(Tracker):
    """Holds what cannot be copied, as the connection to a server, and notes what it is told."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.told: list[Any] = []

    def log_video(self, episode: Episode) -> None:
        self.told.append(("video", episode.index))

    def on_saved(self, episode: Episode) -> None:
        self.told.append(("saved", episode.index))

    def is_first(self, episode: int) -> bool:
        return episode == 0


def test_what_is_told_of_videos_is_never_copied(tmp_path: Path) -> None:
    theirs = _Uncopyable()
    inner = gym.make("CartPole-v1", render_mode="rgb_array")
    env = RecordVideo(
        inner, tmp_path, theirs.is_first, on_saved=theirs.on_saved, trackers=[theirs, Logging()]
    )
    # A wrapper around it copies the arguments again, to say how all this can be made.
    assert gym.Wrapper(env).spec is not None
    copy.deepcopy(env).close()
    env.reset()
    assert theirs.told == []
    env.close()
    assert theirs.told == [("saved", 0), ("video", 0)]
    assert env.spec is not None
    spec = gym.Wrapper(gym.make(env.spec)).spec
    assert spec is not None
    assert spec.additional_wrappers[-2].kwargs is not None
    assert spec.additional_wrappers[-2].kwargs["trackers"][0] is theirs


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"logger": 3}, "logger=3 must be a logger or its name"),
        ({"level": "INFO"}, "level='INFO' must be a number"),
    ],
)
def test_bad_arguments_of_logging_are_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Logging(**arguments)


@pytest.mark.parametrize(
    ("name", "package", "arguments"),
    [("TensorBoard", "tensorboard", ["runs"]), ("WandB", "wandb", []), ("MLflow", "mlflow", [])],
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, arguments: list[str]
) -> None:
    for module in list(sys.modules):
        if module.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf"pip install 'gymreel\[{package}\]'") as raised:
        getattr(trackers, name)(*arguments)
    assert isinstance(raised.value, ImportError)
    assert f"{name} needs the package {package}" in str(raised.value)


def test_the_folder_of_earlier_runs_is_not_taken_for_the_package(tmp_path: Path) -> None:
    (tmp_path / "wandb" / "latest-run").mkdir(parents=True)
    script = """
        import sys
        sys.path[:] = [sys.argv[1]] + [p for p in sys.path if not p.endswith("-packages")]
        import gymreel._extras
        from gymreel import MissingPackageError
        try:
            gymreel._extras.import_package("wandb", "wandb", "WandB")
        except MissingPackageError as error:
            print(error)
    """
    # numpy and gymreel are imported before their folders are out of the way.
    script = "import gymreel.trackers\n" + "\n".join(line[8:] for line in script.splitlines())
    assert "is only a folder" in run_python(script, tmp_path).stdout


def test_importing_the_trackers_imports_no_package() -> None:
    script = """
        import sys, gymreel.wrappers
        from gymreel.trackers import Logging, MLflow, TensorBoard, WandB
        print([name for name in ("mlflow", "tensorboard", "wandb") if name in sys.modules])
    """
    assert run_python(script, Path()).stdout.strip() == "[]"
