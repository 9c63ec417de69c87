"""Grids of tiles that can be told apart, and how to record and read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from gymreel import VideoWriter
from support.frames import HEIGHT, WIDTH, Frame, number_in, numbered, planes_of

__all__ = [
    "LOSSLESS",
    "assert_same_pictures",
    "decode_frames",
    "noise_of",
    "numbered_tiles",
    "numbers_in_grids",
    "paint_canvas",
    "pictures_in",
    "record_grids",
]

LOSSLESS: dict[str, dict[str, Any]] = {
    "yuv444p": {"suffix": ".mkv", "codec": "ffv1", "pixel_format": "yuv444p"},
    "yuv420p": {"suffix": ".mkv", "codec": "ffv1", "pixel_format": "yuv420p"},
    "nv12": {"suffix": ".mp4", "codec": "libx264", "crf": 0, "pixel_format": "nv12"},
    "swscale": {"suffix": ".mkv", "codec": "ffv1", "pixel_format": "yuv422p"},
    "rgb": {"suffix": ".mp4", "codec": "libx264rgb", "crf": 0},
    "gif": {"suffix": ".gif"},
}


def record_grids(
    folder: Path, frames: Sequence[Sequence[Frame]], num_columns: int, **settings: Any
) -> tuple[Path, VideoWriter]:
    path = folder / f"video{settings.pop('suffix', '.mp4')}"
    with VideoWriter(path, **settings) as writer:
        for tiles in frames:
            writer.write_tiles(tiles, num_columns=num_columns)
    return path, writer


def decode_frames(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(f"file:{path}", "r") as container:
        yield from container.decode(video=0)


def pictures_in(path: Path) -> list[list[Frame]]:
    """Decode each frame as it is stored; GIF as RGB, because its palettes may differ."""
    if path.suffix == ".gif":
        return [
            [frame.to_ndarray(format="rgb24").astype(np.uint8)] for frame in decode_frames(path)
        ]
    return [planes_of(frame) for frame in decode_frames(path)]


def assert_same_pictures(first: list[list[Frame]], second: list[list[Frame]]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for plane, other_plane in zip(one, other, strict=True):
            np.testing.assert_array_equal(plane, other_plane)


def paint_canvas(tiles: Sequence[Frame], num_columns: int) -> Frame:
    """Put a grid together with numpy."""
    cell_height = max(tile.shape[0] + tile.shape[0] % 2 for tile in tiles)
    cell_width = max(tile.shape[1] + tile.shape[1] % 2 for tile in tiles)
    num_rows = -(-len(tiles) // num_columns)
    canvas = np.zeros((num_rows * cell_height, num_columns * cell_width, 3), np.uint8)
    for number, tile in enumerate(tiles):
        color = tile[..., None] if tile.ndim == 2 else tile[..., :3]
        even = np.pad(color, ((0, color.shape[0] % 2), (0, color.shape[1] % 2), (0, 0)), "edge")
        y, x = number // num_columns * cell_height, number % num_columns * cell_width
        canvas[y : y + even.shape[0], x : x + even.shape[1]] = even
    return canvas


def noise_of(seed: int, *shape: int) -> Frame:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def numbered_tiles(first: int, count: int) -> list[Frame]:
    return [numbered(first + number) for number in range(count)]


def numbers_in_grids(path: Path, num_tiles: int, num_columns: int) -> list[list[int]]:
    """Read the number of each cell of each frame; cells after the last tile must be black."""
    result = []
    for frame in decode_frames(path):
        grey = frame.to_ndarray(format="gray")
        cells = [
            number_in(grey[y : y + HEIGHT, x : x + WIDTH])
            for y in range(0, grey.shape[0], HEIGHT)
            for x in range(0, num_columns * WIDTH, WIDTH)
        ]
        assert cells[num_tiles:] == [0] * (len(cells) - num_tiles)
        assert grey.shape == (-(-num_tiles // num_columns) * HEIGHT, num_columns * WIDTH)
        result.append(cells[:num_tiles])
    return result
