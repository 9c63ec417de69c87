"""encode(): a video in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gymreel import ConfigError, EncodeError, FrameShapeError, FrameTypeError, encode
from gymreel.encoders import CONTAINERS
from support.frames import Frame, needs_x264, numbered, numbers_in, record, shown_in

MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_container_can_be_encoded_in_memory(suffix: str) -> None:
    encoded = encode((numbered(number) for number in range(40)), suffix=suffix, fps=20)
    assert isinstance(encoded, bytes)
    assert numbers_in(BytesIO(encoded)) == list(range(40))
    with av.open(BytesIO(encoded)) as container:
        assert MUXERS.get(suffix, "gif") in container.format.name.split(",")


def test_the_default_is_an_mp4_at_30_frames_per_second() -> None:
    encoded = encode([numbered(1), numbered(2)])
    assert encoded[4:8] == b"ftyp"
    assert [shown.time for shown in shown_in(BytesIO(encoded))] == [0, Fraction(1, 30)]


def test_memory_and_file_hold_the_same_packets(tmp_path: Path) -> None:
    # Not by x264, whose packets differ now and then with what its memory held before.
    frames = [numbered(number) for number in range(30)]
    path = record(tmp_path / "video.mp4", frames, codec="mpeg4", fps=25).path
    encoded = encode(frames, codec="mpeg4", fps=25)
    assert _packets(BytesIO(encoded)) == _packets(BytesIO(path.read_bytes()))


def _packets(source: BytesIO) -> list[tuple[int | None, int | None, bytes]]:
    with av.open(source, "r") as container:
        return [(packet.pts, packet.dts, bytes(packet)) for packet in container.demux(video=0)]


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        ({"suffix": "mp4"}, "suffix"),
        ({"suffix": ".avi"}, ".avi"),
        ({"fps": 0}, "fps=0"),
        ({"codec": "nonsense"}, "nonsense"),
        ({"metadata": {"": "x"}}, "metadata"),
    ],
)
def test_bad_settings_are_named_before_any_frame_is_taken(
    settings: dict[str, Any], fragment: str
) -> None:
    frames = iter([numbered(1)])
    with pytest.raises(ConfigError) as caught:
        encode(frames, **settings)
    assert fragment in str(caught.value)
    assert next(frames, None) is not None


def test_an_unknown_setting_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="banana"):
        encode([numbered(1)], banana=1)  # type: ignore[call-arg]


def test_no_frames_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="frames is empty"):
        encode([])


def test_a_bad_frame_is_raised_as_writing_it_would() -> None:
    with pytest.raises(FrameTypeError, match="float64"):
        encode([numbered(1) / 255])  # type: ignore[list-item]
    with pytest.raises(FrameShapeError, match="first frame"):
        encode([numbered(1), numbered(1)[1:]])


@needs_x264
def test_a_size_that_the_codec_refuses_is_raised() -> None:
    with pytest.raises(EncodeError, match="32000x2"):
        encode([np.zeros((2, 32000), np.uint8)])


def test_an_exception_of_the_frames_goes_on() -> None:
    def broken() -> Iterator[Frame]:
        yield numbered(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        encode(broken())


def test_nothing_is_written_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    encode([numbered(1)])
    assert os.listdir(tmp_path) == []


def test_several_threads_can_encode_at_once() -> None:
    results: dict[int, list[int]] = {}

    def encode_some(first: int) -> None:
        encoded = encode(numbered(number) for number in range(first, first + 30))
        results[first] = numbers_in(BytesIO(encoded))

    threads = [threading.Thread(target=encode_some, args=(first,)) for first in range(0, 180, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {first: list(range(first, first + 30)) for first in range(0, 180, 30)}
