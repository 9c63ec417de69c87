"""What a recording wrapper keeps of its videos: a count of frames, and the files still under way.

The frames themselves belong to the writer from the moment they are captured.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from numbers import Real
from typing import Any, Literal, NoReturn

import numpy as np
from gymnasium import logger

from gymreel.errors import GymreelError, WriterClosedError
from gymreel.writer import VideoWriter, WriterStats

__all__ = ["NotRecordingError", "RecordedFrames", "UnfinishedVideos"]


class NotRecordingError(GymreelError, RuntimeError, AssertionError):
    """A frame or an end of a recording while nothing is being recorded.

    Also an ``AssertionError``, because that is what Gymnasium's ``RecordVideo`` raises.
    """


_NOT_RECORDING = "nothing is being recorded: start_recording was not called"


class RecordedFrames:
    """Stands where Gymnasium's ``RecordVideo`` has its list of frames, and holds none of them.

    Subclasses use ``len``, truth, ``append``, ``extend`` and ``+=`` as on that list: a frame that
    is appended goes into the video file. It cannot be taken out again.
    """

    __slots__ = ("_writer", "num_frames", "num_steps", "total_reward", "write_from")

    def __init__(self, writer: VideoWriter | None = None) -> None:
        """Start without frames.

        Args:
            writer: Where the frames go; None while nothing is being recorded.
        """
        self._writer = writer
        self.write_from = _refuse if writer is None else writer.write_from
        """The writer's function of that name, for who counts the frame in ``num_frames``."""
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
    def stats(self) -> WriterStats:
        """What the writer has counted so far, such as how many frames it could borrow.

        Raises:
            NotRecordingError: Nothing is being recorded.
        """
        return self._open_writer().stats

    def add_reward(self, reward: Any) -> None:
        """Add what a step gave, in full precision; what is no number has no sum."""
        is_number = isinstance(reward, (Real, np.bool_)) or (
            isinstance(reward, np.ndarray) and reward.ndim == 0
        )
        if self.total_reward is None:
            return
        try:
            self.total_reward = self.total_reward + float(reward) if is_number else None
        except Exception:  # Too large, or whatever else a class of the user's may raise.
            self.total_reward = None

    def finish(self) -> None:
        """Take no more frames and let the file complete in the background."""
        if self._writer is None:
            return
        metadata = {"steps": str(self.num_steps)}
        if self.total_reward is not None:
            metadata["return"] = f"{self.total_reward:.10g}"
        with contextlib.suppress(WriterClosedError):  # In a forked child it is its parent's.
            self._writer.add_metadata(metadata)
        self._writer.finish()

    def __iter__(self) -> NoReturn:
        """Refuse: the frames are in the file."""
        raise TypeError(
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


def _refuse(holder: list[np.ndarray]) -> NoReturn:
    raise NotRecordingError(_NOT_RECORDING)


class UnfinishedVideos:
    """The video files of one wrapper that are not complete yet.

    Each is kept until what became of it is known, so that each failure is said once. When the
    wrapper is gone, or the interpreter exits, the writers complete their files and speak for
    themselves.
    """

    def __init__(self) -> None:
        """Start without videos."""
        self._writers: list[VideoWriter] = []

    def add(self, writer: VideoWriter) -> None:
        """Look after a video that is being recorded."""
        self._writers.append(writer)

    def report(
        self,
        *,
        wait: bool = False,
        on_error: Literal["warn", "raise"] = "warn",
        announce: bool = False,
    ) -> None:
        """Say which videos have failed since the last call, and forget those that are complete.

        Args:
            wait: End the one being recorded, if any, and wait for all. Else nothing waits.
            on_error: Whether failures are warnings, or exceptions.
            announce: Whether to print a line for each video that is complete.

        Raises:
            GymreelError: A video failed and ``on_error`` is ``"raise"``; of several the first, the
                others are warnings.
        """
        failures: list[tuple[VideoWriter, GymreelError]] = []
        for writer in tuple(self._writers):
            if not wait and not writer.closed:
                continue
            try:
                recording = writer.close() if wait else writer.poll()
            except WriterClosedError:
                pass  # This process was forked while recording: the video is its parent's affair.
            except GymreelError as error:
                failures.append((writer, error))
            else:
                if recording is None:
                    continue
                if announce and recording.num_frames > 0 and recording.path == writer.path:
                    print(f"Saved {recording.path}: {recording.num_frames} frames")
            self._writers.remove(writer)

        raised = failures.pop(0)[1] if failures and on_error == "raise" else None
        for writer, failure in failures:
            # As an argument: the message may hold a per cent sign, and Gymnasium formats its own.
            logger.warn("%s", f"The video {writer.path} is not complete: {failure}")
        if raised is not None:
            raise raised

    def __reduce__(self) -> tuple[type[UnfinishedVideos], tuple[()]]:
        """Copy and pickle as empty: a video has one wrapper."""
        return (type(self), ())
