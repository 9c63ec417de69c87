"""Policies that choose which videos stay, once the return of the episode is known.

``RecordVideo(env, "videos", keep=best(3) | last(1))`` records every episode that the trigger
chooses, and keeps the three best and the latest. A policy is given the episodes whose videos exist,
the new one last, and returns those that stay; the other files are removed. ``|`` keeps what either
policy keeps. With ``&``, the second policy chooses from what the first one has chosen. A function
of an ``Episode`` that returns whether its video stays is a policy as well; it is called once for
each episode.

``best``, ``worst`` and ``failures`` ignore interrupted episodes unless they are made with
``interrupted=True``: an episode that ``close()`` or an early ``reset()`` ended after two steps is
no failure, and its return is not the worst. The videos of such episodes are removed if no other
policy keeps them. ``last``, ``disk_budget`` and functions consider every episode.

>>> from gymreel.keep import best, disk_budget, last
>>> (best(3) | last(1)) & disk_budget(2**30)
(best(3) | last(1)) & disk_budget(1073741824)
"""

from __future__ import annotations

import abc
import ast
import copy
import dataclasses
import math
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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

    A recorder copies the policies of this module, so one policy may be given to several recorders.
    Policies of other classes are never copied.

    Attributes:
        may_revoke: Whether a video that was chosen may be left out later. If so, recorders report
            videos to ``on_saved`` and trackers only when they are closed.
        skips_interrupted: Whether interrupted episodes are ignored.
    """

    may_revoke: bool = True
    skips_interrupted: bool = False

    def __copy__(self) -> KeepPolicy:
        """Return the policy itself."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        """Return the policy itself; policies of this module return a new one without state."""
        return self

    @abc.abstractmethod
    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        """Return the episodes whose videos stay.

        Args:
            episodes: Episodes whose videos exist, in the order in which they became complete. The
                last one is new. An episode that is not chosen is not passed again.
        """

    def __or__(self, other: KeepPolicy | Callable[[Episode], bool]) -> KeepPolicy:
        """Keep what either policy keeps."""
        return _Union(self, as_policy(other))

    def __and__(self, other: KeepPolicy | Callable[[Episode], bool]) -> KeepPolicy:
        """Keep what the other policy chooses from what this one has chosen."""
        return _Intersection(self, as_policy(other))

    def __ror__(self, other: Callable[[Episode], bool]) -> KeepPolicy:
        """Keep what either policy keeps."""
        return _Union(as_policy(other), self)

    def __rand__(self, other: Callable[[Episode], bool]) -> KeepPolicy:
        """Keep what this policy chooses from what the other one has chosen."""
        return _Intersection(as_policy(other), self)


def best(n: int, *, interrupted: bool = False) -> KeepPolicy:
    """Keep the ``n`` episodes with the highest returns; of equal ones the earlier.

    Episodes whose returns are unknown rank below all others; a warning says so once.

    Args:
        n: Number of episodes, at least 1.
        interrupted: Whether to rank interrupted episodes too.

    Raises:
        ConfigError: ``n`` is not a whole number of at least 1, or ``interrupted`` is not a bool.
    """
    return _Highest("best", _check_count("n", n), check_flag("interrupted", interrupted))


def worst(n: int, *, interrupted: bool = False) -> KeepPolicy:
    """Keep the ``n`` episodes with the lowest returns; of equal ones the earlier.

    Episodes whose returns are unknown come after all others; a warning says so once.

    Args:
        n: Number of episodes, at least 1.
        interrupted: Whether to rank interrupted episodes too.

    Raises:
        ConfigError: ``n`` is not a whole number of at least 1, or ``interrupted`` is not a bool.
    """
    return _Highest("worst", _check_count("n", n), check_flag("interrupted", interrupted))


def last(n: int) -> KeepPolicy:
    """Keep the ``n`` latest episodes.

    Raises:
        ConfigError: ``n`` is not a whole number of at least 1.
    """
    return _Last(_check_count("n", n))


def failures(
    success_key: str = "is_success", *, below: float | None = None, interrupted: bool = False
) -> KeepPolicy:
    """Keep the episodes that failed.

    Args:
        success_key: Entry of the last step's ``info`` that holds whether the episode succeeded.
            Gymnasium-Robotics and Stable-Baselines3 call it ``is_success``.
        below: If given, an episode with a lower return has failed, and ``info`` is not used.
        interrupted: Whether to judge interrupted episodes too. They usually have no
            ``success_key``, so this needs ``below``.

    Raises:
        ConfigError: ``below`` is not a number, or ``interrupted`` is not a bool. At the end of an
            episode: ``info`` has no such entry.
    """
    check_text("success_key", success_key)
    if below is not None:
        below = float(check_number("below", below, also=", or None"))
    return _Failures(success_key, below, check_flag("interrupted", interrupted))


def disk_budget(num_bytes: int) -> KeepPolicy:
    """Keep the latest videos that together take no more than ``num_bytes``.

    A video that exceeds the budget by itself is removed, and no other is removed for it.

    Raises:
        ConfigError: ``num_bytes`` is not a whole number of at least 1.
    """
    return _DiskBudget(_check_count("num_bytes", num_bytes))


_EXAMPLES: dict[Callable[..., KeepPolicy], str] = {
    best: "best(3)",
    worst: "worst(3)",
    last: "last(3)",
    failures: "failures()",
    disk_budget: "disk_budget(2**30)",
}
"""The functions that make policies, each with an example of a call."""


def as_policy(keep: KeepPolicy | Callable[[Episode], bool] | str) -> KeepPolicy:
    """Return a policy for what a user may pass as ``keep``.

    Args:
        keep: A policy, a function of an ``Episode``, or the text of a policy of this module, such
            as ``"best(3) | last(1)"``. The specs of environments hold the text.

    Raises:
        ConfigError: It is none of these.
    """
    if isinstance(keep, KeepPolicy):
        return keep
    if isinstance(keep, str):
        return _parse(keep)
    if isinstance(keep, FunctionType) and keep in _EXAMPLES:
        call = _EXAMPLES[keep]
        raise ConfigTypeError(f"keep=keep.{keep.__name__} is not called: write keep.{call}")
    if not callable(keep) or isinstance(keep, Trigger):
        raise ConfigTypeError(
            f"keep={show(keep)} must be a policy of gymreel.keep, such as keep.best(3), or a "
            "function of an Episode that returns whether its video stays"
        )
    return _Function(keep)


def as_recorded(keep: object) -> object:
    """Return the text of a policy if that can be parsed again, and anything else unchanged."""
    if not isinstance(keep, KeepPolicy):
        return keep
    try:
        _parse(repr(keep))
    except ConfigError:  # It contains policies or functions of the user.
        return keep
    return repr(keep)


def _parse(text: str) -> KeepPolicy:
    """Return the policy with this ``repr``. Nothing in the text is executed."""
    makers = {make.__name__: make for make in _EXAMPLES}

    def build(node: ast.expr) -> KeepPolicy:
        match node:
            case ast.BinOp(left, ast.BitOr(), right):
                return build(left) | build(right)
            case ast.BinOp(left, ast.BitAnd(), right):
                return build(left) & build(right)
            case ast.Call(ast.Name(name), arguments, keywords) if name in makers:
                named = {str(each.arg): ast.literal_eval(each.value) for each in keywords}
                return makers[name](*map(ast.literal_eval, arguments), **named)
        raise ValueError("not a policy")

    try:
        return build(ast.parse(text, mode="eval").body)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"keep={show(text)} must be a policy of gymreel.keep, such as 'best(3) | last(1)'"
        ) from None


def _check_count(name: str, value: object) -> int:
    return check_whole_number(name, value, at_least=1, at_most=sys.maxsize)


class _Policy(KeepPolicy):
    """A policy of this module: a dataclass whose copies have its arguments and no state."""

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        return dataclasses.replace(self)  # type: ignore[type-var]


@dataclass(eq=False, repr=False)
class _Highest(_Policy):
    """Ranks by return, from above or from below."""

    name: str
    n: int
    interrupted: bool
    _has_warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.skips_interrupted = not self.interrupted

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        ranked = [e for e in episodes if self.interrupted or not e.interrupted]
        chosen = sorted(ranked, key=self._rank)[: self.n]  # The sort is stable.
        unknown = next((e for e in ranked if self._rank(e) == math.inf), None)
        if unknown is not None and not self._has_warned:
            self._has_warned = True
            warn_in_recorder(
                f"keep.{self!r} cannot rank {unknown.describe()}: its return is unknown, because "
                f"its rewards have no sum (return_={unknown.return_}). Such episodes come after "
                "all others"
            )
        return chosen

    def _rank(self, episode: Episode) -> float:
        value = episode.return_
        if value is None or math.isnan(value):
            return math.inf
        # An infinite return is known, and must rank before unknown ones.
        value = max(-sys.float_info.max, min(value, sys.float_info.max))
        return -value if self.name == "best" else value

    def __repr__(self) -> str:
        return f"{self.name}({self.n}{', interrupted=True' * self.interrupted})"


@dataclass(eq=False, repr=False)
class _Last(_Policy):
    """A video that another policy removes still counts as one of the last ``n`` episodes."""

    n: int
    _latest: deque[Episode] = field(init=False)
    _known: dict[int, Episode] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._latest = deque(maxlen=self.n)

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        self._latest.extend(episode for episode in episodes if id(episode) not in self._known)
        self._known = {id(episode): episode for episode in episodes}
        latest = {id(episode) for episode in self._latest}
        return [episode for episode in episodes if id(episode) in latest]

    def __repr__(self) -> str:
        return f"last({self.n})"


@dataclass(eq=False, repr=False)
class _DiskBudget(_Policy):
    """Goes back from the latest video as far as the budget reaches."""

    num_bytes: int

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        chosen: list[Episode] = []
        left = self.num_bytes
        for episode in reversed(episodes):
            if episode.num_bytes > self.num_bytes:
                continue
            left -= episode.num_bytes
            if left < 0:
                break
            chosen.append(episode)
        return chosen

    def __repr__(self) -> str:
        return f"disk_budget({self.num_bytes})"


@dataclass(eq=False, repr=False)
class _AskedOnce(_Policy):
    """Asks about each episode once, and remembers the answer."""

    # By identity, because two episodes may be equal. Holding the episode keeps its id its own.
    _answers: dict[int, tuple[Episode, bool]] = field(init=False, default_factory=dict)
    may_revoke = False

    @abc.abstractmethod
    def stays(self, episode: Episode) -> bool:
        """Return whether the video of an episode stays."""

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        self._answers = {
            id(episode): self._answers.get(id(episode)) or self._ask(episode)
            for episode in episodes
        }
        return [episode for episode, stays in self._answers.values() if stays]

    def _ask(self, episode: Episode) -> tuple[Episode, bool]:
        self._answers[id(episode)] = (episode, True)  # In case ``stays`` raises.
        return episode, bool(self.stays(episode))


@dataclass(eq=False, repr=False)
class _Function(_AskedOnce):
    """Asks a function of the user."""

    function: Callable[[Episode], bool]

    def stays(self, episode: Episode) -> bool:
        return self.function(episode)

    def __repr__(self) -> str:
        return getattr(self.function, "__qualname__", None) or repr(self.function)


@dataclass(eq=False, repr=False)
class _Failures(_AskedOnce):
    """Asks whether an episode failed."""

    success_key: str
    below: float | None
    interrupted: bool

    def __post_init__(self) -> None:
        self.skips_interrupted = not self.interrupted

    def stays(self, episode: Episode) -> bool:
        if episode.interrupted and not self.interrupted:
            return False
        if self.below is not None:
            return episode.return_ is not None and episode.return_ < self.below
        if self.success_key not in episode.info:
            raise ConfigError(
                f"info has no {self.success_key!r} that tells failures, only "
                f"{sorted(map(str, episode.info))}; name the entry, use failures(below=...), or "
                "keep=<a function of the Episode>"
            )
        return not episode.info[self.success_key]

    def __repr__(self) -> str:
        below = f", below={float(self.below)!r}" if self.below is not None else ""
        return f"failures({self.success_key!r}{below}{', interrupted=True' * self.interrupted})"


class _Combination(KeepPolicy):
    """Two policies, either of which may be the user's."""

    def __init__(self, first: KeepPolicy, second: KeepPolicy) -> None:
        self._first = first
        self._second = second
        self.may_revoke = first.may_revoke or second.may_revoke

    def __deepcopy__(self, memo: dict[int, Any]) -> KeepPolicy:
        return type(self)(copy.deepcopy(self._first, memo), copy.deepcopy(self._second, memo))


class _Union(_Combination):
    """Keeps what either policy keeps."""

    def __init__(self, first: KeepPolicy, second: KeepPolicy) -> None:
        super().__init__(first, second)
        self.skips_interrupted = first.skips_interrupted and second.skips_interrupted

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        chosen = {id(e) for policy in (self._first, self._second) for e in policy.choose(episodes)}
        return [episode for episode in episodes if id(episode) in chosen]

    def __repr__(self) -> str:
        return f"{self._first!r} | {self._second!r}"


class _Intersection(_Combination):
    """Lets the second policy choose from what the first one has chosen."""

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
