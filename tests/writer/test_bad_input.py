"""What cannot work is an error of the tree, named and in time, and nothing recorded is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gymreel import (
    CodecNotFoundError,
    ConfigError,
    FrameError,
    FrameShapeError,
    FrameTypeError,
    GymreelError,
    OutputError,
    VideoWriter,
)
from support.frames import HEIGHT, WIDTH, needs_x264, numbered, numbers_in, record

BAD_SETTINGS: list[tuple[dict[str, Any], type[GymreelError]]] = [
    ({"codec": "nonsense"}, CodecNotFoundError),
    ({"codec": "aac"}, CodecNotFoundError),
    ({"codec": ""}, CodecNotFoundError),
    ({"codec": None}, ConfigError),
    ({"codec": "vp8"}, ConfigError),
    ({"codec": "ffv1"}, ConfigError),
    ({"preset": "warp"}, ConfigError),
    ({"preset": 5}, ConfigError),
    ({"preset": ["veryfast"]}, ConfigError),
    ({"codec": "mpeg4", "preset": "fast"}, ConfigError),
    ({"crf": -1}, ConfigError),
    ({"crf": 52}, ConfigError),
    ({"crf": float("nan")}, ConfigError),
    ({"crf": "23"}, ConfigError),
    ({"crf": True}, ConfigError),
    ({"options": {"no_such_option": "1"}}, ConfigError),
    ({"options": {"refs": "many"}}, ConfigError),
    ({"options": {5: "1"}}, ConfigError),
    ({"options": "refs=1"}, ConfigError),
    ({"options": [("refs", "1")]}, ConfigError),
    ({"pixel_format": "rainbow"}, ConfigError),
    ({"pixel_format": None}, ConfigError),
    ({"fps": 0}, ConfigError),
    ({"fps": -30}, ConfigError),
    ({"fps": 1001}, ConfigError),
    ({"fps": 1e-9}, ConfigError),
    ({"fps": float("nan")}, ConfigError),
    ({"fps": float("inf")}, ConfigError),
    ({"fps": "30"}, ConfigError),
    ({"fps": None}, ConfigError),
    ({"fps": True}, ConfigError),
    ({"copy": "never"}, ConfigError),
    ({"copy": 1}, ConfigError),
    ({"on_full": "explode"}, ConfigError),
    ({"scale": 0}, ConfigError),
    ({"scale": "large"}, ConfigError),
    ({"on_full": ["drop"]}, ConfigError),
    ({"max_pending_bytes": 0}, ConfigError),
    ({"max_pending_bytes": -1}, ConfigError),
    ({"max_pending_bytes": 1.5}, ConfigError),
    ({"max_pending_bytes": 1 << 70}, ConfigError),
    ({"metadata": {"": "x"}}, ConfigError),
    ({"metadata": {"title": "a\0b"}}, ConfigError),
    ({"metadata": {"title": "\ud800"}}, ConfigError),
    ({"metadata": "title"}, ConfigError),
]


def _label(settings: dict[str, Any]) -> str:
    return ascii(settings)


@needs_x264
@pytest.mark.parametrize(("settings", "error"), BAD_SETTINGS, ids=_label)
def test_a_bad_setting_is_named_with_its_value_by_the_constructor(
    tmp_path: Path, settings: dict[str, Any], error: type[GymreelError]
) -> None:
    with pytest.raises(error) as caught:
        VideoWriter(tmp_path / "video.mp4", **settings)
    name, value = list(settings.items())[-1]
    words = [name.removesuffix("s")]
    if isinstance(value, dict):  # The entry that is wrong, not the whole mapping.
        ((key, _),) = value.items()
        words.append(str(key))
    else:
        words.append(repr(value))
    assert [word for word in words if word not in str(caught.value)] == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "fragments"),
    [
        ("video", ["path=", "video", ".mp4"]),
        ("video.avi", ["path=", "video.avi", ".avi", ".mp4"]),
        ("video.mp4.txt", ["path=", ".txt"]),
        (".mp4", ["path=", ".mp4"]),
        ("video.mp4/", ["path="]),
        ("", ["path=''"]),
        ("a\0b.mp4", ["path=", "a\\x00b.mp4"]),
        (None, ["path=None"]),
        (3, ["path=3"]),
    ],
)
def test_a_path_that_names_no_video_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Any, fragments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        VideoWriter(name)
    assert [fragment for fragment in fragments if fragment not in str(caught.value)] == []
    assert os.listdir(tmp_path) == []


def _folder(path: Path) -> Path:
    (path / "video.mp4").mkdir()
    return path / "video.mp4"


def _below_a_file(path: Path) -> Path:
    (path / "file").write_bytes(b"")
    return path / "file" / "video.mp4"


UNUSABLE: dict[str, Callable[[Path], Path]] = {
    "a folder": _folder,
    "below a file": _below_a_file,
    "a name that is too long": lambda path: path / f"{'x' * 300}.mp4",
    "a folder whose name is too long": lambda path: path / ("x" * 300) / "video.mp4",
}


@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE)
def test_a_path_that_cannot_be_written_is_refused_by_the_constructor(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    with pytest.raises(OutputError) as caught:
        VideoWriter(path)
    assert caught.value.errno > 0
    assert str(caught.value.filename) in {str(path), str(path.parent)}
    assert str(caught.value.filename) in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "http://x/y.mp4",
        "https:video.mp4",
        "concat:a|b.mp4",
        "file:x.mp4",
        "pipe:1.mp4",
        "-.mp4",
        "%d.mp4",
        "%03d.gif",
        "a:b,c=d [e]';.mkv",
        "größe 視.mp4",
    ],
)
def test_a_path_is_a_file_name_whatever_it_looks_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    record(name, [numbered(1), numbered(2)])
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file == tmp_path / name
    assert numbers_in(file) == [1, 2]


BAD_FRAMES: list[tuple[Any, type[FrameError], str]] = [
    (None, FrameTypeError, "NoneType"),
    ([[0, 1]], FrameTypeError, "list"),
    (numbered(1) / 255, FrameTypeError, "float64"),
    (numbered(1).astype(np.int8), FrameTypeError, "int8"),
    (numbered(1).astype(np.uint16) * 2, FrameTypeError, "uint16"),
    (numbered(1).astype(object), FrameTypeError, "object"),
    (np.uint8(3), FrameTypeError, "uint8"),
    (np.array(3, np.uint8), FrameShapeError, "()"),
    (np.zeros(9, np.uint8), FrameShapeError, "(9,)"),
    (np.zeros((1, HEIGHT, WIDTH, 3), np.uint8), FrameShapeError, f"(1, {HEIGHT}, {WIDTH}, 3)"),
    (np.zeros((HEIGHT, WIDTH, 2), np.uint8), FrameShapeError, f"({HEIGHT}, {WIDTH}, 2)"),
    (np.zeros((3, HEIGHT, WIDTH), np.uint8), FrameShapeError, f"(3, {HEIGHT}, {WIDTH})"),
    (np.zeros((HEIGHT, WIDTH, 0), np.uint8), FrameShapeError, f"({HEIGHT}, {WIDTH}, 0)"),
    (np.zeros((0, WIDTH, 3), np.uint8), FrameShapeError, f"(0, {WIDTH}, 3)"),
    (np.zeros((HEIGHT, 0), np.uint8), FrameShapeError, f"({HEIGHT}, 0)"),
    (np.broadcast_to(np.uint8(0), (1 << 20, 2, 3)), FrameShapeError, "(1048576, 2, 3)"),
]


@pytest.mark.parametrize(("frame", "error", "fragment"), BAD_FRAMES)
def test_a_bad_frame_is_refused_and_the_recording_goes_on(
    tmp_path: Path, frame: Any, error: type[FrameError], fragment: str
) -> None:
    path = tmp_path / "video.mp4"
    with VideoWriter(path) as writer:
        with pytest.raises(error) as first:
            writer.write(frame)
        writer.write(numbered(1))
        with pytest.raises(error) as second:
            writer.write(frame)
        writer.write(numbered(2))
    for caught in (first, second):
        assert "frame" in str(caught.value)
        assert fragment in str(caught.value)
    assert writer.stats.num_written == 2
    assert numbers_in(path) == [1, 2]


@pytest.mark.parametrize("shape", [(HEIGHT + 1, WIDTH, 3), (HEIGHT, WIDTH - 2), (WIDTH, HEIGHT, 4)])
def test_a_frame_of_another_size_is_refused_and_the_recording_goes_on(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "video.mp4"
    with VideoWriter(path) as writer:
        writer.write(numbered(1))
        with pytest.raises(FrameShapeError) as caught:
            writer.write(np.zeros(shape, np.uint8))
        writer.write(numbered(2))
    assert f"{shape[0]} x {shape[1]}" in str(caught.value)
    assert f"{HEIGHT} x {WIDTH}" in str(caught.value)
    assert numbers_in(path) == [1, 2]
