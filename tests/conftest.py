import os
import sys

import numpy as np

import gymreel
from gymreel import _core

# Set before an environment is imported: nothing here has a display or a sound card.
if sys.platform == "linux":
    os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")


def pytest_report_header() -> list[str]:
    return [
        f"gymreel {gymreel.__version__}, FFmpeg {_core.ffmpeg_version} ({_core.ffmpeg_license}), "
        f"NumPy {np.__version__}",
        f"module: {_core.__file__}",
    ]
