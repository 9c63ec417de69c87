"""torchcodec's VideoEncoder, which takes all frames as one tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torchcodec.encoders import VideoEncoder

from recorders.base import CRF, FPS, PRESET, Clip, Recorder


class TorchcodecRecorder(Recorder):
    """The whole clip is one contiguous tensor in memory, made before the clock starts."""

    name = "torchcodec"
    note = "all frames in one tensor, made before"
    matrix = "bt601"

    def prepare(self, clip: Clip) -> None:
        self._tensor = torch.from_numpy(np.stack(clip.frames)).permute(0, 3, 1, 2)

    def record(self, clip: Clip, path: Path) -> None:
        encoder = VideoEncoder(frames=self._tensor, frame_rate=FPS)
        encoder.to_file(path, codec="libx264", pixel_format="yuv420p", crf=CRF, preset=PRESET)

    def clean_up(self, clip: Clip) -> None:
        del self._tensor


def make_recorders(scratch: Path) -> list[Recorder]:
    """Make this module's recorders."""
    return [TorchcodecRecorder()]
