"""An encoder or a disk that fails: told in words and in time, and what was recorded is kept."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from gymreel import ConfigError, EncodeError, OutputError, VideoWriter, codecs
from gymreel.encoders import ENCODERS
from support.frames import need_encoder, needs_x264, numbered, numbers_in, record
from support.paths import TESTS


def _count_readable(path: Path) -> int:
    """Count the frames that can be decoded before a file breaks off."""
    count = 0
    with av.open(str(path)) as container:
        try:
            for _ in container.decode(video=0):
                count += 1
        except av.FFmpegError:
            pass
    return count


@pytest.mark.parametrize(
    ("settings", "shape"),
    [({}, (2, 32000)), ({"codec": "mpeg4"}, (2, 9000)), ({"codec": "hevc"}, (2, 2))],
)
def test_a_size_that_the_codec_refuses_is_named_with_the_codecs_reason(
    tmp_path: Path, settings: dict[str, str], shape: tuple[int, int]
) -> None:
    need_encoder(settings.get("codec", "h264"))
    writer = VideoWriter(tmp_path / "video.mp4", **settings)  # type: ignore[arg-type]
    writer.write(np.zeros(shape, np.uint8))
    with pytest.raises(EncodeError) as caught:
        writer.close()
    assert f"{shape[1]}x{shape[0]}" in str(caught.value)
    assert caught.value.log != ""
    assert str(tmp_path / "video.mp4") in str(caught.value)
    assert writer.close().num_frames == 0
    assert os.listdir(tmp_path) == []


@needs_x264
def test_a_failure_is_raised_by_the_next_write_and_by_every_later_one(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "video.mp4")
    writer.write(np.zeros((2, 32000), np.uint8))
    while writer.stats.num_pending > 0:
        pass
    for _ in range(2):
        with pytest.raises(EncodeError, match="32000x2"):
            writer.write(np.zeros((2, 32000), np.uint8))
    writer.close()  # It was told.


@needs_x264
def test_a_combination_that_only_the_encoder_can_judge_is_refused_at_construction(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match=r"'baseline'.*libx264"):
        VideoWriter(tmp_path / "video.mp4", options={"profile": "baseline"}, crf=0)


def test_a_folder_deleted_while_recording_is_an_output_error(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    writer = VideoWriter(folder / "video.mp4")
    writer.write(numbered(1))
    while writer.stats.num_pending > 0:
        pass
    shutil.rmtree(folder)
    with pytest.raises(OutputError) as caught:
        writer.close()
    assert caught.value.errno > 0
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_target_that_became_a_folder_leaves_the_recording_beside_it(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"video{suffix}"
    writer = VideoWriter(path)
    for number in range(20):
        writer.write(numbered(number))
    path.mkdir()
    with pytest.raises(OutputError, match="rename") as caught:
        writer.close()
    recording = writer.close()
    assert recording.path.is_file()
    assert str(recording.path) in str(caught.value)
    assert recording.num_bytes == recording.path.stat().st_size
    assert numbers_in(recording.path) == list(range(20))
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, recording.path.name])


_FULL_DISK = """
import itertools, resource, sys
import gymreel
from support.frames import noise, numbered
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
writer = gymreel.VideoWriter(sys.argv[1], fps=10, pixel_format="yuv444p", crf=5)
for number in itertools.count():
    try:
        writer.write(numbered(number) // 2 + noise(number) // 8)
    except gymreel.OutputError as error:
        print(error.errno, error.operation, sep=";")
        break
recording = writer.close()
print(recording.path, recording.num_bytes, sep=";")
"""


@needs_x264
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of a file")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_told_by_write_and_what_fitted_can_be_read(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"video{suffix}"
    finished = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=TESTS,
    )
    assert finished.stderr == ""
    told, kept = finished.stdout.splitlines()
    number, operation = told.split(";")
    assert int(number) == errno.EFBIG
    assert operation == "write a fragment"
    partial, num_bytes = kept.split(";")
    assert Path(partial).stat().st_size == int(num_bytes) <= 150_000
    assert not path.exists()
    assert _count_readable(Path(partial)) >= 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes as a file name")
def test_a_name_that_is_no_text_can_be_recorded_to_and_told_of(tmp_path: Path) -> None:
    path = tmp_path / "gone" / os.fsdecode(b"\xff\xfe.mp4")
    assert record(path, [numbered(1)]).path == path
    writer = VideoWriter(path)
    shutil.rmtree(path.parent)
    writer.write(numbered(1))
    with pytest.raises(OutputError) as caught:
        writer.close()
    assert os.fsdecode(caught.value.filename) == str(path)


_NO_FOLDER = """
import shutil, sys
import gymreel
from support.frames import noise
folder, encoder, suffix = sys.argv[1:]
writer = gymreel.VideoWriter(f"{folder}/gone/video{suffix}", codec=encoder)
shutil.rmtree(f"{folder}/gone")
writer.write(noise(1, 64, 64))
try:
    writer.close()
except gymreel.OutputError:
    print("told")
"""
SOFTWARE = [
    (info.name, info.suffixes[-1])
    for info in codecs()
    if not info.hardware and info.name in {*ENCODERS, "gif", "librav1e"}
]


@pytest.mark.parametrize(("encoder", "suffix"), SOFTWARE)
def test_no_encoder_hangs_where_its_file_cannot_be_made(
    tmp_path: Path, encoder: str, suffix: str
) -> None:
    # An encoder that was opened and never used: libsvtav1 waits for ever when such a one is freed.
    finished = subprocess.run(
        [sys.executable, "-c", _NO_FOLDER, str(tmp_path), encoder, suffix],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
        cwd=TESTS,
    )
    assert finished.stdout == "told\n"
    assert finished.returncode == 0
