"""Everything that can turn a list of frames into an H.264 file, behind one interface.

Each module is imported only where its package is installed. Settings are the same for all:
libx264, preset veryfast, crf 23, yuv420p, 30 frames per second; BT.709 where that can be set.
Numbers of threads are each one's own default.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from recorders.base import CRF, FPS, PRESET, Clip, Recorder

__all__ = ["CRF", "FPS", "PRESET", "Clip", "Recorder", "load_recorders"]

_MODULES = {
    "with_gymreel": "gymreel",
    "with_moviepy": "Gymnasium RecordVideo",
    "with_stable_baselines3": "SB3 VecVideoRecorder",
    "with_imageio_ffmpeg": "imageio-ffmpeg",
    "with_pyav": "PyAV",
    "with_opencv": "OpenCV",
    "with_torchcodec": "torchcodec",
    "with_ffmpeg_command": "ffmpeg command",
}


def load_recorders(scratch: Path) -> tuple[list[Recorder], dict[str, str]]:
    """Make every recorder that is installed.

    Args:
        scratch: A folder for whatever a recorder has to prepare.

    Returns:
        The recorders, and for each missing one the reason.
    """
    recorders: list[Recorder] = []
    missing = {}
    for module, name in _MODULES.items():
        try:
            recorders += importlib.import_module(f"recorders.{module}").make_recorders(scratch)
        except (ImportError, OSError, RuntimeError) as error:
            missing[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
    return recorders, missing
