"""The video files of one wrapper that are not complete yet, and what becomes of them."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from gymreel._warnings import warn_in_recorder
from gymreel.episodes import Episode
from gymreel.errors import GymreelError, WriterClosedError
from gymreel.wrappers._episode_reports import EpisodeReports
from gymreel.writer import Recording, VideoWriter

__all__ = ["UnfinishedVideos", "say_failures"]


class UnfinishedVideos:
    """The video files of one wrapper that are not complete yet.

    Each is kept until what became of it is known, so that each failure is said once, and each
    complete video reported once. When the wrapper is gone, or the interpreter exits, the writers
    complete their files and speak for themselves.
    """

    def __init__(self, reports: EpisodeReports) -> None:
        """Start without videos; complete ones are told of through ``reports``."""
        self._reports = reports
        self._videos: dict[VideoWriter, Episode | None] = {}
        self._renaming: dict[VideoWriter, Callable[[], Path]] = {}
        self._forgotten: list[VideoWriter] = []

    def __len__(self) -> int:
        """Count them."""
        return len(self._videos)

    def add(self, writer: VideoWriter) -> None:
        """Look after a video that is being recorded."""
        self._videos[writer] = None

    def ended(self, writer: VideoWriter, episode: Episode) -> None:
        """Note the episode that a recording has ended with."""
        if writer in self._videos:
            del self._videos[writer]  # They are told of in the order in which they ended.
            self._videos[writer] = episode

    def rename(self, writer: VideoWriter, rename: Callable[[], Path]) -> None:
        """Have a video renamed when it is complete; ``rename`` returns where it is then."""
        self._renaming[writer] = rename

    def forget(self, writer: VideoWriter) -> None:
        """Say nothing more of a video, as another one takes its place."""
        self._drop(writer)
        self._forgotten.append(writer)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait for all recordings that have ended, and return whether their files are complete.

        Args:
            timeout_seconds: How long at most, for all together; None for as long as it takes.
        """
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        are_complete = True
        for writer in tuple(self._videos):
            left = None if end is None else max(0.0, end - time.monotonic())
            if writer.closed:
                with contextlib.suppress(WriterClosedError):  # It is the parent's affair.
                    are_complete &= writer.wait_until_complete(left)
        return are_complete

    def report(
        self,
        *,
        wait: bool = False,
        on_error: Literal["warn", "raise"] = "warn",
        announce: bool = False,
    ) -> None:
        """Say what became of the videos since the last call, and forget those that are complete.

        Args:
            wait: End the one being recorded, if any, wait for all, and tell of those that ``keep``
                has left. Else nothing waits.
            on_error: Whether failures are warnings, or exceptions.
            announce: Whether to print a line for each video that is complete.

        Raises:
            GymreelError: A video failed, or a function that was told of one, and ``on_error`` is
                ``"raise"``; of several the first, the others are warnings.
        """
        failures: list[tuple[str, GymreelError]] = []
        for writer, episode in tuple(self._videos.items()):
            if writer not in self._videos or not (wait or writer.closed):
                continue
            try:
                recording = writer.close() if wait else writer.poll()
            except WriterClosedError:
                pass  # This process was forked while recording: the video is its parent's affair.
            except GymreelError as error:
                failures.append((f"The video {writer.path} is not complete: ", error))
            else:
                if recording is None:
                    break  # Those that have ended later are told of later.
                # First, as what is told of it may come back here.
                self._videos.pop(writer, None)
                if self._is_there(recording, writer):
                    try:
                        recording = self._renamed(recording, writer)
                    except GymreelError as error:
                        failures.append((f"The video {writer.path} keeps its name: ", error))
                    self._complete(recording, writer, episode, announce=announce)
            self._drop(writer)
        if wait:
            self._await_forgotten()
            self._reports.settle()
        elif self._forgotten:
            self._forgotten = [each for each in self._forgotten if not each.completion()()]

        failures += [("", failure) for failure in self._reports.take_failures()]
        say_failures(failures, on_error)

    def _drop(self, writer: VideoWriter) -> None:
        self._videos.pop(writer, None)
        self._renaming.pop(writer, None)

    def _await_forgotten(self) -> None:
        """Wait for those of which nothing is said, too: their hidden files are gone then."""
        forgotten, self._forgotten = self._forgotten, []
        for writer in forgotten:
            with contextlib.suppress(GymreelError):
                writer.close()

    def _is_there(self, recording: Recording, writer: VideoWriter) -> bool:
        """Return whether a recording has a file of its own, and not a later one of the same name.

        A later one may take the place at any moment once it has ended.
        """
        return (
            recording.num_frames > 0
            and recording.path == writer.path
            and not recording.is_superseded
            and recording.path not in self._taken()
        )

    def _taken(self) -> set[Path]:
        """Return where recordings that have ended put their files, if they have not done so."""
        return {writer.path for writer in self._videos if writer.closed}

    def _renamed(self, recording: Recording, writer: VideoWriter) -> Recording:
        """Return a recording under the name that its file has in the end.

        Raises:
            GymreelError: It was to be renamed, and that failed.
        """
        if writer not in self._renaming:
            return recording
        return dataclasses.replace(recording, path=self._renaming[writer]())

    def _complete(
        self, recording: Recording, writer: VideoWriter, episode: Episode | None, *, announce: bool
    ) -> None:
        stays = episode is None or self._reports.saved(
            episode.with_video(recording.path, recording.num_frames, recording.num_bytes),
            self._taken(),
            recorded_as=writer.path,
        )
        if announce and stays:
            print(f"Saved {recording.path}: {recording.num_frames} frames")

    def __reduce__(self) -> tuple[type[UnfinishedVideos], tuple[EpisodeReports]]:
        """Copy and pickle as empty: a video has one wrapper."""
        return (type(self), (self._reports,))


def say_failures(
    failures: Sequence[tuple[str, GymreelError]], on_error: Literal["warn", "raise"]
) -> None:
    """Warn of failures, each with what it is about before it, or raise the first of them.

    Raises:
        GymreelError: ``on_error`` is ``"raise"``; of several the first, the others are warnings.
    """
    raises = on_error == "raise" and bool(failures)
    for about, failure in failures[1:] if raises else failures:
        warn_in_recorder(f"{about}{failure}")
    if raises:
        raise failures[0][1]
