"""The video files of one wrapper that are not complete yet, and what becomes of them."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from gymreel._recording.reports import Reports
from gymreel.episodes import Episode
from gymreel.errors import GymreelError, WriterClosedError
from gymreel.writer import Recording, VideoWriter

__all__ = ["Failure", "PendingVideos"]

Failure = tuple[str, GymreelError]
"""An error, after words that introduce it, which may be empty."""


class PendingVideos:
    """The video files of one wrapper that are not complete yet.

    Each one is kept until its outcome is known, so that each failure and each complete video is
    reported once. If the wrapper is dropped, or the interpreter exits, the writers complete their
    files on their own and print what fails.
    """

    def __init__(self, reports: Reports) -> None:
        """Start without videos; complete ones are passed on to ``reports``."""
        self._reports = reports
        self._videos: dict[VideoWriter, Episode | None] = {}
        self._renaming: dict[VideoWriter, Callable[[], Path]] = {}
        self._forgotten: list[VideoWriter] = []

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self._videos)

    def add(self, writer: VideoWriter) -> None:
        """Add a video that is being recorded."""
        self._videos[writer] = None

    def ended(self, writer: VideoWriter, episode: Episode) -> None:
        """Note the episode with which a recording has ended."""
        if writer in self._videos:
            del self._videos[writer]  # Videos are reported in the order in which they ended.
            self._videos[writer] = episode

    def rename(self, writer: VideoWriter, rename: Callable[[], Path]) -> None:
        """Have a video renamed once it is complete.

        Args:
            writer: Writer of the video.
            rename: Function that renames it and returns its path.
        """
        self._renaming[writer] = rename

    def forget(self, writer: VideoWriter) -> None:
        """Forget a video that another recording replaces: it is never reported."""
        self._drop(writer)
        self._forgotten.append(writer)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait for all recordings that have ended, and return whether their files are complete.

        Args:
            timeout_seconds: Longest time to wait for all of them together; None for no limit.
        """
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        are_complete = True
        for writer in tuple(self._videos):
            left = None if end is None else max(0.0, end - time.monotonic())
            if writer.closed:
                with contextlib.suppress(WriterClosedError):  # Its parent process waits for it.
                    are_complete &= writer.wait_until_complete(left)
        return are_complete

    def report(self, *, wait: bool = False, announce: bool = False) -> list[Failure]:
        """Report and forget the videos that have become complete since the last call.

        Args:
            wait: Whether to end recordings in progress, to wait for all videos, and to report those
                that ``keep`` has left. Otherwise nothing waits.
            announce: Whether to print a line for each complete video.

        Returns:
            Failures of videos, and of functions that were told of one.
        """
        failures: list[Failure] = []
        for writer, episode in tuple(self._videos.items()):
            if writer not in self._videos or not (wait or writer.closed):
                continue
            try:
                recording = writer.close() if wait else writer.poll()
            except WriterClosedError:
                pass  # This process was forked while recording: its parent reports the video.
            except GymreelError as error:
                failures.append((f"The video {writer.path} is not complete: ", error))
            else:
                if recording is None:
                    break  # Videos that ended later are reported later.
                # Before anybody is told of it, as the functions called may come back here.
                self._videos.pop(writer, None)
                if self._has_file(recording, writer):
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
        return failures + [("", failure) for failure in self._reports.take_failures()]

    def _drop(self, writer: VideoWriter) -> None:
        self._videos.pop(writer, None)
        self._renaming.pop(writer, None)

    def _await_forgotten(self) -> None:
        """Wait for videos about which nothing is reported: their hidden files are gone then."""
        forgotten, self._forgotten = self._forgotten, []
        for writer in forgotten:
            with contextlib.suppress(GymreelError):
                writer.close()

    def _has_file(self, recording: Recording, writer: VideoWriter) -> bool:
        """Return whether the file at a recording's path is its own.

        A later recording of the same name may take that place at any moment once it has ended.
        """
        return (
            recording.num_frames > 0
            and recording.path == writer.path
            and not recording.is_superseded
            and recording.path not in self._taken()
        )

    def _taken(self) -> set[Path]:
        """Return the paths at which recordings that have ended may put their files meanwhile."""
        return {writer.path for writer in self._videos if writer.closed}

    def _renamed(self, recording: Recording, writer: VideoWriter) -> Recording:
        """Return a recording under the final name of its file.

        Raises:
            GymreelError: It could not get that name.
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

    def __reduce__(self) -> tuple[type[PendingVideos], tuple[Reports]]:
        """Copy and pickle as empty: each video has one wrapper."""
        return (type(self), (self._reports,))
