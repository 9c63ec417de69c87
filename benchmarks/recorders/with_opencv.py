"""OpenCV's VideoWriter."""

from __future__ import annotations

import os
from pathlib import Path

import cv2

from recorders.base import FPS, Clip, Recorder


class OpencvRecorder(Recorder):
    """Takes BGR; has neither preset nor crf."""

    matrix = "bt601"

    def __init__(self, fourcc: str, name: str, note: str) -> None:
        self._fourcc = cv2.VideoWriter_fourcc(*fourcc)  # type: ignore[attr-defined]
        self.name = name
        self.note = note

    def record(self, clip: Clip, path: Path) -> None:
        writer = cv2.VideoWriter(str(path), self._fourcc, FPS, (clip.width, clip.height))
        if not writer.isOpened():
            raise RuntimeError(f"OpenCV cannot open {self.name}")
        for frame in clip.frames:
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        writer.release()


def _has_h264(scratch: Path) -> bool:
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # Nothing: it tries encoders that are not there.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    fourcc = cv2.VideoWriter_fourcc(*"avc1")  # type: ignore[attr-defined]
    path = scratch / "probe.mp4"
    writer = cv2.VideoWriter(str(path), fourcc, FPS, (64, 64))
    opened = bool(writer.isOpened())
    writer.release()
    path.unlink(missing_ok=True)
    return opened


def make_recorders(scratch: Path) -> list[Recorder]:
    """Make this module's recorders."""
    if _has_h264(scratch):
        return [OpencvRecorder("avc1", "OpenCV (avc1)", "no preset, no crf")]
    note = "not H.264, which the package lacks, but MPEG-4 part 2; no crf"
    return [OpencvRecorder("mp4v", "OpenCV (mp4v)", note)]
