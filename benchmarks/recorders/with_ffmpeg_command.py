"""The ffmpeg command, fed from memory: with RGB, and with frames that were converted before."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from recorders.base import CRF, FPS, PRESET, Clip, Recorder

__all__ = ["BT709_CONVERSION", "BT709_TAGS", "raw_rgb"]

BT709_CONVERSION = ["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"]
BT709_TAGS = [
    *("-colorspace", "bt709", "-color_primaries", "bt709"),
    *("-color_trc", "bt709", "-color_range", "tv"),
]
_QUIET = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]


def raw_rgb(clip: Clip, scratch: Path) -> Path:
    """Write the clip as raw RGB, unless it is there; its last user removes it."""
    path = scratch / f"{clip.size}-{len(clip.frames)}.rgb"
    if not path.exists():
        with path.open("wb") as file:
            for frame in clip.frames:
                file.write(frame.data)
    return path


def raw_input(path: Path, clip: Clip, pixel_format: str) -> list[str]:
    """Return ffmpeg's arguments that describe a file of raw frames."""
    size = f"{clip.width}x{clip.height}"
    shape = ["-pixel_format", pixel_format, "-video_size", size, "-framerate", str(FPS)]
    return ["-f", "rawvideo", *shape, "-i", str(path)]


class FfmpegRecorder(Recorder):
    """One run of the command."""

    def __init__(self, scratch: Path, *, converted: bool) -> None:
        self._scratch = scratch
        self._converted = converted
        self.name = "ffmpeg command, yuv420p in" if converted else "ffmpeg command, rgb24 in"
        self.note = "the limit: converted before" if converted else ""

    def prepare(self, clip: Clip) -> None:
        rgb = raw_rgb(clip, self._scratch)
        self._arguments = raw_input(rgb, clip, "rgb24")
        self._filters = BT709_CONVERSION
        if self._converted:
            yuv = rgb.with_suffix(".yuv")
            command = [*_QUIET, *self._arguments, *self._filters, "-f", "rawvideo", str(yuv)]
            subprocess.run(command, check=True)
            self._arguments = raw_input(yuv, clip, "yuv420p")
            self._filters = []

    def record(self, clip: Clip, path: Path) -> None:
        codec = ["-c:v", "libx264", "-preset", PRESET, "-crf", str(CRF)]
        output = [*self._filters, *codec, *BT709_TAGS, str(path)]
        subprocess.run([*_QUIET, *self._arguments, *output], check=True)

    def clean_up(self, clip: Clip) -> None:
        rgb = raw_rgb(clip, self._scratch)
        rgb.with_suffix(".yuv" if self._converted else ".rgb").unlink(missing_ok=True)


def make_recorders(scratch: Path) -> list[Recorder]:
    """Make this module's recorders."""
    if shutil.which("ffmpeg") is None:
        raise RuntimeError("there is no ffmpeg command here")
    return [FfmpegRecorder(scratch, converted=False), FfmpegRecorder(scratch, converted=True)]
