"""The frames of a recording as its wrapper sees them: a count, and a way to add more.

The frames themselves belong to the writer from the moment they are captured.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from gymreel._recording.episode import add_reward
from gymreel._thinned_frames import ThinnedFrames
from gymreel.errors import NotRecordingError, RecordedFramesError, WriterClosedError
from gymreel.writer import VideoWriter, WriterStats

__all__ = ["RecordedFrames"]

_NOT_RECORDING = "nothing is being recorded: start_recording was not called"


class RecordedFrames:
    """Takes the place of the list of frames in Gymnasium's ``RecordVideo``, and holds no frame.

    Subclasses use ``len``, truth, ``append``, ``extend`` and ``+=`` as on that list: a frame that
    is appended goes into the video file. It cannot be taken out again.

    Attributes:
        write_from: The writer's function of that name. The caller must do
            ``num_frames += write_from(holder)``. It is not wrapped in a method, to save a call per
            step.
        write_tiles_from: The same for the tiles of a frame.
        stride: Number n, if every n-th state of the environment is recorded.
        num_frames: Number of frames so far.
        num_states: With a stride above 1, number of states since the recording began, with those
            that were left out.
        num_steps: Number of steps since the first frame.
        total_reward: Sum of the rewards of those steps; None where they have no sum.
    """

    __slots__ = (
        "_thinned",
        "_writer",
        "num_frames",
        "num_states",
        "num_steps",
        "stride",
        "total_reward",
        "write_from",
        "write_tiles_from",
    )

    def __init__(
        self,
        writer: VideoWriter | None = None,
        share: Fraction | None = None,
        stride: int = 1,
    ) -> None:
        """Start without frames.

        Args:
            writer: Writer of the video; None while nothing is being recorded.
            share: Number of frames shown per frame added; None for all of them.
            stride: Number n, if every n-th state of the environment is recorded.
        """
        self._writer = writer
        self._thinned: ThinnedFrames | None = None
        if writer is not None and share is not None:
            self._thinned = ThinnedFrames(writer.write_from, writer.write_tiles_from, share)
        target = self._thinned or writer
        self.write_from = _refuse if target is None else target.write_from
        self.write_tiles_from = _refuse if target is None else target.write_tiles_from
        self.stride = stride
        self.num_frames = 0
        self.num_states = 0
        self.num_steps = 0
        self.total_reward: float | None = 0.0

    def __len__(self) -> int:
        """Return the number of frames of the current recording."""
        return self.num_frames

    def append(self, frame: np.ndarray) -> None:
        """Add one frame to the end of the video.

        Args:
            frame: ``(height, width, 3)`` uint8 RGB, or another shape that ``VideoWriter`` takes.

        Raises:
            NotRecordingError: Nothing is being recorded.
            FrameError: The frame cannot be part of this video.
            FFmpegError: Encoding or writing an earlier frame failed.
        """
        holder = [frame]
        del frame  # A local variable would count as another reference to the pixels.
        self.num_frames += self.write_from(holder)

    def extend(self, frames: Iterable[np.ndarray]) -> None:
        """Add frames to the end of the video, see :meth:`append`."""
        for frame in frames:
            self.append(frame)

    def __iadd__(self, frames: Iterable[np.ndarray]) -> RecordedFrames:
        """Add frames to the end of the video, see :meth:`append`."""
        self.extend(frames)
        return self

    @property
    def writer(self) -> VideoWriter | None:
        """Writer of the video; None while nothing is being recorded."""
        return self._writer

    @property
    def path(self) -> Path:
        """File that the frames go to.

        Raises:
            NotRecordingError: Nothing is being recorded.
        """
        return self._open_writer().path

    @property
    def stats(self) -> WriterStats:
        """Counts of the writer so far, such as how many frames it could borrow.

        Raises:
            NotRecordingError: Nothing is being recorded.
        """
        return self._open_writer().stats

    def leaves_out(self, *, is_last: bool) -> bool:
        """Count the present state of the environment, and return whether it is left out.

        To be called once for each state, if :attr:`stride` is above 1.

        Args:
            is_last: Whether it is the last state of an episode or of the recording, which is never
                left out.
        """
        is_due = self.num_states % self.stride == 0
        self.num_states += 1
        return not (is_due or is_last)

    @property
    def length(self) -> int:
        """Number of states that the recording covers: of frames, unless some are left out."""
        return self.num_frames if self.stride == 1 else self.num_states

    def add_step(self, reward: Any) -> None:
        """Count a step and add its reward."""
        self.num_steps += 1
        self.total_reward = add_reward(self.total_reward, reward)

    def finish(self) -> None:
        """Close the recording; the file is completed in the background.

        Raises:
            FFmpegError: The last frame, which was held back until now, could not be written.
        """
        if self._writer is None:
            return
        try:
            if self._thinned is not None:
                self._thinned.finish()
        finally:
            metadata = {"steps": str(self.num_steps)}
            if self.total_reward is not None:
                metadata["return"] = f"{self.total_reward:.10g}"
            with contextlib.suppress(WriterClosedError):  # In a forked child it is its parent's.
                self._writer.add_metadata(metadata)
            self._writer.finish()

    def __iter__(self) -> NoReturn:
        """Raise an error: the frames are in the file."""
        raise RecordedFramesError(
            "recorded_frames holds no frames, they are in the video file already; override "
            "_capture_frame to look at each frame, or read the file"
        )

    def __getitem__(self, index: object) -> NoReturn:
        """Raise an error: the frames are in the file."""
        self.__iter__()

    def __reduce__(self) -> tuple[type[RecordedFrames], tuple[()]]:
        """Copy and pickle as empty: two wrappers cannot write one file."""
        return (type(self), ())

    def __repr__(self) -> str:
        """Return the number of frames, and their file."""
        where = "not recording" if self._writer is None else f"in {self._writer.path}"
        return f"<{self.num_frames} recorded frames, {where}>"

    def _open_writer(self) -> VideoWriter:
        if self._writer is None:
            raise NotRecordingError(_NOT_RECORDING)
        return self._writer


def _refuse(*_: object) -> NoReturn:
    raise NotRecordingError(_NOT_RECORDING)
