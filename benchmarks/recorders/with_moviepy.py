"""Gymnasium's RecordVideo, which encodes through moviepy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import gymnasium as gym
from gymnasium.wrappers import RecordVideo
from moviepy.video.io.ImageSequenceClip import ImageSequenceClip
from prepared_env import PreparedEnv

from recorders.base import CRF, PRESET, Clip, Recorder

__all__ = ["same_settings"]


@contextlib.contextmanager
def same_settings() -> Iterator[None]:
    """Make moviepy encode with the common settings, as its wrappers pass none on."""
    original = ImageSequenceClip.write_videofile

    def write_videofile(clip: ImageSequenceClip, filename: str, **arguments: Any) -> None:
        arguments = {"logger": None} | arguments
        crf = ["-crf", str(CRF)]
        original(clip, filename, codec="libx264", preset=PRESET, ffmpeg_params=crf, **arguments)

    with mock.patch.object(ImageSequenceClip, "write_videofile", write_videofile):
        yield


class GymnasiumRecorder(Recorder):
    """The wrapper itself around prepared frames."""

    name = "Gymnasium RecordVideo (moviepy)"
    note = "matrix neither chosen nor tagged"
    matrix = "bt601"

    def record(self, clip: Clip, path: Path) -> None:
        gym.logger.min_level = gym.logger.ERROR  # The folder exists: known.
        env: gym.Env[Any, Any] = RecordVideo(
            PreparedEnv(clip.frames, fresh=False),
            str(path.parent),
            name_prefix=path.stem,
            episode_trigger=lambda _: True,
        )
        with same_settings():
            env.reset()
            for _ in range(len(clip.frames) - 1):
                env.step(0)
            env.close()
        (path.parent / f"{path.stem}-episode-0.mp4").rename(path)


def make_recorders(scratch: Path) -> list[Recorder]:
    """Make this module's recorders."""
    return [GymnasiumRecorder()]
