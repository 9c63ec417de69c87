"""Arguments in the forms that people have them in, and their names in errors."""

from __future__ import annotations

import operator
import os
import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import gymreel
from gymreel import ConfigError, VideoWriter, _core, keep, triggers
from gymreel._validation import show
from gymreel.grid import Grid
from gymreel.trackers import Logging
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv
from support.frames import need_encoder, needs_x264, noise, numbered, record
from support.video_reader import count_frames


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
    with pytest.raises(ConfigError, match="name_prefix="):
        RecordVideo(NumberedEnv(), str(tmp_path / "videos"), name_prefix=name)


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


WORDS: list[tuple[dict[str, Any], str]] = [
    ({"episode_trigger": 50}, r"episode_trigger=50 must be .* such as triggers\.every\(50\)"),
    ({"step_trigger": [1, 2]}, r"step_trigger=\[1, 2\] .* such as triggers\.at\(\[1, 2\]\)"),
    ({"episode_trigger": True}, r"episode_trigger=True .* such as triggers\.always"),
    (
        {"episode_trigger": triggers.every},
        r"episode_trigger=triggers\.every .*triggers\.every\(50\)",
    ),
    ({"gc_trigger": triggers.at}, r"gc_trigger=triggers\.at is not called: write triggers\.at\("),
    ({"keep": keep.best}, r"keep=keep\.best is not called: write keep\.best\(3\)"),
    ({"keep": keep.failures}, r"keep=keep\.failures is not called: write keep\.failures\(\)"),
    ({"keep": triggers.every(3)}, r"keep=every\(3\) must be a policy of gymreel\.keep"),
    ({"trackers": Logging()}, r"trackers=<.*Logging.*> must be a list of trackers: \["),
    ({"name_prefix": "x" * 230}, "name_prefix='xxx.*' is too long .* bytes or fewer"),
    ({"name_prefix": "../x"}, r"name_prefix='\.\./x' leads out of video_folder="),
    ({"codec": "x264"}, "codec='x264': .*did you mean codec='libx264'"),
    ({"codec": "h.264"}, r"codec='h\.264': .*did you mean codec='h264'"),
    ({"codec": "H264"}, "codec='H264': .*did you mean codec='h264'"),
    ({"codec": "libx246"}, "codec='libx246': .*did you mean codec='libx264'"),
]


@needs_x264
@pytest.mark.parametrize(("arguments", "words"), WORDS, ids=lambda value: ascii(value)[:40])
def test_a_message_says_what_to_do(tmp_path: Path, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RecordVideo(NumberedEnv(), tmp_path / "videos", **arguments)


def test_x265_is_known_by_its_own_name() -> None:
    if "libx265" not in {info.name for info in gymreel.codecs()}:
        pytest.skip("this FFmpeg has no libx265")
    with pytest.raises(gymreel.CodecNotFoundError, match="did you mean codec='libx265'"):
        gymreel.encode([numbered(0)], codec="x265")


def test_a_codec_like_none_is_not_guessed() -> None:
    with pytest.raises(gymreel.CodecNotFoundError) as caught:
        gymreel.encode([numbered(0)], codec="nonsense")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("combine", [operator.or_, operator.and_])
def test_what_makes_triggers_or_policies_is_no_part_of_one(combine: Any) -> None:
    made: Any
    maker: Any
    for made, maker, name in (
        (triggers.first(3), triggers.every, r"triggers\.every"),
        (keep.last(3), keep.best, r"keep\.best"),
    ):
        for left, right in ((made, maker), (maker, made)):
            with pytest.raises(ConfigError, match=f"{name} is not called"):
                combine(left, right)


def test_a_render_mode_without_images_is_told_how_to_change_it(tmp_path: Path) -> None:
    words = re.escape('make it with a render mode that does, such as rgb_array: gym.make("X")')
    words = words.replace(re.escape('"X")'), r"'CartPole-v1', render_mode=\"rgb_array\"\)")
    with pytest.raises(ConfigError, match=words):
        RecordVideo(gym.make("CartPole-v1"), tmp_path)
    envs = gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync")
    words = r"gym\.make_vec\('CartPole-v1', num_envs=2, render_mode=\"rgb_array\"\)"
    with pytest.raises(ConfigError, match=words):
        gymreel.wrappers.vector.RecordVideo(envs, tmp_path)
    envs.close()


def test_numpys_numbers_are_numbers(tmp_path: Path) -> None:
    three: Any = np.int64(3)
    two: Any = np.uint8(2)
    rate: Any = np.float32(30)
    yes: Any = np.bool_(True)
    assert triggers.every(three) == triggers.every(3)
    env = RecordVideo(
        NumberedEnv(),
        tmp_path / "videos",
        video_length=three,
        fps=rate,
        max_pending_bytes=three * 2**20,
        disable_logger=yes,
        keep=keep.last(three),
    )
    env.reset()
    for _ in range(3):
        env.step(0)
    env.close()
    (video,) = (tmp_path / "videos").glob("*.mp4")
    assert count_frames(video) == 4
    grids = Grid(three, two, two, two)
    assert [type(x) for position in grids.positions() for x in position] == [int] * 6
    gymreel.set_num_threads(two)
    gymreel.set_num_threads(None)
    with VideoWriter(tmp_path / "tiles.mp4") as writer:
        for _ in range(2):
            writer.write_tiles([numbered(0)] * 3, num_columns=two)
    assert writer.close().num_frames == 2


@needs_x264
@pytest.mark.parametrize(
    "options",
    [
        {"preset": "nope"},
        {"profile": "nope"},
        {"tune": "nope"},
        {"level": "9.9"},
        {"x264-params": "nope=1"},
        {"x264-params": "crf=abc"},
        {"x264opts": "nope=1"},
        {"flags": "+pass1"},
        {"flags": "512"},
        {"stats": "log"},
        {"passlogfile": "log"},
        {"x264-params": "keyint=30:stats=log"},
        {"x264-params": "keyint=30:st\\ats=log"},
        {"x264-params": "pass=1"},
        {"x264-params": "dump-yuv=frames"},
    ],
    ids=ascii,
)
def test_options_that_the_encoder_passes_over_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="options=") as caught:
        VideoWriter("video.mp4", options=options)
    assert next(iter(options)) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("encoder", "option", "wrong", "right"),
    [
        ("libx264", "x264-params", "nope=1", "keyint=30:bframes=0"),
        ("libx265", "x265-params", "csv=log", "keyint=30"),
        ("libx265", "x265-params", "nope=1", "keyint=30"),
        ("libsvtav1", "svtav1-params", "nope=1", "tune=0"),
        ("libaom-av1", "aom-params", "nope=1", "cpu-used=8"),
    ],
)
def test_parameters_of_the_encoders_libraries(
    tmp_path: Path, encoder: str, option: str, wrong: str, right: str
) -> None:
    need_encoder(encoder)
    with pytest.raises(ConfigError, match=option):
        VideoWriter(tmp_path / "video.mp4", codec=encoder, options={option: wrong})
    with VideoWriter(tmp_path / "video.mp4", codec=encoder, options={option: right}) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
    assert count_frames(tmp_path / "video.mp4") == 1


@needs_x264
def test_an_encoder_is_tried_once_for_each_set_of_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    real = _core.try_encoder

    def count(*arguments: Any) -> str:
        tried.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(_core, "try_encoder", count)
    for crf in (31, 31, 32, 31):
        VideoWriter(tmp_path / "video.mp4", crf=crf, options={"refs": "2"}).close()
    VideoWriter(tmp_path / "video.mp4", crf=33, preset="faster").close()
    assert len(tried) == 2


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no users to be")
def test_a_folder_that_cannot_be_written_to_is_refused_at_construction(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    folder.chmod(0o555)
    tmp_path.chmod(0o755)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(gymreel.OutputError, match="video_folder") as caught:
            RecordVideo(NumberedEnv(), folder)
    finally:
        os.seteuid(user)
    assert caught.value.filename == str(folder)


def test_a_file_in_the_place_of_a_prefixs_folder_is_refused_at_construction(tmp_path: Path) -> None:
    (tmp_path / "ALE").write_bytes(b"")
    with pytest.raises(gymreel.OutputError, match="name_prefix"):
        RecordVideo(NumberedEnv(), tmp_path, name_prefix="ALE/Breakout")


def test_a_value_is_shown_in_a_short_line() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise KeyError("odd")

    class Long:
        def __repr__(self) -> str:
            return "a\n\x1b[31m\ud800" * 1000

    values = [np.zeros((99, 99)), np.arange(9), Odd(), Long(), "x" * 999, 10**5000, [Odd()] * 99]
    for value in values:
        text = show(value)
        assert 0 < len(text) <= 80
        assert text.isprintable()
    assert show("a\0\ud800") == r"'a\x00\ud800'"
    assert show([1, "b"]) == "[1, 'b']"
