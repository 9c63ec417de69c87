"""Functions that make pictures of what is none: tensors, frame stacks, floats and depth.

Recorders never guess what an array means. These functions say it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gymreel._tensors import as_array, is_tensor
from gymreel._validation import check_number, check_whole_number, show
from gymreel.errors import ConfigError, FrameShapeError, FrameTypeError

__all__ = [
    "DEPTH_UNIT",
    "channels_last",
    "depth",
    "depth_in_16_bits",
    "from_unit_floats",
    "last_of_stack",
]

DEPTH_UNIT = 0.001
"""Default unit of :func:`depth_in_16_bits`, in metres."""

_TOLERANCE = 1e-3  # Of unit floats: what interpolation and filters overshoot.

# Far to near, in RGB. Lightness grows evenly, so that the picture can be read in grey as well.
_DEPTH_COLORS = np.array(
    [(13, 8, 60), (74, 25, 122), (147, 41, 117), (219, 82, 72), (249, 160, 46), (250, 245, 160)],
    np.float32,
)


def channels_last(picture: Any) -> np.ndarray:
    """Return a view of a picture of shape ``(channels, height, width)`` with the channels last.

    Args:
        picture: Array, or anything that ``numpy.asarray`` takes, of shape ``(1, H, W)``,
            ``(3, H, W)`` or ``(4, H, W)``, or several such pictures: ``(N, 3, H, W)``.

    Returns:
        Array of shape ``(H, W, channels)`` or ``(N, H, W, channels)`` with the same memory. The
        writer reads it where it is.

    Raises:
        FrameShapeError: It has no such shape.
    """
    array = _array_of("picture", picture)
    if array.ndim not in (3, 4) or array.shape[-3] not in (1, 3, 4):
        raise FrameShapeError(
            f"picture must have the shape (3, height, width), with 1, 3 or 4 channels, got "
            f"{array.shape}"
        )
    return np.moveaxis(array, -3, -1)


def from_unit_floats(picture: Any) -> NDArray[np.uint8]:
    """Return a picture of floats from 0 to 1 as uint8.

    Args:
        picture: Array of floats of any shape. Values may lie outside by 0.001, as filters leave
            them.

    Returns:
        Array of the same shape: ``round(255 * picture)``.

    Raises:
        FrameTypeError: The values are not floats, or are not all from 0 to 1.
    """
    array = _array_of("picture", picture)
    if array.dtype.kind != "f":
        raise FrameTypeError(f"picture must hold floats from 0 to 1, got {array.dtype}")
    if array.size and not (array.min() >= -_TOLERANCE and array.max() <= 1 + _TOLERANCE):
        raise FrameTypeError(
            f"picture must hold floats from 0 to 1, got values from {array.min():g} to "
            f"{array.max():g}"
        )
    converted: NDArray[np.uint8] = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    return converted


def last_of_stack(stack: Any, num_channels: int | None = None) -> np.ndarray:
    """Return the newest picture of a stack of frames, as frame stacking wrappers make them.

    Args:
        stack: Array of shape ``(num_frames, height, width)`` or ``(num_frames, height, width,
            channels)``, as ``gymnasium.wrappers.FrameStackObservation`` returns it. With
            ``num_channels``, of shape ``(height, width, num_frames * num_channels)``, as
            Stable-Baselines3's ``VecFrameStack`` returns it.
        num_channels: Number of channels of one picture, where the pictures lie side by side in the
            last axis; None where the first axis numbers them.

    Returns:
        View of the last picture.

    Raises:
        ConfigError: ``num_channels`` is not a whole number from 1 to 4.
        FrameShapeError: The stack has no such shape.
    """
    array = _array_of("stack", stack)
    if num_channels is None:
        if array.ndim not in (3, 4) or array.shape[0] == 0:
            raise FrameShapeError(
                "stack must have the shape (num_frames, height, width) or (num_frames, height, "
                f"width, channels), got {array.shape}; pass num_channels if the pictures lie side "
                "by side in the last axis"
            )
        last: np.ndarray = array[-1]
        return last
    channels = check_whole_number("num_channels", num_channels, at_least=1, at_most=4)
    if array.ndim != 3 or array.shape[2] == 0 or array.shape[2] % channels:
        raise FrameShapeError(
            f"stack must have the shape (height, width, num_frames * {channels}), got {array.shape}"
        )
    return array[..., -channels:]


def depth(near: float, far: float) -> Callable[[Any], NDArray[np.uint8]]:
    """Return a function that colours depth images, from dark (far) to bright (near).

    Args:
        near: Distance of the brightest colour, in the units of the images.
        far: Distance of the darkest colour.

    Returns:
        Function of an array of distances of shape ``(height, width)`` or ``(height, width, 1)``.
        It returns a picture of shape ``(height, width, 3)``. Distances outside have the nearest
        colour; those that are not finite, or not positive, are black.

    Raises:
        ConfigError: ``near`` or ``far`` is not a number, or ``near`` is not below ``far``.
    """
    low = float(check_number("near", near, is_finite=True))
    high = float(check_number("far", far, is_finite=True))
    if not 0 <= low < high:
        raise ConfigError(f"near={show(near)} must be from 0 and below far={show(far)}")

    def color(distances: Any) -> NDArray[np.uint8]:
        array = _check_distances(distances)
        known = np.isfinite(array) & (array > 0)
        nearness = np.clip((high - np.where(known, array, high)) / (high - low), 0, 1)
        stops = np.arange(len(_DEPTH_COLORS)) / (len(_DEPTH_COLORS) - 1)
        channels = [np.interp(nearness, stops, _DEPTH_COLORS[:, k]) for k in range(3)]
        picture: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
        picture[~known] = 0
        return picture

    return color


def depth_in_16_bits(distances: Any, unit: float = DEPTH_UNIT) -> NDArray[np.uint16]:
    """Return a depth image as whole numbers of a unit, for ``pixel_format="gray16le"``.

    Write the unit into the video as well, so that readers find it:
    ``metadata={"depth_unit": str(gymreel.pictures.DEPTH_UNIT)}``.

    Args:
        distances: Array of distances in metres of shape ``(height, width)`` or
            ``(height, width, 1)``.
        unit: Metres of one step; with 0.001 depths up to 65.535 m fit.

    Returns:
        ``round(distances / unit)``. Distances that are too large are 65535; those that are not
        finite, or not positive, are 0, as depth cameras mark what they did not measure.

    Raises:
        ConfigError: ``unit`` is not a positive number.
        FrameTypeError, FrameShapeError: ``distances`` is no such array.
    """
    step = float(check_number("unit", unit, is_finite=True))
    if not step > 0:
        raise ConfigError(f"unit={show(unit)} must be more than 0")
    array = _check_distances(distances)
    known = np.isfinite(array) & (array > 0)
    steps = np.rint(np.where(known, array, 0) / step)
    image: NDArray[np.uint16] = np.minimum(steps, 65535).astype(np.uint16)
    return image


def _array_of(name: str, value: Any) -> np.ndarray:
    """Return an argument as an array.

    Raises:
        FrameTypeError: NumPy cannot make an array of it.
    """
    if is_tensor(value):
        return as_array(value)
    try:
        return np.asarray(value)
    except Exception as error:
        raise FrameTypeError(f"{name}={show(value)} must be an array: {error}") from error


def _check_distances(distances: Any) -> NDArray[np.float64]:
    """Return distances as an array of shape ``(height, width)``.

    Raises:
        FrameTypeError, FrameShapeError: They are no such array.
    """
    array = _array_of("distances", distances)
    if array.dtype.kind not in "fiu":
        raise FrameTypeError(f"distances must be numbers, got {array.dtype}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2:
        raise FrameShapeError(
            f"distances must have the shape (height, width) or (height, width, 1), got "
            f"{array.shape}"
        )
    return array.astype(np.float64)
