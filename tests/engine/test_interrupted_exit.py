"""Ctrl-C while the interpreter completes the recordings at its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gymreel import recover
from support.frames import needs_x264, numbers_in
from support.paths import TESTS
from support.stalled_encoder import StalledEncoder

pytestmark = [
    needs_x264,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT between processes"),
]

# With one worker, which stands still in the second recording's encoder, both wait.
_SCENE = """
import os, signal, sys, threading
from pathlib import Path
from unittest import mock
import gymreel
from support.frames import numbered

folder, statistics, ending = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
stalled = {"codec": "libx264", "options": {"flags": "+pass1", "stats": statistics}}
gymreel.set_num_threads(1)
first = gymreel.VideoWriter(folder / "first.mp4", options={"tune": "zerolatency", "g": "1"})
for number in range(40):
    first.write(numbered(number))
while first.stats.num_encoded < 40:
    pass
with mock.patch.object(gymreel._encoder_trial, "check_settings"):  # It refuses two passes.
    second = gymreel.VideoWriter(folder / "second.mp4", **stalled)
for number in range(5):
    second.write(numbered(number))
if ending == "dropped":
    del first, second
if ending == "SIGTERM":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))

def tell():
    main = threading.main_thread().ident
    while sys._current_frames()[main].f_code.co_name != "_finish_all":
        pass
    print("waiting", flush=True)
threading.Thread(target=tell, daemon=True).start()
"""


@contextmanager
def _leaving(
    folder: Path, statistics: Path, ending: str = "left open"
) -> Iterator[subprocess.Popen[str]]:
    """Run a script until it waits for its recordings at its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SCENE, str(folder), str(statistics), ending],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            yield process
        finally:
            process.kill()


def _interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> str:
    """Send a signal, and return the line that answers it."""
    assert process.stderr is not None
    process.send_signal(number)
    return process.stderr.readline()


@pytest.mark.parametrize("ending", ["left open", "dropped", "SIGTERM"])
def test_the_first_interrupt_says_what_is_left_and_abandons_nothing(
    tmp_path: Path, ending: str
) -> None:
    videos = tmp_path / "my videos"
    videos.mkdir()
    with StalledEncoder(tmp_path / "stalled") as encoder:
        statistics = Path(encoder.settings["options"]["stats"])
        with _leaving(videos, statistics, ending) as process:
            number = signal.SIGTERM if ending == "SIGTERM" else signal.SIGINT
            line = _interrupt(process, number)
            encoder.resume()
            _, rest = process.communicate(timeout=60)
    assert line.startswith(f"gymreel: still completing 2 recordings in '{videos}'; ")
    assert "python -m gymreel recover FOLDER" in line
    assert rest == ""
    assert process.returncode == 0
    assert sorted(os.listdir(videos)) == ["first.mp4", "second.mp4"]
    assert numbers_in(videos / "first.mp4") == list(range(40))
    assert numbers_in(videos / "second.mp4") == list(range(5))


def test_the_second_interrupt_leaves_what_can_be_recovered(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    with StalledEncoder(tmp_path / "stalled") as encoder:
        statistics = Path(encoder.settings["options"]["stats"])
        with _leaving(videos, statistics) as process:
            assert _interrupt(process).startswith("gymreel: still completing 2 recordings in ")
            process.send_signal(signal.SIGINT)
            _, rest = process.communicate(timeout=60)
    assert rest == ""
    assert process.returncode == 0
    recover(videos)
    (path,) = videos.glob("first*.mp4")
    numbers = numbers_in(path)
    assert len(numbers) > 20
    assert numbers == list(range(len(numbers)))
