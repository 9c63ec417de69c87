"""Arrays of other libraries than NumPy, as arrays of NumPy. No such library is imported here."""

from __future__ import annotations

from typing import Any

import numpy as np

from gymreel._validation import show
from gymreel.errors import FrameTypeError

__all__ = ["as_array", "is_tensor"]

_PROTOCOLS = ("__dlpack_device__", "__array_interface__", "__array__")

# DLPack's numbers of the devices whose memory the CPU reads: CPU, CUDA host, ROCm host.
_ON_HOST = {1, 3, 11}

# Modes of Pillow's images whose values are those of frames.
_MODES = {"L", "RGB", "RGBA", "RGBX", "I;16"}

# Methods that copy from a device to the host: of PyTorch, and of CuPy.
_TRANSFERS = ("cpu", "get")


def is_tensor(value: object) -> bool:
    """Return whether a value is an array of another library, or can make one."""
    kind = type(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return False
    return any(hasattr(kind, name) for name in _PROTOCOLS)


def as_array(tensor: Any) -> np.ndarray:
    """Return an array with the data of a tensor, in the tensor's memory if the CPU can read it.

    A tensor on another device is transferred, in one piece. Gradients are left behind.

    Args:
        tensor: A value for which :func:`is_tensor` is true.

    Raises:
        FrameTypeError: NumPy cannot have the data, as those of a sparse tensor.
    """
    mode = getattr(tensor, "mode", None)
    if isinstance(mode, str) and mode not in _MODES:  # Of Pillow: palettes and colour spaces.
        raise FrameTypeError(f"picture of mode {mode!r}: write frame.convert('RGB')")
    try:
        if hasattr(tensor, "detach"):  # PyTorch exports no tensor that requires gradients.
            tensor = tensor.detach()
        if hasattr(tensor, "__dlpack_device__"):
            return _from_device(tensor)
        array = np.asarray(tensor)
    except Exception as error:
        raise FrameTypeError(
            f"{type(tensor).__name__} cannot be read as an array of numbers: {show(str(error))}; "
            "convert it to a dense array of uint8 with numpy.asarray()"
        ) from error
    return array


def _is_on_host(tensor: Any) -> bool:
    try:
        return int(tensor.__dlpack_device__()[0]) in _ON_HOST
    except Exception:  # DLPack has no name for the device, or the data are on several.
        return False


def _from_device(tensor: Any) -> np.ndarray:
    if not _is_on_host(tensor):
        for name in _TRANSFERS:
            if hasattr(tensor, name):
                tensor = getattr(tensor, name)()
                break
        else:  # JAX transfers by itself.
            return np.asarray(tensor)
    if isinstance(tensor, np.ndarray):
        return tensor
    try:
        return np.from_dlpack(tensor)
    except Exception:  # NumPy's DLPack lacks some types, such as bool before NumPy 1.25.
        if not hasattr(tensor, "__array__"):
            raise
        return np.asarray(tensor)
