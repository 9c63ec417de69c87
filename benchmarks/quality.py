"""What is in a file: how many frames, and how close they are to the source."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from recorders import Clip, Recorder
from recorders.with_ffmpeg_command import raw_input, raw_rgb

__all__ = ["clean_up", "encoder_of", "look_at"]

_MAX_PIXELS_COMPARED = 40_000_000  # Comparing takes longer than encoding.


def look_at(path: Path, clip: Clip, recorder: Recorder, scratch: Path) -> dict[str, float]:
    """Count and compare frames, if ffprobe and ffmpeg are installed."""
    found = {"kilobytes": path.stat().st_size / 1000}
    if shutil.which("ffprobe"):
        found["frames"] = _num_frames(path)
    if shutil.which("ffmpeg"):
        found |= _compare(path, clip, recorder, scratch)
    return found


def encoder_of(path: Path) -> str:
    """Return the version of x264 that is written in the file."""
    match = re.search(rb"x264 - core (\d+)", path.read_bytes())
    return f"x264 core {match.group(1).decode()}" if match else ""


def clean_up(clip: Clip, scratch: Path) -> None:
    """Remove the copy of the source."""
    raw_rgb(clip, scratch).unlink(missing_ok=True)


def _num_frames(path: Path) -> int:
    command = ["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v:0"]
    command += ["-show_entries", "stream=nb_read_packets", "-of", "json", str(path)]
    run = subprocess.run(command, check=True, capture_output=True)
    return int(json.loads(run.stdout)["streams"][0]["nb_read_packets"])


def _compare(path: Path, clip: Clip, recorder: Recorder, scratch: Path) -> dict[str, float]:
    # In RGB, and with the matrix that was really used: quality is the question here, and not
    # whether a player would guess the matrix of an untagged file.
    num_frames = min(len(clip.frames), max(8, _MAX_PIXELS_COMPARED // (clip.width * clip.height)))
    graph = (
        f"[0:v]scale=in_color_matrix={recorder.matrix}:in_range=tv,format=gbrp,"
        f"setpts=N/30/TB,split[a][b];[1:v]format=gbrp,setpts=N/30/TB,split[c][d];"
        f"[a][c]ssim[e];[b][d]psnr[f]"
    )
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-i", str(path)]
    command += raw_input(raw_rgb(clip, scratch), clip, "rgb24")
    limit = ["-frames:v", str(num_frames)]
    command += ["-filter_complex", graph, "-map", "[e]", *limit, "-f", "null", "-"]
    command += ["-map", "[f]", *limit, "-f", "null", "-"]
    log = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    ssim = re.search(r"SSIM .*All:([\d.]+)", log)
    psnr = re.search(r"PSNR .*average:([\d.]+|inf)", log)
    found = {}
    if ssim:
        found["ssim"] = float(ssim.group(1))
    if psnr and psnr.group(1) != "inf":
        found["psnr"] = float(psnr.group(1))
    return found
