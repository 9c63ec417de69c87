"""The settings of a writer, checked before the first frame."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

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

__all__ = [
    "DEFAULT_MAX_PENDING_BYTES",
    "GIF_FPS",
    "MAX_NAME_BYTES",
    "WriterConfig",
    "check_path",
    "prepare_target",
]

DEFAULT_MAX_PENDING_BYTES = 256 * 2**20
"""Frames that wait for the encoder take at most this much memory: 43 frames of 1920 x 1080."""

_FPS = (Fraction(1, 1000), Fraction(1000))  # Matroska counts in milliseconds.
MAX_NAME_BYTES = 240
"""The longest name of a file: 255 less what the hidden file's name adds."""

# GIF's longest delay is 65535 / 100 s, and viewers slow down anything faster than 50 to a tenth.
GIF_FPS = (Fraction(100, 65535), Fraction(50))


@dataclass(frozen=True)
class WriterConfig:
    """The settings of a writer, checked: everything that can be known before the first frame.

    Made once and used for many files by the wrappers; ``VideoWriter`` makes its own.
    """

    container: Container
    encoder: CodecInfo
    fps: Fraction
    pixel_format: str
    options: tuple[tuple[str, str], ...]
    copy: bool | None
    max_pending_bytes: int
    block: bool
    conversion: FrameConversion = field(default_factory=FrameConversion, compare=False, repr=False)

    @classmethod
    def check(
        cls,
        suffix: str,
        *,
        argument: str | None = None,
        fps: float | Fraction = 30,
        codec: str = "auto",
        preset: str | None = None,
        crf: float | None = None,
        pixel_format: str = "yuv420p",
        options: Mapping[str, str] | None = None,
        copy: bool | Literal["auto"] = "auto",
        max_pending_bytes: int = DEFAULT_MAX_PENDING_BYTES,
        on_full: Literal["block", "drop"] = "block",
    ) -> WriterConfig:
        """Check the arguments of ``VideoWriter``; ``suffix`` is the end of its path.

        ``argument`` is what the caller knows ``suffix`` by, as ``name=value``.

        Raises:
            ConfigError: An argument cannot work.
            CodecNotFoundError: This FFmpeg has no such encoder.
        """
        if argument is None:
            argument = f"suffix={show(check_text('suffix', suffix))}"
        container = find_container(suffix, argument)
        encoder = choose_encoder(codec, container)
        chosen_format = choose_pixel_format(pixel_format, encoder)
        if not isinstance(copy, (bool, np.bool_)):
            check_choice("copy", copy, ["auto"], also=", True or False")
        check_choice("on_full", on_full, ["block", "drop"])
        max_bytes = check_whole_number(
            "max_pending_bytes", max_pending_bytes, at_least=1, at_most=sys.maxsize
        )
        rate = _check_fps(fps, container)
        pairs = encoder_options(encoder.name, preset, crf, options)
        if argument := _to_be_tried(encoder, preset, crf, options):
            usual = encoder_options(encoder.name, None, None, None)
            ratio = (rate.numerator, rate.denominator)
            _encoder_trial.check_settings(
                argument,
                encoder.name,
                chosen_format,
                ratio,
                pairs,
                usual,
                check_mapping("options", options),
            )
        return cls(
            container=container,
            encoder=encoder,
            fps=rate,
            pixel_format=chosen_format,
            options=tuple(pairs),
            copy=None if isinstance(copy, str) else bool(copy),
            max_pending_bytes=max_bytes,
            block=on_full == "block",
        )

    def open_stream(self, path: Path | None, metadata: Mapping[str, str] | None) -> _core.Stream:
        """Open a stream to ``path``, or to memory."""
        return _core.Stream(
            # As text: an interrupt (Ctrl-C) on the way from a Path to text would be lost in there.
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
            convert=self.conversion,
        )


def _to_be_tried(
    encoder: CodecInfo,
    preset: str | None,
    crf: float | None,
    options: Mapping[str, str] | None,
) -> str | None:
    """Return what only the encoder itself can judge, as ``name=value``; None where all is known."""
    if options:
        return f"options={show(options)}"
    if encoder.name in ENCODERS:
        return None
    if preset is not None:
        return f"preset={show(preset)}"
    return f"crf={show(crf)}" if crf is not None else None


def _check_fps(fps: float | Fraction, container: Container) -> Fraction:
    low, high = GIF_FPS if container.muxer == "gif" else _FPS
    number = check_number("fps", fps, is_finite=True)
    fraction = Fraction(number).limit_denominator(10010)  # Holds both 2997/100 and 30000/1001.
    if not low <= fraction <= high:
        raise ConfigError(
            f"fps={show(fps)} must be from {float(low):g} to {float(high):g} in {container.muxer}"
        )
    return fraction


def prepare_target(path: Path) -> None:
    """Make the folder of ``path``.

    Raises:
        OutputError: It cannot be made, or ``path`` is a folder.
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
