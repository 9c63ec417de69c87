"""The tutorial's two scripts, and one of our own, run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from video_reader import count_frames, names_in, probe

EXAMPLES = Path(__file__).parents[1] / "examples"


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
