"""What a run of W&B that is offline has on disk: the history, and the videos byte by byte."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gymreel import ConfigError, Episode, GymreelWarning
from gymreel.trackers import WandB
from gymreel.triggers import at
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.subprocesses import run_python

wandb: Any = pytest.importorskip("wandb", reason="wandb is not installed")

_BLOCK = 32768
_HEADER = 7


def _records(path: Path) -> Iterator[bytes]:
    """Read a file in LevelDB's format of logs: blocks of fragments, each with a header."""
    data = path.read_bytes()
    assert data[:4] in (b":W&B", b"")
    position, record = _HEADER, b""
    while position + _HEADER <= len(data):
        if _BLOCK - position % _BLOCK < _HEADER:  # The end of a block that can hold no header.
            position += _BLOCK - position % _BLOCK
            continue
        length = int.from_bytes(data[position + 4 : position + 6], "little")
        if position + _HEADER + length > len(data):
            return
        kind = data[position + 6]  # 1: whole, 2: first, 3: middle, 4: last fragment
        record += data[position + _HEADER : position + _HEADER + length]
        position += _HEADER + length
        if kind in (1, 4):
            yield record
            record = b""


def _history(folder: Path) -> list[dict[str, Any]]:
    """Return what was logged to the one run in a folder, row by row, without W&B's own entries."""
    from wandb.proto import wandb_internal_pb2

    protos: Any = wandb_internal_pb2  # Its names are there at run time only.
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    rows: list[dict[str, Any]] = []
    for _ in range(1000):  # W&B's own process may still be writing when the run is finished.
        records = [protos.Record.FromString(data) for data in _records(path)]
        if any(record.WhichOneof("record_type") == "exit" for record in records):
            break
        time.sleep(0.01)
    for record in records:
        if record.WhichOneof("record_type") == "history":
            row: dict[str, Any] = {}
            for item in record.history.item:
                *outer, key = item.nested_key or [item.key]
                entry = row
                for name in outer:
                    entry = entry.setdefault(name, {})
                entry[key] = json.loads(item.value_json)
            rows.append({key: value for key, value in row.items() if not key.startswith("_")})
    return rows


def _media(folder: Path, entry: dict[str, Any]) -> bytes:
    (files,) = folder.glob("wandb/offline-run-*/files")
    assert entry["_type"] == "video-file"
    return Path(files / entry["path"]).read_bytes()


def _settings() -> Any:
    return wandb.Settings(
        console="off", silent=True, disable_git=True, x_disable_meta=True, x_disable_stats=True
    )


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    with wandb.init(
        mode="offline", project="tests", dir=str(tmp_path), settings=_settings()
    ) as run:
        yield run


@pytest.mark.parametrize(
    ("suffix", "is_given"), [(".mp4", True), (".webm", False), (".gif", False)]
)
def test_scalars_and_videos_are_read_back(
    tmp_path: Path, run: Any, suffix: str, is_given: bool
) -> None:
    tracker = WandB(run) if is_given else WandB()
    run.log({"loss": 0.5})
    env = RecordVideo(NumberedEnv(4), tmp_path / "v", at({1}), suffix=suffix, trackers=[tracker])
    run_episodes(env, 2)
    env.close()
    run.finish()
    rows = _history(tmp_path)
    assert rows[0] == {"loss": 0.5}
    scalars = {"episode/return": 4.0, "episode/length": 4}
    assert rows[1:3] == [{**scalars, "episode/step": 4}, {**scalars, "episode/step": 8}]
    (row,) = rows[3:]
    assert row["episode/step"] == 8
    video = (tmp_path / "v" / f"rl-video-episode-1{suffix}").read_bytes()
    assert _media(tmp_path, row["episode/video"]) == video
    assert row["episode/video"]["caption"] == "episode 1, return 4, 4 steps"


def test_a_training_that_counts_the_steps_itself_loses_none(tmp_path: Path, run: Any) -> None:
    tracker = WandB(commit=False)
    for update in range(1, 5):
        for number in range(3 * update, 3 * update + 3):
            tracker.log_episode(
                Episode(number, length=2, step=2 * number, return_=1.0, terminated=True)
            )
        run.log({"loss": update / 10}, step=update)
    run.finish()
    rows = _history(tmp_path)
    assert [row["loss"] for row in rows if "loss" in row] == [0.1, 0.2, 0.3, 0.4]
    assert [row["episode/step"] for row in rows if "episode/step" in row] == [10, 16, 22, 28]


def test_what_wandb_does_not_take_is_said_once(tmp_path: Path, run: Any) -> None:
    tracker = WandB(prefix="eval")
    env = RecordVideo(NumberedEnv(4), tmp_path / "v", at({0, 1}), suffix=".mkv", trackers=[tracker])
    run_episodes(env, 2)
    with pytest.warns(GymreelWarning, match=r'takes no \.mkv .*suffix="\.mp4"') as caught:
        env.close()
    assert len(caught) == 1
    run.finish()
    assert [set(row) for row in _history(tmp_path)] == [
        {"eval/return", "eval/length", "eval/step"}
    ] * 2


def test_without_a_run_it_says_what_to_do(tmp_path: Path, run: Any) -> None:
    env = RecordVideo(NumberedEnv(4), tmp_path / "v", at(set()), trackers=[WandB()])
    run.finish()
    with pytest.raises(ConfigError, match=r"call wandb\.init\(\) first, or pass run"):
        WandB()
    run_episodes(env)
    with pytest.warns(UserWarning, match="log_episode raised ConfigError .*no active run"):
        env.close()
    with pytest.raises(ConfigError, match=r"run='x' must be what wandb\.init"):
        WandB(run="x")
    with pytest.raises(ConfigError, match="commit=None must be True or False"):
        WandB(commit=None)  # type: ignore[arg-type]


def test_the_axis_is_defined_for_each_run(tmp_path: Path, run: Any) -> None:
    tracker = WandB()
    tracker.log_episode(Episode(0, length=1, step=1, terminated=True))
    run.finish()
    other = tmp_path / "other"
    other.mkdir()
    with wandb.init(mode="offline", project="tests", dir=str(other), settings=_settings()):
        tracker.log_episode(Episode(1, length=2, step=3, terminated=True))
    assert _history(tmp_path) == [{"episode/length": 1, "episode/step": 1}]
    assert _history(other) == [{"episode/length": 2, "episode/step": 3}]


# In processes of their own, as W&B changes Gymnasium's class for good.
_MONITORED = """
    import sys
    import gymnasium.wrappers
    import wandb
    from support.environments import NumberedEnv, run_episodes
    from gymreel.trackers import WandB
    from gymreel.triggers import at
    from gymreel.wrappers import RecordVideo
    folder = sys.argv[1]
    settings = wandb.Settings(
        console="off", silent=True, disable_git=True, x_disable_meta=True, x_disable_stats=True
    )
    def init(**arguments):
        return wandb.init(
            mode="offline", project="tests", dir=folder, settings=settings, **arguments
        )
"""


def test_monitor_gym_logs_the_videos_by_itself(tmp_path: Path) -> None:
    script = """
    env = RecordVideo(NumberedEnv(4), folder + "/v", at({0, 2}))
    run = init(monitor_gym=True)
    run_episodes(env, 3)
    env.close()
    run.finish()
    """
    run_python(_MONITORED + script, tmp_path, "-W", "error")
    rows = _history(tmp_path)
    assert [set(row) for row in rows] == [{"videos"}] * 2
    for row, number in zip(rows, (0, 2), strict=True):
        video = (tmp_path / "v" / f"rl-video-episode-{number}.mp4").read_bytes()
        assert _media(tmp_path, row["videos"]) == video


def test_a_monitored_run_that_takes_nothing_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def log(values: dict[str, Any]) -> None:
        raise ConnectionError(f"refused at {time.time()}")

    monkeypatch.setattr(wandb, "run", types.SimpleNamespace(log=log))
    monkeypatch.setitem(wandb.patched, "gym", ["gymnasium.wrappers.RecordVideo"])
    env = RecordVideo(NumberedEnv(4), tmp_path / "v", at({0, 1, 2}))
    with pytest.warns(UserWarning, match=r"wandb\.log raised ConnectionError") as caught, env:
        run_episodes(env, 3)
    assert len(caught) == 1


def test_a_monitored_run_that_ended_with_the_interpreter_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W&B has changed the class so that it closes what nobody has closed, when all is over."""
    monkeypatch.setattr(wandb, "run", types.SimpleNamespace())
    monkeypatch.setitem(wandb.patched, "gym", ["gymnasium.wrappers.RecordVideo"])
    env = RecordVideo(NumberedEnv(4), tmp_path / "v", at({0}))
    run_episodes(env)
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    with pytest.warns(UserWarning, match=r"the run has ended; call close\(\)") as caught:
        env.close()
    assert len(caught) == 1


def test_without_monitor_gym_or_beside_a_tracker_nothing_is_logged_by_itself(
    tmp_path: Path,
) -> None:
    script = """
    with init() as run:
        with RecordVideo(NumberedEnv(4), folder + "/a", at({0})) as env:
            run_episodes(env)
    with init(monitor_gym=True):
        with RecordVideo(NumberedEnv(4), folder + "/b", at({0}), trackers=[WandB()]) as env:
            run_episodes(env)
    with RecordVideo(NumberedEnv(4), folder + "/c", at({0})) as env:
        run_episodes(env)  # The run is over.
    print(run.id)
    """
    first = run_python(_MONITORED + script, tmp_path, "-W", "error").stdout.strip()
    one, other = (folder.name for folder in sorted(tmp_path.glob("wandb/offline-run-*")))
    if not one.endswith(first):
        one, other = other, one
    for name in (one, other):
        (tmp_path / name / "wandb").mkdir(parents=True)
        (tmp_path / "wandb" / name).rename(tmp_path / name / "wandb" / name)
    assert _history(tmp_path / one) == []
    keys = [set(row) for row in _history(tmp_path / other)]
    assert keys == [
        {"episode/return", "episode/length", "episode/step"},
        {"episode/video", "episode/step"},
    ]


def test_monitor_gym_where_gymnasium_offers_gymreels_wrapper(tmp_path: Path) -> None:
    """W&B then changes the class of gymreel, and asks its objects for attributes."""
    script = """
    gymnasium.wrappers.RecordVideo = RecordVideo
    with init(monitor_gym=True):
        env = gymnasium.wrappers.RecordVideo(NumberedEnv(4), folder + "/v", at({0}))
        run_episodes(env)
        env.close()
        del env
    """
    finished = run_python(_MONITORED + script, tmp_path, "-W", "error")
    assert finished.stderr == ""
    (row,) = _history(tmp_path)
    video = (tmp_path / "v" / "rl-video-episode-0.mp4").read_bytes()
    assert _media(tmp_path, row["videos"]) == video


def test_monitor_gym_in_a_script_that_does_not_know_gymreel(tmp_path: Path) -> None:
    script = """
        import gymnasium as gym
        import wandb

        settings = wandb.Settings(
            console="off", silent=True, disable_git=True, x_disable_meta=True, x_disable_stats=True
        )
        with wandb.init(mode="offline", project="tests", monitor_gym=True, settings=settings):
            env = gym.make("CartPole-v1", render_mode="rgb_array")
            env = gym.wrappers.RecordVideo(env, "v", episode_trigger=lambda episode: episode < 2)
            env = gym.wrappers.RecordEpisodeStatistics(env)
            for _ in range(3):
                env.reset()
                ended = False
                while not ended:
                    _, _, terminated, truncated, info = env.step(0)
                    ended = terminated or truncated
                assert info["episode"]["l"] > 0
            env.close()
        """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))
    command = [sys.executable, "-W", "error::UserWarning", "-m", "gymreel", "run", "script.py"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=100)
    rows = _history(tmp_path)
    assert [set(row) for row in rows] == [{"videos"}] * 2
    for row, number in zip(rows, (0, 1), strict=True):
        video = (tmp_path / "v" / f"rl-video-episode-{number}.mp4").read_bytes()
        assert _media(tmp_path, row["videos"]) == video
