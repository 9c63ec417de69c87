"""Reports of episodes to the log, trackers and the user's functions; and which videos stay."""

from __future__ import annotations

import copy
import functools
import itertools
import os
import platform
import re
from collections.abc import Callable, Collection, Iterable, Sequence, Set
from pathlib import Path
from typing import Any, Literal

from gymreel._episode_log import EpisodeLog, log_is_wanted
from gymreel._validation import check_choice, check_flag, check_function, show
from gymreel.episodes import Episode
from gymreel.errors import CallbackError, ConfigTypeError, GymreelError, OutputError
from gymreel.keep import KeepPolicy, as_policy
from gymreel.trackers import Tracker, WandB
from gymreel.trackers._monitor_gym import log_to_monitored_run

__all__ = ["Reports"]

_numbers = itertools.count()
"""Numbers for the recorders of this process, continued in forked ones."""


class Reports:
    """Reports episodes as they end, and videos once they are certain to stay.

    Everything happens on the caller's thread. Nothing raises: failures are collected in
    ``failures``, for the owner to warn of or to raise.

    A copy of this object, and the one in a forked process, starts without videos: it neither
    removes nor reports videos that it has not recorded itself.

    Attributes:
        failures: Failures that have not been reported to the user yet.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: KeepPolicy | Callable[[Episode], bool] | str | None = None,
        on_saved: Callable[[Episode], object] | None = None,
        episode_log: bool | None = None,
        trackers: Sequence[Tracker] | None = None,
        report_when: Literal["certain", "complete"] = "certain",
    ) -> None:
        """Check the arguments, which are options of the recorders.

        Args:
            folder: Folder of the videos and of the log.
            keep: Which videos stay.
            on_saved: Function that is called with each video's ``Episode``.
            episode_log: Whether to write the log; None for where somebody else is told too.
            trackers: Trackers to tell.
            report_when: When videos are reported.

        Raises:
            ConfigError: One of them is wrong.
        """
        if on_saved is not None:
            check_function("on_saved", on_saved, wanted="a function of an Episode, or None")
        if episode_log is not None:
            check_flag("episode_log", episode_log, also=", or None")
        check_choice("report_when", report_when, ["certain", "complete"])
        # A copy, because policies have a memory, and one may be given to several recorders.
        self._keep = copy.deepcopy(as_policy(keep)) if keep is not None else None
        self._on_saved = on_saved
        self._trackers = _list_trackers(trackers)
        self._waits = self._keep is not None and self._keep.may_revoke and report_when == "certain"
        has_listeners = keep is not None or on_saved is not None or bool(self._trackers)
        self._log: EpisodeLog | None = None
        if log_is_wanted(episode_log, has_listeners=has_listeners):
            self._log = EpisodeLog(folder)
        self._log_is_broken = False
        self._monitors_gym = not any(isinstance(tracker, WandB) for tracker in self._trackers)
        # Failures reported already: tracker, function and message.
        self._told: set[tuple[int, str, str]] = set()
        self.failures: list[GymreelError] = []
        self._begin()

    def _begin(self) -> None:
        """Start without videos, under an identity of its own."""
        self._number = next(_numbers)
        self._pid = os.getpid()
        self._recorder = f"{platform.node()}-{self._pid}-{self._number}"
        self._kept: list[Episode] = []
        self._untold: list[Episode] = []  # To be reported once they are certain to stay.

    @property
    def recorder(self) -> str:
        """Identity of this recorder in this process, for the log."""
        self._notice_fork()
        return self._recorder

    @property
    def skips_interrupted(self) -> bool:
        """Whether ``keep`` ignores recordings that end before their episodes do."""
        return self._keep is not None and self._keep.skips_interrupted

    @property
    def wants_episodes(self) -> bool:
        """Whether episodes are reported that are not recorded."""
        return self._log is not None or bool(self._trackers)

    @property
    def writes_log(self) -> bool:
        """Whether episodes are logged."""
        return self._log is not None

    def ended(self, episodes: Iterable[Episode]) -> None:
        """Report episodes that have just ended, recorded or not."""
        episodes = tuple(episodes)
        self.log(episodes)
        for tracker in self._trackers:
            for episode in episodes:
                self._call_tracker(tracker, "log_episode", episode)

    def log(self, episodes: Iterable[Episode]) -> None:
        """Append a line to the log for each of these episodes, if there is a log."""
        if self._log is not None:
            self._write(self._log.append, episodes)

    def saved(
        self, episode: Episode, taken: Collection[Path] = (), *, recorded_as: Path | None = None
    ) -> bool:
        """Decide whether a complete video stays, and report it if that is certain.

        Args:
            episode: The episode, with its video.
            taken: Paths at which later recordings of this recorder may have put their files by now.
                Nothing is removed there.
            recorded_as: Former path of the video, if it was renamed when it was complete.

        Returns:
            Whether it stays, as far as is known.
        """
        self._notice_fork()
        if not self._stays(episode, taken):
            return False
        if self._log is not None:
            append = functools.partial(self._log.append_video, recorded_as=recorded_as)
            self._write(append, episode)
        if self._waits:
            self._untold.append(episode)
        else:
            self._tell_saved(episode)
        return True

    def settle(self) -> None:
        """Report the videos that have stayed until now, the end of the recorder.

        ``keep`` chooses afresh among later recordings, so that it drops neither a video that has
        been reported nor one that another process has put in its place.
        """
        self._notice_fork()
        self._keep = copy.deepcopy(self._keep)  # The user's own functions are not copied.
        self._kept = []
        while self._untold:  # One by one, as the functions called may come back here.
            self._tell_saved(self._untold.pop(0))

    def take_failures(self) -> list[GymreelError]:
        """Return the failures since the last call."""
        failures, self.failures = self.failures, []
        return failures

    def __deepcopy__(self, memo: dict[int, Any]) -> Reports:
        """Copy without copying what is the user's: the same functions and trackers are called."""
        return copy.copy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle without videos: only their recorder removes and reports them."""
        return {**self.__dict__, "_told": set(), "failures": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start as a recorder of its own."""
        self.__dict__.update(state)
        self._keep = copy.deepcopy(self._keep)
        self._begin()

    def _notice_fork(self) -> None:
        if self._pid != os.getpid():
            self._begin()

    def _tell_saved(self, episode: Episode) -> None:
        if self._on_saved is not None:
            self._call("on_saved", self._on_saved, episode)
        for tracker in self._trackers:
            self._call_tracker(tracker, "log_video", episode)
        if self._monitors_gym:
            self._call("wandb.log", log_to_monitored_run, episode, once_for=id(self))

    def _stays(self, episode: Episode, taken: Collection[Path]) -> bool:
        if self._keep is None:
            return True
        # This video has taken the place of an earlier one of the same name.
        self._forget(lambda kept: kept.path == episode.path)
        candidates = [*self._kept, episode] if self._keep.may_revoke else [episode]
        try:
            chosen = {id(candidate) for candidate in self._keep.choose(candidates)}
        except Exception as error:  # The user's function may raise anything.
            self.failures.append(_describe("keep", episode, error, "the video stays"))
            chosen = {id(candidate) for candidate in candidates}
        for candidate in candidates:
            if id(candidate) not in chosen and candidate.path not in taken:
                self._remove(candidate)
        self._kept = candidates if self._keep.may_revoke else []
        self._forget(lambda kept: id(kept) not in chosen)
        return id(episode) in chosen

    def _forget(self, is_gone: Callable[[Episode], bool]) -> None:
        self._kept = [episode for episode in self._kept if not is_gone(episode)]
        self._untold = [episode for episode in self._untold if not is_gone(episode)]

    def _remove(self, episode: Episode) -> None:
        assert episode.path is not None
        try:
            episode.path.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            self.failures.append(
                OutputError(
                    error.errno or 0, "remove a video that is not kept", reason, str(episode.path)
                )
            )

    def _write(self, append: Callable[[Any], None], what: object) -> None:
        """Write to the log. Of failures in a row, the first one is reported."""
        try:
            append(what)
        except OutputError as error:
            if not self._log_is_broken:
                self.failures.append(error)
            self._log_is_broken = True
        else:
            self._log_is_broken = False

    def _call(
        self,
        name: str,
        function: Callable[[Episode], object],
        episode: Episode,
        *,
        once_for: int | None = None,
    ) -> None:
        """Call a function of the user's or of a tracker's.

        With ``once_for``, the same failure is reported once. Messages count as the same where only
        numbers differ: servers and connections put times, addresses and identifiers into them.
        """
        try:
            function(episode)
        except Exception as error:
            if once_for is None:
                self.failures.append(_describe(name, episode, error))
            elif (reason := (once_for, name, _without_numbers(error))) not in self._told:
                self._told.add(reason)
                self.failures.append(_describe(name, episode, error))

    def _call_tracker(self, tracker: Tracker, method: str, episode: Episode) -> None:
        """Call a tracker. One may be out of reach for days, so each failure is reported once."""
        function = getattr(tracker, method)
        self._call(f"{tracker!r}.{method}", function, episode, once_for=id(tracker))


def _list_trackers(trackers: Any) -> tuple[Tracker, ...]:
    """Return trackers as a tuple, which is empty for None.

    Raises:
        ConfigTypeError: It is not a list of trackers.
    """
    if trackers is None:
        return ()
    if isinstance(trackers, Tracker):
        raise ConfigTypeError(
            f"trackers={show(trackers)} must be a list of trackers: [{show(trackers)}]"
        )
    is_list = isinstance(trackers, (Sequence, Set)) and not isinstance(trackers, (str, bytes))
    listed = tuple(trackers) if is_list else ()
    if not is_list or not all(isinstance(each, Tracker) for each in listed):
        raise ConfigTypeError(
            f"trackers={show(trackers)} must be a list of trackers, as gymreel.trackers has them"
        )
    return listed


def _without_numbers(error: Exception) -> str:
    return re.sub(r"\S*\d\S*", "#", f"{type(error).__name__}: {error}")


def _describe(name: str, episode: Episode, error: Exception, outcome: str = "") -> CallbackError:
    which = f"episode {episode.index} of environment {episode.env_index}"
    if episode.path is not None:
        which += f" ({episode.path})"
    if outcome:
        which += f"; {outcome}"
    failure = CallbackError(f"{name} raised {type(error).__name__} for {which}: {error}")
    failure.__cause__ = error
    return failure
