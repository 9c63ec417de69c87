"""GYMREEL_DEBUG=1: a borrowed frame that somebody has changed is found out and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.frames import needs_x264, numbers_in
from support.subprocesses import run_python
from support.video_reader import names_in

_CHANGED = """
import ctypes, sys
from pathlib import Path
import numpy as np
import gymreel
from support.frames import numbered
from support.stalled_encoder import StalledEncoder

folder = Path(sys.argv[1])
with StalledEncoder(folder / "stalled") as encoder:
    writer = gymreel.VideoWriter(folder / "video.mp4", COPY, **encoder.settings)
    frames = [numbered(number) for number in range(6)]
    for frame in frames:
        writer.write(frame)
    frames[4][:] = numbered(99)
    encoder.resume()
    for attempt in range(3):
        try:
            print(writer.close().num_frames)
        except gymreel.EncodeError as error:
            print(error)
"""
_CHANGED_UNSEEN = """
import ctypes, sys
from pathlib import Path
import numpy as np
import gymreel
from support.frames import numbered
from support.stalled_encoder import StalledEncoder

folder = Path(sys.argv[1])
HELD
with StalledEncoder(folder / "stalled") as encoder:
    writer = gymreel.VideoWriter(folder / "video.mp4", **encoder.settings)
    holders = []
    for number in range(6):
        frame = [numbered(number)]
        holders.append(hold(frame[0]))
        writer.write_from(frame)
    paint(holders[4], numbered(99))
    encoder.resume()
    try:
        writer.close()
    except gymreel.EncodeError as error:
        print(error)
    print(writer.stats.num_borrowed, writer.close().num_frames)
"""
_BY_ADDRESS = """
def hold(frame):
    return frame.ctypes.data

def paint(address, frame):
    ctypes.memmove(address, frame.ctypes.data, frame.nbytes)
"""
_BY_MEMORYVIEW = """
def hold(frame):
    return memoryview(frame)

def paint(memory, frame):
    np.asarray(memory)[:] = frame
"""
_TOLD = "could not encode a frame: the pixels of frame 4 changed between write() and encoding"


@pytest.fixture
def debug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at every borrowed frame, in the processes that the test starts."""
    monkeypatch.setenv("GYMREEL_DEBUG", "1")


@needs_x264
@pytest.mark.usefixtures("debug")
def test_a_borrowed_frame_that_changes_is_named_once_and_those_before_it_are_kept(
    tmp_path: Path,
) -> None:
    finished = run_python(_CHANGED.replace("COPY", "copy=False"), tmp_path)
    told, *later = finished.stdout.splitlines()
    assert told.startswith(_TOLD)
    assert "copy=True" in told
    assert str(tmp_path / "video.mp4") in told
    assert later == ["4", "4"]
    assert finished.stderr == ""
    assert numbers_in(tmp_path / "video.mp4") == [0, 1, 2, 3]


@needs_x264
@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize("copy", ["copy=True", "copy='auto'"])
def test_a_copied_frame_may_change(tmp_path: Path, copy: str) -> None:
    finished = run_python(_CHANGED.replace("COPY", copy), tmp_path)
    assert (finished.stdout, finished.stderr) == ("6\n6\n6\n", "")
    assert numbers_in(tmp_path / "video.mp4") == [0, 1, 2, 3, 4, 5]


@needs_x264
@pytest.mark.usefixtures("debug")
def test_memory_that_was_painted_over_by_its_address_is_found_out(tmp_path: Path) -> None:
    finished = run_python(_CHANGED_UNSEEN.replace("HELD", _BY_ADDRESS), tmp_path)
    told, counts = finished.stdout.splitlines()
    assert told.startswith(_TOLD)
    assert counts == "6 4"
    assert finished.stderr == ""
    assert numbers_in(tmp_path / "video.mp4") == [0, 1, 2, 3]


@needs_x264
@pytest.mark.usefixtures("debug")
def test_memory_that_is_held_by_a_memoryview_was_copied(tmp_path: Path) -> None:
    finished = run_python(_CHANGED_UNSEEN.replace("HELD", _BY_MEMORYVIEW), tmp_path)
    assert (finished.stdout, finished.stderr) == ("0 6\n", "")
    assert numbers_in(tmp_path / "video.mp4") == [0, 1, 2, 3, 4, 5]


@needs_x264
@pytest.mark.parametrize("value", [None, "", "0"])
def test_nothing_is_checked_without_being_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("GYMREEL_DEBUG", raising=False)
    if value is not None:
        monkeypatch.setenv("GYMREEL_DEBUG", value)
    finished = run_python(_CHANGED.replace("COPY", "copy=False"), tmp_path)
    assert (finished.stdout, finished.stderr) == ("6\n6\n6\n", "")
    assert numbers_in(tmp_path / "video.mp4") == [0, 1, 2, 3, 99, 5]


_CHANGED_WHILE_OPEN = """
import sys
from pathlib import Path
import gymreel
from support.frames import numbered
from support.stalled_encoder import StalledEncoder

folder = Path(sys.argv[1])
with StalledEncoder(folder / "stalled") as encoder:
    with gymreel.VideoWriter(folder / "video.mp4", copy=False, **encoder.settings) as writer:
        held = numbered(1)
        writer.write(numbered(0))
        writer.write(held)
        held[:] = 0
        encoder.resume()
        while writer.stats.num_pending > 0:
            pass
        for said in (print, lambda error: print("again")):
            try:
                writer.write(numbered(2))
            except gymreel.EncodeError as error:
                said(error)
    print(writer.close().num_frames)
"""


@needs_x264
@pytest.mark.usefixtures("debug")
def test_the_next_write_says_so_and_close_does_not_say_it_again(tmp_path: Path) -> None:
    finished = run_python(_CHANGED_WHILE_OPEN, tmp_path)
    told, again, frames = finished.stdout.splitlines()
    assert told.startswith("could not encode a frame: the pixels of frame 1 changed")
    assert (again, frames) == ("again", "1")
    assert finished.stderr == ""
    assert numbers_in(tmp_path / "video.mp4") == [0]


_ENVIRONMENT = """
import sys, warnings
from pathlib import Path
from support.environments import NumberedEnv
from gymreel.wrappers import RecordVideo
from support.stalled_encoder import StalledEncoder

folder = Path(sys.argv[1])
with StalledEncoder(folder / "stalled") as encoder:
    base = NumberedEnv(3, reuse_buffer=True)
    env = RecordVideo(base, folder / "videos", lambda _: True, copy=False, **encoder.settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        env.reset()
        for _ in range(3):
            env.step(0)
        encoder.resume()
        env.close()
        for warning in caught:
            print(warning.message)
"""


@needs_x264
@pytest.mark.usefixtures("debug")
def test_an_environment_that_paints_over_its_frames_is_one_warning(tmp_path: Path) -> None:
    finished = run_python(_ENVIRONMENT, tmp_path)
    (told,) = finished.stdout.splitlines()
    assert "rl-video-episode-0.mp4" in told
    assert "the pixels of frame 0 changed between write() and encoding" in told
    assert finished.stderr == ""
    assert names_in(tmp_path / "videos") == []


_LAYOUTS = """
import sys
from pathlib import Path
import numpy as np
import gymreel
from support.frames import HEIGHT, WIDTH, numbered

def rgba(frame):
    return np.dstack([frame, np.full((HEIGHT, WIDTH), 7, np.uint8)])

LAYOUTS = {
    "plain": lambda frame: frame,
    "upside down": lambda frame: frame[::-1].copy()[::-1],
    "mirrored": lambda frame: frame[:, ::-1].copy()[:, ::-1],
    "turned": lambda frame: frame[::-1, ::-1].copy()[::-1, ::-1],
    "BGR": lambda frame: frame[..., ::-1].copy()[..., ::-1],
    "everything backwards": lambda frame: frame[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "transposed": lambda frame: frame.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    "planes": lambda frame: frame.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "Fortran": np.asfortranarray,
    "cropped": lambda frame: np.pad(frame, ((3, 5), (7, 1), (0, 0)))[3:-5, 7:-1],
    "every other": lambda frame: frame.repeat(2, 0).repeat(2, 1)[::2, ::2],
    "one row for all": lambda frame: np.broadcast_to(frame[:1, :1], frame.shape),
    "RGBA": rgba,
    "RGBA upside down": lambda frame: rgba(frame)[::-1].copy()[::-1],
    "RGBA without A": lambda frame: rgba(frame)[..., :3],
    "ARGB": lambda frame: np.roll(rgba(frame), 1, 2)[..., 1:],
    "grey": lambda frame: frame[..., 0].copy(),
    "grey of RGB": lambda frame: frame[..., 0],
    "grey with an axis": lambda frame: frame[..., :1].copy(),
    "grey transposed": lambda frame: frame[..., 0].T.copy().T,
    "grey backwards": lambda frame: frame[::-1, ::-1, 0].copy()[::-1, ::-1],
}
folder = Path(sys.argv[1])
kept = []
for copy in (False, "auto"):
    for name, lay_out in LAYOUTS.items():
        path = folder / f"{name}, copy={copy}.mp4"
        with gymreel.VideoWriter(path, copy=copy) as writer:
            for number in range(4095, 4085, -1):
                holder = [lay_out(numbered(number))]
                if copy is False:
                    kept.append(holder[0])
                writer.write_from(holder)
        print(path.name, writer.stats.num_borrowed, sep=": ")
"""


@pytest.mark.usefixtures("debug")
def test_unchanged_frames_of_every_layout_pass(tmp_path: Path) -> None:
    finished = run_python(_LAYOUTS, tmp_path)
    assert finished.stderr == ""
    lines = finished.stdout.splitlines()
    assert len(lines) == 42
    for line in lines:
        name, _, num_borrowed = line.rpartition(": ")
        numbers = numbers_in(tmp_path / name)
        if name.startswith("one row"):
            assert len(numbers) == 10
        else:
            assert numbers == list(range(4095, 4085, -1)), name
        if "copy=False" in name:
            assert int(num_borrowed) == 10
