"""The README's Python, each block by itself and as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from support.frames import needs_x264
from support.paths import PROJECT

README = PROJECT / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
NEEDED = {
    "gymreel.trackers": "tensorboard",
    "gymreel.integrations.sb3": "stable_baselines3",
    "gymreel.integrations.pettingzoo": "pettingzoo",
}
"""What else must be installed for a block with an import from that module."""


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 8


@needs_x264
@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_each_block_runs_and_records(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, package in NEEDED.items():
        if f"from {module} import" in block:
            pytest.importorskip(package, exc_type=ImportError)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block, f"{README.name}: {block.splitlines()[0]}", "exec"), names)
    for name in ("env", "envs", "venv"):
        if name in names and "videos" in block:
            _play(names[name])
    videos = [path for path in tmp_path.rglob("*") if path.suffix in (".mp4", ".gif")]
    assert videos
    assert all(path.stat().st_size > 0 for path in videos)


def _play(env: Any) -> None:
    """Do what a reader would do next."""
    env.reset()
    if isinstance(env, gym.Env):  # To an episode's end: one that is cut off may not be kept.
        has_ended = False
        while not has_ended:
            *_, terminated, truncated, _ = env.step(env.action_space.sample())
            has_ended = terminated or truncated
    elif isinstance(env, gym.vector.VectorEnv):
        env.step(env.action_space.sample())
    else:  # Stable-Baselines3's.
        env.step([env.action_space.sample() for _ in range(env.num_envs)])
    env.close()
