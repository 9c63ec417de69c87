import os
import signal
import sys

import numpy as np
import pytest

import gymreel
from gymreel import _core
from support.frames import needs_x264

# Set before an environment is imported: nothing here has a display or a sound card.
if sys.platform == "linux":
    os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

# In the background, or with nohup, this process ignores some, and so would those that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGHUP", "SIGQUIT"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_DFL)


@pytest.fixture
def episode_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every recorder write the log of its episodes, as a user does for scripts of others."""
    monkeypatch.setenv("GYMREEL_EPISODE_LOG", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What fails there, how and how soon, is libx264's: of other encoders these tests say nothing.
    for item in items:
        if item.path.parent.name == "reliability":
            item.add_marker(needs_x264)


def pytest_report_header() -> list[str]:
    return [
        f"gymreel {gymreel.__version__}, FFmpeg {_core.ffmpeg_version} ({_core.ffmpeg_license}), "
        f"NumPy {np.__version__}",
        f"module: {_core.__file__}",
    ]
