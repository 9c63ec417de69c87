"""Triggers: functions of the number of an episode (or step) that return whether to record it.

Numbers start at 0. Any function will do. The triggers of this module have a readable ``repr``, can
be pickled and copied, compare equal if they do the same, and can be combined with each other and
with plain functions::

    >>> from gymreel.triggers import at, capped_cubic, every, first
    >>> trigger = first(3) | every(250)
    >>> [episode for episode in range(600) if trigger(episode)]
    [0, 1, 2, 250, 500]
    >>> trigger & ~at({0})
    (first(3) | every(250)) & ~at({0})
    >>> (every(2) & (lambda episode: episode > 5))(8)
    True

They depend on nothing but the number, so one trigger can serve several environments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, SupportsIndex

import numpy as np

from gymreel._validation import check_whole_number, show, to_whole_number
from gymreel.errors import ConfigTypeError

__all__ = ["Trigger", "always", "at", "capped_cubic", "every", "first", "never"]

_CUBES_BELOW_1000 = frozenset(root**3 for root in range(10))


class Trigger(ABC):
    """A function of a number that can be combined with ``|``, ``&`` and ``~``.

    Either side of ``|`` and ``&`` may be a plain function. As with ``or`` and ``and``, the right
    side is not called if the left side decides the result.
    """

    __slots__ = ()

    def __copy__(self) -> Trigger:
        """Return the trigger itself, which is immutable."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Trigger:
        """Return the trigger itself. A function in it may be impossible to copy."""
        return self

    @abstractmethod
    def __call__(self, count: int, /) -> bool:
        """Return whether a recording starts at an episode or step.

        Args:
            count: Number of the episode or step, from 0.
        """

    def __or__(self, other: Callable[[int], bool]) -> Trigger:
        """Record what either side records."""
        return _Or(self, _called(other)) if callable(other) else NotImplemented

    def __ror__(self, other: Callable[[int], bool]) -> Trigger:
        """Record what either side records."""
        return _Or(_called(other), self) if callable(other) else NotImplemented

    def __and__(self, other: Callable[[int], bool]) -> Trigger:
        """Record what both sides record."""
        return _And(self, _called(other)) if callable(other) else NotImplemented

    def __rand__(self, other: Callable[[int], bool]) -> Trigger:
        """Record what both sides record."""
        return _And(_called(other), self) if callable(other) else NotImplemented

    def __invert__(self) -> Trigger:
        """Record what this trigger does not record."""
        return _Not(self)


@dataclass(frozen=True, repr=False)
class _Every(Trigger):
    n: int

    def __call__(self, count: int, /) -> bool:
        return count % self.n == 0

    def __repr__(self) -> str:
        return f"every({self.n})"


@dataclass(frozen=True, repr=False)
class _First(Trigger):
    n: int

    def __call__(self, count: int, /) -> bool:
        return count < self.n

    def __repr__(self) -> str:
        return f"first({self.n})"


@dataclass(frozen=True, repr=False)
class _At(Trigger):
    counts: frozenset[int]

    def __call__(self, count: int, /) -> bool:
        return count in self.counts

    def __repr__(self) -> str:
        return f"at({{{', '.join(map(str, sorted(self.counts)))}}})"


@dataclass(frozen=True, repr=False)
class _CappedCubic(Trigger):
    def __call__(self, count: int, /) -> bool:
        return count in _CUBES_BELOW_1000 if count < 1000 else count % 1000 == 0

    def __repr__(self) -> str:
        return "capped_cubic"


@dataclass(frozen=True, repr=False)
class _Constant(Trigger):
    answer: bool

    def __call__(self, count: int, /) -> bool:
        return self.answer

    def __repr__(self) -> str:
        return "always" if self.answer else "never"


@dataclass(frozen=True, repr=False)
class _Or(Trigger):
    left: Callable[[int], bool]
    right: Callable[[int], bool]

    def __call__(self, count: int, /) -> bool:
        return bool(self.left(count) or self.right(count))

    def __repr__(self) -> str:
        return f"{_operand(self.left, inside=_Or)} | {_operand(self.right, inside=_Or)}"


@dataclass(frozen=True, repr=False)
class _And(Trigger):
    left: Callable[[int], bool]
    right: Callable[[int], bool]

    def __call__(self, count: int, /) -> bool:
        return bool(self.left(count) and self.right(count))

    def __repr__(self) -> str:
        return f"{_operand(self.left, inside=_And)} & {_operand(self.right, inside=_And)}"


@dataclass(frozen=True, repr=False)
class _Not(Trigger):
    trigger: Trigger

    def __call__(self, count: int, /) -> bool:
        return not self.trigger(count)

    def __repr__(self) -> str:
        return f"~{_operand(self.trigger, inside=_Not)}"


def every(n: SupportsIndex) -> Trigger:
    """Record numbers 0, ``n``, ``2 * n`` and so on.

    Args:
        n: Distance between two recordings, at least 1.

    Raises:
        ConfigError: ``n`` is not a whole number of at least 1.
    """
    return _Every(check_whole_number("n", n, at_least=1))


def first(n: SupportsIndex) -> Trigger:
    """Record numbers 0 to ``n - 1``.

    Args:
        n: Number of recordings, at least 1.

    Raises:
        ConfigError: ``n`` is not a whole number of at least 1.
    """
    return _First(check_whole_number("n", n, at_least=1))


def at(counts: Iterable[SupportsIndex]) -> Trigger:
    """Record exactly these numbers.

    Args:
        counts: Numbers of episodes or steps, from 0: a set, list, range or array.

    Raises:
        ConfigError: ``counts`` is not a collection, or contains something else than whole numbers
            from 0.
    """
    try:
        given = tuple(() if isinstance(counts, (str, bytes)) else counts)
        is_collection = not isinstance(counts, (str, bytes))
    except Exception:  # The class of a user may raise anything.
        is_collection = False
    if not is_collection:
        raise ConfigTypeError(f"counts={show(counts)} must be a collection of whole numbers")
    return _At(frozenset(check_whole_number("counts: count", n, at_least=0) for n in given))


capped_cubic: Trigger = _CappedCubic()
"""Record numbers 0, 1, 8, 27, …, 729, then 1000, 2000 and so on.

This is Gymnasium's default, ``gymnasium.utils.save_video.capped_cubic_video_schedule``.
"""

always: Trigger = _Constant(True)
"""Record everything."""

never: Trigger = _Constant(False)
"""Record nothing."""


def check_trigger(name: str, value: object, *, also: str = ", or None") -> Callable[[int], bool]:
    """Return an argument that is a trigger, which may be any function of a number.

    Args:
        name: Name of the argument.
        value: Value of the argument.
        also: Alternatives to a trigger, for the message.

    Raises:
        ConfigTypeError: It is not a trigger: a number, for example, or a function that makes one.
    """
    if callable(value):
        return _called(value, f"{name}=")
    number = to_whole_number(value)
    if number is not None and number > 0:
        instead = f"triggers.every({show(number)})"
    elif isinstance(value, (bool, np.bool_)):
        instead = "triggers.always" if value else "triggers.never"
    elif isinstance(value, (list, tuple, set, frozenset, range, np.ndarray)):
        instead = f"triggers.at({show(value)})"
    else:
        instead = "triggers.every(50)"
    raise ConfigTypeError(
        f"{name}={show(value)} must be a function of a number, such as {instead}{also}"
    )


def _called(function: Callable[[int], bool], where: str = "") -> Callable[[int], bool]:
    """Return a function unless it is one of this module that makes triggers.

    Raises:
        ConfigTypeError: It makes triggers.
    """
    makers: dict[object, str] = {every: "every(50)", first: "first(3)", at: "at({0, 10})"}
    if isinstance(function, FunctionType) and function in makers:
        call = makers[function]
        name = call.partition("(")[0]
        raise ConfigTypeError(f"{where}triggers.{name} is not called: write triggers.{call}")
    return function


def _operand(trigger: Callable[[int], bool], *, inside: type[Trigger]) -> str:
    """Return the text of one side of an expression, in parentheses if it needs them."""
    if isinstance(trigger, (_Or, _And)) and not isinstance(trigger, inside):
        return f"({trigger!r})"
    if isinstance(trigger, Trigger):
        return repr(trigger)
    return getattr(trigger, "__qualname__", None) or repr(trigger)
