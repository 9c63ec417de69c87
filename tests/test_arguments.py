"""Arguments in the forms that people have them in, and their names in errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from environments import NumberedEnv
from frames import needs_x264, noise, numbered, record

import gymreel
from gymreel import ConfigError, VideoWriter
from gymreel.wrappers import RecordVideo


@pytest.mark.parametrize("suffix", [".avi", "mp4", ""])
def test_a_suffix_is_named_as_the_argument_that_it_is(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ConfigError, match=f"suffix={suffix!r}"):
        gymreel.encode([numbered(0)], suffix=suffix)
    with pytest.raises(ConfigError, match=f"suffix={suffix!r}"):
        RecordVideo(NumberedEnv(), str(tmp_path / "videos"), suffix=suffix)


@needs_x264
@pytest.mark.parametrize("crf", [20, 20.0, np.int64(20), np.float32(20)])
def test_any_number_will_do_for_crf(tmp_path: Path, crf: Any) -> None:
    assert b"crf=20.0" in record(tmp_path / "video.mp4", [numbered(0)], crf=crf).path.read_bytes()


def test_a_numbered_preset_may_be_a_number(tmp_path: Path) -> None:
    recording = record(tmp_path / "video.webm", [numbered(0)], codec="vp9", preset=7)
    assert recording.num_frames == 1


@pytest.mark.parametrize(("suffix", "fps"), [(".gif", 0.001), (".gif", 51), (".mp4", 1e-5)])
def test_a_rate_that_the_container_cannot_have_is_refused_at_once(
    tmp_path: Path, suffix: str, fps: float
) -> None:
    with pytest.raises(ConfigError, match=f"fps={fps!r} must be from"):
        VideoWriter(tmp_path / f"video{suffix}", fps=fps)


def test_the_slowest_gif_can_be_recorded(tmp_path: Path) -> None:
    recording = record(tmp_path / "video.gif", [numbered(0), numbered(1)], fps=0.002)
    assert recording.duration_seconds == 1000


@pytest.mark.parametrize("name", ["\ud800", "nul\0"])
def test_a_name_that_no_file_can_have_is_refused_and_nothing_is_recorded(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match="path="):
        VideoWriter(str(tmp_path / f"{name}.mp4"))
    env = RecordVideo(NumberedEnv(), str(tmp_path / "videos"), name_prefix=name, on_error="raise")
    with pytest.raises((ConfigError, gymreel.OutputError)):
        env.reset()
    assert not env.recording
    env.close()


@pytest.mark.parametrize("option", ["colorspace", "color_range", "time_base"])
def test_an_option_that_would_make_the_tags_lie_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigError, match=option):
        VideoWriter(tmp_path / "video.mp4", options={option: "1"})


def test_mpeg4_takes_another_rate_control_than_its_own(tmp_path: Path) -> None:
    frames = [noise(seed, 128, 128) for seed in range(20)]
    sizes = [
        record(tmp_path / f"{rate}.mp4", frames, codec="mpeg4", options={"b": rate}).num_bytes
        for rate in ("50k", "20M")
    ]
    assert sizes[0] < sizes[1] / 2


def test_a_small_part_of_a_large_array_is_copied(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4") as writer:
        writer.write_from([np.zeros((960, 1280, 3), np.uint8)[::20, ::20]])
        assert writer.stats.num_copied == 1
        writer.write_from([np.zeros((96, 64, 3), np.uint8)[::2]])
        assert writer.stats.num_borrowed == 1
