"""Trials: a few frames recorded into each container and with each encoder."""

from __future__ import annotations

import contextlib
import queue
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gymreel._encoder_trial import first_line
from gymreel.encoders import CONTAINERS, FORMATS, CodecInfo, choose_encoder, codecs, find_container
from gymreel.errors import FFmpegError, GymreelError
from gymreel.writer import VideoWriter, encode

__all__ = ["KNOWN_ENCODERS", "NUM_FRAMES", "Trial", "record", "try_everything"]

KNOWN_ENCODERS = frozenset(name for names in FORMATS.values() for name in names)
"""Encoders that gymreel chooses by itself, with settings that must work."""

NUM_FRAMES = 3
# The one size that H.263 shares with everything newer. Hardware encoders have a minimum size.
_HEIGHT, _WIDTH = 288, 352


@dataclass(frozen=True)
class Trial:
    """One attempt to record. ``docs/doctor.md`` describes the fields and the statuses."""

    encoder: str | None
    suffix: str
    status: Literal["works", "failed", "unavailable", "hung", "untried"]
    seconds: float
    error: str | None = None
    reason: str | None = None


def try_everything(
    folder: Path | None, timeout: float, progress: Callable[[str], None]
) -> tuple[list[Trial], list[Trial]]:
    """Record into each container with its default encoder, then with each encoder.

    Once an encoder has hung, no other is tried: it occupies a worker, and if it hangs while it is
    being opened, no other encoder can be opened. So the defaults come first, and encoders that need
    a device last. After a ``"hung"`` trial the process must leave with ``os._exit``, because a
    normal exit waits for every recording.

    Args:
        folder: Folder for the temporary files; None to encode in memory.
        timeout: Limit for each trial, in seconds.
        progress: Function that is called with a description of each trial before it starts.

    Returns:
        A trial for each container, ``.mp4`` first, and one for each of ``gymreel.codecs()``.
    """
    infos = sorted(
        codecs(), key=lambda info: (_needs_device(info), info.name not in KNOWN_ENCODERS)
    )
    plan = [("auto", suffix, False) for suffix in CONTAINERS]
    plan += [(info.name, _suffix_for(info), _needs_device(info)) for info in infos]
    own_folder: contextlib.AbstractContextManager[str | None] = contextlib.nullcontext()
    if folder is not None:
        own_folder = tempfile.TemporaryDirectory(
            prefix="gymreel-doctor-", dir=folder, ignore_cleanup_errors=True
        )
    trials: list[Trial] = []
    hung: str | None = None
    with warnings.catch_warnings(), own_folder as name:
        warnings.simplefilter("ignore")  # Fallbacks are reported as findings.
        for codec, suffix, needs_device in plan:
            try:
                encoder = choose_encoder(codec, find_container(suffix, "suffix")).name
            except GymreelError as error:
                trials.append(Trial(None, suffix, "failed", 0.0, str(error), _reason(error)))
                continue
            if hung is not None:
                why = f"not tried, because {hung} hung"
                trials.append(Trial(encoder, suffix, "untried", 0.0, why, why))
                continue
            progress(f"{encoder} into {suffix}")
            trial = _try_encoder(encoder, codec, suffix, name, timeout, needs_device=needs_device)
            trials.append(trial)
            hung = encoder if trial.status == "hung" else None
    return trials[: len(CONTAINERS)], trials[len(CONTAINERS) :]


def _try_encoder(
    encoder: str, codec: str, suffix: str, folder: str | None, timeout: float, *, needs_device: bool
) -> Trial:
    """Record on a thread that is left behind if it takes longer than ``timeout`` seconds."""
    outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def record_once() -> None:
        try:
            if folder is None:
                encode(_picture(), suffix=suffix, codec=codec)  # Raises if the result is empty.
            else:
                path = Path(folder, f"{codec}{suffix}")
                record(path, codec)
                path.unlink()
        except Exception as error:  # An encoder may fail in any way.
            outcome.put(error)
        else:
            outcome.put(None)

    begin = time.monotonic()
    threading.Thread(target=record_once, name="gymreel-doctor", daemon=True).start()
    try:
        error = outcome.get(timeout=timeout)
    except queue.Empty:
        why = f"took longer than {timeout:g} s"
        return Trial(encoder, suffix, "hung", timeout, why, why)
    seconds = round(time.monotonic() - begin, 3)
    if error is None:
        return Trial(encoder, suffix, "works", seconds)
    words = str(error) or type(error).__name__
    status: Literal["unavailable", "failed"] = "unavailable" if needs_device else "failed"
    return Trial(encoder, suffix, status, seconds, words, _reason(error))


def record(path: Path, codec: str) -> None:
    """Record a few frames into a file, as a user would.

    Raises:
        GymreelError: The recording failed.
        RuntimeError: The file does not hold all frames.
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


def _picture() -> list[NDArray[np.uint8]]:
    """Return frames of a moving gradient, which slow encoders encode quickly."""
    y, x = np.indices((_HEIGHT, _WIDTH))
    shades = [np.stack([x // 2 + 8 * i, y // 2, (x + y) // 4], axis=-1) for i in range(NUM_FRAMES)]
    return [shade.astype(np.uint8) for shade in shades]


def _suffix_for(info: CodecInfo) -> str:
    """Return a suffix whose container prefers this encoder, or else the first that can hold it."""
    preferred = (suffix for suffix in info.suffixes if info.name in CONTAINERS[suffix].encoders)
    return next(preferred, info.suffixes[0])


def _needs_device(info: CodecInfo) -> bool:
    return info.hardware or info.name.endswith("_omx")  # FFmpeg does not mark OpenMAX as hardware.


def _reason(error: Exception) -> str:
    """Return the most telling line of an error: the first one that FFmpeg logged, if any."""
    log = error.log.strip() if isinstance(error, FFmpegError) else ""
    return first_line(log or str(error) or type(error).__name__)
