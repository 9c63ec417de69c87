"""The life of a VideoWriter: write, finish, poll, close, with, and what it tells of itself."""

from __future__ import annotations

import copy as copying
import gc
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest

from gymreel import (
    ConfigError,
    GymreelWarning,
    OutputError,
    Recording,
    VideoWriter,
    WriterClosedError,
    WriterCopyError,
    WriterStats,
)
from gymreel._writer_config import WriterConfig
from support.frames import HEIGHT, WIDTH, needs_x264, noise, numbered, numbers_in, record
from support.stalled_encoder import StalledEncoder
from support.video_reader import probe, tags

FRAME_BYTES = HEIGHT * WIDTH * 3


def _wait_until_done(writer: VideoWriter) -> Recording:
    """Poll until the file is complete; the test's timeout is the limit."""
    while (recording := writer.poll()) is None:
        pass
    return recording


def _write_and_raise(writer: VideoWriter) -> None:
    writer.write(numbered(1))
    raise ZeroDivisionError


def _top_level_boxes(path: Path) -> list[str]:
    """List the boxes of an mp4 file in order."""
    data, position, names = path.read_bytes(), 0, []
    while position < len(data):
        names.append(data[position + 4 : position + 8].decode("ascii"))
        position += int.from_bytes(data[position : position + 4], "big")
    return names


@needs_x264
def test_close_returns_what_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    recording = record(path, (numbered(number) for number in range(10)), fps=20)
    assert recording == Recording(
        path=path,
        num_frames=10,
        duration_seconds=0.5,
        num_bytes=path.stat().st_size,
        size=(WIDTH, HEIGHT),
        codec="h264",
        encoder="libx264",
    )
    assert numbers_in(path) == list(range(10))


def test_close_twice_returns_the_same_recording(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "video.mp4")
    writer.write(numbered(1))
    assert writer.close() == writer.close() == writer.poll()
    writer.finish()
    assert writer.closed


def test_finish_returns_while_the_encoder_stands_still(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(path, **encoder.settings)
        for number in range(5):
            writer.write(numbered(number))
        writer.finish()
        writer.finish()
        assert writer.closed
        assert writer.poll() is None
        assert not path.exists()
        encoder.resume()
        recording = _wait_until_done(writer)
    assert recording == writer.close()
    assert recording.num_frames == 5
    assert numbers_in(path) == list(range(5))


def test_stats_follow_the_frames(tmp_path: Path) -> None:
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(tmp_path / "video.mp4", copy=True, **encoder.settings)
        assert writer.stats == WriterStats(0, 0, 0, 0, 0, 0, 0, 0)
        for number in range(4):
            writer.write(numbered(number))
        assert writer.stats == WriterStats(
            num_written=4,
            num_encoded=0,
            num_dropped=0,
            num_borrowed=0,
            num_copied=4,
            num_pending=4,
            pending_bytes=4 * FRAME_BYTES,
            num_bytes=0,
        )
        encoder.resume()
        recording = writer.close()
    assert writer.stats == WriterStats(4, 4, 0, 0, 4, 0, 0, recording.num_bytes)


def test_closing_lets_other_threads_run(tmp_path: Path) -> None:
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(tmp_path / "video.mp4", **encoder.settings)
        writer.write(numbered(7))
        writer.finish()
        # close() never returns if it keeps this thread from running.
        other = threading.Thread(target=encoder.resume)
        other.start()
        assert writer.close().num_frames == 1
        other.join()


def test_the_target_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"the recording of yesterday")
    writer = VideoWriter(path)
    writer.write(numbered(3))
    assert path.read_bytes() == b"the recording of yesterday"
    writer.close()
    assert numbers_in(path) == [3]
    assert os.listdir(tmp_path) == ["video.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif"])
def test_nothing_but_the_video_is_left_in_the_folder(tmp_path: Path, suffix: str) -> None:
    record(tmp_path / f"video{suffix}", [numbered(1), numbered(2)])
    assert os.listdir(tmp_path) == [f"video{suffix}"]


@needs_x264
@pytest.mark.parametrize(
    ("suffix", "settings"),
    [
        (".mp4", {"options": {"tune": "zerolatency"}}),
        (".mkv", {"codec": "ffv1"}),
        (".gif", {}),
    ],
)
def test_all_but_the_last_half_second_can_be_read_while_recording_goes_on(
    tmp_path: Path, suffix: str, settings: dict[str, Any]
) -> None:
    with VideoWriter(tmp_path / f"video{suffix}", fps=20, **settings) as writer:
        for number in range(60):
            writer.write(numbered(number))
        while writer.stats.num_encoded < 60:
            pass
        numbers = numbers_in(tmp_path / f".video{suffix}.partial")
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= 60 - 11


def test_a_leftover_of_a_crash_is_kept(tmp_path: Path) -> None:
    leftover = tmp_path / ".video.mp4.partial"
    leftover.write_bytes(b"what a crash left")
    record(tmp_path / "video.mp4", [numbered(1)])
    assert leftover.read_bytes() == b"what a crash left"
    assert numbers_in(tmp_path / "video.mp4") == [1]


def test_two_writers_of_one_path_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    first, second = VideoWriter(path), VideoWriter(path)
    for number in range(10):
        first.write(numbered(number))
        second.write(numbered(100 + number))
    first.close()
    assert numbers_in(path) == list(range(10))
    second.close()
    assert numbers_in(path) == list(range(100, 110))
    assert os.listdir(tmp_path) == ["video.mp4"]


def test_a_writer_without_frames_leaves_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "new" / "video.mp4") as writer:
        pass
    assert writer.close().num_frames == 0
    assert writer.close().size == (0, 0)
    assert os.listdir(tmp_path / "new") == []


def test_write_after_the_end_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    writer = VideoWriter(path)
    writer.write(numbered(1))
    writer.finish()
    with pytest.raises(WriterClosedError, match="closed"):
        writer.write(numbered(2))
    writer.close()
    with pytest.raises(WriterClosedError, match="closed"):
        writer.write(numbered(3))
    assert numbers_in(path) == [1]


def test_an_exception_in_the_with_block_goes_on_and_the_video_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    writer = VideoWriter(path)
    with pytest.raises(ZeroDivisionError), writer:
        _write_and_raise(writer)
    assert writer.closed
    assert numbers_in(path) == [1]


def test_a_failed_close_does_not_hide_the_exception_of_the_with_block(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    writer = VideoWriter(path)
    path.mkdir()  # No file can be renamed to a folder.
    warned = pytest.warns(GymreelWarning, match=r"video\.mp4")
    with warned, pytest.raises(ZeroDivisionError), writer:
        _write_and_raise(writer)


def test_a_failed_close_is_raised_once_by_the_with_block(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    writer = VideoWriter(path)
    path.mkdir()
    with pytest.raises(OutputError, match=r"video\.mp4"), writer:
        writer.write(numbered(1))
    assert writer.close().num_frames == 1
    assert writer.poll() is not None


def test_a_dropped_writer_completes_its_file(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    writer = VideoWriter(path)
    for number in range(5):
        writer.write(numbered(number))
    del writer
    gc.collect()
    while not path.exists():
        pass
    assert numbers_in(path) == list(range(5))


def test_a_writer_whose_constructor_raised_can_be_dropped(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        VideoWriter(tmp_path / "video.avi")
    VideoWriter.__new__(VideoWriter).__del__()
    gc.collect()
    assert os.listdir(tmp_path) == []


def test_a_failure_that_nobody_was_told_becomes_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "lost.mp4"
    writer = VideoWriter(path)
    writer.write(numbered(1))
    path.mkdir()
    stream = writer._stream
    del writer
    gc.collect()
    while stream.result() is None:
        pass
    with pytest.warns(GymreelWarning, match=r"lost\.mp4"):
        VideoWriter(tmp_path / "next.mp4").close()
    VideoWriter(tmp_path / "third.mp4").close()  # Told once: a second warning would be an error.


def test_a_writer_can_be_used_by_several_threads_at_once(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    writer = VideoWriter(path)

    def write_from(first: int) -> None:
        for number in range(first, first + 50):
            writer.write(numbered(number))

    threads = [threading.Thread(target=write_from, args=(first,)) for first in (0, 50, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.close().num_frames == 150
    numbers = numbers_in(path)
    assert sorted(numbers) == list(range(150))
    for first in (0, 50, 100):
        assert [n for n in numbers if first <= n < first + 50] == list(range(first, first + 50))


def test_many_writers_share_the_workers(tmp_path: Path) -> None:
    writers = [VideoWriter(tmp_path / f"{index}.mp4") for index in range(12)]
    for number in range(20):
        for index, writer in enumerate(writers):
            writer.write(numbered(100 * index + number))
    for index, writer in enumerate(writers):
        path = writer.close().path
        assert numbers_in(path) == list(range(100 * index, 100 * index + 20))


@pytest.mark.parametrize("name", [str, Path, os.fsencode], ids=["a string", "a Path", "bytes"])
def test_a_path_may_be(tmp_path: Path, name: Callable[[Path], str | os.PathLike[str]]) -> None:
    path = tmp_path / "deep" / "er" / "video.mp4"
    assert record(name(path), [numbered(1)]).path == path
    assert numbers_in(path) == [1]


def test_a_relative_path_stays_where_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    writer = VideoWriter("video.mp4")
    monkeypatch.chdir("elsewhere")
    writer.write(numbered(1))
    assert writer.close().path == tmp_path / "video.mp4"
    assert numbers_in(tmp_path / "video.mp4") == [1]


def test_the_repr_names_the_file_and_its_state(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4") as writer:
        assert repr(writer) == f"<VideoWriter '{tmp_path / 'video.mp4'}' open>"
    assert repr(writer) == f"<VideoWriter '{tmp_path / 'video.mp4'}' closed>"


@needs_x264
def test_the_default_is_what_plays_everywhere(tmp_path: Path) -> None:
    path = record(tmp_path / "video.mp4", [noise(seed) for seed in range(5)]).path
    (stream,) = probe(path)["streams"]
    assert stream["codec_name"] == "h264"
    assert stream["profile"] == "High"
    assert stream["pix_fmt"] == "yuv420p"
    assert stream["sample_aspect_ratio"] == "1:1"
    boxes = _top_level_boxes(path)
    assert boxes.index("moov") < boxes.index("mdat")
    assert "moof" not in boxes


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_metadata_is_in_the_file(tmp_path: Path, suffix: str) -> None:
    metadata = {"title": "Größe = 3; #1\\", "episode": "17"}
    path = record(tmp_path / f"video{suffix}", [numbered(1)], metadata=metadata).path
    assert metadata.items() <= tags(path).items()


def test_kinds_of_frames_may_change_while_their_size_does_not(tmp_path: Path) -> None:
    rgb = numbered(5)
    rgba = np.concatenate([numbered(6), np.zeros((HEIGHT, WIDTH, 1), np.uint8)], axis=2)
    kinds = [rgb, rgba, numbered(7)[..., 0].copy(), numbered(8)[..., :1].copy(), rgb]
    path = record(tmp_path / "video.mp4", kinds).path
    assert numbers_in(path) == [5, 6, 7, 8, 5]


@pytest.mark.parametrize("copy", [copying.copy, copying.deepcopy, pickle.dumps])
def test_a_writer_is_neither_copied_nor_pickled(
    tmp_path: Path, copy: Callable[[VideoWriter], object]
) -> None:
    path = tmp_path / "video.mp4"
    with VideoWriter(path) as writer:
        writer.write(numbered(1))
        with pytest.raises(WriterCopyError, match=r"video\.mp4.* cannot be copied or pickled"):
            copy(writer)
        writer.write(numbered(2))
    assert numbers_in(path) == [1, 2]


def test_an_interrupt_while_a_path_becomes_text_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = WriterConfig.check(".mp4")

    def interrupt(path: PurePath) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(PurePath, "__fspath__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        config.open_stream(tmp_path / "video.mp4", None)
