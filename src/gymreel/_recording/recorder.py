"""One video after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gymreel._recording.frames import RecordedFrames
from gymreel._recording.video_folder import VideoFolder
from gymreel.episodes import Episode
from gymreel.errors import GymreelError

__all__ = ["Recorder"]


class Recorder:
    """Records one video after the other into a folder that it may share with others.

    Attributes:
        frames: Frames of the recording in progress; empty and closed while there is none.
    """

    __slots__ = ("_folder", "frames")

    def __init__(self, folder: VideoFolder) -> None:
        """Start without a recording."""
        self._folder = folder
        self.frames = RecordedFrames()

    @property
    def path(self) -> Path | None:
        """File of the recording in progress, or None."""
        writer = self.frames.writer
        return writer.path if writer is not None else None

    def start(self, video_name: str, episode: Episode, *, instead_of: Path | None = None) -> Path:
        """Start a recording; none may be in progress.

        Args:
            video_name: Name of the file without folder and suffix.
            episode: The episode that is recorded.
            instead_of: File of another recording of this wrapper's that gives way to this one.

        Returns:
            The file, which has a number after its name where another recording has that.

        Raises:
            GymreelError: No video can be written there.
        """
        writer = self._folder.open(video_name, episode, instead_of=instead_of)
        self.frames = RecordedFrames(writer, self._folder.share, self._folder.frame_stride)
        return writer.path

    def stop(self, episode: Episode) -> None:
        """End the recording, if there is one; its file is completed in the background.

        Args:
            episode: The episode as it is now, which the video is reported with.
        """
        frames, self.frames = self.frames, RecordedFrames()
        if frames.writer is None:
            return
        self._folder.ended(frames.writer, episode)
        try:
            frames.finish()
        except GymreelError as error:  # About the last frame: it is reported with the video.
            self._folder.failed(error)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as not recording."""
        return (type(self), (self._folder,))
