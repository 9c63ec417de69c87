"""A full queue: waiting loses no frame, dropping is counted, and Ctrl-C is heard."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from gymreel import VideoWriter, WriterClosedError, encode
from support.frames import HEIGHT, WIDTH, needs_x264, numbered, numbers_in, record
from support.paths import TESTS
from support.stalled_encoder import StalledEncoder

FRAME_BYTES = HEIGHT * WIDTH * 3


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("max_pending_bytes", [1, FRAME_BYTES, 3 * FRAME_BYTES + 5])
def test_blocking_loses_no_frame(tmp_path: Path, max_pending_bytes: int, copy: bool) -> None:
    path = tmp_path / "video.mp4"
    with VideoWriter(path, max_pending_bytes=max_pending_bytes, copy=copy) as writer:
        for number in range(100):
            writer.write(numbered(number))
            assert writer.stats.pending_bytes <= max(max_pending_bytes, FRAME_BYTES)
    assert writer.stats.num_dropped == 0
    assert numbers_in(path) == list(range(100))


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize(
    ("max_pending_bytes", "room"),
    [(1, 1), (FRAME_BYTES, 1), (2 * FRAME_BYTES - 1, 1), (3 * FRAME_BYTES, 3)],
)
def test_dropping_takes_what_has_room_and_counts_the_rest(
    tmp_path: Path, max_pending_bytes: int, room: int, copy: bool
) -> None:
    path = tmp_path / "video.mp4"
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(
            path,
            on_full="drop",
            max_pending_bytes=max_pending_bytes,
            copy=copy,
            **encoder.settings,
        )
        for number in range(10):
            writer.write(numbered(number))
        stats = writer.stats
        assert (stats.num_written, stats.num_dropped) == (room, 10 - room)
        assert stats.num_pending == room
        assert stats.pending_bytes == room * FRAME_BYTES
        encoder.resume()
        recording = writer.close()
    assert recording.num_frames == room
    assert numbers_in(path) == list(range(room))


def test_a_frame_may_follow_a_dropped_one(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(path, on_full="drop", max_pending_bytes=1, **encoder.settings)
        writer.write(numbered(1))
        writer.write(numbered(2))
        encoder.resume()
        while writer.stats.num_pending > 0:
            pass
        writer.write(numbered(3))
        writer.close()
    assert writer.stats.num_dropped == 1
    assert numbers_in(path) == [1, 3]


def test_waiting_lets_other_threads_run(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(path, max_pending_bytes=1, **encoder.settings)
        writer.write(numbered(1))
        # The next write never returns if it keeps this thread from running.
        other = threading.Thread(target=encoder.resume)
        other.start()
        writer.write(numbered(2))
        other.join()
        writer.close()
    assert numbers_in(path) == [1, 2]


def test_a_write_that_waits_ends_when_another_thread_closes(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    errors: list[BaseException] = []
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(path, max_pending_bytes=1, **encoder.settings)
        writer.write(numbered(1))

        def write_more() -> None:
            try:
                writer.write(numbered(2))  # There is no room, and there will be none.
            except WriterClosedError as error:
                errors.append(error)

        other = threading.Thread(target=write_more)
        other.start()
        writer.finish()
        other.join()
        encoder.resume()
        writer.close()
    assert [str(error) for error in errors] == ["the writer is closed"]
    assert numbers_in(path) == [1]


def test_a_frame_larger_than_the_limit_passes_alone(tmp_path: Path) -> None:
    path = record(tmp_path / "video.mp4", [numbered(1), numbered(2)], max_pending_bytes=1).path
    assert numbers_in(path) == [1, 2]


def test_encode_waits_too() -> None:
    frames = (numbered(number) for number in range(50))
    assert numbers_in(BytesIO(encode(frames, max_pending_bytes=1))) == list(range(50))


_INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
import gymreel
from support.frames import numbered
from support.stalled_encoder import StalledEncoder

folder, function = Path(sys.argv[1]), sys.argv[2]
main = threading.main_thread().ident

def interrupt():
    while sys._current_frames()[main].f_code.co_name != function:
        pass
    os.kill(os.getpid(), signal.SIGINT)

with StalledEncoder(folder / "stalled") as encoder:
    writer = gymreel.VideoWriter(folder / "video.mp4", max_pending_bytes=1, **encoder.settings)
    writer.write(numbered(1))
    try:
        threading.Thread(target=interrupt).start()
        writer.close() if function == "close" else writer.write(numbered(2))
    except KeyboardInterrupt:
        print("interrupted:", writer.stats.num_written, "written")
    encoder.resume()
    if function != "close":
        writer.write(numbered(3))
    print(writer.close().num_frames, "in the file")
"""


@needs_x264
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT between processes")
@pytest.mark.parametrize(("function", "numbers"), [("write", [1, 3]), ("close", [1])])
def test_ctrl_c_ends_a_call_that_waits_and_the_recording_can_go_on(
    tmp_path: Path, function: str, numbers: list[int]
) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(tmp_path), function],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=TESTS,
    )
    assert finished.stderr == ""
    assert finished.stdout == f"interrupted: 1 written\n{len(numbers)} in the file\n"
    assert numbers_in(tmp_path / "video.mp4") == numbers


def test_pending_bytes_count_the_pixels_whatever_their_strides(tmp_path: Path) -> None:
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(tmp_path / "video.mp4", copy=False, **encoder.settings)
        writer.write(np.broadcast_to(np.uint8(7), (HEIGHT, WIDTH, 3)))
        assert writer.stats.pending_bytes == FRAME_BYTES
        encoder.resume()
        writer.close()


def test_interrupting_is_left_as_it_was(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    record(tmp_path / "video.mp4", [numbered(1)])
    assert signal.getsignal(signal.SIGINT) is before
