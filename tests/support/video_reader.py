"""An independent reader of video files: PyAV for the pixels, ffprobe for what the file says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gymreel._runs import MARKER_NAME
from gymreel.episodes import LOG_NAME
from support.environments import read_number

__all__ = [
    "count_frames",
    "decode",
    "iterate_frames",
    "names_in",
    "need_ffmpeg_programs",
    "numbers_in",
    "probe",
    "tags",
]


def iterate_frames(path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """Decode the frames of a video one by one.

    Args:
        path: The file; a name that looks like a URL is a file name all the same.

    Yields:
        ``(height, width, 3)`` uint8 RGB.
    """
    with av.open(_as_file(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def decode(path: str | os.PathLike[str]) -> list[np.ndarray]:
    """Decode all frames of a video, each ``(height, width, 3)`` uint8 RGB."""
    return list(iterate_frames(path))


def count_frames(path: str | os.PathLike[str]) -> int:
    """Count the frames of a video by decoding it."""
    with av.open(_as_file(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def numbers_in(path: str | os.PathLike[str]) -> list[int]:
    """Read the numbers of the frames in a video, see ``environments.numbered_frame``."""
    return [read_number(frame) for frame in iterate_frames(path)]


def names_in(folder: str | os.PathLike[str]) -> list[str]:
    """List everything in a folder, also what is hidden, but for the log and the run's marker."""
    return sorted(name for name in os.listdir(folder) if name not in (LOG_NAME, MARKER_NAME))


def probe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Ask ffprobe about a file.

    Returns:
        ``{"format": {…}, "streams": [{…}, …]}`` with ``nb_read_frames`` counted by decoding.
    """
    need_ffmpeg_programs()
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams"]
    finished = subprocess.run(
        [*command, "-count_frames", _as_file(path)], check=True, capture_output=True, text=True
    )
    answer: dict[str, Any] = json.loads(finished.stdout)
    return answer


def need_ffmpeg_programs() -> None:
    """Skip the test where FFmpeg's programs are not installed, as where a wheel is tried alone."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")


def tags(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the container's metadata, keys in lower case (Matroska writes them in upper case)."""
    with av.open(_as_file(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


def _as_file(path: str | os.PathLike[str]) -> str:
    return f"file:{Path(path)}"
