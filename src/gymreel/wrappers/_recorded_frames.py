"""What a recording wrapper keeps of the frames of a video: their count.

The frames themselves belong to the writer from the moment they are captured.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from gymreel.errors import NotRecordingError, RecordedFramesError, WriterClosedError
from gymreel.wrappers._episode_totals import add_reward
from gymreel.wrappers._thinned_frames import ThinnedFrames
from gymreel.writer import VideoWriter, WriterStats

__all__ = ["RecordedFrames"]


_NOT_RECORDING = "nothing is being recorded: start_recording was not called"


class RecordedFrames:
    """Stands where Gymnasium's ``RecordVideo`` has its list of frames, and holds none of them.

    Subclasses use ``len``, truth, ``append``, ``extend`` and ``+=`` as on that list: a frame that
    is appended goes into the video file. It cannot be taken out again.
    """

    __slots__ = (
        "_thinned",
        "_writer",
        "num_frames",
        "num_steps",
        "total_reward",
        "write_from",
        "write_tiles_from",
    )

    def __init__(self, writer: VideoWriter | None = None, share: Fraction | None = None) -> None:
        """Start without frames.

        Args:
            writer: Where the frames go; None while nothing is being recorded.
            share: Which part of the frames the video shows; None for all.
        """
        self._writer = writer
        self._thinned = None if writer is None or share is None else ThinnedFrames(writer, share)
        target = self._thinned or writer
        self.write_from = _refuse if target is None else target.write_from
        """The writer's function of that name, for who counts the frame in ``num_frames``."""
        self.write_tiles_from = _refuse if target is None else target.write_tiles_from
        """The same for the tiles of a frame."""
        self.num_frames = 0
        self.num_steps = 0
        """Steps since the first frame, and the sum of their rewards if they have one."""
        self.total_reward: float | None = 0.0

    def __len__(self) -> int:
        """Count the frames of the current recording."""
        return self.num_frames

    def append(self, frame: np.ndarray) -> None:
        """Put one frame at the end of the video.

        Args:
            frame: ``(height, width, 3)`` uint8 RGB, or another shape that ``VideoWriter`` takes.

        Raises:
            NotRecordingError: Nothing is being recorded.
            FrameError: The frame cannot be part of this video.
            FFmpegError: Encoding or writing an earlier frame failed.
        """
        holder = [frame]
        del frame  # A local variable here would look like somebody else who can reach the pixels.
        self.num_frames += self.write_from(holder)

    def extend(self, frames: Iterable[np.ndarray]) -> None:
        """Put frames at the end of the video, see :meth:`append`."""
        for frame in frames:
            self.append(frame)

    def __iadd__(self, frames: Iterable[np.ndarray]) -> RecordedFrames:
        """Put frames at the end of the video, see :meth:`append`."""
        self.extend(frames)
        return self

    @property
    def writer(self) -> VideoWriter | None:
        """Where the frames go; None while nothing is being recorded."""
        return self._writer

    @property
    def path(self) -> Path:
        """The file that the frames go to.

        Raises:
            NotRecordingError: Nothing is being recorded.
        """
        return self._open_writer().path

    @property
    def stats(self) -> WriterStats:
        """What the writer has counted so far, such as how many frames it could borrow.

        Raises:
            NotRecordingError: Nothing is being recorded.
        """
        return self._open_writer().stats

    def add_step(self, reward: Any) -> None:
        """Count a step, and add what it gave."""
        self.num_steps += 1
        self.total_reward = add_reward(self.total_reward, reward)

    def finish(self) -> None:
        """Take no more frames and let the file complete in the background.

        Raises:
            FFmpegError: The last frame, which had been left out until now, could not be written.
        """
        if self._writer is None:
            return
        try:
            if self._thinned is not None:
                self._thinned.finish()
        finally:
            self._finish(self._writer)

    def _finish(self, writer: VideoWriter) -> None:
        metadata = {"steps": str(self.num_steps)}
        if self.total_reward is not None:
            metadata["return"] = f"{self.total_reward:.10g}"
        with contextlib.suppress(WriterClosedError):  # In a forked child it is its parent's.
            writer.add_metadata(metadata)
        writer.finish()

    def __iter__(self) -> NoReturn:
        """Refuse: the frames are in the file."""
        raise RecordedFramesError(
            "recorded_frames holds no frames, they are in the video file already; override "
            "_capture_frame to look at each frame, or read the file"
        )

    def __getitem__(self, index: object) -> NoReturn:
        """Refuse: the frames are in the file."""
        self.__iter__()

    def __reduce__(self) -> tuple[type[RecordedFrames], tuple[()]]:
        """Copy and pickle as empty: two wrappers cannot write one file."""
        return (type(self), ())

    def __repr__(self) -> str:
        """Say how many frames went where."""
        where = "not recording" if self._writer is None else f"in {self._writer.path}"
        return f"<{self.num_frames} recorded frames, {where}>"

    def _open_writer(self) -> VideoWriter:
        if self._writer is None:
            raise NotRecordingError(_NOT_RECORDING)
        return self._writer


def _refuse(*_: object) -> NoReturn:
    raise NotRecordingError(_NOT_RECORDING)
