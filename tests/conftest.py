import os
import signal
import sys
from collections.abc import Iterator

import numpy as np
import pytest

import gymreel
from gymreel import _core
from support import soak
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


@pytest.fixture(autouse=True)
def normal_scheduling() -> Iterator[None]:
    """Undo what libsvtav1 does as root: the thread that opens it gets real-time priority.

    Every thread and process started from there inherits it, and those that spin stop all others.
    """
    yield
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture
def episode_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every recorder write the episode log, as users do for scripts of others."""
    monkeypatch.setenv("GYMREEL_EPISODE_LOG", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak", action="store_true", help="run the long versions of the tests that have one"
    )


def pytest_configure(config: pytest.Config) -> None:
    soak.is_soak = config.getoption("--soak")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "reliability":
            # These tests depend on how and how soon libx264 fails.
            item.add_marker(needs_x264)
        if not soak.is_soak and item.get_closest_marker("soak_only"):
            item.add_marker(pytest.mark.skip(reason="takes a while: pytest --soak runs it"))


def pytest_report_header() -> list[str]:
    return [
        f"gymreel {gymreel.__version__}, FFmpeg {_core.ffmpeg_version} ({_core.ffmpeg_license}), "
        f"NumPy {np.__version__}",
        f"module: {_core.__file__}",
    ]
