"""Recordings of one name: the file is that of the one that began last."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gymreel import GymreelWarning, VideoWriter
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv
from support.frames import needs_x264, numbered
from support.video_reader import names_in, numbers_in


def _write(writer: VideoWriter, first: int, count: int) -> None:
    for number in range(first, first + count):
        writer.write(numbered(number))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif"])
@pytest.mark.parametrize("order", ["as they began", "the other way round", "together"])
def test_the_file_is_that_of_the_recording_that_began_last(
    tmp_path: Path, suffix: str, order: str
) -> None:
    path = tmp_path / f"video{suffix}"
    first, second = VideoWriter(path), VideoWriter(path)
    _write(first, 0, 30)
    _write(second, 100, 5)
    if order == "together":
        first.finish()
        second.finish()
    writers = [second, first] if order == "the other way round" else [first, second]
    recordings = [writer.close() for writer in writers]
    assert sorted(recording.num_frames for recording in recordings) == [5, 30]
    assert {recording.path for recording in recordings} == {path}
    assert numbers_in(path) == list(range(100, 105))
    assert names_in(tmp_path) == [path.name]


def test_a_recording_says_that_the_file_is_anothers(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    older, newer = VideoWriter(path), VideoWriter(path)
    _write(older, 0, 30)
    _write(newer, 100, 5)
    assert not newer.close().is_superseded
    superseded = older.close()
    assert superseded.is_superseded
    assert superseded.num_frames == 30
    assert superseded.path == path
    assert numbers_in(path) == list(range(100, 105))

    # The other way round its file was there, and was replaced.
    older, newer = VideoWriter(path), VideoWriter(path)
    _write(older, 0, 30)
    _write(newer, 100, 5)
    assert not older.close().is_superseded
    assert not newer.close().is_superseded
    recording = older.poll()
    assert recording is not None
    assert recording.is_superseded


def test_one_that_began_later_and_got_no_frame_takes_nothing_away(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    first, second = VideoWriter(path), VideoWriter(path)
    _write(first, 0, 5)
    second.close()
    first.close()
    assert numbers_in(path) == list(range(5))


def test_the_next_one_of_the_name_comes_after_all_before(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    for first in range(0, 30, 10):
        old, new = VideoWriter(path), VideoWriter(path)
        _write(old, first, 3)
        _write(new, first + 5, 3)
        new.close()
        old.close()
        assert numbers_in(path) == [first + 5, first + 6, first + 7]
    with VideoWriter(path) as alone:
        _write(alone, 50, 2)
    assert numbers_in(path) == [50, 51]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_the_file_has_the_permissions_of_the_one_that_it_replaces(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"private")
    path.chmod(mode)
    writer = VideoWriter(path)
    _write(writer, 0, 30)
    deadline = time.monotonic() + 60
    while writer.stats.num_encoded < 30:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    partial = tmp_path / ".video.mp4.partial"
    assert partial.stat().st_mode & 0o777 == mode | 0o600
    writer.close()
    assert path.stat().st_mode & 0o777 == mode
    assert numbers_in(path) == list(range(30))


@needs_x264
def test_a_wrapper_that_records_under_one_name_again_and_again(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"preset": "veryslow"}
    env = RecordVideo(NumberedEnv(1 << 30), tmp_path / "v", lambda _: False, **settings)
    env.reset()

    def record() -> None:
        for length in (40, 3, 20, 2):
            env.start_recording("same")
            for _ in range(length):
                env.step(0)
        env.close()

    with pytest.warns(GymreelWarning, match=r"same-2\.mp4") as warned:
        record()
    assert len(warned) == 1
    names = ["same.mp4", "same-2.mp4", "same-3.mp4", "same-4.mp4"]
    assert names_in(tmp_path / "v") == sorted(names)
    expected = [[*range(1, 41)], [*range(41, 44)], [*range(44, 64)], [64, 65]]
    assert [numbers_in(tmp_path / "v" / name) for name in names] == expected
