"""Shows the videos of a folder in a notebook."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gymreel._html import MAX_EMBEDDED_BYTES, text_html, video_html
from gymreel._regular_files import FolderListing, size_of_regular
from gymreel._validation import check_flag, check_path, check_whole_number
from gymreel.encoders import CONTAINERS
from gymreel.episodes import LOG_NAME, read_episodes
from gymreel.errors import OutputError

__all__ = ["VideoGallery", "show"]

_MAX_TOTAL_BYTES = 4 * MAX_EMBEDDED_BYTES


@dataclass(frozen=True)
class _Video:
    path: Path
    caption: str


class VideoGallery:
    """Videos that a notebook shows if this object is the value of a cell.

    Attributes:
        folder: Folder of the videos.
        paths: The videos that are shown, the latest last.
        num_videos: Number of all videos, shown or not.
    """

    def __init__(
        self, folder: Path, videos: Sequence[_Video], num_videos: int, *, embed: bool
    ) -> None:
        self.folder = folder
        self.paths = [video.path for video in videos]
        self.num_videos = num_videos
        self._videos = videos
        self._embed = embed

    def __len__(self) -> int:
        """Return the number of videos that are shown."""
        return len(self._videos)

    def __repr__(self) -> str:
        """Return the names of the videos, for use outside of notebooks."""
        lines = [f"{self._count()} in {self.folder}"]
        return "\n  ".join(
            lines + [f"{video.path.name}: {video.caption}" for video in self._videos]
        )

    def _repr_html_(self) -> str:
        """Return HTML that shows the videos."""
        left = _MAX_TOTAL_BYTES if self._embed else -1
        parts: list[str] = []
        for video in reversed(self._videos):  # The latest are embedded first.
            limit = min(left, MAX_EMBEDDED_BYTES)
            parts.append(video_html(video.path, caption=video.caption, max_embedded_bytes=limit))
            size = size_of_regular(video.path) or 0
            left -= size if size <= limit else 0
        parts.append(text_html(f"{self._count()} in {self.folder}"))
        return "".join(reversed(parts))

    def _count(self) -> str:
        count = f"{self.num_videos} video" + "s" * (self.num_videos != 1)
        is_cut = len(self) < self.num_videos
        return f"{count} (the latest {len(self)} are shown)" if is_cut else count


def show(
    folder: str | os.PathLike[str], *, max_videos: int = 12, embed: bool = True
) -> VideoGallery:
    """Return the videos of a folder for a notebook to show, the latest last.

    Videos in the folder's episode log are shown with the return and length of the episode, and all
    other video files with their names. Nothing outside the folder is shown, whatever the log
    contains, and symbolic links are not followed.

    Args:
        folder: The ``video_folder``, or a video file.
        max_videos: Largest number of videos to show; the latest are chosen.
        embed: Whether to embed the videos in the notebook, up to 8 MiB each and 32 MiB together.
            Other videos are referred to by path, and disappear with their files.

    Raises:
        ConfigError: An argument is invalid.
        OutputError: There is no such folder or video, or it cannot be read.
    """
    root = Path(check_path(folder, "folder", wanted="the name of a folder"))
    max_videos = check_whole_number("max_videos", max_videos, at_least=1)
    embed = check_flag("embed", embed)
    if root.is_file() and root.suffix.lower() in CONTAINERS:
        video = _Video(Path(os.path.realpath(root)), root.name)  # The user may name a link.
        return VideoGallery(root.parent, [video], 1, embed=embed)
    if not root.is_dir():
        code = errno.ENOTDIR if root.exists() else errno.ENOENT
        raise OutputError(code, "show the videos of a folder", os.strerror(code), str(root))
    videos = _videos_in(root)
    return VideoGallery(root, videos[-max_videos:], len(videos), embed=embed)


def _videos_in(folder: Path) -> list[_Video]:
    videos = _logged(folder)
    named = {video.path for video in videos}
    others = [path for path in _video_files(folder) if path not in named]
    if others:
        videos += [_Video(path, path.name) for path in others]
        videos.sort(key=lambda video: _time_of_change(video.path))
    return videos


def _logged(folder: Path) -> list[_Video]:
    """Return the videos in the episode log, in the order in which their episodes ended."""
    if size_of_regular(folder / LOG_NAME) is None:
        return []
    episodes = read_episodes(folder)
    return [_Video(e.path, e.describe()) for e in episodes if e.path is not None]


def _video_files(folder: Path) -> list[Path]:
    try:
        return sorted(
            folder / entry.name
            for entry in FolderListing(str(folder)).files()
            if os.path.splitext(entry.name)[1].lower() in CONTAINERS
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            error.errno or 0, "show the videos of a folder", reason, str(folder)
        ) from error


def _time_of_change(path: Path) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:  # It was removed a moment ago.
        return 0
