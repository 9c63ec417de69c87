"""Frames of real environments, rendered once and cached.

    python benchmarks/frames.py            renders what is not cached yet
    python benchmarks/frames.py --quick    only what the quick runs need

Rendering takes far longer than anything measured here, so a clip that needs more frames than
there are goes through them forwards and backwards: motion stays smooth, and no two neighbours
are equal that were not.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import children
import numpy as np
from numpy.typing import NDArray

__all__ = ["SIZES", "Frames", "load"]

Frames = list[NDArray[np.uint8]]

_CACHE = Path(
    os.environ.get("GYMREEL_BENCH_CACHE") or Path(__file__).resolve().parent / ".cache" / "frames"
)


@dataclass(frozen=True)
class Source:
    """Where the frames of one size come from."""

    environment: str
    width: int
    height: int
    num_frames: int
    num_frames_quick: int
    render: Callable[[Source, int], NDArray[np.uint8]]

    def path(self, num_frames: int) -> Path:
        """Return the path of the cached frames."""
        environment = self.environment.replace("/", "-")
        return _CACHE / f"{environment}-{self.width}x{self.height}-{num_frames}.npy"


def load(size: str, num_frames: int, *, quick: bool = False) -> Frames:
    """Return a clip of ``num_frames`` frames, in which repeated frames are the same array."""
    source = SIZES[size]
    count = source.num_frames_quick if quick else source.num_frames
    path = source.path(count)
    if not path.exists():
        print(f"rendering {count} frames of {source.environment} at {size} …", flush=True)
        rendered = children.in_child(source.render, source, count)
        assert rendered.shape == (count, source.height, source.width, 3), rendered.shape
        _CACHE.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".partial.npy")
        np.save(temporary, rendered)
        temporary.rename(path)
    rendered = np.load(path)
    return list(itertools.islice(_to_and_fro(list(rendered)), num_frames))


def _to_and_fro(frames: Frames) -> Iterator[NDArray[np.uint8]]:
    return itertools.cycle(frames + frames[-2:0:-1])


def _render_mujoco(source: Source, num_frames: int) -> NDArray[np.uint8]:
    # Before mujoco is imported. Without a display there is EGL, in software where there is no GPU.
    os.environ.setdefault("MUJOCO_GL", "egl")
    return _play(source, num_frames, width=source.width, height=source.height)


def _render_cartpole(source: Source, num_frames: int) -> NDArray[np.uint8]:
    return _play(source, num_frames)


def _render_atari(source: Source, num_frames: int) -> NDArray[np.uint8]:
    _register_atari()
    return _play(source, num_frames)


def _render_atari_observations(source: Source, num_frames: int) -> NDArray[np.uint8]:
    # What agents see: grey, 84 x 84, by area as in every Atari preprocessing.
    cv2 = importlib.import_module("cv2")
    screens = _render_atari(source, num_frames)
    grey = [cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY) for screen in screens]
    small = [
        cv2.resize(screen, (source.width, source.height), interpolation=cv2.INTER_AREA)
        for screen in grey
    ]
    return np.repeat(np.stack(small)[..., np.newaxis], 3, axis=3)


def _register_atari() -> None:
    gymnasium = importlib.import_module("gymnasium")
    gymnasium.register_envs(importlib.import_module("ale_py"))


def _play(source: Source, num_frames: int, **settings: Any) -> NDArray[np.uint8]:
    gymnasium = importlib.import_module("gymnasium")
    env = gymnasium.make(source.environment, render_mode="rgb_array", **settings)
    env.action_space.seed(1)
    env.reset(seed=1)
    frames: Frames = []
    while len(frames) < num_frames:
        frames.append(np.ascontiguousarray(env.render()))
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
    env.close()
    return np.stack(frames)


SIZES = {
    "3840x2160": Source("Ant-v5", 3840, 2160, 24, 6, _render_mujoco),
    "1920x1080": Source("Ant-v5", 1920, 1080, 60, 20, _render_mujoco),
    "600x400": Source("CartPole-v1", 600, 400, 300, 100, _render_cartpole),
    "160x210": Source("ALE/Breakout-v5", 160, 210, 600, 600, _render_atari),
    "84x84": Source("ALE/Breakout-v5", 84, 84, 600, 600, _render_atari_observations),
}
"""The sizes, as width x height, that benchmarks go through."""


def main() -> None:
    """Render all frames that are not cached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    for size in SIZES:
        load(size, 1, quick=quick)


if __name__ == "__main__":
    main()
