"""Checks of arguments. Each returns the checked value or raises an error that names the argument.

Messages have the form ``name=value must be …``. Any value is shortened to one line.
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
    """A ``repr`` of bounded length and cost. If it fails, it shows the class."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = _MAX_CHARACTERS
        self.maxlevel = 3

    def repr_int(self, number: int, level: int) -> str:
        """Return the digits, unless the interpreter refuses or takes long to compute so many."""
        bits = number.bit_length()
        return super().repr_int(number, level) if bits < 1024 else f"<int of {bits} bits>"

    def repr_ndarray(self, array: np.ndarray[Any, Any], level: int) -> str:
        """Return the values of a small array, and the type and shape of a large one."""
        if array.size <= 16 and array.dtype != object:
            return self.repr_instance(array, level)
        return f"<array of {array.dtype}, shape {array.shape}>"

    def repr_bytes(self, data: bytes, level: int) -> str:
        """Return the beginning."""
        return repr(data[:_MAX_CHARACTERS])

    repr_bytearray = repr_bytes


_repr = _Repr()


def show(value: object) -> str:
    """Return the ``repr`` of a value for a message, in one line of at most 80 characters."""
    try:
        text = _repr.repr(value)
    except Exception:  # The class of a user may raise anything, even where reprlib expects nothing.
        text = f"<{type(value).__name__} instance>"
    text = re.sub(r"\s*\n\s*", " ", text[: 10 * _MAX_CHARACTERS])
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    if len(text) <= _MAX_CHARACTERS:
        return text
    return f"{text[: _MAX_CHARACTERS - 23]}...{text[-20:]}"


def to_whole_number(value: object) -> int | None:
    """Return a whole number of Python or NumPy as an int; None for all else, bools too."""
    if isinstance(value, (bool, np.bool_)) or getattr(value, "dtype", None) == np.bool_:
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except Exception:  # It has no __index__, or that raises, as for arrays of several numbers.
        return None


def check_whole_number(
    name: str,
    value: object,
    *,
    at_least: int,
    at_most: int | None = None,
    also: str = "",
) -> int:
    """Return a whole number in a range, as an int.

    Args:
        name: Name of the argument.
        value: A whole number of Python or NumPy.
        at_least: Smallest valid number.
        at_most: Largest valid number; None for no bound.
        also: Alternatives to a number, for the message, such as ``", or None"``.

    Raises:
        ConfigTypeError: ``value`` is not a whole number.
        ConfigError: ``value`` is not in the range.
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
    """Return a real number that is not NaN and fits into a float.

    Args:
        name: Name of the argument.
        value: A real number of Python or NumPy.
        is_finite: Whether infinity is refused.
        also: Alternatives to a number, for the message, such as ``", or None"``.

    Returns:
        An int or a Fraction unchanged, and anything else as a float.

    Raises:
        ConfigTypeError: ``value`` is not a real number.
        ConfigError: ``value`` is NaN, too large, or infinite.
    """
    kind = "a finite number" if is_finite else "a number"
    message = f"{name}={show(value)} must be {kind}{also}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigTypeError(message)
    try:
        number = float(value)
    except Exception:  # It is too large, or the class of a user raises.
        raise ConfigError(message) from None
    if math.isnan(number) or (is_finite and math.isinf(number)):
        raise ConfigError(message)
    if isinstance(value, Integral):
        return int(value)
    return value if isinstance(value, Fraction) else number


def check_timeout(timeout_seconds: object) -> float | None:
    """Return ``timeout_seconds`` as a float; None for no limit, also if it exceeds 30 years.

    Raises:
        ConfigTypeError: ``timeout_seconds`` is neither None nor a real number.
        ConfigError: ``timeout_seconds`` is negative or NaN.
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
    """Return a bool of Python or NumPy, as a bool of Python.

    Raises:
        ConfigTypeError: ``value`` is anything else, such as a number.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ConfigTypeError(f"{name}={show(value)} must be True or False{also}")
    return bool(value)


def check_text(name: str, value: object, *, wanted: str = "a string") -> str:
    """Return a string that can be encoded as UTF-8 and contains no NUL.

    Raises:
        ConfigTypeError: ``value`` is not a string.
        ConfigError: ``value`` contains a NUL or half of a surrogate pair.
    """
    if not isinstance(value, str):
        raise ConfigTypeError(f"{name}={show(value)} must be {wanted}")
    if "\0" in value or not _is_encodable(value, "utf-8"):
        raise ConfigError(f"{name}={show(value)} must be plain text without NUL and surrogates")
    return value


def check_choice(name: str, value: object, choices: Iterable[str], *, also: str = "") -> str:
    """Return a string that is one of ``choices``.

    Raises:
        ConfigTypeError: ``value`` is not a string.
        ConfigError: ``value`` is not one of the choices.
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
    """Return a path as a string.

    Args:
        path: A string or an object with ``__fspath__``, such as a ``pathlib.Path``.
        name: Name of the argument.
        wanted: What the path should be, for the message.
        takes_bytes: Whether ``path`` may also be bytes.

    Raises:
        ConfigTypeError: ``path`` is of another type.
        ConfigError: No file can have this name.
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
    """Return whether text can be encoded. ``encoding=None`` is the encoding of file names."""
    try:
        _ = os.fsencode(text) if encoding is None else text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def check_function(name: str, value: object, *, wanted: str = "a function") -> Callable[..., Any]:
    """Return a callable.

    Raises:
        ConfigTypeError: ``value`` is not callable.
    """
    if not callable(value):
        raise ConfigTypeError(f"{name}={show(value)} must be {wanted}")
    return value


def check_mapping(name: str, value: object) -> dict[str, str]:
    """Return a mapping as a dict of strings; ``{}`` for None.

    Raises:
        ConfigTypeError: ``value`` is neither a mapping nor None.
        ConfigError: A name is empty, or a name or value is not plain text.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigTypeError(f"{name}={show(value)} must map names to values, or be None")
    texts = {}
    for key, entry in value.items():
        try:
            key_text, text = str(key), str(entry)
        except Exception:  # Classes of users may raise anything, and so may a large int.
            key_text = text = ""
        both = key_text + text
        if not key_text or "\0" in both or not _is_encodable(both, "utf-8"):
            raise ConfigError(
                f"{name}={{{show(key)}: {show(entry)}}} must have a name and be plain text"
            )
        texts[key_text] = text
    return texts
