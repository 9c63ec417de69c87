"""What Gymnasium would have put into its videos.

Gymnasium hands its list of frames to moviepy at the end of a recording. Here something in moviepy's
place notes which frames those are: moviepy itself repeats some and drops others.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

__all__ = ["NotedClips", "noting_clips"]


class NotedClips:
    """Notes what ``read`` makes of the frames of each clip that Gymnasium saves."""

    def __init__(self, read: Callable[[np.ndarray], Any]) -> None:
        self.videos: dict[str, list[Any]] = {}
        self.frame_rates: dict[str, float] = {}
        self._read = read

    def image_sequence_clip(self, frames: list[np.ndarray], fps: float) -> types.SimpleNamespace:
        def write_videofile(path: str, logger: object) -> None:
            self.videos[os.path.basename(path)] = [self._read(frame) for frame in frames]
            self.frame_rates[os.path.basename(path)] = fps

        return types.SimpleNamespace(write_videofile=write_videofile)


def noting_clips(monkeypatch: pytest.MonkeyPatch, read: Callable[[np.ndarray], Any]) -> NotedClips:
    """Put something in moviepy's place, whether or not it is installed."""
    clips = NotedClips(read)
    module = types.ModuleType("moviepy.video.io.ImageSequenceClip")
    module.ImageSequenceClip = clips.image_sequence_clip  # type: ignore[attr-defined]
    for name in ("moviepy", "moviepy.video", "moviepy.video.io"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "gymnasium.utils.save_video", raising=False)
    return clips
