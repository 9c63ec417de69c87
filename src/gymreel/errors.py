"""All exceptions and warnings of gymreel.

::

    GymreelError(Exception)
    ├ ConfigError(…, ValueError)
    │ ├ CodecNotFoundError(…, LookupError)
    │ ├ ConfigTypeError(…, TypeError)
    │ │ └ InfosTypeError(…, AssertionError)
    │ ├ MissingPackageError(…, ImportError)
    │ ├ RenderModeError(…, AssertionError)
    │ └ StatsKeyError(…, AssertionError)
    ├ FrameError
    │ ├ FrameTypeError(…, TypeError)
    │ └ FrameShapeError(…, ValueError)
    ├ WriterClosedError(…, RuntimeError)
    ├ WriterCopyError(…, TypeError)
    ├ NotRecordingError(…, RuntimeError, AssertionError)
    ├ RecordedFramesError(…, TypeError, AttributeError)
    ├ CallbackError(…, RuntimeError)
    └ FFmpegError
      ├ OutputError(…, OSError)
      └ EncodeError(…, RuntimeError)
    GymreelWarning(UserWarning)

``…`` stands for the parent in this tree; the classes after it are further bases. They are the
builtin exceptions that a Python programmer would catch, or those that the replaced library raises.
All exceptions can be pickled, because ``AsyncVectorEnv`` sends them between processes.

If the native module cannot be loaded, ``import gymreel`` raises a plain ``ImportError``.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "CallbackError",
    "CodecNotFoundError",
    "ConfigError",
    "ConfigTypeError",
    "EncodeError",
    "FFmpegError",
    "FrameError",
    "FrameShapeError",
    "FrameTypeError",
    "GymreelError",
    "GymreelWarning",
    "InfosTypeError",
    "MissingPackageError",
    "NotRecordingError",
    "OutputError",
    "RecordedFramesError",
    "RenderModeError",
    "StatsKeyError",
    "WriterClosedError",
    "WriterCopyError",
]


class GymreelWarning(UserWarning):
    """Something is not as requested, and recording continues."""


class GymreelError(Exception):
    """Base class of all errors."""


class ConfigError(GymreelError, ValueError):
    """An invalid argument. The message names it, its value and what is valid."""


class CodecNotFoundError(ConfigError, LookupError):
    """The FFmpeg in use does not have this codec or encoder."""


class ConfigTypeError(ConfigError, TypeError):
    """An argument of an invalid type."""


class InfosTypeError(ConfigTypeError, AssertionError):
    """The ``infos`` of a vector environment are not a dict.

    It is also an ``AssertionError``, which Gymnasium's wrapper raises.
    """


class MissingPackageError(ConfigError, ImportError):
    """A required package is not installed. The message says how to install it."""


class RenderModeError(ConfigError, AssertionError):
    """The environment's render mode returns no images.

    It is also an ``AssertionError``, which Stable-Baselines3's recorder raises.
    """


class StatsKeyError(ConfigError, AssertionError):
    """``info`` already has an entry ``stats_key`` at the end of an episode.

    It is also an ``AssertionError``, which Gymnasium's wrapper raises.
    """


class FrameError(GymreelError):
    """A frame cannot be recorded. Later frames still can."""


class FrameTypeError(FrameError, TypeError):
    """A frame is not a numpy array, or has values other than whole numbers from 0 to 255."""


class FrameShapeError(FrameError, ValueError):
    """An array does not have the shape of a frame, or not that of the first frame."""


class WriterClosedError(GymreelError, RuntimeError):
    """A frame was written after ``close()`` or ``finish()``, or in a forked process."""


class WriterCopyError(GymreelError, TypeError):
    """A ``VideoWriter`` cannot be copied or pickled, because a file has one writer."""


class NotRecordingError(GymreelError, RuntimeError, AssertionError):
    """A method was called that needs a recording in progress.

    It is also an ``AssertionError``, which Gymnasium's ``RecordVideo`` raises.
    """


class RecordedFramesError(GymreelError, TypeError, AttributeError):
    """``recorded_frames`` was read or replaced, but its frames are in the video file already."""


class CallbackError(GymreelError, RuntimeError):
    """A function of the user's failed: ``keep``, ``on_saved`` or a tracker.

    Its own exception is the ``__cause__``.
    """


class FFmpegError(GymreelError):
    """FFmpeg or the operating system reported a failure.

    Args:
        errno: POSIX error number, or FFmpeg's negative code, or 0 if there is neither.
        operation: What failed, such as ``"write the video"``.
        strerror: Why it failed.
        filename: The file concerned, or ``""``.
        log: What FFmpeg logged meanwhile. Often only the log contains the reason.
    """

    errno: Any
    strerror: Any
    filename: Any

    def __init__(
        self, errno: int, operation: str, strerror: str, filename: str = "", log: str = ""
    ) -> None:
        # The three that OSError has as well. It would take a fourth and fifth for something else.
        super().__init__(errno, strerror, filename)
        self.errno = errno
        self.operation = operation
        self.strerror = strerror
        self.filename = filename
        self.log = log

    def __str__(self) -> str:
        """Return one sentence, followed by FFmpeg's log if there is one."""
        text = f"could not {self.operation}: {self.strerror}"
        if self.filename:
            text += f" ({self.filename})"
        if self.log.strip():
            text += f"\nFFmpeg said:\n{self.log.strip()}"
        return text

    def __repr__(self) -> str:
        """Return the call that makes an equal error."""
        return f"{type(self).__name__}{self._arguments()!r}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle with all arguments, and with notes; ``args`` holds some of them only."""
        return type(self), self._arguments(), self.__dict__

    def _arguments(self) -> tuple[int, str, str, str, str]:
        return self.errno, self.operation, self.strerror, self.filename, self.log


class OutputError(FFmpegError, OSError):
    """A file could not be opened, read, written, completed or renamed.

    Where the operating system refused, ``errno`` is its error number, such as ``errno.EACCES``.
    """


class EncodeError(FFmpegError, RuntimeError):
    """The encoder could not be opened with these settings and this frame size, or it failed."""
