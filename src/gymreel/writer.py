"""``VideoWriter`` writes one video file; ``encode`` does the same in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from gymreel._open_writers import add_abandoned, add_writer, warn_or_print
from gymreel._tensors import as_array, is_tensor
from gymreel._thinned_frames import ThinnedFrames
from gymreel._tiles import TileWriter, list_tiles
from gymreel._validation import check_mapping, check_path, check_timeout, show
from gymreel._writer_config import (
    DEFAULT_MAX_PENDING_BYTES,
    WRITER_DEFAULTS,
    WriterConfig,
    WriterOptions,
    prepare_target,
)
from gymreel._writer_results import Recording, WriterStats
from gymreel.errors import (
    ConfigError,
    ConfigTypeError,
    FrameError,
    FrameShapeError,
    FrameTypeError,
    GymreelError,
    WriterCopyError,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Recording", "VideoWriter", "WriterStats", "encode", "write_batch"]


class VideoWriter:
    """Writes frames to a video file, encoding on background threads.

    ``write()`` queues a frame and returns. ``close()`` waits until the file is complete. While it
    records, the frames so far are in a hidden file ``.NAME.partial`` beside the target, which can
    be read at any time. The target itself appears once everything is encoded. A writer that is
    dropped, or still open when the interpreter exits, completes its file as well.

    Pixels are converted with the matrix of ITU-R BT.709 to limited range, and the file is tagged
    accordingly. Where the pixel format needs even sizes, an odd width or height is padded by
    repeating the last column or row; the true size is then in the metadata entry ``frame_size``.

    >>> import numpy as np
    >>> with VideoWriter("video.mp4", fps=30) as writer:
    ...     for shade in range(60):
    ...         writer.write(np.full((64, 64, 3), shade, np.uint8))
    >>> writer.close().num_frames
    60

    Args:
        path: File to write. Its suffix selects the container: .mp4, .m4v, .mov, .mkv, .webm or
            .gif. Missing folders are created. An existing file is replaced once the new one is
            complete. This is always a file name, never a URL.
        fps: Frames per second, up to 1000, or 50 for GIF. A float is taken as the nearest fraction
            with a small denominator: 29.97 is 2997/100. Pass ``Fraction(30000, 1001)`` for NTSC.
            MPEG-4 (``codec="mpeg4"``) gets the nearest fraction with a numerator up to 65535.
        codec: ``"auto"`` for the best encoder that FFmpeg has for the container (libx264 for mp4),
            a format such as ``"h264"``, ``"hevc"``, ``"vp9"`` or ``"av1"``, or the name of an
            encoder of FFmpeg; see ``gymreel.codecs()``.
        preset: Trade-off between speed and size, in the encoder's own terms. The default for
            libx264 is ``"veryfast"``.
        crf: Quality, where lower is better. The default for libx264 is 23.
        pixel_format: Pixel format, by FFmpeg's name. ``"yuv420p"`` plays everywhere. ``"yuv444p"``
            keeps the full resolution of colours but does not play in every browser. ``"gray16le"``
            with ``codec="ffv1"`` in an .mkv stores grey of 16 bits without loss, such as depth.
        options: Further options of the encoder, as ``ffmpeg -h encoder=NAME`` lists them.
        metadata: Entries for the file's metadata, such as ``{"title": "Pong"}``.
        copy: ``"auto"`` borrows the memory of a frame that nothing else can reach, and copies any
            other frame. ``True`` always copies. ``False`` never copies: the caller promises not to
            change frames after they were written.
        max_pending_bytes: Limit for the memory of waiting frames, in bytes.
        on_full: What ``write()`` does at that limit: ``"block"`` waits, so that no frame is lost;
            ``"drop"`` drops the frame and counts it in ``stats``.
        scale: Each pixel becomes a square of ``scale`` by ``scale`` equal pixels, from 1 to 64.
            ``"auto"`` magnifies pictures whose longer side is below 320 pixels by the smallest even
            number with which it has at least 600. Small pictures need that for their colours:
            videos store these for squares of 2 x 2 pixels. Magnifying copies no frame.
        frame_stride: Number n, if only every n-th frame becomes part of the video. The
            frame rate is divided by it, so that the video takes as long as all frames would. The
            first and the last frame are always part of it; for that, each frame that is left out is
            copied and kept until the next one.

    Raises:
        ConfigError: An argument is invalid.
        CodecNotFoundError: The FFmpeg in use has no such encoder.
        OutputError: The folder cannot be created, or ``path`` is a folder.
    """

    write_from: Callable[[list[NDArray[np.uint8]]], bool]
    """Take one frame out of a list and queue it. Return False if it was dropped.

    This is ``write()`` for a caller that has no other reference to the frame:
    ``writer.write_from([env.render()])`` can borrow the pixels on every Python version. The list is
    empty afterwards. Without ``frame_stride`` the attribute is the native function itself, because
    with cold caches each further Python call takes a tenth of the time of a recorded step.
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
        scale: int | Literal["auto"] = 1,
        frame_stride: int = 1,
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
            scale=scale,
            frame_stride=frame_stride,
        )
        self._open(Path(os.path.abspath(name)), config, metadata)

    @classmethod
    def from_config(
        cls, path: Path, config: WriterConfig, metadata: Mapping[str, str] | None = None
    ) -> VideoWriter:
        """Open a writer with settings that have been checked. ``path`` must be absolute."""
        writer = cls.__new__(cls)
        writer._open(path, config, metadata)
        return writer

    def _open(self, path: Path, config: WriterConfig, metadata: Mapping[str, str] | None) -> None:
        prepare_target(path)
        self.path = path
        """The file that appears once the recording is complete."""
        self._config = config
        self._closed = False
        self._stream = config.open_stream(path, metadata)
        self.write_from = self._stream.write_function()
        self._write_tiles = TileWriter(self._stream, config.conversion).write
        self._write_directly = (self.write_from, self._write_tiles)
        self._thinned: ThinnedFrames | None = None
        self._late_error: FrameError | None = None
        if config.frame_stride > 1:
            self._thinned = ThinnedFrames(
                self.write_from, self._write_tiles, Fraction(1, config.frame_stride)
            )
            self.write_from = self._thinned.write_from
            self._write_tiles = self._thinned.write_tiles_from
        add_writer(self)

    def write(self, frame: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
        """Queue one frame, and return before it is encoded.

        Args:
            frame: ``(height, width, 3)`` uint8 RGB, ``(height, width, 4)`` RGBA (alpha is dropped),
                ``(height, width)`` or ``(height, width, 1)`` grey, with any strides. The first
                frame sets the size. Arrays of bools, integers or floats with whole numbers from 0
                to 255 are converted and copied; a ``GymreelWarning`` says so once. Floats that do
                not exceed 1 are refused unless all are 0, or an earlier frame exceeded 1. With
                ``pixel_format="gray16le"``, also uint16 of shape ``(height, width)`` or
                ``(height, width, 1)``, whose values are stored as they are. Tensors of other
                libraries (anything with DLPack or NumPy's array interface) are taken as arrays are;
                they are copied, and transferred first if they are not in the CPU's memory.

        Raises:
            FrameTypeError: ``frame`` is not an array of whole numbers from 0 to 255.
            FrameShapeError: ``frame`` has no such shape, or not the size of the first frame.
            WriterClosedError: ``close()`` or ``finish()`` was called before.
            EncodeError: The encoder failed on an earlier frame.
            OutputError: The file could not be written.
        """
        holder: list[Any] = [frame]
        del frame  # A local variable would count as another reference to the pixels.
        self.write_from(holder)

    def write_tiles(
        self, frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], *, num_columns: int
    ) -> None:
        """Queue one frame that shows several tiles in a grid, such as parallel environments.

        The tiles are not assembled first: for yuv420p, yuv444p and nv12, the pixels of each tile
        are converted directly to their place in the encoder's frame. Tile ``k`` is in column
        ``k % num_columns`` and row ``k // num_columns``, at the top left of its cell. All cells are
        as large as the largest tile of the first call, rounded up to even numbers. Where no tile
        is, the frame is black.

        The memory is borrowed if nothing else can reach any of the tiles. Otherwise the whole grid
        is copied once.

        Args:
            frames: Sequence of arrays as for ``write()``, each of its own shape, or one array of
                shape ``(num_tiles, height, width, channels)``. The first call sets the number and
                the sizes of the tiles.
            num_columns: Tiles per row; the same in each call. ``gymreel.grid.arrange()`` computes
                it for a wanted aspect ratio.

        Raises:
            ConfigError: ``num_columns`` is not a whole number from 1, or not that of the first
                call.
            FrameTypeError: A tile is not an array as ``write()`` takes it; the message names it.
            FrameShapeError: A tile has an invalid shape, the number or a size of the tiles differs
                from the first call, or the grid has another size than earlier frames or is too
                large.
            WriterClosedError, EncodeError, OutputError: As for ``write()``.
        """
        holder = list_tiles(frames)
        del frames  # As in write(): if the list is gone as well, the tiles may be borrowed.
        self.write_tiles_from(holder, num_columns)

    def write_tiles_from(self, holder: list[NDArray[np.uint8]], num_columns: int) -> bool:
        """Take the tiles of one frame out of a list and queue it. Return False if it was dropped.

        This is ``write_tiles()`` for a caller that has no other references to the tiles. The list
        holds one array per tile, or one array for all; it is empty afterwards.
        """
        return self._write_tiles(holder, num_columns)

    def add_metadata(self, metadata: Mapping[str, str]) -> None:
        """Add entries to the metadata of the complete file.

        Args:
            metadata: As for the constructor. An existing entry of the same name is replaced.

        Raises:
            ConfigError: ``metadata`` does not map names to plain text.
            WriterClosedError: ``close()`` or ``finish()`` was called before.
        """
        self._stream.add_metadata(list(check_mapping("metadata", metadata).items()))

    def finish(self) -> None:
        """End the recording and return at once. The file is completed in the background."""
        self._write_last_frame()
        self._closed = True
        self._stream.finish()

    def _write_last_frame(self) -> None:
        """Write the last frame if ``frame_stride`` has left it out; :meth:`poll` raises errors."""
        if self._thinned is None:
            return
        try:
            self._thinned.finish()
        except FrameError as error:
            self._late_error = error
        except GymreelError:
            pass  # close() raises the failure of the stream.
        # From here on, every frame is refused.
        self._thinned = None
        self.write_from, self._write_tiles = self._write_directly

    def poll(self) -> Recording | None:
        """Return the recording, or None if its file is not complete yet. Never wait.

        Raises:
            WriterClosedError: This process was forked, and the writer is its parent's.
            EncodeError, OutputError: The recording failed, and no call has raised that yet.
            FrameError: The last frame, which ``frame_stride`` had left out until then, was refused.
        """
        result = self._stream.result()
        if result is None:
            return None
        self._stream.raise_untold_failure()
        if self._late_error is not None:
            error, self._late_error = self._late_error, None
            raise error
        path, num_frames, num_bytes, width, height, is_superseded = result
        return Recording(
            # The same object if possible: Python 3.13 cannot create a Path while it exits.
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
        """Wait for the file after :meth:`finish`, and return whether it is complete or has failed.

        Args:
            timeout_seconds: Longest time to wait, in seconds; None for no limit.

        Raises:
            ConfigError: ``timeout_seconds`` is neither None nor a number from 0.
            WriterClosedError: This process was forked while recording.
        """
        return self._stream.wait(check_timeout(timeout_seconds))

    def completion(self) -> Callable[[], bool]:
        """Return a function that returns whether the file is complete or has failed.

        The function does not keep the writer alive. In a forked child it returns True, because the
        file is its parent's.
        """
        stream = self._stream
        return lambda: not stream.belongs_here() or stream.result() is not None

    def close(self) -> Recording:
        """Wait until the file is complete, and return the recording. Idempotent.

        Raises:
            EncodeError, OutputError: The recording failed, and no call has raised that yet. What
                was recorded so far is kept; the message names the file.
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
        """Current counts of frames and bytes."""
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
        """Close. If the block raised, a failure to close is a warning, so that it hides nothing."""
        try:
            self.close()
        except GymreelError as error:
            if exc_value is None:
                raise
            warn_or_print(f"{error}")

    def __del__(self) -> None:
        """Complete the file in the background."""
        stream = getattr(self, "_stream", None)
        if stream is None:
            return  # The constructor raised.
        self._write_last_frame()
        stream.finish()
        if stream.belongs_here():
            add_abandoned(stream, self.path)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be copied or pickled: a dropped copy would complete the file."""
        raise WriterCopyError(
            f"{self!r} cannot be copied or pickled, because one file has one writer; make another "
            "VideoWriter with another path"
        )

    def __repr__(self) -> str:
        """Return the path, and whether the writer is open."""
        return f"<VideoWriter {str(self.path)!r} {'closed' if self._closed else 'open'}>"


def encode(
    frames: Iterable[NDArray[np.uint8]],
    *,
    suffix: str = ".mp4",
    metadata: Mapping[str, str] | None = None,
    **options: Unpack[WriterOptions],
) -> bytes:
    """Encode frames in memory.

    >>> import numpy as np
    >>> data = encode([np.zeros((64, 64, 3), np.uint8)] * 10, suffix=".gif", fps=10)
    >>> data[:4]
    b'GIF8'

    Args:
        frames: The frames, as for ``VideoWriter.write``; at least one.
        suffix: File suffix that selects the container.
        metadata: Entries for the metadata, as for ``VideoWriter``.
        **options: Any other argument of ``VideoWriter`` except ``path``.

    Returns:
        The bytes of the file.

    Raises:
        ConfigError: An argument is invalid, or there are no frames.
        CodecNotFoundError, FrameError, EncodeError: As for ``VideoWriter``.
    """
    for name in options:
        if name not in WRITER_DEFAULTS:
            known = ", ".join(("frames", "suffix", "metadata", *WRITER_DEFAULTS))
            value = show(dict(options)[name])
            raise ConfigTypeError(
                f"{show(name)[1:-1]}={value} is not an argument of encode(); it has {known}"
            )
    config = WriterConfig.check(suffix, **options)
    try:
        each_frame = iter(frames)
    except TypeError:
        raise ConfigTypeError(
            f"frames={show(frames)} must be a sequence of numpy arrays, or an iterator"
        ) from None
    stream = config.open_stream(None, metadata)
    write_from = stream.write_function()
    thinned = ThinnedFrames(
        write_from, TileWriter(stream, config.conversion).write, Fraction(1, config.frame_stride)
    )
    if config.frame_stride > 1:
        write_from = thinned.write_from
    for frame in each_frame:
        write_from([frame])
    thinned.finish()
    stream.finish()
    stream.wait()
    stream.raise_untold_failure()
    encoded = stream.take_bytes()
    if not encoded:
        raise ConfigError("frames is empty: a video needs at least one frame")
    return encoded


def write_batch(batch: Any, writers: Sequence[VideoWriter | None]) -> None:
    """Write each picture of a batch to a writer of its own, such as those of parallel simulators.

    A tensor on another device than the CPU is transferred in one piece. Each picture is copied, as
    its memory is part of the batch's.

    Args:
        batch: Array or tensor of shape ``(num_pictures, height, width, channels)`` or
            ``(num_pictures, height, width)``.
        writers: A writer for each picture; None for a picture that is not recorded.

    Raises:
        ConfigError: There is not one writer for each picture.
        FrameTypeError, FrameShapeError: ``batch`` is no such array.
        WriterClosedError, EncodeError, OutputError: As for ``VideoWriter.write``: the first error,
            after every other writer has got its picture.
    """
    array = as_array(batch) if is_tensor(batch) else batch
    if not isinstance(array, np.ndarray):
        raise FrameTypeError(f"batch={show(batch)} must be an array or a tensor")
    if array.ndim not in (3, 4):
        raise FrameShapeError(
            "batch must have the shape (num_pictures, height, width, channels), got "
            f"{array.dtype} array of shape {array.shape}"
        )
    if not isinstance(writers, Sequence) or len(writers) != len(array):
        raise ConfigError(
            f"writers={show(writers)} must be a sequence of {len(array)} writers, one for each "
            "picture of the batch"
        )
    failure: GymreelError | None = None
    for picture, writer in zip(array, writers, strict=True):
        if writer is not None:
            try:
                writer.write(picture)
            except GymreelError as error:
                failure = failure or error
    if failure is not None:
        raise failure
