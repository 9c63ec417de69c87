"""The videos that one wrapper records into a folder, from their names to what becomes of them."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from gymreel import __version__
from gymreel._recording.checks import choose_frame_rate
from gymreel._recording.options import RecorderOptions
from gymreel._recording.paths import (
    check_names,
    make_video_folder,
    name_of,
    video_path,
    warn_of_overwriting,
)
from gymreel._recording.pending_videos import Failure, PendingVideos
from gymreel._recording.reports import Reports
from gymreel._runs import RunMember
from gymreel._validation import check_path, show
from gymreel._warnings import warn_in_recorder
from gymreel._writer_config import (
    ENCODING_DEFAULTS,
    WriterConfig,
    check_frame_stride,
    divide_rate,
)
from gymreel.episodes import Episode
from gymreel.errors import GymreelError
from gymreel.writer import VideoWriter

__all__ = ["VideoFolder"]


class VideoFolder:
    """Opens the videos of one wrapper, and knows what became of each.

    One or several ``Recorder`` objects share it. All failures are returned as values, except for a
    video that cannot be opened.

    Attributes:
        path: Absolute path of the folder.
        environment: Name of the environment, for metadata and episodes.
        reports: Whom episodes and videos are reported to.
        pending: Videos that are not complete yet.
        share: Number of frames shown per frame rendered; None for all of them.
        frame_stride: Number n, if every n-th state of an environment is recorded.
        has_news: Whether a recording has ended since :meth:`settle` was last called.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        name_prefix: str,
        fps: float | Fraction | None,
        render_fps: Any,
        environment: str,
        warns_of_overwriting: bool,
        options: RecorderOptions,
    ) -> None:
        """Check the arguments, create the folder and join the run of its recorders.

        Args:
            path: The folder, as the user named it.
            name_prefix: Beginning of the names of the files.
            fps: Frames per second that the user asked for, or None.
            render_fps: Frames per second of the environment, or None.
            environment: Name of the environment.
            warns_of_overwriting: Whether to warn of videos of earlier runs.
            options: All options of the recorder.

        Raises:
            ConfigError: An argument is wrong.
            OutputError: The folder cannot be created or written to.
        """
        folder = check_path(path, "video_folder", wanted="the name of a folder", takes_bytes=False)
        self.path = os.path.abspath(folder)
        self.environment = environment
        self.suffix = options["suffix"]
        self._options: dict[str, Any] = {name: dict(options)[name] for name in ENCODING_DEFAULTS}
        self.frame_stride = check_frame_stride(options["frame_stride"])
        rate, share = choose_frame_rate(fps, render_fps, self.suffix, self.frame_stride)
        self.frames_per_sec = rate
        self.share = share
        self.reports = Reports(
            Path(self.path),
            keep=options["keep"],
            on_saved=options["on_saved"],
            episode_log=options["episode_log"],
            trackers=options["trackers"],
            report_when=options["report_when"],
        )
        self.pending = PendingVideos(self.reports)
        self.has_news = False
        self._run = RunMember()
        self._has_warned_of_name = False

        argument = f"name_prefix={show(name_prefix)}"
        first = video_path(self.path, f"{name_prefix}-episode-0", self.suffix, argument)
        make_video_folder(self.path)
        check_names(self.path, name_prefix, self.suffix)
        if first.parent.is_dir():  # Otherwise it is created for the first recording in it.
            start_ns = self._run.join(first.parent)
            if warns_of_overwriting:
                warn_of_overwriting(first, start_ns)

    @property
    def frames_per_sec(self) -> float | Fraction:
        """Frames per second of the next video.

        Raises:
            ConfigError: On assignment, where the container or encoder does not take it.
        """
        return self._frames_per_sec

    @frames_per_sec.setter
    def frames_per_sec(self, fps: float | Fraction) -> None:
        # This checks all options of the writer, so that nothing is left for the first frame.
        rate = divide_rate(fps, self.frame_stride)
        self._config = WriterConfig.check(self.suffix, fps=rate, **self._options)
        self._frames_per_sec = fps
        self.share = None

    def open(
        self, video_name: str, episode: Episode, *, instead_of: Path | None = None
    ) -> VideoWriter:
        """Open a video, under the next free name where another recording of the run has this one.

        Args:
            video_name: Name of the file without folder and suffix.
            episode: The episode that is recorded, for the video's metadata.
            instead_of: File of another recording of this wrapper's that gives way to this one.

        Raises:
            GymreelError: No video can be written there.
        """
        wanted = video_path(self.path, video_name, self.suffix)
        claim = self._run.claim(wanted, instead_of=instead_of)
        try:
            name = video_name  # As it was given: the path is normalized.
            if claim.path != wanted:
                name = name_of(claim.path, self.path, self.suffix)
            writer = VideoWriter.from_config(claim.path, self._config, _metadata(name, episode))
        except BaseException:
            claim.release()
            raise
        claim.hold(writer.completion())
        self.pending.add(writer)
        if claim.path != wanted and not self._has_warned_of_name:
            self._has_warned_of_name = True
            warn_in_recorder(
                f"There is a recording {wanted} of this run already, so this one is "
                f"{claim.path.name}, and likewise from now on. Recorders that share a folder need "
                "names of their own: name_prefix=…"
            )
        return writer

    def rename(self, path: Path, video_name: str) -> Path:
        """Rename a complete video, and return where it is then.

        Args:
            path: The video.
            video_name: Name without folder and suffix. Where another recording has it, a number
                follows; where the system refuses, the video keeps the name that it has.

        Raises:
            GymreelError: There can be no file of that name.
        """
        claim = self._run.claim(video_path(self.path, video_name, self.suffix))
        try:
            os.replace(path, claim.path)
        except OSError:
            return path
        finally:
            claim.release()
        return claim.path

    def ended(self, writer: VideoWriter, episode: Episode) -> None:
        """Note that a recording has ended, and with which episode."""
        self.has_news = True
        self.pending.ended(writer, episode)

    def failed(self, error: GymreelError) -> None:
        """Note a failure, which the next :meth:`settle` returns."""
        self.reports.failures.append(error)

    def settle(self, *, wait: bool = False, announce: bool = False) -> list[Failure]:
        """Report the videos that have become complete since the last call.

        Args:
            wait: Whether to end the recordings in progress and to wait for all videos.
            announce: Whether to print a line for each complete video.

        Returns:
            What failed since the last call, each with the words that introduce it.
        """
        self.has_news = False
        return self.pending.report(wait=wait, announce=announce)

    def leave(self) -> None:
        """Leave the run: the names of this wrapper's videos are free."""
        self._run.leave()

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle without videos: two wrappers cannot write one file."""
        return {
            **self.__dict__,
            "pending": PendingVideos(self.reports),
            "has_news": False,
            "_run": RunMember(),
        }


def _metadata(video_name: str, episode: Episode) -> dict[str, str]:
    """Return metadata that say where a video comes from.

    Args:
        video_name: Name of the file without folder and suffix.
        episode: The episode at the first frame.
    """
    metadata = {
        "title": video_name,  # Players know this name and the next.
        "encoded_by": f"gymreel {__version__}",
        "environment": episode.environment,
        "name_prefix": episode.name_prefix,
        "episode": str(episode.index),
    }
    if episode.seed is not None:
        metadata["seed"] = str(episode.seed)
    return metadata
