"""Frames that are not arrays of uint8: recorded where no pixel is lost, refused otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

import gymreel
from gymreel import FrameTypeError, GymreelWarning, VideoWriter, encode
from gymreel import _frame_conversion as conversion_module
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo
from gymreel.wrappers import vector as vector_wrappers
from support.environments import NumberedEnv
from support.frames import numbered, numbers_in
from support.video_reader import decode

DTYPES = ["int64", "int8", "uint16", ">i4", "uint64", "float16", "float32", "float64", "longdouble"]
_LOSSLESS: dict[str, Any] = {"codec": "ffv1", "pixel_format": "bgr0"}


def _picture(number: int) -> np.ndarray:
    """Every value from 0 to 127, each at a place of its own."""
    values = np.arange(16 * 24 * 3).reshape(16, 24, 3) * 7 + number
    return values % 128


def _record(path: Path, frames: list[Any]) -> VideoWriter:
    with VideoWriter(path, **_LOSSLESS) as writer:
        for frame in frames:
            writer.write(frame)
    return writer


@pytest.fixture(scope="module", autouse=True)
def _needs_ffv1() -> None:
    if "ffv1" not in {info.name for info in gymreel.codecs()}:
        pytest.skip("this FFmpeg has no encoder ffv1")


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_numbers_of_any_type_are_the_same_pixels(tmp_path: Path, dtype: str) -> None:
    frames = [_picture(number).astype(dtype) for number in range(4)]
    with pytest.warns(GymreelWarning, match=f"frames of {np.dtype(dtype)} ") as caught:
        writer = _record(tmp_path / "video.mkv", frames)
    (warning,) = caught
    assert "each one is converted and copied" in str(warning.message)
    assert (writer.stats.num_borrowed, writer.stats.num_copied) == (0, 4)
    np.testing.assert_array_equal(
        decode(tmp_path / "video.mkv"), [frame.astype(np.uint8) for frame in frames]
    )


def test_bool_is_recorded_as_gymnasium_does(tmp_path: Path) -> None:
    frames = [_picture(number) > 64 for number in range(2)]
    with pytest.warns(GymreelWarning, match="True becomes 1, which is almost black"):
        _record(tmp_path / "video.mkv", frames)
    np.testing.assert_array_equal(
        decode(tmp_path / "video.mkv"), [frame.astype(np.uint8) for frame in frames]
    )


def test_types_may_change_from_frame_to_frame(tmp_path: Path) -> None:
    types = ["float64", "uint8", "int32", "uint8"]
    frames = [_picture(number).astype(dtype) for number, dtype in enumerate(types)]
    with pytest.warns(GymreelWarning, match="float64") as caught:
        writer = _record(tmp_path / "video.mkv", frames)
    assert len(caught) == 1
    assert writer.stats.num_written == 4
    np.testing.assert_array_equal(decode(tmp_path / "video.mkv"), frames)


def test_a_black_frame_of_floats_is_recorded_and_so_is_what_follows(tmp_path: Path) -> None:
    # Once it is known that 255 is white, 1 is almost black.
    frames = [np.zeros((16, 24, 3)), np.full((16, 24, 3), 255.0), np.ones((16, 24, 3))]
    with pytest.warns(GymreelWarning, match="float64"):
        _record(tmp_path / "video.mkv", frames)
    np.testing.assert_array_equal(decode(tmp_path / "video.mkv"), frames)


def test_arrays_of_any_layout_are_converted(tmp_path: Path) -> None:
    whole = _picture(5).astype(np.int64)
    frames = [whole[::-1], np.asfortranarray(whole), np.repeat(whole, 2, axis=1)[:, ::2]]
    with pytest.warns(GymreelWarning, match="int64"):
        _record(tmp_path / "video.mkv", frames)
    np.testing.assert_array_equal(decode(tmp_path / "video.mkv"), frames)


@pytest.mark.parametrize("copy", ["auto", True, False])
def test_the_list_of_write_from_is_emptied_and_its_array_is_not_kept(
    tmp_path: Path, copy: Any
) -> None:
    frame = _picture(1)
    with VideoWriter(tmp_path / "video.mkv", copy=copy, **_LOSSLESS) as writer:
        for number in range(3):
            frame[:] = _picture(number)
            holder: list[Any] = [frame]
            if number == 0:
                with pytest.warns(GymreelWarning, match="int64"):
                    assert writer.write_from(holder)
            else:
                assert writer.write_from(holder)
            assert holder == []
            frame[:] = 99
    np.testing.assert_array_equal(decode(tmp_path / "video.mkv"), [_picture(n) for n in range(3)])


def test_encode_takes_them_too() -> None:
    frames: Any = (numbered(number).astype(np.float32) for number in range(5))
    with pytest.warns(GymreelWarning, match="float32"):
        encoded = encode(frames)
    assert numbers_in(BytesIO(encoded)) == [0, 1, 2, 3, 4]


_SHAPE = (8, 8, 3)
REFUSED: dict[str, tuple[Any, str]] = {
    "floats from 0 to 1": (
        np.linspace(0, 1, 192).reshape(_SHAPE),
        r"float64 array of shape \(8, 8, 3\).*\(frame \* 255\).round\(\).astype\(numpy.uint8\)",
    ),
    "black and white from 0 to 1": (
        np.eye(8),
        r"nothing above 1, which would be almost black; .*frame \* 255",
    ),
    "negative": (np.full(_SHAPE, -1), "values from -1 to -1; scale them"),
    "too large": (np.full(_SHAPE, 256, np.uint16), "values from 256 to 256"),
    "wrapping round": (np.full(_SHAPE, 2**63, np.uint64), "uint64 array .* values from 9223"),
    "not whole": (np.full(_SHAPE, 100.5, np.float32), "float32 array .* not whole"),
    "not a number": (np.full(_SHAPE, np.nan), "not finite"),
    "infinite": (np.full(_SHAPE, np.inf), "not finite"),
    "complex": (np.full(_SHAPE, 1j), "complex128"),
    "objects": (np.full(_SHAPE, 1, object), "object"),
    "text": (np.full(_SHAPE, "1"), "<U1"),
    "times": (np.zeros(_SHAPE, "m8[s]"), "timedelta64"),
    "a list": (np.zeros(_SHAPE, np.uint8).tolist(), r"got list; convert it with numpy.asarray\(\)"),
    "a scalar": (np.float64(3), "got numpy.float64"),
}


@pytest.mark.parametrize(("frame", "message"), REFUSED.values(), ids=REFUSED)
def test_what_would_be_other_pixels_is_refused(tmp_path: Path, frame: Any, message: str) -> None:
    path = tmp_path / "video.mkv"
    good = np.zeros(_SHAPE, np.uint8)
    with VideoWriter(path, **_LOSSLESS) as writer:
        holder = [frame]
        with pytest.raises(FrameTypeError, match=message):
            writer.write_from(holder)
        assert holder[0] is frame
        writer.write(good)
        with pytest.raises(FrameTypeError, match=f"tile 0: frame must .*{message}"):
            writer.write_tiles([frame], num_columns=1)
    assert len(decode(path)) == 1


def _foreign_class(module: str, name: str) -> type:
    return type(name, (), {"__module__": module})


def test_other_objects_are_refused_with_what_to_do(tmp_path: Path) -> None:
    module, name, hint = "imaging.core", "Image", r"convert it with numpy.asarray\(\)"
    frame = _foreign_class(module, name)()
    message = f"frame must be a numpy array, got {module}.{name}; {hint}"
    with VideoWriter(tmp_path / "video.mkv") as writer:
        with pytest.raises(FrameTypeError, match=f"^{message}$"):
            writer.write(frame)
        with pytest.raises(FrameTypeError, match=f"^tile 1: {message}$"):
            writer.write_tiles([numbered(0), frame], num_columns=1)
    env = RecordVideo(NumberedEnv(5, frames={1: frame}), tmp_path / "videos", always)
    env.reset()
    with pytest.warns(GymreelWarning, match=f"Recording stopped.*{hint}"):
        env.step(0)
    env.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda n: [numbered(n).astype(np.int64), numbered(n + 1)],
        lambda n: [numbered(n), numbered(n + 1).astype(np.float64)],
        lambda n: np.stack([numbered(n), numbered(n + 1)]).astype(np.int32),
        lambda n: np.stack([numbered(n), numbered(n + 1)]).astype(np.float16),
    ],
    ids=["the first", "the last", "one array", "one array of floats"],
)
def test_tiles_of_other_types_are_recorded(tmp_path: Path, make: Callable[[int], Any]) -> None:
    path, expected = tmp_path / "video.mkv", tmp_path / "expected.mkv"
    writer = VideoWriter(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(0, 10, 2):
            writer.write_tiles(make(number), num_columns=2)
    assert [warning.category for warning in caught] == [GymreelWarning]
    writer.close()
    assert writer.stats.num_copied == 5
    with VideoWriter(expected) as writer:
        for number in range(0, 10, 2):
            writer.write_tiles([numbered(number), numbered(number + 1)], num_columns=2)
    np.testing.assert_array_equal(decode(path), decode(expected))


class _TypedEnv(NumberedEnv):
    """Renders its numbered frames as another type."""

    dtype = "float64"

    def render(self) -> Any:
        rendered = super().render()
        assert isinstance(rendered, np.ndarray)
        return rendered.astype(self.dtype)


def _play(env: Any, actions: Any, num_steps: int) -> None:
    env.reset()
    for _ in range(num_steps):
        terminated = env.step(actions)[2]
        if terminated is True:  # Vector environments reset themselves.
            env.reset()
    env.close()


def _single(folder: Path, env_type: type[NumberedEnv]) -> None:
    _play(RecordVideo(env_type(5), folder, always), 0, 24)


def _vector(folder: Path, env_type: type[NumberedEnv], **settings: Any) -> None:
    envs = SyncVectorEnv([lambda: env_type(5)] * 3)
    recorder = vector_wrappers.RecordVideo(envs, str(folder), episode_trigger=always, **settings)
    _play(recorder, [0] * 3, 24)


RECORDERS: dict[str, Callable[[Path, type[NumberedEnv]], None]] = {
    "RecordVideo": _single,
    "grid": _vector,
    "separate": lambda folder, env_type: _vector(folder, env_type, layout="separate"),
}


@pytest.mark.parametrize("record", RECORDERS.values(), ids=RECORDERS)
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_a_recorder_says_so_once_for_all_its_videos(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record: Callable[[Path, type[NumberedEnv]], None],
    dtype: str,
) -> None:
    monkeypatch.setattr(_TypedEnv, "dtype", dtype)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        record(tmp_path / "typed", _TypedEnv)
    (message,) = {str(warning.message) for warning in caught if "uint8" in str(warning.message)}
    assert f"frames of {dtype} are recorded as uint8" in message
    assert len([w for w in caught if w.category is GymreelWarning]) == 1
    record(tmp_path / "plain", NumberedEnv)
    names = sorted(path.name for path in (tmp_path / "plain").glob("*.mp4"))
    assert len(names) > 2
    assert names == sorted(path.name for path in (tmp_path / "typed").glob("*.mp4"))
    for name in names:
        typed, plain = (decode(tmp_path / folder / name) for folder in ("typed", "plain"))
        np.testing.assert_array_equal(typed, plain)


def test_frames_of_uint8_are_never_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("uint8 was converted")

    monkeypatch.setattr(conversion_module.FrameConversion, "__call__", refuse)
    with VideoWriter(tmp_path / "video.mkv") as writer:
        writer.write(numbered(0))
        writer.write(numbered(1).view(type("Kind", (np.ndarray,), {})))
    with VideoWriter(tmp_path / "tiles.mkv") as writer:
        writer.write_tiles([numbered(0), numbered(1)], num_columns=2)
        writer.write_tiles(np.stack([numbered(0), numbered(1)]), num_columns=2)
    assert numbers_in(tmp_path / "video.mkv") == [0, 1]
