"""What is wrong with a machine, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from gymreel._cli.diagnosis import Diagnosis
from gymreel._cli.trials import KNOWN_ENCODERS
from gymreel.encoders import CONTAINERS, FORMATS

__all__ = ["Problem", "find_problems"]

_SETTINGS = {
    "GYMREEL_DEBUG",
    "GYMREEL_EPISODE_LOG",
    "GYMREEL_MAX_PENDING_BYTES",
    "GYMREEL_NUM_THREADS",
    "GYMREEL_PATCH",
    "GYMREEL_PRIORITY",
}
# Those of the build, the tests and the benchmarks.
_OF_DEVELOPERS = {
    "GYMREEL_BENCH_CACHE",
    "GYMREEL_BUNDLED_FFMPEG",
    "GYMREEL_CONVERT_BENCH",
    "GYMREEL_TORCH",
}
_INSTEAD_OF_H264 = {
    "libvpx-vp9": "VP9, which browsers play and some other players do not",
    "mpeg4": "MPEG-4 Part 2, which browsers do not play",
}
_LEAST_PENDING_BYTES = 16 * 2**20
_LEAST_FREE_BYTES = 100 * 2**20


@dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
        id: A name that stays, such as ``"no_h264"``.
        what: A sentence.
        remedy: A sentence that says what to do.
    """

    id: str
    what: str
    remedy: str


def find_problems(diagnosis: Diagnosis) -> list[Problem]:
    """Say what is wrong, worst first."""
    checks = (
        _hung_encoder,
        _containers_that_fail,
        _no_h264,
        _encoders_that_fail,
        _temp_folder_problems,
        _variables,
        _pending_memory,
        _slow_settings,
        _gymnasium,
    )
    return [problem for check in checks for problem in check(diagnosis)]


def _hung_encoder(diagnosis: Diagnosis) -> Iterator[Problem]:
    for trial in diagnosis.containers + diagnosis.encoders:
        if trial.status == "hung":
            yield Problem(
                "encoder_hangs",
                f"{trial.encoder} {trial.reason} for a few frames, and what comes after it was "
                "not tried.",
                "Try a longer --timeout when the machine is idle; if it hangs again, record with "
                "another codec.",
            )


def _containers_that_fail(diagnosis: Diagnosis) -> Iterator[Problem]:
    """Look at the containers, those together that fail for the same reason."""
    working = [trial.suffix for trial in diagnosis.containers if trial.status == "works"]
    failing: dict[str, list[str]] = {}
    for trial in diagnosis.containers:
        if trial.status == "failed":
            failing.setdefault(trial.reason or "", []).append(trial.suffix)
    for reason, suffixes in failing.items():
        best = CONTAINERS[suffixes[0]].encoders[0]
        instead = f"; or record into {' or '.join(working)}" if working else ""
        yield Problem(
            "container_fails",
            f"Recording into {', '.join(suffixes)} fails: {reason}.",
            f"{_other_ffmpeg(diagnosis, best)}{instead}.",
        )


def _no_h264(diagnosis: Diagnosis) -> Iterator[Problem]:
    """Look at how H.264 is encoded by those that gymreel takes for it by itself."""
    known = FORMATS["h264"]
    working = {trial.encoder for trial in diagnosis.encoders if trial.status == "works"}
    # Who installs gymreel without libx264 inside knows it; after one that hung, nothing is known of
    # the others.
    if (
        diagnosis.ffmpeg.is_bundled
        or known[0] in working
        or _has(diagnosis, known, "hung", "untried")
    ):
        return
    if working.isdisjoint(known):
        default = diagnosis.containers[0]
        instead = _INSTEAD_OF_H264.get(default.encoder or "") if diagnosis.works else None
        yield Problem(
            "no_h264",
            "No H.264 encoder works"
            + (f", so {default.suffix} files hold {instead}." if instead else "."),
            f"{_other_ffmpeg(diagnosis, known[0])}, if you need H.264.",
        )
        return
    yield Problem(
        "no_libx264",
        "H.264 is not encoded with libx264, which makes smaller files and has crf and presets.",
        f"{_other_ffmpeg(diagnosis, known[0])}.",
    )


def _has(diagnosis: Diagnosis, encoders: tuple[str, ...], *statuses: str) -> bool:
    return any(
        trial.encoder in encoders and trial.status in statuses for trial in diagnosis.encoders
    )


def _other_ffmpeg(diagnosis: Diagnosis, encoder: str) -> str:
    """Say how to get an encoder, without the full stop."""
    if diagnosis.ffmpeg.is_bundled:
        return f"Build gymreel from its sources where the system's FFmpeg has {encoder}"
    return (
        f"Install an FFmpeg that has {encoder}, with its development files, and reinstall gymreel"
    )


def _encoders_that_fail(diagnosis: Diagnosis) -> Iterator[Problem]:
    """Look at those that gymreel takes by itself; others may want options, or another size."""
    told = {trial.encoder for trial in diagnosis.containers if trial.status == "failed"}
    for trial in diagnosis.encoders:
        if trial.status == "failed" and trial.encoder in KNOWN_ENCODERS - told:
            yield Problem(
                "encoder_fails",
                f"FFmpeg has {trial.encoder}, but it fails: {trial.reason}.",
                "Update or reinstall FFmpeg and this encoder's library; record with another codec "
                "until then.",
            )


def _temp_folder_problems(diagnosis: Diagnosis) -> Iterator[Problem]:
    folder = diagnosis.temp_folder
    if folder.error is not None:
        yield Problem(
            "temp_folder_unwritable",
            f"Nothing can be written to the temporary folder {folder.path or ''}: {folder.error}.",
            "Make room there, or let TMPDIR name a folder that can be written to.",
        )
    elif folder.free_bytes is not None and folder.free_bytes < _LEAST_FREE_BYTES:
        yield Problem(
            "temp_folder_full",
            f"The temporary folder {folder.path} has {folder.free_bytes / 2**20:.0f} MiB left.",
            "Make room there, or let TMPDIR name another folder.",
        )


def _variables(diagnosis: Diagnosis) -> Iterator[Problem]:
    """Look at names; a value that cannot be used lets nobody import gymreel."""
    for name in diagnosis.environment:
        if name not in _SETTINGS | _OF_DEVELOPERS:
            meant = _similar_setting(name)
            yield Problem(
                "unknown_variable",
                f"gymreel does not know the environment variable {name}.",
                f"Call it {meant}, or take it away."
                if meant is not None
                else f"Take it away; there are {', '.join(sorted(_SETTINGS))}.",
            )


def _similar_setting(name: str) -> str | None:
    """Find the variable that somebody meant, by what follows the beginning that all share."""
    endings = {setting.removeprefix("GYMREEL_"): setting for setting in _SETTINGS}
    similar = difflib.get_close_matches(name.removeprefix("GYMREEL_"), endings, n=1)
    return endings[similar[0]] if similar else None


def _pending_memory(diagnosis: Diagnosis) -> Iterator[Problem]:
    pending, memory = diagnosis.engine.max_pending_bytes, diagnosis.memory_bytes
    if pending < _LEAST_PENDING_BYTES:
        yield Problem(
            "pending_memory_small",
            f"Frames that wait may take no more than {pending} bytes, so the training loop soon "
            "waits for the encoder.",
            f"Set GYMREEL_MAX_PENDING_BYTES, in bytes, to {_LEAST_PENDING_BYTES} or more.",
        )
    if memory is not None and pending > memory // 2:
        yield Problem(
            "memory_small",
            f"Frames that wait may take {pending // 2**20} MiB of the {memory // 2**20} MiB that "
            "this process may use.",
            f"Set GYMREEL_MAX_PENDING_BYTES to {memory // 8} or so.",
        )


def _slow_settings(diagnosis: Diagnosis) -> Iterator[Problem]:
    engine = diagnosis.engine
    if engine.is_debug:
        value = diagnosis.environment.get("GYMREEL_DEBUG", "")
        yield Problem(
            "debug",
            f"GYMREEL_DEBUG={value} checks each borrowed frame, which takes some milliseconds.",
            "Take it away, or set it to 0, when you are not looking for a fault.",
        )
    if engine.num_cpus == 1:
        yield Problem(
            "one_cpu",
            "This process may use one CPU only, so encoding takes its time from the training loop.",
            "Give it, or its container, two CPUs or more.",
        )
    if engine.conversion_kernels == "plain":
        yield Problem(
            "plain_kernels",
            "gymreel was built without Google Highway, so colours are converted more slowly.",
            "Install Highway's development files (libhwy-dev) and reinstall gymreel from its "
            "sources.",
        )


def _gymnasium(diagnosis: Diagnosis) -> Iterator[Problem]:
    if diagnosis.gymnasium is None:
        yield Problem(
            "no_gymnasium",
            "Gymnasium is not installed: VideoWriter works, gymreel.wrappers does not.",
            "pip install gymnasium, if you want to record environments.",
        )
