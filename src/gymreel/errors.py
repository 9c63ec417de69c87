"""Everything that gymreel raises and warns with.

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

``…`` is the class above. Each error is also the builtin that a Python programmer would catch, or
the one that the replaced library raises. Each one pickles, because errors cross processes in
``AsyncVectorEnv``.

One error comes before these: ``import gymreel`` raises a plain ``ImportError`` where the native
module cannot be loaded.
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
    """Something went on otherwise than asked for, and the recording went on."""


class GymreelError(Exception):
    """The root of every error that gymreel raises."""


class ConfigError(GymreelError, ValueError):
    """An argument that cannot work: the message names it, its value and what would work."""


class CodecNotFoundError(ConfigError, LookupError):
    """A codec or encoder that the FFmpeg in use does not have."""


class ConfigTypeError(ConfigError, TypeError):
    """An argument of a type that cannot work; a ``TypeError`` where Gymnasium raises one."""


class InfosTypeError(ConfigTypeError, AssertionError):
    """The ``infos`` of a vector environment are not a dict.

    Also an ``AssertionError``, because that is what Gymnasium's wrapper raises.
    """


class MissingPackageError(ConfigError, ImportError):
    """Something needs a package that is not installed; the message says how to install it."""


class RenderModeError(ConfigError, AssertionError):
    """A render mode without images; an ``AssertionError``, as Stable-Baselines3 raises."""


class StatsKeyError(ConfigError, AssertionError):
    """``info`` has something else under ``stats_key`` at the end of an episode.

    Also an ``AssertionError``, because that is what Gymnasium's wrapper raises; unlike a bare
    ``assert`` it names the key, and it is still there under ``python -O``.
    """


class FrameError(GymreelError):
    """A frame that cannot be recorded. The recording is not harmed: later frames may follow."""


class FrameTypeError(FrameError, TypeError):
    """Not a numpy array of uint8, nor one of another type with whole numbers from 0 to 255."""


class FrameShapeError(FrameError, ValueError):
    """Not the shape of a frame, or not the shape of the first one."""


class WriterClosedError(GymreelError, RuntimeError):
    """A frame was written after ``close()`` or ``finish()``."""


class WriterCopyError(GymreelError, TypeError):
    """A ``VideoWriter`` was to be copied or pickled: one file has one writer."""


class NotRecordingError(GymreelError, RuntimeError, AssertionError):
    """A frame, or the end of a recording, while nothing is being recorded.

    Also an ``AssertionError``, because that is what Gymnasium's ``RecordVideo`` raises.
    """


class RecordedFramesError(GymreelError, TypeError, AttributeError):
    """``recorded_frames`` was read or replaced, and its frames are in the video file already."""


class CallbackError(GymreelError, RuntimeError):
    """A function of the user's raised: ``keep``, ``on_saved``, a tracker. The cause is its own."""


class FFmpegError(GymreelError):
    """FFmpeg, the operating system or the disk refused.

    Args:
        errno: The POSIX error number where there is one, else FFmpeg's own negative code, else 0.
        operation: What was being done.
        strerror: Why it failed.
        filename: The file concerned, empty where there is none.
        log: What FFmpeg logged meanwhile; its reasons often stand only there.
    """

    errno: Any
    strerror: Any
    filename: Any

    def __init__(
        self, errno: int, operation: str, strerror: str, filename: str = "", log: str = ""
    ) -> None:
        super().__init__(errno, operation, strerror, filename, log)
        self.errno = errno
        self.operation = operation
        self.strerror = strerror
        self.filename = filename
        self.log = log

    def __str__(self) -> str:
        """Return one sentence, followed by FFmpeg's log where there is one."""
        text = f"could not {self.operation}: {self.strerror}"
        if self.filename:
            text += f" ({self.filename})"
        if self.log.strip():
            text += f"\nFFmpeg said:\n{self.log.strip()}"
        return text

    def __reduce__(self) -> tuple[type[FFmpegError], tuple[int, str, str, str, str]]:
        """Rebuild from the five arguments, also in the branch that is an OSError."""
        return type(self), (self.errno, self.operation, self.strerror, self.filename, self.log)


class OutputError(FFmpegError, OSError):
    """The file could not be opened, written, completed, synced or renamed."""


class EncodeError(FFmpegError, RuntimeError):
    """The encoder could not be opened with these settings and this size, or failed on the way."""
