"""Frames that can be told apart after lossy coding, and how to record and read them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import gymreel

__all__ = [
    "HEIGHT",
    "WIDTH",
    "Frame",
    "Shown",
    "need_encoder",
    "needs_x264",
    "noise",
    "number_in",
    "numbered",
    "numbers_in",
    "planes_of",
    "record",
    "shown_in",
    "solid",
]

Frame = NDArray[np.uint8]

# A bit is a macroblock of H.264, so that lossy coding cannot blur two bits together.
_BLOCK = 16
_ROWS, _COLUMNS = 3, 4
HEIGHT, WIDTH = _ROWS * _BLOCK, _COLUMNS * _BLOCK
_WEIGHTS = 1 << np.arange(_ROWS * _COLUMNS).reshape(_ROWS, _COLUMNS)


@dataclass(frozen=True)
class Shown:
    """One decoded frame: the number that it shows, and when it is shown, in seconds."""

    number: int
    time: Fraction


def numbered(number: int) -> Frame:
    """Paint a number from 0 to 4095 as 3 by 4 black and white blocks, into a fresh array."""
    bits = (number & _WEIGHTS) != 0
    grey = np.repeat(np.repeat(bits * np.uint8(255), _BLOCK, axis=0), _BLOCK, axis=1)
    return np.ascontiguousarray(np.broadcast_to(grey[..., None], (HEIGHT, WIDTH, 3)))


def solid(color: tuple[int, int, int], height: int = HEIGHT, width: int = WIDTH) -> Frame:
    """Paint one colour into a fresh array."""
    return np.full((height, width, 3), color, np.uint8)


def noise(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Frame:
    """Make a frame that no encoder can make small."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


# For what other encoders do otherwise: presets and options, the sizes that they refuse, speed.
needs_x264 = pytest.mark.skipif(
    all(info.name != "libx264" for info in gymreel.codecs()),
    reason="this FFmpeg has no encoder libx264",
)


def need_encoder(codec: str) -> None:
    """Skip the test where the FFmpeg in use has no encoder for a format, or not that encoder."""
    installed = {name for info in gymreel.codecs() for name in (info.name, info.codec)}
    if codec not in installed:
        pytest.skip(f"this FFmpeg has no encoder for {codec}")


def record(
    path: str | os.PathLike[str], frames: Iterable[Frame], **settings: Any
) -> gymreel.Recording:
    """Write frames to a file and close it."""
    with gymreel.VideoWriter(path, **settings) as writer:
        for frame in frames:
            writer.write(frame)
    return writer.close()


def shown_in(source: str | os.PathLike[str] | IO[bytes]) -> Iterator[Shown]:
    """Decode numbered frames one by one, as PyAV gives them."""
    name = f"file:{os.fspath(source)}" if isinstance(source, (str, os.PathLike)) else source
    with av.open(name, "r") as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            yield Shown(number_in(frame.to_ndarray(format="gray")), frame.pts * frame.time_base)


def numbers_in(source: str | os.PathLike[str] | IO[bytes]) -> list[int]:
    """Decode the numbers that a video shows, in the order in which it shows them."""
    return [shown.number for shown in shown_in(source)]


def planes_of(frame: av.VideoFrame) -> list[Frame]:
    """Return the planes of a decoded frame as they are, without any conversion."""
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(rows[:, : plane.width])
    return planes


def number_in(grey: NDArray[Any]) -> int:
    """Read the number that a decoded grey picture shows."""
    assert grey.shape == (HEIGHT, WIDTH)
    brightness = grey.reshape(_ROWS, _BLOCK, _COLUMNS, _BLOCK).mean(axis=(1, 3))
    # A frame that is another one's mixture or a broken one must not pass as a number.
    assert not ((brightness > 64) & (brightness < 192)).any(), brightness
    return int(_WEIGHTS[brightness >= 192].sum())
