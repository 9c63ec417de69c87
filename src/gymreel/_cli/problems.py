"""What is wrong with a machine, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from gymreel._cli.trials import KNOWN_ENCODERS
from gymreel.encoders import CONTAINERS, FORMATS

__all__ = ["find_problems"]

_SETTINGS = {
    "GYMREEL_DEBUG",
    "GYMREEL_EPISODE_LOG",
    "GYMREEL_MAX_PENDING_BYTES",
    "GYMREEL_NUM_THREADS",
    "GYMREEL_PATCH",
    "GYMREEL_PRIORITY",
}
# Variables of the build, the tests and the benchmarks.
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
_MIN_PENDING_BYTES = 16 * 2**20
_MIN_FREE_BYTES = 100 * 2**20


_Found = Iterator[tuple[str, str, str]]


def find_problems(found: dict[str, Any]) -> list[dict[str, str]]:
    """Return what is wrong, the worst first.

    Args:
        found: What ``diagnose`` returned.

    Returns:
        For each problem its ``id``, ``what`` is wrong, and the ``remedy``.
    """
    checks = (_recording_problems, _encoder_problems, _setting_problems)
    keys = ("id", "what", "remedy")
    return [dict(zip(keys, each, strict=True)) for check in checks for each in check(found)]


def _recording_problems(found: dict[str, Any]) -> _Found:
    for trial in found["containers"] + found["encoders"]:
        if trial["status"] == "hung":
            yield (
                "encoder_hangs",
                f"{trial['encoder']} {trial['reason']} for a few frames, and nothing after it was "
                "tried.",
                "Try a longer --timeout when the machine is idle; if it hangs again, record with "
                "another codec.",
            )
    working = [trial["suffix"] for trial in found["containers"] if trial["status"] == "works"]
    failing: dict[str, list[str]] = {}
    for trial in found["containers"]:
        if trial["status"] == "failed":
            failing.setdefault(trial["reason"], []).append(trial["suffix"])
    for reason, suffixes in failing.items():
        remedy = _how_to_get(CONTAINERS[suffixes[0]].encoders[0], found)
        instead = f"; or record into {' or '.join(working)}" if working else ""
        what = f"Recording into {', '.join(suffixes)} fails: {reason}."
        yield "container_fails", what, f"{remedy}{instead}."


def _encoder_problems(found: dict[str, Any]) -> _Found:
    known = FORMATS["h264"]
    status = {trial["encoder"]: trial["status"] for trial in found["encoders"]}
    has_hung = any(status.get(name) in ("hung", "untried") for name in known)
    # A gymreel with its own FFmpeg was installed without libx264 on purpose.
    if not (found["ffmpeg"]["is_bundled"] or status.get("libx264") == "works" or has_hung):
        remedy = _how_to_get("libx264", found)
        if any(status.get(name) == "works" for name in known):
            what = "H.264 is not encoded with libx264, which makes smaller files and has crf and "
            yield "no_libx264", f"{what}presets.", f"{remedy}."
        else:
            default = found["containers"][0]
            instead = _INSTEAD_OF_H264.get(default["encoder"]) if found["works"] else None
            so = f", so {default['suffix']} files hold {instead}" if instead else ""
            yield "no_h264", f"No H.264 encoder works{so}.", f"{remedy}, if you need H.264."
    # Other encoders may need options or another size; failing containers have been named above.
    reported = {trial["encoder"] for trial in found["containers"] if trial["status"] == "failed"}
    for trial in found["encoders"]:
        if trial["status"] == "failed" and trial["encoder"] in KNOWN_ENCODERS - reported:
            yield (
                "encoder_fails",
                f"FFmpeg has {trial['encoder']}, but it fails: {trial['reason']}.",
                "Update or reinstall FFmpeg and this encoder's library; record with another codec "
                "until then.",
            )


def _how_to_get(encoder: str, found: dict[str, Any]) -> str:
    if found["ffmpeg"]["is_bundled"]:
        return f"Build gymreel from its sources where the system's FFmpeg has {encoder}"
    return (
        f"Install an FFmpeg that has {encoder}, with its development files, and reinstall gymreel"
    )


def _setting_problems(found: dict[str, Any]) -> _Found:
    engine, memory, folder = found["engine"], found["memory_bytes"], found["temp_folder"]
    if folder["error"] is not None:
        where = f"the temporary folder {folder['path'] or ''}: {folder['error']}"
        yield (
            "temp_folder_unwritable",
            f"Nothing can be written to {where}.",
            "Free space there, or set TMPDIR to a folder that can be written to.",
        )
    elif folder["free_bytes"] is not None and folder["free_bytes"] < _MIN_FREE_BYTES:
        yield (
            "temp_folder_full",
            f"The temporary folder {folder['path']} has {folder['free_bytes'] / 2**20:.0f} MiB "
            "left.",
            "Free space there, or set TMPDIR to another folder.",
        )
    endings = {name.removeprefix("GYMREEL_"): name for name in sorted(_SETTINGS)}
    for name in found["environment"]:
        if name in _SETTINGS | _OF_DEVELOPERS:
            continue
        # Compared without the beginning that all share.
        similar = difflib.get_close_matches(name.removeprefix("GYMREEL_"), endings, n=1)
        remedy = f"Unset it; gymreel reads {', '.join(endings.values())}."
        if similar:
            remedy = f"Rename it to {endings[similar[0]]}, or unset it."
        what = f"gymreel does not know the environment variable {name}."
        yield "unknown_variable", what, remedy
    pending = engine["max_pending_bytes"]
    if pending < _MIN_PENDING_BYTES:
        yield (
            "pending_memory_small",
            f"Waiting frames may take no more than {pending} bytes, so the training loop soon "
            "waits for the encoder.",
            f"Set GYMREEL_MAX_PENDING_BYTES, in bytes, to {_MIN_PENDING_BYTES} or more.",
        )
    if memory is not None and pending > memory // 2:
        yield (
            "memory_small",
            f"Waiting frames may take {pending // 2**20} MiB of the {memory // 2**20} MiB that "
            "this process may use.",
            f"Set GYMREEL_MAX_PENDING_BYTES to about {memory // 8}.",
        )
    if engine["is_debug"]:
        value = found["environment"].get("GYMREEL_DEBUG", "")
        yield (
            "debug",
            f"GYMREEL_DEBUG={value} checks each borrowed frame, which takes some milliseconds.",
            "Unset it, or set it to 0, unless you are debugging.",
        )
    if engine["num_cpus"] == 1:
        yield (
            "one_cpu",
            "This process may use only one CPU, so encoding takes time from the training loop.",
            "Give it, or its container, at least two CPUs.",
        )
    if engine["conversion_kernels"] == "plain":
        yield (
            "plain_kernels",
            "gymreel was built without Google Highway, so colours are converted more slowly.",
            "Install its development files (libhwy-dev) and reinstall gymreel from its sources.",
        )
    if found["gymnasium"] is None:
        yield (
            "no_gymnasium",
            "Gymnasium is not installed: VideoWriter works, gymreel.wrappers does not.",
            "Run `pip install gymnasium` if you want to record environments.",
        )
