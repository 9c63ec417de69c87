"""The settings of a writer: their types and defaults, and their checks before the first frame."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

from gymreel import _core, _encoder_trial
from gymreel._frame_conversion import FrameConversion
from gymreel._validation import (
    check_choice,
    check_mapping,
    check_number,
    check_path,
    check_text,
    check_whole_number,
    show,
)
from gymreel.encoders import (
    ENCODERS,
    CodecInfo,
    Container,
    choose_encoder,
    choose_pixel_format,
    encoder_options,
    find_container,
)
from gymreel.engine import CHECK_BORROWED
from gymreel.errors import ConfigError, GymreelError, OutputError

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "DEFAULT_MAX_PENDING_BYTES",
    "ENCODING_DEFAULTS",
    "GIF_FPS",
    "MAX_NAME_BYTES",
    "WRITER_DEFAULTS",
    "EncodingOptions",
    "WriterConfig",
    "WriterOptions",
    "check_frame_stride",
    "divide_rate",
    "prepare_target",
]

DEFAULT_MAX_PENDING_BYTES = 256 * 2**20
"""Default limit for the memory of waiting frames: 43 frames of 1920 x 1080."""

MAX_NAME_BYTES = 240
"""Longest file name: 255 bytes, less what the name of the hidden file adds."""

GIF_FPS = (Fraction(100, 65535), Fraction(50))
"""Frame rates of GIF. The longest delay is 65535 / 100 s; viewers slow down more than 50 fps."""

_MAX_SCALE = 64
_MAX_STRIDE = 1_000_000

_FPS = (Fraction(1, 1000), Fraction(1000))  # Matroska counts in milliseconds.

_MAX_MPEG4_TICKS = 65535
"""Most ticks per second of MPEG-4 Part 2, whose streams store that number in 16 bits."""


class EncodingOptions(TypedDict, total=False):
    """The keyword arguments that writers and recorders have in common."""

    codec: str
    preset: str | None
    crf: float | None
    pixel_format: str
    options: Mapping[str, str] | None
    copy: bool | Literal["auto"]
    max_pending_bytes: int
    on_full: Literal["block", "drop"]
    scale: int | Literal["auto"]


class WriterOptions(EncodingOptions, total=False):
    """The keyword arguments that make up the settings. ``VideoWriter`` documents them."""

    fps: float | Fraction
    frame_stride: int


ENCODING_DEFAULTS: EncodingOptions = {
    "codec": "auto",
    "preset": None,
    "crf": None,
    "pixel_format": "yuv420p",
    "options": None,
    "copy": "auto",
    "max_pending_bytes": DEFAULT_MAX_PENDING_BYTES,
    "on_full": "block",
    "scale": 1,
}

WRITER_DEFAULTS: WriterOptions = {"fps": 30, "frame_stride": 1, **ENCODING_DEFAULTS}


@dataclass(frozen=True)
class WriterConfig:
    """The checked settings of a writer.

    A recorder makes one ``WriterConfig`` for all its files. ``VideoWriter`` makes its own.
    """

    container: Container
    encoder: CodecInfo
    fps: Fraction  # Of the video, after frame_stride.
    frame_stride: int
    pixel_format: str
    options: tuple[tuple[str, str], ...]
    copy: bool | None
    max_pending_bytes: int
    block: bool
    scale: int  # 0 for "auto", as the extension has it.
    conversion: FrameConversion = field(compare=False, repr=False)

    @classmethod
    def check(
        cls,
        suffix: str,
        *,
        argument: str | None = None,
        **options: Unpack[WriterOptions],
    ) -> WriterConfig:
        """Check the arguments of ``VideoWriter``.

        Args:
            suffix: End of the path, which selects the container.
            argument: What messages call the suffix, as ``name=value``; None for ``suffix=…``.
            **options: The options that differ from the defaults.

        Raises:
            ConfigError: An argument is invalid.
            CodecNotFoundError: The FFmpeg in use has no such encoder.
        """
        given: WriterOptions = {**WRITER_DEFAULTS, **options}
        if argument is None:
            argument = f"suffix={show(check_text('suffix', suffix))}"
        container = find_container(suffix, argument)
        encoder = choose_encoder(given["codec"], container)
        pixel_format = choose_pixel_format(given["pixel_format"], encoder)
        copy = given["copy"]
        if not isinstance(copy, (bool, np.bool_)):
            check_choice("copy", copy, ["auto"], also=", True or False")
        check_choice("on_full", given["on_full"], ["block", "drop"])
        max_pending_bytes = check_whole_number(
            "max_pending_bytes", given["max_pending_bytes"], at_least=1, at_most=sys.maxsize
        )
        frame_stride = check_frame_stride(given["frame_stride"])
        fps = _check_fps(divide_rate(given["fps"], frame_stride), container, encoder)
        return cls(
            container=container,
            encoder=encoder,
            fps=fps,
            frame_stride=frame_stride,
            pixel_format=pixel_format,
            options=tuple(_check_encoder_options(encoder, pixel_format, fps, given)),
            copy=None if isinstance(copy, str) else bool(copy),
            max_pending_bytes=max_pending_bytes,
            block=given["on_full"] == "block",
            scale=_check_scale(given["scale"]),
            conversion=FrameConversion(takes_16_bits=pixel_format == "gray16le"),
        )

    def open_stream(self, path: Path | None, metadata: Mapping[str, str] | None) -> _core.Stream:
        """Open a stream that writes to ``path``, or to memory if it is None."""
        return _core.Stream(
            # As text, because Ctrl-C during the conversion of a Path would be lost in C++.
            path=None if path is None else os.fspath(path),
            muxer=self.container.muxer,
            encoder=self.encoder.name,
            pixel_format=self.pixel_format,
            fps=(self.fps.numerator, self.fps.denominator),
            options=list(self.options),
            metadata=list(check_mapping("metadata", metadata).items()),
            copy=self.copy,
            max_pending_bytes=self.max_pending_bytes,
            block=self.block,
            check_borrowed=CHECK_BORROWED,
            scale=self.scale,
            convert=self.conversion,
        )


def _check_encoder_options(
    encoder: CodecInfo, pixel_format: str, fps: Fraction, given: WriterOptions
) -> list[tuple[str, str]]:
    """Return all options to open the encoder with.

    Raises:
        ConfigError: The encoder does not take an option.
    """
    preset, crf, options = given["preset"], given["crf"], given["options"]
    pairs = encoder_options(encoder.name, preset, crf, options)
    # What gymreel does not know can only be judged by the encoder itself.
    unknown = None
    if options:
        unknown = f"options={show(options)}"
    elif encoder.name not in ENCODERS and preset is not None:
        unknown = f"preset={show(preset)}"
    elif encoder.name not in ENCODERS and crf is not None:
        unknown = f"crf={show(crf)}"
    if unknown is not None:
        _encoder_trial.check_settings(
            unknown,
            encoder.name,
            pixel_format,
            (fps.numerator, fps.denominator),
            pairs,
            encoder_options(encoder.name, None, None, None),
            check_mapping("options", options),
        )
    return pairs


def check_frame_stride(frame_stride: int) -> int:
    """Return ``frame_stride`` as an int.

    Raises:
        ConfigError: It is not a whole number from 1.
    """
    return check_whole_number("frame_stride", frame_stride, at_least=1, at_most=_MAX_STRIDE)


def divide_rate(fps: float | Fraction, frame_stride: int) -> float | Fraction:
    """Return the frame rate of a video of every ``frame_stride``-th frame.

    Raises:
        ConfigError: ``fps`` is not a finite number.
    """
    if frame_stride == 1:
        return fps  # It is checked with the container.
    rate = check_number("fps", fps, is_finite=True)
    return Fraction(rate).limit_denominator(10010) / frame_stride


def _check_fps(fps: float | Fraction, container: Container, encoder: CodecInfo) -> Fraction:
    low, high = GIF_FPS if container.muxer == "gif" else _FPS
    number = check_number("fps", fps, is_finite=True)
    fraction = Fraction(number).limit_denominator(10010)  # Allows 2997/100 and 30000/1001.
    if not low <= fraction <= high:
        raise ConfigError(
            f"fps={show(fps)} must be from {float(low):g} to {float(high):g} in {container.muxer}"
        )
    if encoder.codec == "mpeg4" and fraction.numerator > _MAX_MPEG4_TICKS:
        # A tick is 1 / numerator s. The nearest duration of a frame that is a whole number of ticks
        # differs by less than one part in 65535.
        fraction = 1 / (1 / fraction).limit_denominator(_MAX_MPEG4_TICKS)
    return fraction


def _check_scale(scale: int | Literal["auto"]) -> int:
    if isinstance(scale, str):
        check_choice("scale", scale, ["auto"], also=" or a whole number")
        return 0
    return check_whole_number("scale", scale, at_least=1, at_most=_MAX_SCALE)


def prepare_target(path: Path) -> None:
    """Create the folder of ``path``.

    Raises:
        OutputError: It cannot be created or written to, or ``path`` is a folder.
    """
    try:
        if path.is_dir():
            raise OutputError(
                errno.EISDIR, "write the video", "path is a folder, not a file", str(path)
            )
        check_path(path)
        if len(os.fsencode(path.name)) > MAX_NAME_BYTES:
            raise OutputError(
                errno.ENAMETOOLONG, "write the video", "the file name is too long", str(path)
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise OutputError(
                errno.EACCES, "write the video", "the folder is not writable", str(path.parent)
            )
    except GymreelError:
        raise
    except OSError as error:
        raise OutputError(
            error.errno or 0, "make the folder", error.strerror or str(error), str(path.parent)
        ) from error
