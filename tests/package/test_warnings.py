"""Warnings: their category, where they point, and who silences them."""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import gymreel
from gymreel import GymreelWarning
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes

BAD_FRAME = np.full((48, 64, 3), 0.5, np.float32)


@pytest.fixture
def _quiet_gymnasium() -> Iterator[None]:
    before = gym.logger.min_level
    gym.logger.min_level = gym.logger.ERROR
    yield
    gym.logger.min_level = before


def test_a_filter_on_our_category_reaches_a_recorder(tmp_path: Path) -> None:
    env = RecordVideo(NumberedEnv(frames={1: BAD_FRAME}), tmp_path / "videos")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", category=GymreelWarning)
        run_episodes(env)
    env.close()
    assert caught == []


def test_a_warning_of_a_recorder_names_the_line_that_stepped(tmp_path: Path) -> None:
    env: gym.Env[int, int] = RecordVideo(NumberedEnv(frames={1: BAD_FRAME}), tmp_path / "videos")
    env = gym.wrappers.TimeLimit(env, 100)
    env.reset()
    with pytest.warns(GymreelWarning, match="Recording stopped") as caught:
        env.step(0)
    assert [warning.filename for warning in caught] == [__file__]
    env.close()


def test_a_warning_of_the_folder_names_the_line_that_made_the_recorder(tmp_path: Path) -> None:
    (tmp_path / "rl-video-episode-0.mp4").write_bytes(b"")
    with pytest.warns(GymreelWarning, match="Overwriting existing videos at") as caught:
        RecordVideo(NumberedEnv(), tmp_path).close()
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.usefixtures("_quiet_gymnasium")
def test_gymnasiums_level_silences_its_recorders_and_not_a_writer(tmp_path: Path) -> None:
    env = RecordVideo(NumberedEnv(frames={1: BAD_FRAME}), tmp_path / "videos")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_episodes(env)
        env.close()
    assert caught == []
    with pytest.warns(GymreelWarning, match=r"lost\.mp4"):
        _fail_in_block(tmp_path / "lost.mp4")


def _fail_in_block(path: Path) -> None:
    with contextlib.suppress(KeyError), gymreel.VideoWriter(path) as writer:
        writer.write(np.zeros((16, 16, 3), np.uint8))
        path.mkdir()  # So that the file cannot get its name.
        raise KeyError


def test_every_warning_has_our_category() -> None:
    root = Path(gymreel.__file__).parent
    calls = {
        (path.relative_to(root).as_posix(), ast.unparse(node))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("s.warn", "logger.warn"))
    }
    assert calls
    # Of a process in which gymreel cannot be imported.
    calls = {call for call in calls if not call[0].startswith("_startup/")}
    assert [call for call in calls if "GymreelWarning" not in call[1]] == []
