"""The interface of a recorder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from frames import Frames

__all__ = ["CRF", "FPS", "PRESET", "Clip", "Recorder"]

PRESET = "veryfast"
CRF = 23
FPS = 30


@dataclass(frozen=True)
class Clip:
    """The frames to encode."""

    size: str
    frames: Frames

    @property
    def width(self) -> int:
        """Columns of each frame."""
        return int(self.frames[0].shape[1])

    @property
    def height(self) -> int:
        """Rows of each frame."""
        return int(self.frames[0].shape[0])


class Recorder(ABC):
    """One way to make a video file.

    Attributes:
        name: Name in the tables.
        note: Remark that a reader needs to judge the row.
        matrix: Colour matrix that it converts with, whatever the file says, for a fair
            measurement of quality.
    """

    name: str
    note = ""
    matrix: Literal["bt601", "bt709"] = "bt709"

    def prepare(self, clip: Clip) -> None:  # noqa: B027  # Most have nothing to do.
        """Prepare the recording. Not measured."""

    @abstractmethod
    def record(self, clip: Clip, path: Path) -> None:
        """Write the complete file. Measured."""

    def clean_up(self, clip: Clip) -> None:  # noqa: B027
        """Undo ``prepare``."""
