"""What works, found by recording: a few frames with each encoder and into each container."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gymreel.encoders import (
    CONTAINERS,
    FORMATS,
    CodecInfo,
    choose_encoder,
    codecs,
    find_container,
)
from gymreel.errors import FFmpegError, GymreelError
from gymreel.writer import VideoWriter, encode

__all__ = ["KNOWN_ENCODERS", "NUM_FRAMES", "Trial", "record", "try_everything"]

KNOWN_ENCODERS = frozenset(name for names in FORMATS.values() for name in names)
"""Those that gymreel takes by itself, and so with settings that must do."""

NUM_FRAMES = 3
# The one size that H.263 shares with everything newer; hardware has a least size, too.
_HEIGHT, _WIDTH = 288, 352

# OpenMAX needs a device, which FFmpeg does not say of it.
_DEVICE_ENDINGS = ("_omx",)

Status = Literal["works", "failed", "unavailable", "hung", "untried"]


@dataclass(frozen=True)
class Trial:
    """One attempt to record.

    Attributes:
        encoder: FFmpeg's encoder; None where FFmpeg has none for the container.
        suffix: The container, as a file suffix.
        status: ``"works"``; ``"failed"``; ``"unavailable"`` where it failed and needs a device,
            which this machine may lack; ``"hung"`` where it took longer than allowed; ``"untried"``
            after one that hung.
        seconds: How long it took.
        error: Why it does not work, in all words that there are; None where it does.
        reason: The same in one line.
    """

    encoder: str | None
    suffix: str
    status: Status
    seconds: float
    error: str | None = None
    reason: str | None = None


def try_everything(
    folder: Path | None, timeout: float, progress: Callable[[str], None]
) -> tuple[list[Trial], list[Trial]]:
    """Record into each container with its default encoder, then with each encoder.

    After one that hangs the others are not tried: it holds on to a worker and, if it hangs while it
    is being opened, to what every encoder needs for that. So the default comes first, and what
    needs a device last. Whoever finds a ``"hung"`` one must leave by ``os._exit``: gymreel's exit
    waits for every recording.

    Args:
        folder: Where the files go for a moment; None to encode in memory.
        timeout: Seconds that each may take.
        progress: Told of what is tried next.

    Returns:
        A trial for each container, ``.mp4`` first, and one for each of ``gymreel.codecs()``.
    """
    infos = sorted(codecs(), key=lambda info: (_needs_device(info), not _is_known(info)))
    # The warnings about fallbacks are what the trials are to find out.
    with warnings.catch_warnings(), _folder_inside(folder) as own_folder:
        warnings.simplefilter("ignore")
        session = _Session(own_folder, timeout, progress)
        containers = [session.attempt("auto", suffix) for suffix in CONTAINERS]
        encoders = [
            session.attempt(info.name, _suffix_for(info), needs_device=_needs_device(info))
            for info in infos
        ]
    return containers, encoders


@contextlib.contextmanager
def _folder_inside(folder: Path | None) -> Iterator[Path | None]:
    """Make a folder that goes afterwards, whatever an encoder that hangs still does there."""
    if folder is None:
        yield None
        return
    with tempfile.TemporaryDirectory(
        prefix="gymreel-doctor-", dir=folder, ignore_cleanup_errors=True
    ) as own:
        yield Path(own)


class _Session:
    """Trials one after the other, up to one that hangs."""

    def __init__(
        self, folder: Path | None, timeout: float, progress: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._timeout = timeout
        self._progress = progress
        self._hung: str | None = None

    def attempt(self, codec: str, suffix: str, *, needs_device: bool = False) -> Trial:
        """Record with ``codec`` into the container of ``suffix``."""
        try:
            encoder = choose_encoder(codec, find_container(suffix, "suffix")).name
        except GymreelError as error:
            return Trial(None, suffix, "failed", 0.0, str(error), _first_line(error))
        if self._hung is not None:
            why = f"not tried, because {self._hung} hung"
            return Trial(encoder, suffix, "untried", 0.0, why, why)
        self._progress(f"{encoder} into {suffix}")
        begin = time.monotonic()
        try:
            _within(self._timeout, lambda: _record_once(self._folder, suffix, codec))
        except _HungError as error:
            self._hung = encoder
            return Trial(encoder, suffix, "hung", self._timeout, str(error), str(error))
        except Exception as error:  # Whatever it is, it is an answer.
            status: Status = "unavailable" if needs_device else "failed"
            words = str(error) or type(error).__name__
            return Trial(encoder, suffix, status, _seconds_since(begin), words, _first_line(error))
        return Trial(encoder, suffix, "works", _seconds_since(begin))


class _HungError(Exception):
    """A trial that has not ended."""


def _seconds_since(begin: float) -> float:
    return round(time.monotonic() - begin, 3)


def _within(seconds: float, function: Callable[[], None]) -> None:
    """Call on a thread that is left behind when it takes longer.

    Raises:
        _HungError: It did.
        Exception: What the function raised.
    """
    raised: list[Exception] = []

    def call() -> None:
        try:
            function()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=call, name="gymreel-doctor", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise _HungError(f"took longer than {seconds:g} s")
    if raised:
        raise raised[0]


def _record_once(folder: Path | None, suffix: str, codec: str) -> None:
    """Record into a file that goes at once, or in memory.

    Raises:
        Exception: It cannot be done.
    """
    if folder is None:
        encode(_picture(), suffix=suffix, codec=codec)  # Raises for an empty result.
        return
    path = folder / f"{codec}{suffix}"
    record(path, codec)
    path.unlink()


def record(path: Path, codec: str) -> None:
    """Record a few frames into a file, as anybody would.

    Raises:
        GymreelError: It cannot be done.
        RuntimeError: The file does not hold them.
    """
    with VideoWriter(path, codec=codec) as writer:
        for frame in _picture():
            writer.write(frame)
    recording = writer.close()
    size = path.stat().st_size
    if recording.num_frames != NUM_FRAMES or not recording.num_bytes == size > 0:
        raise RuntimeError(
            f"{NUM_FRAMES} frames went in, and {recording.num_frames} are in a file of {size} bytes"
        )


def _picture() -> Sequence[NDArray[np.uint8]]:
    """Draw a smooth moving gradient: what slow encoders are quick with."""
    rows, columns = np.indices((_HEIGHT, _WIDTH))
    return [
        np.stack([columns // 2 + 8 * step, rows // 2, (columns + rows) // 4], axis=-1).astype(
            np.uint8
        )
        for step in range(NUM_FRAMES)
    ]


def _suffix_for(info: CodecInfo) -> str:
    """Choose a container of those that can hold it: one that is meant for it, else the first."""
    meant = (suffix for suffix in info.suffixes if info.name in CONTAINERS[suffix].encoders)
    return next(meant, info.suffixes[0])


def _is_known(info: CodecInfo) -> bool:
    return info.name in KNOWN_ENCODERS


def _needs_device(info: CodecInfo) -> bool:
    return info.hardware or info.name.endswith(_DEVICE_ENDINGS)


def _first_line(error: Exception) -> str:
    """Give the line that says most: the first that FFmpeg logged, else of the error itself."""
    log = error.log.strip() if isinstance(error, FFmpegError) else ""
    line = (log or str(error) or type(error).__name__).splitlines()[0]
    # "[libx264 @ 0x7f92c4000f40] " says nothing new.
    head, found, rest = line.partition("] ")
    line = rest if log and found and head.startswith("[") and " @ " in head else line
    return line.rstrip(" .:")
