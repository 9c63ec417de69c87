"""The examples, run as they stand; the first two are the tutorial's."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gymreel import read_episodes
from support.frames import needs_x264
from support.paths import PROJECT
from support.video_reader import count_frames, names_in, probe

EXAMPLES = PROJECT / "examples"


def _run(name: str, folder: Path) -> str:
    finished = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@needs_x264
def test_evaluation_records_every_frame_of_four_episodes(tmp_path: Path) -> None:
    output = _run("evaluate.py", tmp_path)
    printed = re.search(r"Episode lengths: deque\(\[(.*)\], maxlen=4\)", output)
    assert printed is not None
    lengths = [int(length) for length in printed[1].split(", ")]
    assert len(lengths) == 4
    videos = tmp_path / "cartpole-agent"
    assert names_in(videos) == [f"eval-episode-{episode}.mp4" for episode in range(4)]
    for episode, length in enumerate(lengths):
        path = videos / f"eval-episode-{episode}.mp4"
        assert count_frames(path) == length + 1
        (stream,) = probe(path)["streams"]
        assert (stream["profile"], stream["pix_fmt"]) == ("High", "yuv420p")


def test_training_records_every_250th_of_ten_thousand_episodes(tmp_path: Path) -> None:
    _run("train.py", tmp_path)
    expected = sorted(f"training-episode-{episode}.mp4" for episode in range(0, 10_000, 250))
    assert sorted(names_in(tmp_path / "cartpole-agent")) == expected


def test_training_shows_its_videos_in_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    _run("train_tensorboard.py", tmp_path)
    videos = tmp_path / "cartpole-search"
    names = [f"search-episode-{episode}.gif" for episode in range(0, 60, 20)]
    assert names_in(videos) == sorted(names)
    (events,) = (tmp_path / "runs" / "cartpole-search").iterdir()
    data = events.read_bytes()
    assert all((videos / name).read_bytes() in data for name in names)


def test_vector_evaluation_records_the_same_number_of_episodes_of_each(tmp_path: Path) -> None:
    output = _run("evaluate_vector.py", tmp_path)
    lines = re.findall(r"Environment (\d): \[(.*), (.*)\]", output)
    assert len(lines) == 4
    videos = tmp_path / "cartpole-agents"
    assert len(names_in(videos)) == 8
    for env, *returns in lines:
        for episode, return_ in enumerate(returns):
            path = videos / f"eval-env-{env}-episode-{episode}.mp4"
            assert count_frames(path) == float(return_) + 1


@pytest.mark.skipif(
    importlib.util.find_spec("stable_baselines3") is None,
    reason="Stable-Baselines3 is not installed: tools/install_sb3.sh, or make test, says why",
)
def test_training_with_stable_baselines3_records_every_500_steps(tmp_path: Path) -> None:
    output = _run("train_sb3.py", tmp_path)
    # Training ends after 1024 steps, in the middle of the last clip.
    expected = {f"ppo-step-{clip}.mp4" for clip in ("0-to-step-200", "500-to-step-700")}
    expected.add("ppo-step-1000-to-step-1024.mp4")
    videos = tmp_path / "cartpole-training"
    assert set(names_in(videos)) == expected
    counts = {name: count_frames(videos / name) for name in expected}
    assert counts["ppo-step-0-to-step-200.mp4"] == counts["ppo-step-500-to-step-700.mp4"] == 201
    assert counts["ppo-step-1000-to-step-1024.mp4"] == 25
    for name, count in counts.items():
        assert f"{name}: {count} frames" in output


@pytest.mark.skipif(
    importlib.util.find_spec("pettingzoo") is None,
    reason="PettingZoo is not installed: pip install pettingzoo",
)
def test_pettingzoos_games_give_a_frame_for_each_move_and_step(tmp_path: Path) -> None:
    output = _run("play_pettingzoo.py", tmp_path)
    for folder, num_episodes in (("tictactoe", 3), ("pong", 1)):
        episodes = read_episodes(tmp_path / folder)
        assert len(episodes) == num_episodes
        for episode in episodes:
            assert episode.path is not None
            assert count_frames(episode.path) == episode.length + 1
            assert f"{Path(folder, episode.path.name)}: {episode.length} steps" in output
