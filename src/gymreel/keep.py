"""Which videos stay: decided after the episode has ended, when its return is known.

``RecordVideo(…, keep=best(3) | last(1))`` records every episode that the trigger names, and keeps
the three best and the latest. A policy sees the episodes whose videos are there, the new one last,
and names those that stay; the files of the others are removed. ``|`` keeps what either keeps; with
``&`` the second chooses from what the first has chosen. Any function of an ``Episode`` serves as
well: it is asked once about each.

``best``, ``worst`` and ``failures`` leave out episodes that were interrupted, unless they are made
with ``interrupted=True``: an episode that ``close()`` or an early ``reset()`` cut off after two
steps is not a failure, and its return is not the worst. Where no other policy keeps them, the
videos of such episodes go. ``last``, ``disk_budget`` and functions see every episode.
"""

from __future__ import annotations

import abc
import ast
import copy
import math
import sys
from collections import deque
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from gymreel._validation import check_flag, check_number, check_text, check_whole_number, show
from gymreel._warnings import warn_in_recorder
from gymreel.episodes import Episode
from gymreel.errors import ConfigError, ConfigTypeError
from gymreel.triggers import Trigger

__all__ = ["KeepPolicy", "best", "disk_budget", "failures", "last", "worst"]


class KeepPolicy(abc.ABC):
    """Chooses which of the episodes with videos keep them.

    A recorder makes a copy of a policy of this module, so that one policy may be given to several
    recorders. Policies of other classes are the user's, and are never copied.

    Attributes:
        may_revoke: Whether a video that was chosen may be left out later. Recorders then tell
            ``on_saved`` and trackers of videos only when they are closed. True unless a subclass
            says otherwise.
        skips_interrupted: Whether interrupted episodes are left out.
    """

    may_revoke: bool = True
    skips_interrupted: bool = False

    def __copy__(self) -> KeepPolicy:
        """Return the policy itself."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        """Return the policy itself; those of this module return one without a memory."""
        return self

    @abc.abstractmethod
    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        """Choose what stays.

        Args:
            episodes: Those whose videos are there, in the order in which they were complete; the
                last one is new. What is not chosen now is not among them again.
        """

    def __or__(self, other: KeepPolicy | Callable[[Episode], bool]) -> KeepPolicy:
        """Keep what either keeps."""
        return _Union(self, as_policy(other))

    def __and__(self, other: KeepPolicy | Callable[[Episode], bool]) -> KeepPolicy:
        """Keep what the other chooses of what this one has chosen."""
        return _Intersection(self, as_policy(other))

    def __ror__(self, other: Callable[[Episode], bool]) -> KeepPolicy:
        """Keep what either keeps."""
        return _Union(as_policy(other), self)

    def __rand__(self, other: Callable[[Episode], bool]) -> KeepPolicy:
        """Keep what this one chooses of what the other has chosen."""
        return _Intersection(as_policy(other), self)


def as_policy(keep: KeepPolicy | Callable[[Episode], bool] | str) -> KeepPolicy:
    """Return a policy for what users give.

    Text is what the policies of this module print: ``"best(3) | last(1)"``. In ``env.spec`` they
    are recorded so, which JSON can hold.

    Raises:
        ConfigError: It is neither a policy nor a function nor such text.
    """
    if isinstance(keep, KeepPolicy):
        return keep
    if isinstance(keep, str):
        return _parse(keep)
    if isinstance(keep, FunctionType) and keep in (makers := _makers()):
        call = makers[keep]
        name = call.partition("(")[0]
        raise ConfigTypeError(f"keep=keep.{name} is not called: write keep.{call}")
    if not callable(keep) or isinstance(keep, Trigger):
        raise ConfigTypeError(
            f"keep={show(keep)} must be a policy of gymreel.keep, such as keep.best(3), or a "
            "function of an Episode that says whether its video stays"
        )
    return _Function(keep)


def _makers() -> dict[object, str]:
    """Return the functions that make policies, each with an example of a call."""
    return {
        best: "best(3)",
        worst: "worst(3)",
        last: "last(3)",
        failures: "failures()",
        disk_budget: "disk_budget(2**30)",
    }


def best(n: int, *, interrupted: bool = False) -> KeepPolicy:
    """Keep the ``n`` episodes with the highest returns; of equal ones the earlier.

    Episodes whose returns are not known come after all others, and a warning says so once.

    Args:
        n: How many, at least 1.
        interrupted: Whether to rank episodes that were interrupted too.

    Raises:
        ConfigError: ``n`` is not a positive number, or ``interrupted`` is no flag.
    """
    return _Highest(
        "best",
        check_whole_number("n", n, at_least=1, at_most=sys.maxsize),
        check_flag("interrupted", interrupted),
    )


def worst(n: int, *, interrupted: bool = False) -> KeepPolicy:
    """Keep the ``n`` episodes with the lowest returns; of equal ones the earlier.

    Episodes whose returns are not known come after all others, and a warning says so once.

    Args:
        n: How many, at least 1.
        interrupted: Whether to rank episodes that were interrupted too.

    Raises:
        ConfigError: ``n`` is not a positive number, or ``interrupted`` is no flag.
    """
    return _Highest(
        "worst",
        check_whole_number("n", n, at_least=1, at_most=sys.maxsize),
        check_flag("interrupted", interrupted),
    )


def last(n: int) -> KeepPolicy:
    """Keep the ``n`` latest episodes.

    Raises:
        ConfigError: ``n`` is not a positive number.
    """
    return _Last(check_whole_number("n", n, at_least=1, at_most=sys.maxsize))


def failures(
    success_key: str = "is_success", *, below: float | None = None, interrupted: bool = False
) -> KeepPolicy:
    """Keep the episodes that failed.

    Args:
        success_key: The entry of the last step's ``info`` that says whether an episode succeeded.
            ``is_success`` is what Gymnasium-Robotics and Stable-Baselines3 call it.
        below: With a number, an episode has failed that returns less, and ``info`` is not looked
            at.
        interrupted: Whether to judge episodes that were interrupted too. Without ``below`` they
            have no ``success_key`` as a rule.

    Raises:
        ConfigError: ``below`` is not a number, or ``interrupted`` is no flag. When an episode ends,
            ``info`` has no such entry.
    """
    check_text("success_key", success_key)
    if below is not None:
        below = float(check_number("below", below, also=", or None"))
    return _Failures(success_key, below, check_flag("interrupted", interrupted))


def disk_budget(num_bytes: int) -> KeepPolicy:
    """Keep the latest videos that take no more than ``num_bytes`` together.

    One that takes more by itself goes, and no other goes for it.

    Raises:
        ConfigError: ``num_bytes`` is not a positive number.
    """
    return _DiskBudget(check_whole_number("num_bytes", num_bytes, at_least=1, at_most=sys.maxsize))


def as_recorded(keep: object) -> object:
    """Return a policy as text where that says all, and anything else as it is."""
    if not isinstance(keep, KeepPolicy):
        return keep
    try:
        _parse(repr(keep))
    except ConfigError:  # The user's own policies and functions are in it.
        return keep
    return repr(keep)


def _parse(text: str) -> KeepPolicy:
    """Return the policy that prints as this text; nothing of it is executed."""
    makers: dict[str, Callable[..., KeepPolicy]] = {
        make.__name__: make for make in (best, worst, last, failures, disk_budget)
    }

    def build(node: ast.expr) -> KeepPolicy:
        match node:
            case ast.BinOp(left, ast.BitOr(), right):
                return build(left) | build(right)
            case ast.BinOp(left, ast.BitAnd(), right):
                return build(left) & build(right)
            case ast.Call(ast.Name(name), arguments, keywords) if name in makers:
                named = {str(each.arg): ast.literal_eval(each.value) for each in keywords}
                return makers[name](*map(ast.literal_eval, arguments), **named)
        raise ValueError("this is no policy")

    try:
        return build(ast.parse(text, mode="eval").body)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"keep={show(text)} must be a policy of gymreel.keep, such as 'best(3) | last(1)'"
        ) from None


class _Highest(KeepPolicy):
    """Ranks by return, from above or from below."""

    def __init__(self, name: str, n: int, interrupted: bool) -> None:
        self._name = name
        self._n = n
        self._interrupted = interrupted
        self._has_warned = False
        self.skips_interrupted = not interrupted

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        ranked = [e for e in episodes if self._interrupted or not e.interrupted]
        chosen = sorted(ranked, key=self._rank)[: self._n]  # A stable sort.
        unknown = next((e for e in ranked if self._rank(e) == math.inf), None)
        if unknown is not None and not self._has_warned:
            self._has_warned = True
            warn_in_recorder(
                f"keep.{self!r} cannot rank {unknown.describe()}: its return is not "
                f"known, as its rewards have no sum (return_={unknown.return_}). Such episodes "
                "come after all others"
            )
        return chosen

    def _rank(self, episode: Episode) -> float:
        value = episode.return_
        if value is None or math.isnan(value):
            return math.inf
        # An infinite return is known, and comes before those that are not.
        value = max(-sys.float_info.max, min(value, sys.float_info.max))
        return -value if self._name == "best" else value

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        return _Highest(self._name, self._n, self._interrupted)

    def __repr__(self) -> str:
        return f"{self._name}({self._n}{', interrupted=True' * self._interrupted})"


class _Last(KeepPolicy):
    """Counts also those that did not stay for other reasons: the best of the last ten, say."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._latest: deque[Episode] = deque(maxlen=n)
        self._known: dict[int, Episode] = {}

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        self._latest.extend(episode for episode in episodes if id(episode) not in self._known)
        self._known = {id(episode): episode for episode in episodes}
        latest = {id(episode) for episode in self._latest}
        return [episode for episode in episodes if id(episode) in latest]

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        return _Last(self._n)

    def __repr__(self) -> str:
        return f"last({self._n})"


class _DiskBudget(KeepPolicy):
    """Goes back from the latest video as far as the budget reaches."""

    def __init__(self, num_bytes: int) -> None:
        self._num_bytes = num_bytes

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        chosen: list[Episode] = []
        left = self._num_bytes
        for episode in reversed(episodes):
            if episode.num_bytes > self._num_bytes:
                continue
            left -= episode.num_bytes
            if left < 0:
                break
            chosen.append(episode)
        return chosen

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        return _DiskBudget(self._num_bytes)

    def __repr__(self) -> str:
        return f"disk_budget({self._num_bytes})"


class _Function(KeepPolicy):
    """Asks about each episode once, and remembers."""

    may_revoke = False

    def __init__(self, function: Callable[[Episode], bool]) -> None:
        self._function = function
        # By identity: two episodes may be equal. Holding them keeps their ids their own.
        self._answers: dict[int, tuple[Episode, bool]] = {}

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        self._answers = {
            id(episode): self._answers.get(id(episode)) or self._ask(episode)
            for episode in episodes
        }
        return [episode for episode, stays in self._answers.values() if stays]

    def _ask(self, episode: Episode) -> tuple[Episode, bool]:
        self._answers[id(episode)] = (episode, True)  # Should the function raise.
        return episode, bool(self._function(episode))

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        return _Function(self._function)

    def __repr__(self) -> str:
        return getattr(self._function, "__qualname__", None) or repr(self._function)


class _Failures(_Function):
    """Asks each episode itself whether it failed."""

    def __init__(self, success_key: str, below: float | None, interrupted: bool) -> None:
        super().__init__(self._has_failed)
        self._success_key = success_key
        self._below = below
        self._interrupted = interrupted
        self.skips_interrupted = not interrupted

    def _has_failed(self, episode: Episode) -> bool:
        if episode.interrupted and not self._interrupted:
            return False
        if self._below is not None:
            return episode.return_ is not None and episode.return_ < self._below
        if self._success_key not in episode.info:
            raise ConfigError(
                f"info has no {self._success_key!r} to tell a failure by, only "
                f"{sorted(map(str, episode.info))}; name the entry, give failures(below=...), or "
                "keep=<a function of the Episode>"
            )
        return not episode.info[self._success_key]

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        return _Failures(self._success_key, self._below, self._interrupted)

    def __repr__(self) -> str:
        below = f", below={float(self._below)!r}" if self._below is not None else ""
        interrupted = ", interrupted=True" * self._interrupted
        return f"failures({self._success_key!r}{below}{interrupted})"


class _Combination(KeepPolicy):
    """Two policies, which may be the user's."""

    def __init__(self, first: KeepPolicy, second: KeepPolicy) -> None:
        self._first = first
        self._second = second
        self.may_revoke = first.may_revoke or second.may_revoke

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        return type(self)(copy.deepcopy(self._first, memo), copy.deepcopy(self._second, memo))


class _Union(_Combination):
    """Keeps what either keeps."""

    def __init__(self, first: KeepPolicy, second: KeepPolicy) -> None:
        super().__init__(first, second)
        self.skips_interrupted = first.skips_interrupted and second.skips_interrupted

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        chosen = {id(e) for policy in (self._first, self._second) for e in policy.choose(episodes)}
        return [episode for episode in episodes if id(episode) in chosen]

    def __repr__(self) -> str:
        return f"{self._first!r} | {self._second!r}"


class _Intersection(_Combination):
    """Lets the second choose from what the first has chosen: a budget is for what stays."""

    def __init__(self, first: KeepPolicy, second: KeepPolicy) -> None:
        super().__init__(first, second)
        self.skips_interrupted = first.skips_interrupted or second.skips_interrupted

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        chosen = {id(episode) for episode in self._first.choose(episodes)}
        return self._second.choose([episode for episode in episodes if id(episode) in chosen])

    def __repr__(self) -> str:
        first, second = (
            f"({policy!r})" if isinstance(policy, _Union) else repr(policy)
            for policy in (self._first, self._second)
        )
        return f"{first} & {second}"
