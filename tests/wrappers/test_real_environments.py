"""Environments that people train on: pygame, the Arcade Learning Environment and MuJoCo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gymreel.triggers import always
from gymreel.wrappers import RecordEpisodeStatistics, RecordVideo
from support.real_environments import KeepFrames, make_breakout, make_cartpole, make_hopper
from support.video_reader import decode, names_in, probe


@pytest.mark.parametrize("make", [make_cartpole, make_breakout, make_hopper])
def test_frames_are_the_environments_own(tmp_path: Path, make: Callable[[], Any]) -> None:
    base = KeepFrames(make())
    env = RecordVideo(base, tmp_path / "videos", always, crf=10)
    statistics = RecordEpisodeStatistics(env)
    lengths = []
    for episode in range(2):
        statistics.reset(seed=episode)
        statistics.action_space.seed(episode)
        ended = False
        while not ended:
            action = statistics.action_space.sample()
            _, _, terminated, truncated, info = statistics.step(action)
            ended = terminated or truncated
        lengths.append(info["episode"]["l"])
    stats = env.recorded_frames.stats
    assert stats.num_borrowed + stats.num_copied == lengths[1] + 1
    if make is not make_breakout:  # Its arrays stand on a memoryview, which owns what it may.
        assert stats.num_copied == 0
    statistics.close()

    assert names_in(tmp_path / "videos") == ["rl-video-episode-0.mp4", "rl-video-episode-1.mp4"]
    decoded = [
        frame
        for episode in range(2)
        for frame in decode(tmp_path / "videos" / f"rl-video-episode-{episode}.mp4")
    ]
    assert len(decoded) == sum(lengths) + 2 == len(base.frames)
    for ours, theirs in zip(decoded, base.frames, strict=True):
        assert ours.shape == theirs.shape
        # Colour is stored at a quarter of the resolution, so single pixels may be far off at edges.
        assert np.abs(ours.astype(int) - theirs).mean() < 3


def test_mujoco_frames_have_negative_strides(tmp_path: Path) -> None:
    """Without this the test above would not test them."""
    env = make_hopper()
    env.reset()
    frame: Any = env.render()
    assert frame.strides[0] < 0
    env.close()


@pytest.mark.parametrize(
    ("make", "rate"), [(make_cartpole, "50/1"), (make_breakout, "30/1"), (make_hopper, "125/1")]
)
def test_frame_rate_is_the_environments(tmp_path: Path, make: Callable[[], Any], rate: str) -> None:
    with RecordVideo(make(), tmp_path / "videos") as env:
        env.reset()
    (stream,) = probe(tmp_path / "videos" / "rl-video-episode-0.mp4")["streams"]
    assert stream["avg_frame_rate"] == rate
