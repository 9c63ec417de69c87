"""Who is told of episodes: the log, the trackers, the user's functions; and which videos stay."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gymreel.episodes import Episode, EpisodeLog
from gymreel.errors import CallbackError, ConfigError, GymreelError, OutputError
from gymreel.keep import KeepPolicy, as_policy
from gymreel.trackers import Tracker, WandB
from gymreel.trackers._monitor_gym import log_to_monitored_run

__all__ = ["EpisodeReports"]


class EpisodeReports:
    """Tells of episodes as they end and of videos as they are complete, on the caller's thread.

    Whatever fails meanwhile is put into ``failures``, for who owns this to warn of or to raise;
    nothing raises here.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: KeepPolicy | Callable[[Episode], bool] | None = None,
        on_saved: Callable[[Episode], object] | None = None,
        episode_log: bool = True,
        trackers: Sequence[Tracker] | None = None,
    ) -> None:
        """Check the arguments, which are those of the wrappers.

        Raises:
            ConfigError: One of them is wrong.
        """
        if on_saved is not None and not callable(on_saved):
            raise ConfigError(f"on_saved={on_saved!r} must be a function of an Episode, or None")
        if isinstance(trackers, Tracker) or not all(isinstance(t, Tracker) for t in trackers or ()):
            raise ConfigError(
                f"trackers={trackers!r} must be a list of trackers, as gymreel.trackers has them"
            )
        self._keep = as_policy(keep) if keep is not None else None
        self._on_saved = on_saved
        self._log = EpisodeLog(folder) if episode_log else None
        self._trackers = tuple(trackers or ())
        self._monitors_gym = not any(isinstance(tracker, WandB) for tracker in self._trackers)
        self._kept: list[Episode] = []
        self._told: set[tuple[int, str, str]] = set()  # Whose failures, of what, and which.
        self.failures: list[GymreelError] = []
        """What failed and was not said yet."""

    @property
    def wants_episodes(self) -> bool:
        """Whether anybody is told of episodes that are not recorded too."""
        return self._log is not None or bool(self._trackers)

    def ended(self, episodes: Iterable[Episode]) -> None:
        """Tell of episodes that have just ended, recorded or not."""
        episodes = tuple(episodes)
        if self._log is not None:
            try:
                self._log.append(episodes)
            except OutputError as error:
                self._log = None  # Said once; the videos go on.
                self.failures.append(error)
        for tracker in self._trackers:
            for episode in episodes:
                self._call_tracker(tracker, "log_episode", episode)

    def saved(self, episode: Episode) -> None:
        """Decide whether a video that is complete stays, and tell of it."""
        if not self._stays(episode):
            return
        if self._on_saved is not None:
            self._call("on_saved", self._on_saved, episode)
        for tracker in self._trackers:
            self._call_tracker(tracker, "log_video", episode)
        if self._monitors_gym:
            self._call("wandb.log", log_to_monitored_run, episode, once_for=id(self))

    def take_failures(self) -> list[GymreelError]:
        """Return what failed since the last call."""
        failures, self.failures = self.failures, []
        return failures

    def _stays(self, episode: Episode) -> bool:
        if self._keep is None:
            return True
        # A video of the same name has taken the place of the one before.
        candidates = [kept for kept in self._kept if kept.path != episode.path] + [episode]
        try:
            chosen = {id(candidate) for candidate in self._keep.choose(candidates)}
        except Exception as error:  # The user's function may raise whatever it likes.
            self.failures.append(_describe("keep", episode, error, "the video stays"))
            chosen = {id(candidate) for candidate in candidates}
        self._kept = [candidate for candidate in candidates if id(candidate) in chosen]
        for candidate in candidates:
            if id(candidate) not in chosen:
                self._remove(candidate)
        return id(episode) in chosen

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

    def _call(
        self,
        name: str,
        function: Callable[[Episode], object],
        episode: Episode,
        *,
        once_for: int | None = None,
    ) -> None:
        """Call a function of somebody else's.

        With ``once_for``, the same failure is said once, whatever numbers are in it: the times,
        addresses and identifiers in what a server or a connection says are others each time.
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
        """Call one that may be out of reach for days: why is said once, not for each episode."""
        function = getattr(tracker, method)
        self._call(f"{tracker!r}.{method}", function, episode, once_for=id(tracker))


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
