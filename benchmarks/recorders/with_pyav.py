"""PyAV: FFmpeg's libraries in this process, on the calling thread."""

from __future__ import annotations

from pathlib import Path

import av
from av.video.reformatter import ColorRange, Colorspace

from recorders.base import CRF, FPS, PRESET, Clip, Recorder

__all__ = ["PyavWriter"]

_BT709 = 1  # AVCOL_PRI_BT709 and AVCOL_TRC_BT709.


class PyavWriter:
    """One open file, as PyAV's documentation shows it, with BT.709."""

    def __init__(self, path: Path, width: int, height: int, thread_type: str | None = None) -> None:
        self._container = av.open(str(path), "w")
        options = {"preset": PRESET, "crf": str(CRF)}
        self._stream = self._container.add_stream("libx264", rate=FPS, options=options)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.colorspace = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
        context.color_primaries = context.color_trc = _BT709
        if thread_type is not None:
            context.thread_type = thread_type

    def write(self, pixels: object) -> None:
        """Encode one frame."""
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")  # type: ignore[arg-type]
        converted = frame.reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        for packet in self._stream.encode(converted):
            self._container.mux(packet)

    def close(self) -> None:
        """Complete the file."""
        for packet in self._stream.encode():
            self._container.mux(packet)
        self._container.close()


class PyavRecorder(Recorder):
    """PyAV, with its default threads or better ones."""

    def __init__(self, name: str, thread_type: str | None, note: str) -> None:
        self.name = name
        self.note = note
        self._thread_type = thread_type

    def record(self, clip: Clip, path: Path) -> None:
        writer = PyavWriter(path, clip.width, clip.height, self._thread_type)
        for frame in clip.frames:
            writer.write(frame)
        writer.close()


def make_recorders(scratch: Path) -> list[Recorder]:
    """Make this module's recorders."""
    return [
        PyavRecorder("PyAV", None, "its default: threads share each frame (slices)"),
        PyavRecorder("PyAV, thread_type AUTO", "AUTO", "threads on several frames"),
    ]
