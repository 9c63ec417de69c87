"""Failures that no call could raise: each is said once, and hides nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from gymreel import EncodeError, VideoWriter
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv
from support.frames import needs_x264, numbered, numbers_in
from support.subprocesses import run_python

TOO_LARGE = np.zeros((2, 32000), np.uint8)  # For H.264.


def test_writers_opened_by_several_threads_share_the_report_of_abandoned_ones(
    tmp_path: Path,
) -> None:
    errors: list[BaseException] = []

    def record_and_drop(thread: int) -> None:
        try:
            for i in range(30):
                VideoWriter(tmp_path / f"{thread}-{i}.mp4").write(numbered(i))
        except BaseException as error:  # To be told by the thread that tests.
            errors.append(error)

    threads = [threading.Thread(target=record_and_drop, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@needs_x264
def test_each_failure_is_said_at_exit_even_where_warnings_are_errors(tmp_path: Path) -> None:
    script = """
        import sys
        import numpy as np
        import gymreel
        writers = [gymreel.VideoWriter(f"{sys.argv[1]}/{name}.mp4") for name in "ab"]
        for writer in writers:
            writer.write(np.zeros((2, 32000), np.uint8))
    """
    finished = run_python(script, tmp_path, "-W", "error")
    for name in "ab":
        assert finished.stderr.count(f"{tmp_path}/{name}.mp4") == 1
    assert "Traceback" not in finished.stderr


@needs_x264
def test_a_block_keeps_its_own_exception_even_where_warnings_are_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = VideoWriter(tmp_path / "video.mp4")
    writer.write(TOO_LARGE)
    with pytest.raises(ZeroDivisionError), writer:
        raise ZeroDivisionError
    assert "32000x2" in capsys.readouterr().err


@needs_x264
def test_the_error_names_the_file_that_holds_what_was_recorded(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "video.mp4")
    writer.write(TOO_LARGE)
    with pytest.raises(EncodeError) as caught:
        writer.close()
    assert caught.value.filename == str(tmp_path / "video.mp4")


def test_a_video_that_failed_is_not_announced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = RecordVideo(NumberedEnv(), str(tmp_path / "videos"), disable_logger=False)
    env.reset()
    env.step(0)
    target = tmp_path / "videos" / "rl-video-episode-0.mp4"
    target.mkdir()  # No file can be renamed to a folder.
    with pytest.warns(UserWarning, match="not complete"):
        env.close()
    assert "Saved" not in capsys.readouterr().out


def test_a_process_that_multiprocessing_forked_completes_what_it_left_open(tmp_path: Path) -> None:
    script = """
        import multiprocessing, sys
        from support.frames import numbered
        import gymreel

        left_open = []

        def record(folder):
            writer = gymreel.VideoWriter(f"{folder}/video.mp4")
            left_open.append(writer)
            for number in range(20):
                writer.write(numbered(number))

        process = multiprocessing.get_context("fork").Process(target=record, args=sys.argv[1:])
        process.start()
        process.join()
        sys.exit(process.exitcode)
    """
    run_python(script, tmp_path, "-W", "ignore::DeprecationWarning")
    assert numbers_in(tmp_path / "video.mp4") == list(range(20))
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]
