"""Which videos stay: decided after the episode has ended, when its return is known.

``RecordVideo(…, keep=best(3) | last(1))`` records every episode that the trigger names, and keeps
the three best and the latest. A policy sees the episodes whose videos are there, the new one last,
and names those that stay; the files of the others are removed. ``|`` keeps what either keeps; with
``&`` the second chooses from what the first has chosen. Any function of an ``Episode`` serves as
well: it is asked once about each.
"""

from __future__ import annotations

import abc
import math
from collections import deque
from collections.abc import Callable, Sequence
from numbers import Real

from gymreel.episodes import Episode
from gymreel.errors import ConfigError

__all__ = ["KeepPolicy", "best", "disk_budget", "failures", "last", "worst"]


class KeepPolicy(abc.ABC):
    """Chooses which of the episodes with videos keep them."""

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


def as_policy(keep: KeepPolicy | Callable[[Episode], bool]) -> KeepPolicy:
    """Return a policy for what users give.

    Raises:
        ConfigError: It is neither a policy nor a function.
    """
    if isinstance(keep, KeepPolicy):
        return keep
    if not callable(keep):
        raise ConfigError(
            f"keep={keep!r} must be a policy of gymreel.keep, such as keep.best(3), or a function "
            "of an Episode that says whether its video stays"
        )
    return _Function(keep)


def best(n: int) -> KeepPolicy:
    """Keep the ``n`` episodes with the highest returns; of equal ones the earlier.

    Raises:
        ConfigError: ``n`` is not a positive number.
    """
    return _Highest(_check_count(n), 1)


def worst(n: int) -> KeepPolicy:
    """Keep the ``n`` episodes with the lowest returns; of equal ones the earlier.

    Raises:
        ConfigError: ``n`` is not a positive number.
    """
    return _Highest(_check_count(n), -1)


def last(n: int) -> KeepPolicy:
    """Keep the ``n`` latest episodes.

    Raises:
        ConfigError: ``n`` is not a positive number.
    """
    return _Last(_check_count(n))


def failures(success_key: str = "is_success", *, below: float | None = None) -> KeepPolicy:
    """Keep the episodes that failed.

    Args:
        success_key: The entry of the last step's ``info`` that says whether an episode succeeded.
            ``is_success`` is what Gymnasium-Robotics and Stable-Baselines3 call it.
        below: With a number, an episode has failed that returns less, and ``info`` is not looked
            at.

    Raises:
        ConfigError: ``below`` is not a number. When an episode ends, ``info`` has no such entry.
    """
    if below is not None and (not isinstance(below, Real) or math.isnan(below)):
        raise ConfigError(f"below={below!r} must be a number")

    def has_failed(episode: Episode) -> bool:
        if below is not None:
            return episode.return_ is not None and episode.return_ < below
        if success_key not in episode.info:
            raise ConfigError(
                f"info has no {success_key!r} to tell a failure by, only {sorted(episode.info)}; "
                "name the entry, give failures(below=...), or keep=<a function of the Episode>"
            )
        return not episode.info[success_key]

    return _Function(has_failed)


def disk_budget(num_bytes: int) -> KeepPolicy:
    """Keep the latest videos that take no more than ``num_bytes`` together.

    One that takes more by itself goes, and no other goes for it.

    Raises:
        ConfigError: ``num_bytes`` is not a positive number.
    """
    return _DiskBudget(_check_count(num_bytes, "num_bytes"))


class _Highest(KeepPolicy):
    def __init__(self, n: int, sign: int) -> None:
        self._n = n
        self._sign = sign

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        def rank(episode: Episode) -> float:
            value = episode.return_
            return math.inf if value is None or math.isnan(value) else -self._sign * value

        return sorted(episodes, key=rank)[: self._n]  # A stable sort.


class _Last(KeepPolicy):
    """Counts also those that did not stay for other reasons: the best of the last ten, say."""

    def __init__(self, n: int) -> None:
        self._latest: deque[Episode] = deque(maxlen=n)
        self._known: dict[int, Episode] = {}

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        self._latest.extend(episode for episode in episodes if id(episode) not in self._known)
        self._known = {id(episode): episode for episode in episodes}
        latest = {id(episode) for episode in self._latest}
        return [episode for episode in episodes if id(episode) in latest]


class _DiskBudget(KeepPolicy):
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


class _Function(KeepPolicy):
    """Asks about each episode once, and remembers."""

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


class _Union(KeepPolicy):
    def __init__(self, *policies: KeepPolicy) -> None:
        self._policies = policies

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        chosen = {id(e) for policy in self._policies for e in policy.choose(episodes)}
        return [episode for episode in episodes if id(episode) in chosen]


class _Intersection(KeepPolicy):
    """Lets the second choose from what the first has chosen: a budget is for what stays."""

    def __init__(self, first: KeepPolicy, second: KeepPolicy) -> None:
        self._first = first
        self._second = second

    def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
        chosen = {id(episode) for episode in self._first.choose(episodes)}
        return self._second.choose([episode for episode in episodes if id(episode) in chosen])


def _check_count(value: object, name: str = "n") -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name}={value!r} must be a whole number, at least 1")
    return value
