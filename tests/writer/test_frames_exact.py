"""Every frame once, in order, each for 1/fps: counted and timed by an independent decoder."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import pytest

from support.frames import Frame, needs_x264, numbered, record, shown_in
from support.video_reader import probe

EXACT_FPS = {
    12.5: Fraction(25, 2),
    24: Fraction(24),
    29.97: Fraction(2997, 100),
    30: Fraction(30),
    50: Fraction(50),
    60: Fraction(60),
    120: Fraction(120),
}
TICKS = {
    ".mkv": Fraction(1, 1000),
    ".webm": Fraction(1, 1000),
    ".gif": Fraction(1, 100),
}
"""The unit in which a format counts time, where it cannot count in the frame rate's own."""


@cache
def _frames(num_frames: int) -> list[Frame]:
    return [numbered(number) for number in range(num_frames)]


def _durations(path: Path) -> tuple[Fraction, Fraction]:
    """Return the duration of the video stream and of the container, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert container.duration is not None
        return stream.duration * stream.time_base, Fraction(container.duration, av.time_base)


@pytest.mark.parametrize("num_frames", [1, 2, 3, 500, 501, 1000])
@pytest.mark.parametrize("fps", EXACT_FPS)
def test_an_mp4_shows_every_number_once_and_each_at_its_exact_time(
    tmp_path: Path, fps: float, num_frames: int
) -> None:
    exact_fps = EXACT_FPS[fps]
    recording = record(tmp_path / "exact.mp4", _frames(num_frames), fps=fps)

    shown = list(shown_in(recording.path))
    assert [one.number for one in shown] == list(range(num_frames))
    assert [one.time for one in shown] == [number / exact_fps for number in range(num_frames)]

    stream_seconds, container_seconds = _durations(recording.path)
    assert stream_seconds == num_frames / exact_fps
    assert abs(container_seconds - num_frames / exact_fps) <= Fraction(1, av.time_base)
    assert recording.num_frames == num_frames
    assert recording.duration_seconds == pytest.approx(float(num_frames / exact_fps))


@pytest.mark.parametrize("fps", EXACT_FPS)
def test_ffprobe_agrees_on_rate_count_and_duration(tmp_path: Path, fps: float) -> None:
    exact_fps = EXACT_FPS[fps]
    path = record(tmp_path / "probed.mp4", _frames(7), fps=fps).path
    answer = probe(path)
    (stream,) = answer["streams"]
    assert Fraction(stream["r_frame_rate"]) == exact_fps
    assert Fraction(stream["avg_frame_rate"]) == exact_fps
    assert stream["nb_frames"] == stream["nb_read_frames"] == "7"
    assert float(stream["start_time"]) == 0
    assert float(stream["duration"]) == pytest.approx(float(7 / exact_fps), abs=1e-6)
    assert float(answer["format"]["duration"]) == pytest.approx(float(7 / exact_fps), abs=1e-6)


@pytest.mark.parametrize("num_frames", [1, 2, 61])
@pytest.mark.parametrize("fps", [12.5, 24, 29.97, 50])
@pytest.mark.parametrize("suffix", TICKS)
def test_other_containers_are_off_by_no_more_than_their_tick(
    tmp_path: Path, suffix: str, fps: float, num_frames: int
) -> None:
    exact_fps, tick = EXACT_FPS[fps], TICKS[suffix]
    recording = record(tmp_path / f"ticks{suffix}", _frames(num_frames), fps=fps)

    shown = list(shown_in(recording.path))
    assert [one.number for one in shown] == list(range(num_frames))
    for number, one in enumerate(shown):
        assert abs(one.time - number / exact_fps) <= tick
    with av.open(str(recording.path)) as container:
        assert container.duration is not None
        seconds = Fraction(container.duration, av.time_base)
    assert abs(seconds - num_frames / exact_fps) <= 2 * tick


@pytest.mark.parametrize("fps", [12.5, 29.97, 120])
def test_a_mov_is_as_exact_as_an_mp4(tmp_path: Path, fps: float) -> None:
    path = record(tmp_path / "exact.mov", _frames(11), fps=fps).path
    exact_fps = EXACT_FPS[fps]
    assert [one.time for one in shown_in(path)] == [number / exact_fps for number in range(11)]
    assert _durations(path)[0] == 11 / exact_fps


@pytest.mark.parametrize(
    ("fps", "exact_fps"),
    [
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (23.976, Fraction(2997, 125)),
        (7.77, Fraction(777, 100)),
        (1 / 3, Fraction(1, 3)),
        (1000, Fraction(1000)),
        (0.001, Fraction(1, 1000)),
    ],
)
def test_unusual_rates_are_kept_exactly(
    tmp_path: Path, fps: float | Fraction, exact_fps: Fraction
) -> None:
    path = record(tmp_path / "unusual.mp4", _frames(5), fps=fps).path
    assert [(one.number, one.time) for one in shown_in(path)] == [
        (number, number / exact_fps) for number in range(5)
    ]
    assert _durations(path)[0] == 5 / exact_fps


@needs_x264
@pytest.mark.parametrize("preset", ["ultrafast", "medium", "slower"])
def test_reordered_frames_still_start_at_zero(tmp_path: Path, preset: str) -> None:
    path = record(tmp_path / "reordered.mp4", _frames(40), preset=preset).path
    assert [(one.number, one.time) for one in shown_in(path)] == [
        (number, Fraction(number, 30)) for number in range(40)
    ]
    assert _durations(path)[0] == Fraction(40, 30)
