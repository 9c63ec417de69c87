"""What this FFmpeg can do: what gymreel lists of it works, and what it lacks is said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import gymreel
from gymreel import (
    CodecInfo,
    CodecNotFoundError,
    ConfigError,
    GymreelWarning,
    VideoWriter,
    _core,
    encoders,
)
from gymreel._writer_config import WriterConfig
from gymreel.encoders import CONTAINERS, ENCODERS, FORMATS
from support.frames import need_encoder, needs_x264, noise, numbered, numbers_in, record
from support.subprocesses import run_python
from support.video_reader import count_frames, need_ffmpeg_programs, probe

INSTALLED = {info.name: info for info in gymreel.codecs()}
SIZE = 64  # The least that every encoder here takes.

# Tiny frames: the speed of an encoder is not what is tested.
FAST: dict[str, dict[str, Any]] = {
    "libx265": {"preset": "ultrafast"},
    "libaom-av1": {"preset": "8"},
    "libsvtav1": {"preset": "12"},
    "librav1e": {"options": {"speed": "10"}},
}


def _table_of_encoders() -> list[tuple[str, str]]:
    """Pair each installed software encoder that gymreel knows with each suffix that it claims."""
    known = {name for names in FORMATS.values() for name in names} | set(ENCODERS)
    return [
        (info.name, suffix)
        for info in INSTALLED.values()
        if info.name in known and not info.hardware
        for suffix in info.suffixes
    ]


@pytest.mark.parametrize(("encoder", "suffix"), _table_of_encoders())
def test_an_encoder_fills_every_container_that_it_claims(
    tmp_path: Path, encoder: str, suffix: str
) -> None:
    path = tmp_path / f"video{suffix}"
    frames = [noise(seed, SIZE, SIZE) for seed in range(5)]
    recording = record(path, frames, codec=encoder, **FAST.get(encoder, {}))
    assert recording.encoder == encoder
    assert recording.codec == INSTALLED[encoder].codec
    assert recording.num_frames == 5
    assert count_frames(path) == 5
    (stream,) = probe(path)["streams"]
    assert stream["codec_name"] == recording.codec
    assert (stream["width"], stream["height"]) == (SIZE, SIZE)


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_the_default_of_a_container_is_its_best_that_is_installed(
    tmp_path: Path, suffix: str
) -> None:
    best = next(name for name in CONTAINERS[suffix].encoders if name in INSTALLED)
    recording = record(tmp_path / f"video{suffix}", [numbered(1)])
    assert recording.encoder == best
    assert count_frames(recording.path) == 1


@pytest.mark.parametrize("suffix", [suffix.upper() for suffix in CONTAINERS])
def test_suffixes_may_be_in_capitals(tmp_path: Path, suffix: str) -> None:
    assert count_frames(record(tmp_path / f"VIDEO{suffix}", [numbered(1)]).path) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_by_its_usual_name_takes_its_best_encoder(tmp_path: Path, name: str) -> None:
    need_encoder({"h265": "hevc"}.get(name, name))
    best = next(encoder for encoder in FORMATS[name] if encoder in INSTALLED)
    suffix = ".gif" if name == "gif" else ".mkv"
    frame = noise(0, SIZE, SIZE)
    recording = record(tmp_path / f"v{suffix}", [frame], codec=name, **FAST.get(best, {}))
    assert recording.encoder == best


@pytest.mark.skipif(_core.ffmpeg_is_bundled, reason="the module has an FFmpeg of its own")
def test_the_list_holds_what_ffmpeg_has() -> None:
    need_ffmpeg_programs()
    listed = subprocess.run(
        ["ffmpeg", "-hide_banner", "-v", "error", "-encoders"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    of_ffmpeg = {
        line.split()[1] for line in listed.splitlines() if line.startswith(" V") and "=" not in line
    }
    if not set(INSTALLED) & of_ffmpeg:
        pytest.skip("the ffmpeg command is of another build than the libraries")
    assert {"libx264", "gif", "mpeg4"} & of_ffmpeg == {"libx264", "gif", "mpeg4"} & set(INSTALLED)


@needs_x264
def test_the_list_says_what_each_encoder_takes_and_gives() -> None:
    for info in INSTALLED.values():
        assert info.pixel_formats
        assert info.description
        assert info.suffixes
        assert set(info.suffixes) <= set(CONTAINERS)
        assert info.presets == (ENCODERS[info.name].presets if info.name in ENCODERS else ())
    assert INSTALLED["libx264"].codec == "h264"
    assert ".mp4" in INSTALLED["libx264"].suffixes
    assert "yuv444p" in INSTALLED["libx264"].pixel_formats
    assert not INSTALLED["libx264"].hardware
    assert INSTALLED["gif"].codec == "gif"


def test_the_list_is_the_callers_own() -> None:
    gymreel.codecs().clear()
    assert gymreel.codecs()


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Hide encoders, as if FFmpeg had been built without them."""

    def hide(*names: str) -> None:
        left: dict[str, CodecInfo] = {
            name: info for name, info in encoders._installed().items() if name not in names
        }
        monkeypatch.setattr(encoders, "_installed", lambda: left)

    return hide


@pytest.fixture
def with_the_systems_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "ffmpeg_is_bundled", False)


@pytest.mark.usefixtures("with_the_systems_ffmpeg")
@pytest.mark.parametrize(
    ("hidden", "suffix", "encoder"),
    [
        ((), ".mp4", "libvpx-vp9"),
        ((), ".mkv", "libvpx-vp9"),
        ((), ".mov", "mpeg4"),
        (("libvpx-vp9",), ".mp4", "mpeg4"),
    ],
)
def test_auto_says_when_it_has_to_fall_back_and_the_fallback_works(
    tmp_path: Path, without: Callable[..., None], hidden: tuple[str], suffix: str, encoder: str
) -> None:
    need_encoder(encoder)
    without("libx264", "libopenh264", *hidden)
    with pytest.warns(GymreelWarning, match=f"no encoder libx264.*{encoder}") as caught:
        writer = VideoWriter(tmp_path / f"video{suffix}")
    assert [warning.filename for warning in caught] == [__file__]
    for number in range(3):
        writer.write(numbered(number))
    recording = writer.close()
    assert recording.encoder == encoder
    assert count_frames(recording.path) == 3


@pytest.mark.usefixtures("with_the_systems_ffmpeg")
def test_encode_falls_back_with_a_warning_at_its_caller(without: Callable[..., None]) -> None:
    without("libx264", "libopenh264", "libvpx-vp9")
    with pytest.warns(GymreelWarning, match="no encoder libx264") as caught:
        encoded = gymreel.encode([numbered(1)], suffix=".mkv")
    assert [warning.filename for warning in caught] == [__file__]
    with av.open(BytesIO(encoded)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def test_without_x264_inside_vp9_is_no_surprise(
    tmp_path: Path, without: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    need_encoder("vp9")
    monkeypatch.setattr(_core, "ffmpeg_is_bundled", True)
    without("libx264", "libopenh264")
    assert record(tmp_path / "video.mp4", [numbered(1)]).encoder == "libvpx-vp9"


def test_a_named_encoder_does_not_fall_back(tmp_path: Path, without: Callable[..., None]) -> None:
    without("libx264")
    with pytest.raises(CodecNotFoundError, match=r"codec='libx264'.*mpeg4"):
        VideoWriter(tmp_path / "video.mp4", codec="libx264")


def test_a_container_that_nothing_can_fill_is_said(
    tmp_path: Path, without: Callable[..., None]
) -> None:
    without(*INSTALLED)
    with pytest.raises(CodecNotFoundError, match=r"has no encoder libx264.*none"):
        VideoWriter(tmp_path / "video.mp4")


@pytest.mark.parametrize(
    ("codec", "suffix", "wanted"),
    [
        ("h264", ".webm", ".mp4"),
        ("ffv1", ".mp4", ".mkv"),
        ("vp8", ".mp4", ".webm"),
        ("gif", ".mkv", ".gif"),
    ],
)
def test_a_container_that_cannot_hold_the_codec_is_refused_with_one_that_can(
    tmp_path: Path, codec: str, suffix: str, wanted: str
) -> None:
    need_encoder(codec)
    with pytest.raises(ConfigError, match=f"codec='{codec}'") as caught:
        VideoWriter(tmp_path / f"video{suffix}", codec=codec)
    assert wanted in str(caught.value)


@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name in INSTALLED])
def test_each_preset_of_the_table_is_known_to_the_encoder(encoder: str) -> None:
    for preset in ENCODERS[encoder].presets:
        options = encoders.encoder_options(encoder, preset, None, None)
        assert (ENCODERS[encoder].preset_option, preset) in options


@needs_x264
@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "medium"])
def test_a_preset_reaches_the_encoder(tmp_path: Path, preset: str) -> None:
    path = record(tmp_path / "v.mp4", [noise(s) for s in range(8)], preset=preset).path
    num_references = {"ultrafast": b"ref=1", "veryfast": b"ref=1", "medium": b"ref=3"}
    motion_search = {"ultrafast": b"subme=0", "veryfast": b"subme=2", "medium": b"subme=7"}
    # libx264 writes its settings into the stream.
    assert num_references[preset] in path.read_bytes()
    assert motion_search[preset] in path.read_bytes()


@needs_x264
def test_crf_and_options_reach_the_encoder_and_options_win(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    record(path, [numbered(1)], crf=31, options={"refs": "5", "x264-params": "keyint=77"})
    assert b"rc=crf" in path.read_bytes()
    assert b"crf=31.0" in path.read_bytes()
    assert b"ref=5" in path.read_bytes()
    assert b"keyint=77" in path.read_bytes()
    record(path, [numbered(1)], crf=31, options={"crf": "19"})
    assert b"crf=19.0" in path.read_bytes()


MPEG4_RATES = [
    (16.6667, Fraction(50, 3)),
    (Fraction(65536, 1001), Fraction(64423, 984)),
    (999.97, Fraction(32999, 33)),
    (29.97, Fraction(2997, 100)),
    (Fraction(65535, 10007), Fraction(65535, 10007)),
]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("fps", "rate"), MPEG4_RATES)
def test_mpeg4_takes_the_nearest_rate_that_the_format_has(
    tmp_path: Path, fps: float | Fraction, rate: Fraction, suffix: str
) -> None:
    need_encoder("mpeg4")
    frames = [numbered(number) for number in range(4)]
    recording = record(tmp_path / f"video{suffix}", frames, codec="mpeg4", fps=fps)
    assert Fraction(4) / rate == pytest.approx(recording.duration_seconds, rel=1e-12)
    assert numbers_in(recording.path) == [0, 1, 2, 3]
    if suffix == ".mp4":  # Matroska rounds times to milliseconds.
        (stream,) = probe(recording.path)["streams"]
        assert Fraction(stream["r_frame_rate"]) == rate


def test_no_rate_of_mpeg4_is_further_off_than_its_clock_allows() -> None:
    need_encoder("mpeg4")
    for number in (*np.geomspace(0.001, 1000, 500).tolist(), 16.6667, 999.9999):
        exact = WriterConfig.check(".mp4", fps=number).fps
        rate = WriterConfig.check(".mp4", codec="mpeg4", fps=number).fps
        assert rate.numerator <= 65535
        assert abs(rate / exact - 1) < Fraction(1, 65535)
        assert rate == exact or exact.numerator > 65535


@needs_x264
@pytest.mark.parametrize("how", [{"crf": 0}, {"options": {"crf": "0"}}, {"options": {"qp": "0"}}])
def test_lossless_is_not_held_up_by_the_default_profile(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    path = record(tmp_path / "video.mp4", [numbered(1)], **how).path
    assert probe(path)["streams"][0]["profile"] == "High 4:4:4 Predictive"


def test_lower_crf_gives_more_bytes_with_every_lossy_encoder(tmp_path: Path) -> None:
    frames = [noise(seed, SIZE, SIZE) for seed in range(3)]
    for name, encoder in ENCODERS.items():
        if name not in INSTALLED or encoder.crf_range is None:
            continue
        low, high = encoder.crf_range
        sizes = [
            len(gymreel.encode(frames, suffix=".mkv", codec=name, crf=crf, **FAST.get(name, {})))
            for crf in (low + (high - low) / 4, high - 1)
        ]
        assert sizes[0] > sizes[1], name


def test_listing_opens_no_device_and_prints_nothing() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", "import gymreel; print(len(gymreel.codecs()))"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(finished.stdout) == len(INSTALLED)
    assert finished.stderr == ""


@pytest.mark.parametrize("level", [None, "3"])
def test_svt_is_quiet_unless_asked_and_recording_leaves_the_environment_alone(
    tmp_path: Path, level: str | None
) -> None:
    need_encoder("libsvtav1")
    script = """
        import os, sys
        import gymreel
        from support.frames import noise
        environment = dict(os.environ)
        with gymreel.VideoWriter(sys.argv[1], codec="libsvtav1") as writer:
            writer.write(noise(0, 64, 64))
        assert dict(os.environ) == environment
    """
    environment = {name: value for name, value in os.environ.items() if name != "SVT_LOG"}
    if level is not None:
        environment["SVT_LOG"] = level
    finished = run_python(script, tmp_path / "video.mkv", environment=environment)
    assert ("Svt[info]" in finished.stderr) == (level is not None)
