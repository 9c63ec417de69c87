"""A clip of the recorder for Stable-Baselines3, and its name."""

from __future__ import annotations

from pathlib import Path

from gymreel._recording.frames import RecordedFrames
from gymreel._recording.video_folder import VideoFolder

__all__ = ["Clip"]


class Clip:
    """The latest clip.

    Attributes:
        begin: Number of steps before the clip.
        path: File of the clip.
    """

    def __init__(self, prefix: str, begin: int, length: int, path: Path) -> None:
        """Start a clip.

        Args:
            prefix: Beginning of its name.
            begin: Number of steps before it.
            length: A whole clip has more frames than this.
            path: File of the clip, named as a whole one.
        """
        self._prefix = prefix
        self.begin = begin
        self._length = length
        self.path = path

    def rename(self, folder: VideoFolder, frames: RecordedFrames) -> Path:
        """Name a complete clip after the steps that it holds, and return its path.

        Args:
            folder: Folder of the clip.
            frames: Frames of the clip; the file may show fewer of them.

        Raises:
            GymreelError: There can be no file of that name; the clip keeps the name that it has.
        """
        if frames.length <= self._length:
            end = self.begin + frames.length - 1
            self.path = folder.rename(self.path, f"{self._prefix}-step-{self.begin}-to-step-{end}")
        return self.path
