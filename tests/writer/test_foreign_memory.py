"""Arrays whose memory belongs to somebody else: copied in time, whoever paints over it later."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from gymreel import VideoWriter
from support.frames import HEIGHT, WIDTH, Frame, numbered, numbers_in
from support.stalled_encoder import StalledEncoder

_SHAPE = (HEIGHT, WIDTH, 3)
_NUM_BYTES = HEIGHT * WIDTH * 3


class _NumpyApi:
    """The few functions of NumPy's C interface with which extensions make arrays."""

    _DESCR_FROM_TYPE, _NEW_FROM_DESCR, _SET_BASE_OBJECT, _ARRAY_TYPE = 45, 94, 282, 2
    _UBYTE, _WRITEABLE = 2, 0x0400

    def __init__(self) -> None:
        core: Any = getattr(np, "_core", None) or np.core
        get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
        get_pointer.restype = ctypes.POINTER(ctypes.c_void_p)
        get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
        self._table = get_pointer(core._multiarray_umath._ARRAY_API, None)

    def _function(self, index: int, result: Any, *arguments: Any) -> Callable[..., Any]:
        address = self._table[index]
        assert address is not None
        return ctypes.PYFUNCTYPE(result, *arguments)(address)

    def array_over(
        self, address: int, shape: tuple[int, ...], strides: tuple[int, ...], base: object
    ) -> Frame:
        """Make what ``py::array(dtype, shape, strides, pointer, base)`` makes."""
        descr = self._function(self._DESCR_FROM_TYPE, ctypes.py_object, ctypes.c_int)(self._UBYTE)
        new = self._function(
            self._NEW_FROM_DESCR,
            ctypes.py_object,
            ctypes.c_void_p,
            ctypes.py_object,
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_void_p,
        )
        sizes = ctypes.c_ssize_t * len(shape)
        # Both of these functions take over a reference that they are given.
        for stolen in (descr, base):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(stolen))
        array: Frame = new(
            self._table[self._ARRAY_TYPE],
            descr,
            len(shape),
            sizes(*shape),
            sizes(*strides),
            address,
            self._WRITEABLE,
            None,
        )
        set_base = self._function(
            self._SET_BASE_OBJECT, ctypes.c_int, ctypes.py_object, ctypes.py_object
        )
        assert set_base(array, base) == 0
        return array


_API = _NumpyApi()
_C_STRIDES = (WIDTH * 3, 3, 1)


class _Painter:
    """A buffer that is painted over for each frame, and how it hands out arrays over it."""

    def __init__(self, hand_out: Callable[[_Painter], Frame]) -> None:
        self.memory = mmap.mmap(-1, 2 * _NUM_BYTES)
        self.pixels = np.frombuffer(self.memory, np.uint8)[:_NUM_BYTES].reshape(_SHAPE)
        self.address = self.pixels.__array_interface__["data"][0]
        self._hand_out = hand_out

    def show(self, number: int) -> list[Frame]:
        self.pixels[:] = numbered(number)
        return [self._hand_out(self)]


class _Interface:
    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface


class _DLPack:
    """What ``torch.Tensor`` is to ``np.from_dlpack``."""

    def __init__(self, array: Frame) -> None:
        self._array = array

    def __dlpack__(self, **settings: Any) -> Any:
        return self._array.__dlpack__(**settings)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


def _interface(painter: _Painter, **changes: Any) -> Frame:
    interface = {"version": 3, "shape": _SHAPE, "typestr": "|u1", "data": (painter.address, False)}
    return np.asarray(_Interface({**interface, **changes}))


def _capsule(painter: _Painter) -> object:
    make = ctypes.pythonapi.PyCapsule_New
    make.restype, make.argtypes = (
        ctypes.py_object,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p],
    )
    capsule: object = make(painter.address, None, None)
    return capsule


def _pixels_of_structures(memory: mmap.mmap) -> Frame:
    structures: Any = np.frombuffer(memory, np.dtype([("rgb", "u1", 3)]), HEIGHT * WIDTH)
    pixels: Frame = structures["rgb"].reshape(_SHAPE)
    return pixels


HANDED_OUT: dict[str, Callable[[_Painter], Any]] = {
    "pybind11 with an empty owner": lambda p: _API.array_over(
        p.address, _SHAPE, _C_STRIDES, np.empty(0, np.uint8)
    ),
    "pybind11 with a small owner": lambda p: _API.array_over(
        p.address, _SHAPE, _C_STRIDES, np.empty(1, np.uint8)
    ),
    "pybind11 with a large owner": lambda p: _API.array_over(
        p.address, _SHAPE, _C_STRIDES, np.empty(_NUM_BYTES, np.uint8)
    ),
    "a view of one with an empty owner": lambda p: _API.array_over(
        p.address, _SHAPE, _C_STRIDES, np.empty(0, np.uint8)
    )[::-1][::-1],
    "pybind11, bottom row first": lambda p: _API.array_over(
        p.address + (HEIGHT - 1) * WIDTH * 3,
        _SHAPE,
        (-WIDTH * 3, 3, 1),
        np.empty(_NUM_BYTES, np.uint8),
    )[::-1],
    "pybind11 with a capsule": lambda p: _API.array_over(
        p.address, _SHAPE, _C_STRIDES, _capsule(p)
    ),
    "pybind11 with None": lambda p: _API.array_over(p.address, _SHAPE, _C_STRIDES, None),
    "__array_interface__": _interface,
    "__array_interface__ with an array as its data": lambda p: _interface(p, data=p.pixels),
    "frombuffer over mmap": lambda p: np.frombuffer(p.memory, np.uint8, _NUM_BYTES).reshape(_SHAPE),
    "frombuffer over a memoryview": lambda p: np.frombuffer(
        memoryview(p.memory)[:_NUM_BYTES], np.uint8
    ).reshape(_SHAPE),
    "frombuffer over ctypes": lambda p: np.frombuffer(
        cast("Any", (ctypes.c_uint8 * _NUM_BYTES).from_buffer(p.memory)), np.uint8
    ).reshape(_SHAPE),
    "ctypeslib.as_array": lambda p: np.ctypeslib.as_array(
        ctypes.cast(p.address, ctypes.POINTER(ctypes.c_uint8)), _SHAPE
    ),
    "ndarray over a buffer": lambda p: np.ndarray(_SHAPE, np.uint8, p.memory),
    "as_strided": lambda p: np.lib.stride_tricks.as_strided(p.pixels, _SHAPE, _C_STRIDES),
    "sliding_window_view": lambda p: np.lib.stride_tricks.sliding_window_view(
        p.pixels.reshape(-1), _NUM_BYTES
    )[0].reshape(_SHAPE),
    "from_dlpack": lambda p: np.from_dlpack(_DLPack(p.pixels)),
    "a structured view": lambda p: _pixels_of_structures(p.memory),
    "a view of a subclass": lambda p: np.asarray(p.pixels.view(np.recarray)),
    "a frozen view": lambda p: _frozen(p.pixels[:]),
}
"""Arrays over memory that is painted over, in the ways in which extensions make them."""


def _frozen(array: Frame) -> Frame:
    array.setflags(write=False)
    return array


@pytest.mark.parametrize("hand_out", HANDED_OUT.values(), ids=HANDED_OUT)
def test_memory_that_is_painted_over_is_recorded_as_it_was(
    tmp_path: Path, hand_out: Callable[[_Painter], Frame]
) -> None:
    path = tmp_path / "video.mkv"
    painter = _Painter(hand_out)
    with StalledEncoder(tmp_path / "stalled") as encoder:
        encoder.settings["options"]["qp"] = "0"
        writer = VideoWriter(path, pixel_format="yuv444p", **encoder.settings)
        for number in range(5):
            writer.write_from(painter.show(number))
        painter.pixels[:] = 255
        encoder.resume()
        writer.close()
    assert (writer.stats.num_borrowed, writer.stats.num_copied) == (0, 5)
    assert numbers_in(path) == list(range(5))


@pytest.mark.parametrize("hand_out", HANDED_OUT.values(), ids=HANDED_OUT)
def test_tiles_that_are_painted_over_are_recorded_as_they_were(
    tmp_path: Path, hand_out: Callable[[_Painter], Frame]
) -> None:
    path = tmp_path / "video.mkv"
    painter = _Painter(hand_out)
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(path, **encoder.settings)
        for number in range(3):
            writer.write_tiles_from(painter.show(number), num_columns=1)
        painter.pixels[:] = 255
        encoder.resume()
        writer.close()
    assert numbers_in(path) == list(range(3))


def test_a_memory_map_of_a_file_is_copied(tmp_path: Path) -> None:
    path = tmp_path / "video.mkv"
    pixels = np.memmap(tmp_path / "pixels", np.uint8, "w+", shape=_SHAPE)
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(path, **encoder.settings)
        for number in range(6):
            pixels[:] = numbered(number)
            writer.write_from([np.asarray(pixels) if number % 2 else pixels[:]])
        encoder.resume()
        writer.close()
    assert writer.stats.num_copied == 6
    assert numbers_in(path) == list(range(6))


def test_a_tensor_of_torch_is_copied(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.zeros(_SHAPE, dtype=torch.uint8)
    path = tmp_path / "video.mkv"
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(path, **encoder.settings)
        for number in range(5):
            tensor[:] = torch.from_numpy(numbered(number))
            writer.write_from([tensor.numpy()])
        encoder.resume()
        writer.close()
    assert numbers_in(path) == list(range(5))


def _padded(number: int) -> Frame:
    """A frame in the middle of a larger array that nobody else can reach."""
    whole = np.zeros((HEIGHT + 2, WIDTH + 3, 4), np.uint8)
    whole[1:-1, 1:-2, 1:] = numbered(number)
    return whole


OWNED: dict[str, Callable[[int], Frame]] = {
    "cropped": lambda n: _padded(n)[1:-1, 1:-2, 1:],
    "stored upside down": lambda n: np.ascontiguousarray(numbered(n)[::-1])[::-1],
    "stored from right to left": lambda n: np.ascontiguousarray(numbered(n)[:, ::-1])[:, ::-1],
    "stored by columns": lambda n: np.asfortranarray(numbered(n)),
    "planes": lambda n: np.ascontiguousarray(numbered(n).transpose(2, 0, 1)).transpose(1, 2, 0),
    "all backwards": lambda n: np.ascontiguousarray(numbered(n)[::-1, ::-1, ::-1])[
        ::-1, ::-1, ::-1
    ],
    "a field of a structure": lambda n: _structured(n)["rgb"],
    "one pixel for all": lambda n: np.broadcast_to(
        np.full((1, 1, 1), 255 * (n % 2), np.uint8), _SHAPE
    ),
    "ndarray over an array": lambda n: np.ndarray(_SHAPE, np.uint8, numbered(n)),
    "of wider numbers": lambda n: _as_words(n).view(np.uint8).reshape(_SHAPE),
}
"""Views that nobody else can reach, to the first and the last byte of what their owner has."""


def _structured(number: int) -> Any:
    array = np.zeros((HEIGHT, WIDTH), [("rgb", "u1", 3), ("alpha", "u1")])
    array["rgb"] = numbered(number)
    return array


def _as_words(number: int) -> Any:
    return np.frombuffer(numbered(number).tobytes(), np.uint32).copy()


@pytest.mark.parametrize("make", OWNED.values(), ids=OWNED)
def test_a_view_within_the_memory_of_its_owner_is_borrowed(
    tmp_path: Path, make: Callable[[int], Frame]
) -> None:
    path = tmp_path / "video.mkv"
    with StalledEncoder(tmp_path / "stalled") as encoder:
        writer = VideoWriter(path, **encoder.settings)
        for number in range(4):
            writer.write_from([make(number)])
        assert (writer.stats.num_borrowed, writer.stats.num_copied) == (4, 0)
        encoder.resume()
        writer.close()
    if make is OWNED["one pixel for all"]:
        assert numbers_in(path) == [0, 4095, 0, 4095]
    else:
        assert numbers_in(path) == [0, 1, 2, 3]
