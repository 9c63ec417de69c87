"""imageio-ffmpeg: a pipe into an ffmpeg command that comes with the package."""

from __future__ import annotations

from pathlib import Path

import imageio_ffmpeg

from recorders.base import CRF, FPS, PRESET, Clip, Recorder
from recorders.with_ffmpeg_command import BT709_CONVERSION, BT709_TAGS


class ImageioRecorder(Recorder):
    """Its generator, which takes bytes."""

    name = "imageio-ffmpeg"
    note = f"FFmpeg {imageio_ffmpeg.get_ffmpeg_version().split('-')[0]} in the package"

    def record(self, clip: Clip, path: Path) -> None:
        writer = imageio_ffmpeg.write_frames(
            str(path),
            (clip.width, clip.height),
            fps=FPS,
            codec="libx264",
            quality=None,  # Its own scale would replace crf.
            macro_block_size=2,
            output_params=["-preset", PRESET, "-crf", str(CRF), *BT709_CONVERSION, *BT709_TAGS],
        )
        writer.send(None)
        for frame in clip.frames:
            writer.send(frame)
        writer.close()


def make_recorders(scratch: Path) -> list[Recorder]:
    """Make this module's recorders."""
    return [ImageioRecorder()]
