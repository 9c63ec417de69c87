"""Checks of arguments: each returns what it has checked, or raises an error that names it.

A message has the form ``name=value must be …``. The value is shortened to one line, whatever it is.
"""

from __future__ import annotations

import math
import operator
import os
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from numbers import Integral, Real
from typing import Any

import numpy as np

from gymreel.errors import ConfigError, ConfigTypeError

__all__ = [
    "check_choice",
    "check_flag",
    "check_function",
    "check_mapping",
    "check_number",
    "check_path",
    "check_text",
    "check_timeout",
    "check_whole_number",
    "show",
    "to_whole_number",
]

_MAX_CHARACTERS = 80


class _Repr(reprlib.Repr):
    """``repr`` of a bounded length and cost; what raises is shown by its class."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = _MAX_CHARACTERS
        self.maxlevel = 3

    def repr_int(self, number: int, level: int) -> str:
        """Write out a number, unless that takes long or is not allowed by the interpreter."""
        bits = number.bit_length()
        return super().repr_int(number, level) if bits < 1024 else f"<int of {bits} bits>"

    def repr_ndarray(self, array: np.ndarray[Any, Any], level: int) -> str:
        """Write out a small array; of a large one the shape and type."""
        if array.size <= 16 and array.dtype != object:
            return self.repr_instance(array, level)
        return f"<array of {array.dtype}, shape {array.shape}>"

    def repr_bytes(self, data: bytes, level: int) -> str:
        """Write out the beginning."""
        return repr(data[:_MAX_CHARACTERS])

    repr_bytearray = repr_bytes


_repr = _Repr()


def show(value: object) -> str:
    """Return a value for a message: as ``repr`` has it, in one line of at most 80 characters."""
    try:
        text = _repr.repr(value)
    except Exception:  # Its class may do whatever it likes, also where reprlib does not expect it.
        text = f"<{type(value).__name__} instance>"
    text = re.sub(r"\s*\n\s*", " ", text[: 10 * _MAX_CHARACTERS])
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    if len(text) <= _MAX_CHARACTERS:
        return text
    return f"{text[: _MAX_CHARACTERS - 23]}...{text[-20:]}"


def to_whole_number(value: object) -> int | None:
    """Return a whole number, NumPy's among them; None for anything else, truth values too."""
    if isinstance(value, (bool, np.bool_)) or getattr(value, "dtype", None) == np.bool_:
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # That it may not have one is known.
    except Exception:  # An array of several numbers has __index__ too, but it raises.
        return None


def check_whole_number(
    name: str,
    value: object,
    *,
    at_least: int,
    at_most: int | None = None,
    also: str = "",
) -> int:
    """Return a whole number in a range, as an ``int``.

    Args:
        name: What the caller knows the argument by.
        value: A whole number of Python's or NumPy's.
        at_least: The smallest that will do.
        at_most: The largest; None for no bound.
        also: What else will do, for the message: ``", or None"``.

    Raises:
        ConfigTypeError: Not a whole number.
        ConfigError: Not in the range.
    """
    number = to_whole_number(value)
    if number is not None and number >= at_least and (at_most is None or number <= at_most):
        return number
    reach = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
    error = ConfigTypeError if number is None else ConfigError
    raise error(f"{name}={show(value)} must be a whole number {reach}{also}")


def check_number(
    name: str, value: object, *, is_finite: bool = False, also: str = ""
) -> int | float | Fraction:
    """Return a real number that is not NaN, and that a ``float`` can hold.

    Args:
        name: What the caller knows the argument by.
        value: A number of Python's or NumPy's.
        is_finite: Whether infinity is refused.
        also: What else will do, for the message: ``", or None"``.

    Returns:
        An ``int`` or ``Fraction`` as it is, anything else as a ``float``.

    Raises:
        ConfigTypeError: Not a real number.
        ConfigError: NaN, too large, or infinite.
    """
    kind = "a finite number" if is_finite else "a number"
    message = f"{name}={show(value)} must be {kind}{also}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigTypeError(message)
    try:
        number = float(value)
    except Exception:  # Too large; or its class is somebody's own.
        raise ConfigError(message) from None
    if math.isnan(number) or (is_finite and math.isinf(number)):
        raise ConfigError(message)
    if isinstance(value, Integral):
        return int(value)
    return value if isinstance(value, Fraction) else number


def check_timeout(timeout_seconds: object) -> float | None:
    """Return ``timeout_seconds`` for waiting; None, which is for ever, also for over 30 years.

    Raises:
        ConfigTypeError: Neither None nor a real number.
        ConfigError: Below 0, or NaN.
    """
    if timeout_seconds is None:
        return None
    seconds = float(check_number("timeout_seconds", timeout_seconds, also=", or None"))
    if seconds < 0:
        raise ConfigError(
            f"timeout_seconds={show(timeout_seconds)} must be a number of seconds from 0, or None"
        )
    return seconds if seconds < 1e9 else None


def check_flag(name: str, value: object, *, also: str = "") -> bool:
    """Return a truth value of Python's or NumPy's, as a ``bool``.

    Raises:
        ConfigTypeError: Not one; numbers and arrays are none.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ConfigTypeError(f"{name}={show(value)} must be True or False{also}")
    return bool(value)


def check_text(name: str, value: object, *, wanted: str = "a string") -> str:
    """Return a string that can be passed on: no NUL in it, and no half of a surrogate pair.

    Raises:
        ConfigTypeError: Not a string.
        ConfigError: Not such a string.
    """
    if not isinstance(value, str):
        raise ConfigTypeError(f"{name}={show(value)} must be {wanted}")
    if "\0" in value or not _is_encodable(value, "utf-8"):
        raise ConfigError(f"{name}={show(value)} must be plain text: no NUL, no half character")
    return value


def check_choice(name: str, value: object, choices: Iterable[str], *, also: str = "") -> str:
    """Return one of some strings.

    Raises:
        ConfigTypeError: Not a string.
        ConfigError: Not one of them.
    """
    allowed = tuple(choices)
    if isinstance(value, str) and value in allowed:
        return value
    error = ConfigError if isinstance(value, str) else ConfigTypeError
    *most, last = map(repr, allowed)
    words = f"{', '.join(most)} or {last}" if most else last
    raise error(f"{name}={show(value)} must be {words}{also}")


def check_path(
    path: object,
    name: str = "path",
    *,
    wanted: str = "the name of a file",
    takes_bytes: bool = True,
) -> str:
    """Return a path as text.

    Args:
        path: A string or an object with ``__fspath__``, such as a ``pathlib.Path``.
        name: What the caller knows it by.
        wanted: What it names, for the message.
        takes_bytes: Whether the path may also be ``bytes``.

    Raises:
        ConfigTypeError: Neither.
        ConfigError: No file can have that name.
    """
    try:
        given = os.fspath(path)  # type: ignore[call-overload]
    except Exception:
        given = None
    text = os.fsdecode(given) if takes_bytes and isinstance(given, bytes) else given
    if not isinstance(text, str):
        raise ConfigTypeError(f"{name}={show(path)} must be a string or a pathlib.Path")
    if not text or "\0" in text or not _is_encodable(text, None):
        raise ConfigError(f"{name}={show(path)} must be {wanted}")
    return text


def _is_encodable(text: str, encoding: str | None) -> bool:
    """Return whether text has bytes, in an encoding or in that of file names."""
    try:
        _ = os.fsencode(text) if encoding is None else text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def check_function(name: str, value: object, *, wanted: str = "a function") -> Callable[..., Any]:
    """Return something that can be called.

    Raises:
        ConfigTypeError: It cannot.
    """
    if not callable(value):
        raise ConfigTypeError(f"{name}={show(value)} must be {wanted}")
    return value


def check_mapping(name: str, value: object) -> dict[str, str]:
    """Return a mapping of names to values as text; empty for None.

    Raises:
        ConfigTypeError: Neither a mapping nor None.
        ConfigError: A name or value that is not plain text, or an empty name.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigTypeError(f"{name}={show(value)} must map names to values, or be None")
    texts = {}
    for key, entry in value.items():
        try:
            key_text, text = str(key), str(entry)
        except Exception:  # Their classes may raise whatever they like; so may a long int.
            key_text = text = ""
        both = key_text + text
        if not key_text or "\0" in both or not _is_encodable(both, "utf-8"):
            raise ConfigError(
                f"{name}={{{show(key)}: {show(entry)}}} must have a name and be plain text"
            )
        texts[key_text] = text
    return texts
