"""The error tree: what each error is, what it says, and that it crosses processes."""

from __future__ import annotations

import pickle

import pytest

from gymreel import (
    CallbackError,
    CodecNotFoundError,
    ConfigError,
    EncodeError,
    FFmpegError,
    FrameError,
    FrameShapeError,
    FrameTypeError,
    GymreelError,
    GymreelWarning,
    MissingPackageError,
    OutputError,
    WriterClosedError,
    errors,
)

ERRORS = [
    ConfigError("crf=99 must be from 0 to 51"),
    CodecNotFoundError("codec='x'"),
    MissingPackageError("pip install x"),
    FrameTypeError("frame is float64"),
    FrameShapeError("frame is 3 x 3"),
    WriterClosedError("the writer is closed"),
    CallbackError("on_saved raised ValueError"),
    FFmpegError(0, "think", "too hard"),
    OutputError(28, "write a packet", "No space left on device", "/a/video.mp4"),
    EncodeError(-22, "open the encoder", "Invalid argument", "", "[libx264] no\n"),
    FrameError("frame"),
    GymreelError("anything"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_errors_survive_pickling(error: GymreelError, protocol: int) -> None:
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)


def test_every_error_is_tested_for_pickling() -> None:
    classes = {getattr(errors, name) for name in errors.__all__} - {GymreelWarning}
    assert {type(error) for error in ERRORS} == classes


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ConfigError, ValueError),
        (CodecNotFoundError, LookupError),
        (FrameTypeError, TypeError),
        (FrameShapeError, ValueError),
        (WriterClosedError, RuntimeError),
        (OutputError, OSError),
        (EncodeError, RuntimeError),
    ],
)
def test_an_error_is_also_the_builtin_that_one_would_catch(
    error: type[GymreelError], builtin: type[Exception]
) -> None:
    assert issubclass(error, builtin)
    assert issubclass(error, GymreelError)


def test_an_ffmpeg_error_says_what_why_where_and_what_ffmpeg_said() -> None:
    error = OutputError(28, "write a packet", "No space left on device", "/a/b.mp4", "[mp4] full\n")
    assert (error.errno, error.operation, error.filename) == (28, "write a packet", "/a/b.mp4")
    assert str(error) == (
        "could not write a packet: No space left on device (/a/b.mp4)\nFFmpeg said:\n[mp4] full"
    )
