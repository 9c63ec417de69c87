"""A clip of Stable-Baselines3's recorder, and what it is called."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from gymreel._runs import RunMember
from gymreel.wrappers._arguments import video_path
from gymreel.wrappers._recorded_frames import RecordedFrames

__all__ = ["Clip"]


class Clip:
    """The latest clip: at which step it begins, and where it is."""

    def __init__(self, prefix: str, begin: int, length: int, path: Path) -> None:
        """Begin a clip.

        Args:
            prefix: Of its name.
            begin: Steps before it.
            length: A whole clip has more frames than this.
            path: Where it goes, as a whole one.
        """
        self._prefix = prefix
        self.begin = begin
        self._length = length
        self.path = path

    def rename(self, run: RunMember, folder: str, frames: RecordedFrames) -> Path:
        """Name a complete clip after the steps that it holds, where it was to hold more.

        Args:
            run: The one that the clip is of.
            folder: Where the videos go.
            frames: Those that were taken; the file may show fewer of them.

        Returns:
            Where it is then.

        Raises:
            GymreelError: It has no such name, and keeps the one that it has.
        """
        if len(frames) > self._length:
            return self.path
        end = self.begin + len(frames) - 1
        name = f"{self._prefix}-step-{self.begin}-to-step-{end}"
        claim = run.claim(video_path(folder, name, self.path.suffix))
        with contextlib.suppress(OSError):  # Else it keeps the name that it has.
            os.replace(self.path, claim.path)
            self.path = claim.path
        claim.release()
        return self.path
