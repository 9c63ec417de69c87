"""Frames that are not NumPy arrays of uint8: converted if nothing is lost, refused otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gymreel._tensors import as_array, is_tensor
from gymreel._warnings import warn
from gymreel.errors import FrameTypeError

__all__ = ["HOW_TO_CONVERT", "FrameConversion"]

HOW_TO_CONVERT = "convert it with numpy.asarray()"
"""The end of messages about objects that are no arrays."""

_SCALED = "for floats from 0 to 1 write (frame * 255).round().astype(numpy.uint8)"


class FrameConversion:
    """Converts the frames of a writer, or of all writers of a recorder, to uint8.

    The native writer calls it for each frame that is not a NumPy array of uint8. Whole numbers from
    0 to 255 are valid pixels in any type; that converting them costs time is the subject of one
    warning. Tensors of other libraries are read where they are, or transferred from their device.
    """

    def __init__(self, *, takes_16_bits: bool = False) -> None:
        """Start without frames.

        Args:
            takes_16_bits: Whether uint16 is returned as it is.
        """
        self.takes_16_bits = takes_16_bits
        self._has_warned = False
        self._has_large_floats = False

    def __call__(self, frame: object, name: str = "") -> np.ndarray:
        """Return an array of uint8 with the pixels of ``frame``.

        Args:
            frame: The frame, which is not a NumPy array of uint8.
            name: Name of the frame in messages, if it is one of several.

        Raises:
            FrameTypeError: ``frame`` is not an array of whole numbers from 0 to 255.
            GymreelWarning: The frame was converted, and the warning filters make this an error.
        """
        prefix = f"{name}: " if name else ""
        if is_tensor(frame):
            frame = as_array(frame)
            if frame.dtype == np.uint8 or (self.takes_16_bits and frame.dtype == np.uint16):
                return frame
        if not isinstance(frame, np.ndarray):
            raise FrameTypeError(
                f"{prefix}frame must be a numpy array, got {_name_type(type(frame))}; "
                f"{HOW_TO_CONVERT}"
            )
        array = np.asarray(frame)
        if array.dtype.kind not in "biuf":
            raise FrameTypeError(
                f"{prefix}frame must hold uint8 values from 0 to 255, got {_describe(array)}"
            )
        with np.errstate(all="ignore"):  # Values that do not fit are found below.
            converted = array.astype(np.uint8)
        if not np.array_equal(converted, array):
            raise FrameTypeError(
                f"{prefix}frame must hold uint8 values from 0 to 255, got {_describe(array)} with "
                f"{_describe_values(array)}; {_what_to_do(array)}"
            )
        if array.dtype.kind == "f":
            self._check_scale(converted, array, prefix)
        self._warn_once(array.dtype)
        return converted

    def _check_scale(self, converted: NDArray[np.uint8], array: np.ndarray, prefix: str) -> None:
        """Refuse floats of at most 1, which mean black to white rather than two shades of black."""
        largest = converted.max(initial=0)
        self._has_large_floats |= bool(largest > 1)
        if largest == 1 and not self._has_large_floats:
            raise FrameTypeError(
                f"{prefix}frame must hold uint8 values from 0 to 255, got {_describe(array)} with "
                f"nothing above 1, which would be almost black; {_SCALED}"
            )

    def _warn_once(self, dtype: np.dtype) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        shades = ", where True becomes 1, which is almost black" if dtype.kind == "b" else ""
        warn(
            f"frames of {dtype} are recorded as uint8{shades}: each one is converted and copied, "
            "which takes longer than to record uint8 arrays; use frame.astype(numpy.uint8) where "
            "frames are made"
        )


def _name_type(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _describe(array: np.ndarray) -> str:
    return f"{array.dtype} array of shape {array.shape}"


def _describe_values(array: np.ndarray) -> str:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return "values that are not finite"
    smallest, largest = array.min(), array.max()
    if smallest < 0 or largest > 255:
        return f"values from {smallest} to {largest}"
    return "values that are not whole"


def _what_to_do(array: np.ndarray) -> str:
    if array.dtype == np.uint16 and (array.ndim == 2 or array.shape[2:] == (1,)):
        return (
            'frames of uint16 are recorded as they are in an .mkv with codec="ffv1" and '
            'pixel_format="gray16le"'
        )
    if array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1:
        return _SCALED
    return "scale them if need be and write frame.clip(0, 255).round().astype(numpy.uint8)"
