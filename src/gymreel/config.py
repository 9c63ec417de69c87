"""The settings of a writer, checked before the first frame."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import Literal

from gymreel import _core
from gymreel._frame_conversion import FrameConversion
from gymreel.encoders import (
    CodecInfo,
    Container,
    choose_encoder,
    choose_pixel_format,
    encoder_options,
    find_container,
)
from gymreel.errors import ConfigError, GymreelError, OutputError
from gymreel.settings import CHECK_BORROWED

__all__ = [
    "DEFAULT_MAX_PENDING_BYTES",
    "GIF_FPS",
    "MAX_NAME_BYTES",
    "WriterConfig",
    "check_metadata",
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
        container = find_container(suffix, argument or f"suffix={suffix!r}")
        encoder = choose_encoder(codec, container)
        chosen_format = choose_pixel_format(pixel_format, encoder)
        if copy != "auto" and not isinstance(copy, bool):
            raise ConfigError(f"copy={copy!r} must be 'auto', True or False")
        if on_full not in ("block", "drop"):
            raise ConfigError(f"on_full={on_full!r} must be 'block' or 'drop'")
        if (
            isinstance(max_pending_bytes, bool)
            or not isinstance(max_pending_bytes, int)
            or not 1 <= max_pending_bytes <= sys.maxsize
        ):
            raise ConfigError(
                f"max_pending_bytes={max_pending_bytes!r} must be a number of bytes, at least 1"
            )
        return cls(
            container=container,
            encoder=encoder,
            fps=_check_fps(fps, container),
            pixel_format=chosen_format,
            options=tuple(encoder_options(encoder.name, preset, crf, options)),
            copy=None if copy == "auto" else copy,
            max_pending_bytes=max_pending_bytes,
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
            metadata=check_metadata(metadata),
            copy=self.copy,
            max_pending_bytes=self.max_pending_bytes,
            block=self.block,
            check_borrowed=CHECK_BORROWED,
            convert=self.conversion,
        )


def check_path(path: str | os.PathLike[str]) -> str:
    """Return ``path`` as text.

    Raises:
        ConfigError: It is not the name of a file.
    """
    try:
        name = os.fsdecode(path)
    except TypeError:
        raise ConfigError(f"path={path!r} must be a string or a path") from None
    if not name or "\0" in name or not _is_encodable(name):
        raise ConfigError(f"path={path!r} must be the name of a file")
    return name


def _is_encodable(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # Half of a surrogate pair.
        return False
    return True


def _check_fps(fps: float | Fraction, container: Container) -> Fraction:
    low, high = GIF_FPS if container.muxer == "gif" else _FPS
    if isinstance(fps, bool) or not isinstance(fps, Real):
        raise ConfigError(f"fps={fps!r} must be a number")
    try:
        fraction = Fraction(fps) if isinstance(fps, (int, Fraction)) else Fraction(float(fps))
    except (ValueError, OverflowError):  # NaN and infinity.
        raise ConfigError(f"fps={fps!r} must be a finite number") from None
    fraction = fraction.limit_denominator(10010)  # Holds both 2997/100 and 30000/1001.
    if not low <= fraction <= high:
        raise ConfigError(
            f"fps={fps!r} must be from {float(low):g} to {float(high):g} in {container.muxer}"
        )
    return fraction


def check_metadata(metadata: Mapping[str, str] | None) -> list[tuple[str, str]]:
    """Return the entries of ``metadata`` as text.

    Raises:
        ConfigError: It does not map names to plain text.
    """
    if not isinstance(metadata or {}, Mapping):
        raise ConfigError(f"metadata={metadata!r} must map names to values")
    entries = [(str(key), str(value)) for key, value in (metadata or {}).items()]
    for key, value in entries:
        try:
            is_text = "\0" not in (key + value).encode().decode()
        except UnicodeEncodeError:  # Half of a surrogate pair.
            is_text = False
        if not key or not is_text:
            raise ConfigError(f"metadata={{{key!r}: {value!r}}} must have a name and be plain text")
    return entries


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
        if not _is_encodable(str(path)):
            raise ConfigError(f"path={str(path)!r} must be the name of a file")
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
