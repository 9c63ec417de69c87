"""The Python of the README and the documents runs as it stands, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from support.frames import needs_x264
from support.paths import PROJECT

DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
TEXTS = {path: path.read_text("utf-8") for path in DOCUMENTS}
BLOCKS = [
    pytest.param(block, id=f"{path.stem}-{number}")
    for path, text in TEXTS.items()
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    )
]
needs_docs = pytest.mark.skipif(
    not (PROJECT / "docs").exists(), reason="needs docs/ of the repository"
)
NEEDED = {
    "gymreel.trackers": "tensorboard",
    "gymreel.integrations.sb3": "stable_baselines3",
    "gymreel.integrations.pettingzoo": "pettingzoo",
}
"""What else must be installed for a block with an import from that module."""


@needs_docs
def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 8


@needs_docs
@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[path]):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{path.name} links to {target}"
        if heading:
            assert heading in _anchors(TEXTS[linked]), f"{path.name} links to {target}"


def _anchors(text: str) -> list[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


@needs_x264
@pytest.mark.parametrize("block", BLOCKS)
def test_each_block_runs_and_records(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, package in NEEDED.items():
        if f"from {module} import" in block:
            pytest.importorskip(package, exc_type=ImportError)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block, f"a document: {block.splitlines()[0]}", "exec"), names)
    for name in ("env", "envs", "venv"):
        if name in names and "videos" in block:
            _play(names[name])
    videos = [path for path in tmp_path.rglob("*") if path.suffix in (".mp4", ".mkv", ".gif")]
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
