"""Stable-Baselines3's VecVideoRecorder, which encodes through moviepy too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prepared_env import PreparedEnv
from stable_baselines3.common.vec_env import DummyVecEnv, VecVideoRecorder

from recorders.base import Clip, Recorder
from recorders.with_moviepy import same_settings


class PreparedVecEnv(DummyVecEnv):
    """One environment whose frames are ready, without the tiling of several."""

    def render(self, mode: str | None = None) -> NDArray[np.uint8] | None:
        return self.envs[0].render()  # type: ignore[return-value]


class StableBaselinesRecorder(Recorder):
    """The wrapper itself around prepared frames."""

    name = "SB3 VecVideoRecorder (moviepy)"
    note = "matrix neither chosen nor tagged"
    matrix = "bt601"

    def record(self, clip: Clip, path: Path) -> None:
        venv = VecVideoRecorder(
            PreparedVecEnv([lambda: PreparedEnv(clip.frames, fresh=False)]),
            str(path.parent),
            record_video_trigger=lambda step: step == 0,
            video_length=len(clip.frames),
            name_prefix=path.stem,
        )
        action = np.zeros(1, np.int64)
        with same_settings():
            venv.reset()
            for _ in range(len(clip.frames) - 1):
                venv.step(action)
            venv.close()
        Path(venv.video_path).rename(path)


def make_recorders(scratch: Path) -> list[Recorder]:
    """Make this module's recorders."""
    return [StableBaselinesRecorder()]
