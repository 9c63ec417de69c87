"""Values for arguments, most of which are wrong, and which of them are right for which argument."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

__all__ = ["POOL", "RIGHT", "Argument"]

Argument = tuple[str, str]
"""The name of an argument, and a key of ``RIGHT``."""


class Hostile:
    """Raises whatever is done with it."""

    def _raise(self, *_: object) -> NoReturn:
        raise RuntimeError("hostile")

    __repr__ = __str__ = __bool__ = __hash__ = __eq__ = __len__ = __iter__ = _raise
    __fspath__ = __index__ = __float__ = __int__ = __getitem__ = __lt__ = _raise


def _is_even(number: int) -> bool:
    return number % 2 == 0


POOL: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "np.bool": lambda: np.bool_(True),
    "-1": lambda: -1,
    "0": lambda: 0,
    "3": lambda: 3,
    "np.int64": lambda: np.int64(3),
    "1.5": lambda: 1.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "2**70": lambda: 2**70,
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "complex": lambda: 1j,
    "Decimal": lambda: decimal.Decimal("1.5"),
    "empty text": lambda: "",
    "text": lambda: "x",
    "long text": lambda: "x" * 300,
    "huge text": lambda: "x" * 1_000_000,
    "lines": lambda: "a\nb",
    "NUL": lambda: "a\0b",
    "half": lambda: "a\ud800b",
    "bytes": lambda: b"x",
    "Path": lambda: Path("x"),
    "[]": lambda: [],
    "[1]": lambda: [1],
    "[None]": lambda: [None],
    "()": lambda: (),
    "{}": lambda: {},
    "{1: 2}": lambda: {1: 2},
    "{NUL}": lambda: {"a\0": "b"},
    "{'a'}": lambda: {"a"},
    "range": lambda: range(3),
    "array": lambda: np.array([1, 2]),
    "array of floats": lambda: np.zeros((3, 4, 5)),
    "array of text": lambda: np.array(["x", "y"]),
    "huge array": lambda: np.zeros(1_000_000),
    "object": object,
    "hostile": Hostile,
    "function": lambda: _is_even,
    "class": lambda: int,
    "module": lambda: np,
}

_TEXTS = {"empty text", "text", "long text", "huge text", "lines"}
_COUNTS = {"3", "np.int64"}
_LARGE = {"2**70", "10**400", "10**5000"}
_CALLABLE = {"function", "class"}
_FLAGS = {"True", "False", "np.bool"}

RIGHT: dict[str, set[str]] = {
    "nothing": set(),
    "count": _COUNTS,
    "count or None": _COUNTS | {"None"},
    "any count": _COUNTS | _LARGE,
    "count from 0 or None": _COUNTS | {"0", "None"},
    "counts": {"[]", "()", "{}", "[1]", "{1: 2}", "range", "array"},
    "environments": {"None", "[1]", "range", "array", "{1: 2}"},
    "level": _COUNTS | _LARGE | {"-1", "0"},
    "bytes": _COUNTS,
    "rate": _COUNTS | {"1.5"},
    "rate or None": _COUNTS | {"1.5", "None"},
    "positive": _COUNTS | {"1.5", "2**70"},
    "ratio": {"array"},
    "ratio or None": {"array", "None"},
    "steps": _COUNTS | {"0", "1.5", "inf", "2**70"},
    "frames": {"array of floats"},  # Whole numbers, which are converted.
    "unit floats": {"array of floats", "huge array", "[]", "()"},
    "distance": {"3", "np.int64", "1.5", "0"},
    "timeout": _COUNTS | {"None", "0", "1.5", "inf", "2**70"},
    "whole steps": _COUNTS | _LARGE | {"0"},
    "bound or None": _COUNTS | {"None", "-1", "0", "1.5", "inf", "2**70"},
    "crf": _COUNTS | {"None", "0", "1.5"},
    "None": {"None"},
    "run": {"module"},  # NumPy has a function "log", as a run has.
    "flag": _FLAGS,
    "flag or None": _FLAGS | {"None"},
    "text": _TEXTS,
    "text or None": _TEXTS | {"None"},
    "name": _TEXTS - {"empty text"},
    "name of files": {"empty text", "text", "lines"},
    "any text": _TEXTS | {"NUL", "half"},
    "folder": {"text", "lines", "Path"},
    "path": {"text", "long text", "huge text", "lines", "Path", "bytes"},
    "mapping": {"None", "{}", "{1: 2}"},
    "options": {"None", "{}"},
    "function or None": _CALLABLE | {"None"},
    "function": _CALLABLE,
    "trigger": _CALLABLE | {"None", "False"},
    "trackers": {"None", "[]", "()"},
}
