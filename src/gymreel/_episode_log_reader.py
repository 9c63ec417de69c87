"""Reads ``episodes.jsonl``, the log of episodes that recorders write beside their videos.

A log may have a million lines, and come from a stranger. Lines are therefore parsed in batches, and
everything in them is checked.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import errno
import gc
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from gymreel._episode import LOG_NAME, Episode
from gymreel._regular_files import FolderListing, open_regular
from gymreel._validation import check_path
from gymreel.errors import OutputError

__all__ = ["read_episodes"]


def read_episodes(folder: str | os.PathLike[str]) -> list[Episode]:
    """Return the episodes of the log that recorders write beside their videos.

    A recorder writes a log if it has ``keep=``, ``on_saved=`` or ``trackers=``, with
    ``episode_log=True``, or if the environment variable ``GYMREEL_EPISODE_LOG`` is ``1``.

    The log may come from a stranger. Only regular files in the folder or below it count as videos;
    names that lead out of it and symbolic links do not. Lines that are cut off, longer than 1 MiB
    or unlike those of gymreel are skipped.

    Args:
        folder: The ``video_folder``.

    Returns:
        All episodes in the order in which they ended, those of earlier runs first. ``path`` is None
        if the video does not exist: it was not recorded or not kept, or a later one has replaced
        it. ``num_frames`` is 0 if the log does not state it for the existing file. ``info`` has the
        entries that JSON can hold.

    Raises:
        ConfigError: ``folder`` is not the name of a folder.
        OutputError: There is no log in the folder, or it cannot be read.
    """
    root = check_path(folder, "folder", wanted="the name of a folder")
    name = os.path.join(root, LOG_NAME)
    try:
        with open_regular(name) as file, _no_garbage_collection():
            return _Reader(root).read(file)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ENOENT and os.path.isdir(root):
            reason += (
                ". Recorders write one with episode_log=True, with keep=, on_saved= or trackers=, "
                "or where the environment variable GYMREEL_EPISODE_LOG is 1"
            )
        elif error.errno == errno.ELOOP:
            reason = "it is a symbolic link, which is not followed"
        raise OutputError(error.errno or 0, "read the episode log", reason, name) from error


_MAX_LINE_BYTES = 2**20
"""Longer lines are skipped. What ``_episode_log`` writes must be shorter, by its own limits."""
_BATCH_BYTES = 2**16
_MAX_SHARED = 2**16
_LARGEST_INT = 2**63
_LARGEST_FLOAT = sys.float_info.max

_TYPES: Mapping[str, frozenset[type]] = {
    "index": frozenset({int}),
    "env_index": frozenset({int}),
    "environment": frozenset({str}),
    "return_": frozenset({int, float, type(None)}),
    "length": frozenset({int}),
    "seed": frozenset({type(None), bool, int, float, str, list, dict}),
    "terminated": frozenset({bool}),
    "truncated": frozenset({bool}),
    "info": frozenset({dict}),
    "step": frozenset({int}),
    "name_prefix": frozenset({str}),
    "path": frozenset({str, type(None)}),
    "recorder": frozenset({str}),
}
"""Types of the entries in the line of an episode. A seed may be anything."""

_OLD_NAMES = {"episode": "index", "env": "env_index", "return": "return_", "video": "path"}
"""Names of entries in gymreel 0.1."""

_MIDDLE = b', "index": '
"""What follows the part of a line that the lines of one recorder have in common.

No text within that part can contain it, because quotation marks in JSON texts are escaped.
"""

_MAX_HEADS = 2**12
_Columns = dict[str, Any]


class _Reader:
    """Makes episodes of the lines of a log."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._listing = FolderListing(root)
        self._heads: dict[bytes, dict[str, Any]] = {}
        self._strings: dict[str, str] = {}
        self._numbers: dict[float, float] = {}
        self._no_info: dict[str, Any] = {}  # Shared by all episodes without an info.
        self._episodes: list[Episode] = []
        self._with_video: dict[str, int] = {}
        """For each existing video, the position in the list of its latest episode."""
        self._named: dict[tuple[str, str], int] = {}
        """For each recorder and name, whether or not the file exists, the same."""

    def read(self, file: BinaryIO) -> list[Episode]:
        """Read a log to its end."""
        for lines in _batches(file):
            entries = self._parse(lines)
            self._take_episodes([entry for entry in entries if "index" in entry])
            for entry in entries:
                if "num_frames" in entry:
                    self._take_video(entry)
        return self._episodes

    def _parse(self, lines: list[bytes]) -> list[dict[str, Any]]:
        """Return the objects in some lines; skip what is not an object.

        The part that many lines have in common is parsed once.
        """
        parts = [line.partition(_MIDDLE) for line in lines]
        heads = [self._head(head) if middle else None for head, middle, _ in parts]
        rest = [
            line if head is None else b'{"index": ' + tail
            for line, head, (_, _, tail) in zip(lines, heads, parts, strict=True)
        ]
        return [
            _renamed(entry) if head is None else {**head, **entry}
            for head, entry in zip(heads, _parse(rest), strict=True)
            if type(entry) is dict
        ]

    def _head(self, text: bytes) -> dict[str, Any] | None:
        head = self._heads.get(text)
        if head is None and len(self._heads) < _MAX_HEADS:
            (parsed,) = _parse([text + b"}"])
            if type(parsed) is dict:
                head = self._heads[text] = parsed
        return head

    def _take_episodes(self, entries: list[dict[str, Any]]) -> None:
        """Append the episodes of some lines."""
        columns = _columns_of(entries)
        if columns is None:  # One of them is invalid.
            entries = [entry for entry in entries if _columns_of([entry]) is not None]
            columns = _columns_of(entries)
        if not entries or columns is None:
            return
        for name in ("environment", "name_prefix", "recorder"):
            columns[name] = map(self._strings.setdefault, columns[name], columns[name])
        columns["info"] = [info or self._no_info for info in columns["info"]]
        columns["return_"] = self._shared_numbers(columns["return_"])
        names = columns.pop("path")
        start = len(self._episodes)
        self._episodes += _make_episodes(len(entries), columns)
        for position, video in enumerate(names, start):
            if video is not None:
                self._note_name(position, video)
                if (entry := self._listing.find(video)) is not None:
                    self._found(position, video, entry.stat(follow_symlinks=False).st_size)

    def _shared_numbers(self, numbers: Sequence[float | None]) -> list[float | None]:
        """Return numbers as floats, with one object for equal ones unless there are too many."""
        if len(self._numbers) > _MAX_SHARED:
            return [number if number is None else float(number) for number in numbers]
        share = self._numbers.setdefault
        floats = (number if number is None else float(number) for number in numbers)
        return [number if number is None else share(number, number) for number in floats]

    def _note_name(self, position: int, name: str) -> None:
        named = self._named
        if len(named) >= _MAX_SHARED:
            del named[next(iter(named))]  # Its video is complete: many others have come since.
        named[self._episodes[position].recorder, name] = position

    def _found(self, position: int, name: str, num_bytes: int) -> None:
        """Note that the video of an episode exists, and that no earlier episode has it any more."""
        before = self._with_video.get(name)
        if before is not None:
            self._replace(before, path=None, num_frames=0, num_bytes=0)
        self._with_video[name] = position
        self._replace(position, path=self._root / name, num_bytes=num_bytes)

    def _take_video(self, entry: dict[str, Any]) -> None:
        """Use the line of a complete video, if it is about the existing file."""
        name, num_frames = entry.get("path"), entry["num_frames"]
        if "recorded_as" in entry and isinstance(name, str):
            self._take_new_name(name, entry["recorded_as"], entry.get("recorder"))
        position = self._with_video.get(name) if isinstance(name, str) else None
        if position is None or type(num_frames) is not int or not 0 <= num_frames < _LARGEST_INT:
            return
        episode = self._episodes[position]
        named = (entry.get("recorder"), entry.get("num_bytes"))
        if named == (episode.recorder, episode.num_bytes):
            self._replace(position, num_frames=num_frames)

    def _take_new_name(self, name: str, before: Any, recorder: Any) -> None:
        """Add a renamed video to the episode whose line has the name before."""
        if not (isinstance(before, str) and isinstance(recorder, str)):
            return
        position = self._named.pop((recorder, before), None)
        if position is None:
            return
        if self._with_video.get(before) == position:  # The file of that name is another video.
            del self._with_video[before]
            self._replace(position, path=None, num_frames=0, num_bytes=0)
        entry = self._listing.find(name)
        if entry is not None and self._with_video.get(name, -1) < position:
            self._found(position, name, entry.stat(follow_symlinks=False).st_size)

    def _replace(self, position: int, **changes: Any) -> None:
        self._episodes[position] = dataclasses.replace(self._episodes[position], **changes)


def _parse(lines: list[bytes]) -> list[Any]:
    """Return the values of some lines; None for a line that is not JSON."""
    entries: list[Any] = []
    with contextlib.suppress(ValueError, RecursionError):
        entries = _loads(b"[%b]" % b",".join(lines))
    if len(entries) != len(lines):  # One of them is not JSON.
        entries = [None] * len(lines)
        for number, line in enumerate(lines):
            with contextlib.suppress(ValueError, RecursionError):
                entries[number] = _loads(line)
    return entries


def _loads(line: bytes) -> Any:
    return _decoder.decode(line.decode("utf-8", "replace"))


def _renamed(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of gymreel 0.1 under today's names, and others unchanged."""
    if "episode" not in entry:
        return entry
    return {"recorder": "", **{_OLD_NAMES.get(name, name): entry[name] for name in entry}}


def _columns_of(entries: list[dict[str, Any]]) -> _Columns | None:
    """Return the values of each name, or None if a line is not that of an episode."""
    try:
        columns: _Columns = {name: [entry[name] for entry in entries] for name in _TYPES}
    except KeyError:
        return None
    if not all(types.issuperset(map(type, columns[name])) for name, types in _TYPES.items()):
        return None
    if not all(
        min(columns[name], default=0) >= lowest and max(columns[name], default=0) < _LARGEST_INT
        for name, lowest in (("index", -1), ("env_index", 0), ("length", 0), ("step", 0))
    ):
        return None
    returns = [value for value in columns["return_"] if value is not None]
    is_finite = max(map(abs, returns), default=0) <= _LARGEST_FLOAT
    return columns if is_finite else None


def _make_episodes(count: int, columns: Mapping[str, Iterable[Any]]) -> list[Episode]:
    """Return episodes with these values, five times as fast as their constructor would."""
    episodes = [object.__new__(Episode) for _ in range(count)]
    for each in dataclasses.fields(Episode):
        values = columns.get(each.name) or itertools.repeat(each.default)
        collections.deque(map(getattr(Episode, each.name).__set__, episodes, values), maxlen=0)
    return episodes


def _batches(file: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of a file in batches, without those that are too long."""
    rest = b""
    is_too_long = False
    while block := file.read(_BATCH_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        if is_too_long and lines:
            del lines[0]
            is_too_long = False
        if is_too_long or len(rest) > _MAX_LINE_BYTES:
            rest, is_too_long = b"", True
        yield [line for line in lines if line]
    yield [rest] if rest else []


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Pause the collector, which would look at a million new objects and find no garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
