"""What a writer returns: ``Recording`` for a complete file, ``WriterStats`` meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gymreel._html import video_html

__all__ = ["Recording", "WriterStats"]


@dataclass(frozen=True)
class Recording:
    """A complete video file.

    Attributes:
        path: The file. If the recording failed, the partial file that holds what was recorded.
        num_frames: Number of frames in it; an upper bound if writing failed. With 0 frames there
            is no file.
        duration_seconds: ``num_frames`` divided by the frame rate.
        num_bytes: Size of the file.
        size: ``(width, height)`` of the frames that were written, in pixels.
        codec: Format of the video, such as ``"h264"``.
        encoder: FFmpeg's encoder that produced it, such as ``"libx264"``.
        is_superseded: Whether the file at ``path`` belonged to a later recording of this process,
            with the same path, when this object was made. The frames of this recording are gone.
    """

    path: Path
    num_frames: int
    duration_seconds: float
    num_bytes: int
    size: tuple[int, int]
    codec: str
    encoder: str
    is_superseded: bool = False

    def _repr_html_(self) -> str:
        """Return the video as HTML for a notebook."""
        return video_html(self.path, codec=self.codec)


@dataclass(frozen=True)
class WriterStats:
    """Counts of one writer at one moment.

    Attributes:
        num_written: Frames that were queued.
        num_encoded: Frames that were encoded.
        num_dropped: Frames that were dropped because the queue was full (``on_full="drop"``).
        num_borrowed: Frames that were queued without a copy.
        num_copied: Frames that were copied, because something else could reach their memory.
        num_pending: Frames that wait to be encoded.
        pending_bytes: Memory of the waiting frames, in bytes.
        num_bytes: Bytes written to the file so far.
    """

    num_written: int
    num_encoded: int
    num_dropped: int
    num_borrowed: int
    num_copied: int
    num_pending: int
    pending_bytes: int
    num_bytes: int
