"""gymreel's VideoWriter."""

from __future__ import annotations

from pathlib import Path

from gymreel import VideoWriter
from recorders.base import CRF, FPS, PRESET, Clip, Recorder


class GymreelRecorder(Recorder):
    """Borrows frames, as recorders do with frames that were just rendered."""

    name = "gymreel"
    copy = False

    def record(self, clip: Clip, path: Path) -> None:
        with VideoWriter(path, fps=FPS, preset=PRESET, crf=CRF, copy=self.copy) as writer:
            for frame in clip.frames:
                writer.write(frame)


class CopyingGymreelRecorder(GymreelRecorder):
    """Copies each frame, as recorders do with frames that something else can reach."""

    name = "gymreel, frames copied"
    copy = True


def make_recorders(scratch: Path) -> list[Recorder]:
    """Make this module's recorders."""
    return [GymreelRecorder(), CopyingGymreelRecorder()]
