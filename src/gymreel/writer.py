"""VideoWriter: the life of one video file, from the first frame to the complete file."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from gymreel._html import video_html
from gymreel._open_writers import add_abandoned, add_writer, say
from gymreel._tiles import TileWriter, list_tiles
from gymreel._validation import check_mapping, check_path, check_timeout, show
from gymreel._writer_config import (
    DEFAULT_MAX_PENDING_BYTES,
    WriterConfig,
    prepare_target,
)
from gymreel.errors import (
    ConfigError,
    ConfigTypeError,
    GymreelError,
    WriterCopyError,
)

__all__ = ["Recording", "VideoWriter", "WriterStats", "encode"]


@dataclass(frozen=True)
class Recording:
    """A complete video file.

    Attributes:
        path: The file; where the recording failed, the partial file that holds what there is.
        num_frames: Frames in it (at most, where writing failed). With 0 frames there is no file.
        duration_seconds: ``num_frames`` divided by the frame rate.
        num_bytes: Size of the file.
        size: ``(width, height)`` of the frames that were written, in pixels.
        codec: The format, such as ``"h264"``.
        encoder: FFmpeg's encoder that produced it, such as ``"libx264"``.
        is_superseded: Whether the file at ``path`` was, when this was made, that of a recording of
            the same name in this process that began later. The frames of this one are gone then;
            leave the file alone.
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
        """Show the video in a notebook."""
        return video_html(self.path, codec=self.codec)


@dataclass(frozen=True)
class WriterStats:
    """Counts of one writer at one moment.

    Attributes:
        num_written: Frames taken by ``write()``.
        num_encoded: Frames that went through the encoder.
        num_dropped: Frames refused because the queue was full (``on_full="drop"`` only).
        num_borrowed: Frames taken without a copy.
        num_copied: Frames copied once, because somebody else could reach their memory.
        num_pending: Frames that wait for the encoder.
        pending_bytes: The memory of those.
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


class VideoWriter:
    """Writes frames to a video file, encoding on background threads.

    ``write()`` queues a frame and returns; ``close()`` waits until the file is complete. While
    recording, the frames so far are in a hidden file ``.NAME.partial`` beside the target, which can
    be read at any moment; the target appears, complete, when everything was encoded. A writer that
    is dropped, or still open when the interpreter ends, completes its file too.

    The pixels are converted with the matrix of ITU-R BT.709 to limited range and tagged so. Odd
    widths and heights are padded by repeating the last column or row where the pixel format needs
    even ones; the metadata entry ``frame_size`` then holds the true size.

    Args:
        path: The file to write. Its suffix names the container: .mp4, .m4v, .mov, .mkv, .webm or
            .gif. Folders are made, an existing file is replaced when the new one is complete.
            Always a file name, never a URL.
        fps: Frames per second, up to 1000 (50 for GIF). Floats are taken as the nearest fraction
            with a small denominator, so 29.97 is 2997/100; pass ``Fraction(30000, 1001)`` for NTSC.
        codec: ``"auto"`` for the best that FFmpeg has for the container (libx264 for mp4), a format
            such as ``"h264"``, ``"hevc"``, ``"vp9"``, ``"av1"``, or the name of an FFmpeg encoder;
            see ``gymreel.codecs()``.
        preset: Speed against size, in the encoder's own terms; ``"veryfast"`` for libx264 by
            default.
        crf: Quality, lower is better; 23 for libx264 by default.
        pixel_format: FFmpeg's name. ``"yuv420p"`` plays everywhere; ``"yuv444p"`` keeps full colour
            resolution but does not play in every browser.
        options: Further options of the encoder, as ``ffmpeg -h encoder=NAME`` lists them.
        metadata: Entries for the file's metadata, such as ``{"title": "…"}``.
        copy: ``"auto"`` borrows a frame's memory when nothing else can reach it and copies it once
            when something can; ``True`` always copies; ``False`` never does, and the caller
            promises not to touch frames any more.
        max_pending_bytes: Memory for frames that wait for the encoder.
        on_full: What ``write()`` does when that is used up: ``"block"`` waits, so that no frame is
            lost; ``"drop"`` skips the frame and counts it in ``stats``.

    Raises:
        ConfigError: An argument cannot work.
        CodecNotFoundError: This FFmpeg has no such encoder.
        OutputError: The folder cannot be made, or ``path`` is a folder.
    """

    write_from: Callable[[list[NDArray[np.uint8]]], bool]
    """Take the one frame out of a list and queue it; False where it was dropped.

    As ``write()``, for a caller that holds the frame nowhere else:
    ``writer.write_from([env.render()])`` lets the pixels be borrowed on every Python version. The
    list is empty afterwards. This is the native function itself: between the steps of a slow
    environment the caches go cold, and each Python call more is then a tenth of what a step costs.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: float | Fraction = 30,
        codec: str = "auto",
        preset: str | None = None,
        crf: float | None = None,
        pixel_format: str = "yuv420p",
        options: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        copy: bool | Literal["auto"] = "auto",
        max_pending_bytes: int = DEFAULT_MAX_PENDING_BYTES,
        on_full: Literal["block", "drop"] = "block",
    ) -> None:
        name = check_path(path)
        config = WriterConfig.check(
            os.path.splitext(name)[1],
            argument=f"path={show(name)}",
            fps=fps,
            codec=codec,
            preset=preset,
            crf=crf,
            pixel_format=pixel_format,
            options=options,
            copy=copy,
            max_pending_bytes=max_pending_bytes,
            on_full=on_full,
        )
        self._open(Path(os.path.abspath(name)), config, metadata)

    @classmethod
    def from_config(
        cls, path: Path, config: WriterConfig, metadata: Mapping[str, str] | None = None
    ) -> VideoWriter:
        """Open a writer whose settings were checked before; ``path`` must be absolute."""
        writer = cls.__new__(cls)
        writer._open(path, config, metadata)
        return writer

    def _open(self, path: Path, config: WriterConfig, metadata: Mapping[str, str] | None) -> None:
        prepare_target(path)
        self.path = path
        """The file that appears when the recording is complete."""
        self._config = config
        self._closed = False
        self._stream = config.open_stream(path, metadata)
        self.write_from = self._stream.write_function()
        self._tiles = TileWriter(self._stream, config.conversion)
        add_writer(self)

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Queue one frame and return before it is encoded.

        Args:
            frame: ``(height, width, 3)`` uint8 RGB, ``(height, width, 4)`` RGBA (alpha is dropped),
                ``(height, width)`` or ``(height, width, 1)`` grey; any strides. The first frame
                sets the size. Whole numbers from 0 to 255 in an array of another type (bool,
                integers, floats) are the same pixels: each such frame is converted and copied,
                which a ``GymreelWarning`` says once. Floats of at most 1 are refused until one
                of this writer's frames had more than that, unless they are all 0.

        Raises:
            FrameTypeError: Not a numpy array, or not whole numbers from 0 to 255.
            FrameShapeError: Not such a shape, or another size than the first frame's.
            WriterClosedError: ``close()`` or ``finish()`` came before.
            EncodeError: The encoder failed on an earlier frame.
            OutputError: The file could not be written.
        """
        holder = [frame]
        del frame  # A local variable here would look like somebody else who can reach the pixels.
        self.write_from(holder)

    def write_tiles(
        self, frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], *, num_columns: int
    ) -> None:
        """Queue one frame that shows several as a grid, such as those of parallel environments.

        They are not put together here: each one's pixels go straight to their place in the
        encoder's frame where its pixel format is yuv420p, yuv444p or nv12. Tile ``k`` is in column
        ``k % num_columns`` and row ``k // num_columns``, at the top left of its cell. All cells are
        as large as the largest tile of the first call, rounded up to even numbers; what no tile
        fills is black, but for the last row and column of an odd size, which are repeated once.

        Memory is borrowed if nothing else can reach any of the tiles; otherwise the whole grid is
        copied once.

        Args:
            frames: Arrays as for ``write()``, each of its own shape, or one array of shape
                ``(num_tiles, height, width, channels)``. The first call sets their number and
                sizes.
            num_columns: Tiles side by side; the same in each call. ``gymreel.grid.arrange()`` finds
                the number that comes nearest to a wanted shape.

        Raises:
            ConfigError: ``num_columns`` is not a whole number from 1, or not that of the first
                call.
            FrameTypeError: Not arrays as ``write()`` takes them; the message names the tile.
            FrameShapeError: Not such shapes, another number or another size of a tile than at
                first, a grid of another size than the frames before it, or one that is too large.
            WriterClosedError, EncodeError, OutputError: As ``write()``.
        """
        holder = list_tiles(frames)
        del frames  # As in write(): the tiles of a list that is gone too may be borrowed.
        self.write_tiles_from(holder, num_columns)

    def write_tiles_from(self, holder: list[NDArray[np.uint8]], num_columns: int) -> bool:
        """Take the tiles of one frame out of a list and queue it; False where it was dropped.

        As ``write_tiles()``, for a caller that holds the tiles nowhere else: they may be borrowed
        on every Python version. The list, of one array for each tile or of one for all, is empty
        afterwards.
        """
        return self._tiles.write(holder, num_columns)

    def add_metadata(self, metadata: Mapping[str, str]) -> None:
        """Add entries that are known only by now; they are in the file when it is complete.

        Args:
            metadata: As for the constructor. An entry of a name that is there replaces it.

        Raises:
            ConfigError: It does not map names to plain text.
            WriterClosedError: ``close()`` or ``finish()`` came before.
        """
        self._stream.add_metadata(list(check_mapping("metadata", metadata).items()))

    def finish(self) -> None:
        """Take no more frames and return at once; the file completes in the background."""
        self._closed = True
        self._stream.finish()

    def poll(self) -> Recording | None:
        """Return the recording if its file is complete, ``None`` if it is not yet. Never waits.

        Raises:
            WriterClosedError: This process was forked, and the writer is its parent's.
            EncodeError, OutputError: The recording failed, and no call has raised that yet.
        """
        result = self._stream.result()
        if result is None:
            return None
        self._stream.raise_untold_failure()
        path, num_frames, num_bytes, width, height, is_superseded = result
        return Recording(
            # A new one only where it differs: Python 3.13 cannot make one when it is ending.
            path=self.path if path == str(self.path) else Path(path),
            num_frames=num_frames,
            duration_seconds=float(num_frames / self._config.fps),
            num_bytes=num_bytes,
            size=(width, height),
            codec=self._config.encoder.codec,
            encoder=self._config.encoder.name,
            is_superseded=is_superseded,
        )

    def wait_until_complete(self, timeout_seconds: float | None = None) -> bool:
        """Wait for the file after :meth:`finish`, and return whether it is as complete as it gets.

        Args:
            timeout_seconds: How long at most; None for as long as it takes.

        Raises:
            ConfigError: ``timeout_seconds`` is neither None nor a number from 0.
            WriterClosedError: This process was forked while recording.
        """
        return self._stream.wait(check_timeout(timeout_seconds))

    def completion(self) -> Callable[[], bool]:
        """Return a function that says whether the file is complete, or as complete as it gets.

        It does not keep the writer from being dropped. In a forked child, whose affair the file is
        not, the function says that it is complete.
        """
        stream = self._stream
        return lambda: not stream.belongs_here() or stream.result() is not None

    def close(self) -> Recording:
        """Wait until the file is complete and return what is in it. Idempotent.

        Raises:
            EncodeError, OutputError: The recording failed, and no call has raised that yet. What
                was recorded is kept; the message names the file.
            WriterClosedError: This process was forked, and the writer is its parent's.
        """
        self.finish()
        self._stream.wait()
        recording = self.poll()
        assert recording is not None
        return recording

    @property
    def closed(self) -> bool:
        """Whether ``close()`` or ``finish()`` was called."""
        return self._closed

    @property
    def stats(self) -> WriterStats:
        """Counts up to now."""
        return WriterStats(**self._stream.stats())

    def __enter__(self) -> VideoWriter:
        """Return the writer itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close. A failure does not hide the exception of the block: then it is a warning."""
        try:
            self.close()
        except GymreelError as error:
            if exc_value is None:
                raise
            say(f"{error}")

    def __del__(self) -> None:
        """Complete the file in the background."""
        stream = getattr(self, "_stream", None)
        if stream is None:
            return  # The constructor raised.
        stream.finish()
        if stream.belongs_here():
            add_abandoned(stream, self.path)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be copied or pickled: a copy would complete the file when it is dropped."""
        raise WriterCopyError(
            f"{self!r} cannot be copied or pickled, as one file has one writer; make another "
            "VideoWriter with another path"
        )

    def __repr__(self) -> str:
        """Show the file and whether it takes frames."""
        return f"<VideoWriter {str(self.path)!r} {'closed' if self._closed else 'open'}>"


_SETTINGS = tuple(
    name
    for name, parameter in inspect.signature(VideoWriter).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
)
"""What ``encode`` passes on."""


def encode(frames: Iterable[NDArray[np.uint8]], *, suffix: str = ".mp4", **settings: Any) -> bytes:
    """Encode frames in memory.

    Args:
        frames: The frames, as for ``VideoWriter.write``. At least one.
        suffix: The container, as a file suffix.
        **settings: Arguments of ``VideoWriter``.

    Returns:
        The bytes of the file.

    Raises:
        ConfigError, CodecNotFoundError, FrameError, EncodeError: As ``VideoWriter``;
        ``ConfigError`` too for no frames.
    """
    for name, value in settings.items():
        if name not in _SETTINGS:
            raise ConfigTypeError(
                f"{show(name)[1:-1]}={show(value)} is no argument of encode(); it has "
                f"frames, suffix, {', '.join(_SETTINGS)}"
            )
    metadata = settings.pop("metadata", None)
    config = WriterConfig.check(suffix, **settings)
    try:
        each_frame = iter(frames)
    except TypeError:
        raise ConfigTypeError(
            f"frames={show(frames)} must be a sequence of numpy arrays, or an iterator"
        ) from None
    stream = config.open_stream(None, metadata)
    write_from = stream.write_function()
    for frame in each_frame:
        write_from([frame])
    stream.finish()
    stream.wait()
    stream.raise_untold_failure()
    encoded = stream.take_bytes()
    if not encoded:
        raise ConfigError("frames is empty: a video needs at least one frame")
    return encoded
