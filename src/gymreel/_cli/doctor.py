"""``python -m gymreel doctor``: reports what works on this machine and what is wrong with it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from gymreel._cli.diagnosis import diagnose
from gymreel._cli.problems import find_problems

__all__ = ["SCHEMA_VERSION", "add_parser", "as_text", "complete"]

SCHEMA_VERSION = 1
"""Incremented when a key of the JSON is removed or changes its meaning, not when one is added."""

_WIDTH = 100
_INDENT = 13
_MAX_TIMEOUT = 3600


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers of ``argparse``."""
    parser = commands.add_parser(
        "doctor",
        help="report what works on this machine and what is wrong with it",
        description="Records a few frames with each encoder of FFmpeg and into each container, and "
        "reports what works, what is wrong and what to do. Include the output in bug reports.",
        epilog="The exit status is 0 if the default way of recording, an .mp4, works, else 1.",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=20.0,
        metavar="SECONDS",
        help="limit for each encoder (default: %(default)g)",
    )
    parser.set_defaults(function=_doctor)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) <= _MAX_TIMEOUT:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to {_MAX_TIMEOUT}")


def _doctor(arguments: argparse.Namespace) -> int:
    try:
        with _silence() as show:
            diagnosis = diagnose(arguments.timeout, show)
    except KeyboardInterrupt:
        os._exit(130)  # Any other exit would wait for an encoder that hangs.
    found = complete(diagnosis)
    text = json.dumps(found, indent=2) if arguments.json else as_text(found)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    status = 0 if found["works"] else 1
    if any(trial["status"] == "hung" for trial in found["containers"] + found["encoders"]):
        os._exit(status)
    return status


def complete(diagnosis: dict[str, Any]) -> dict[str, Any]:
    """Return a diagnosis with its problems, as ``docs/doctor.md`` describes it."""
    return {
        "schema_version": SCHEMA_VERSION,
        **diagnosis,
        "problems": find_problems(diagnosis),
    }


@contextlib.contextmanager
def _silence() -> Iterator[Callable[[str], None]]:
    """Discard what encoders print themselves, bypassing FFmpeg's log.

    Yields:
        A function that shows what is being tried if standard error is a terminal. If an encoder
        crashes the process, its name is the last thing on the screen.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # It was closed before Python started.
            stream.flush()
    kept: dict[int, int] = {}
    nowhere = os.open(os.devnull, os.O_WRONLY)

    def show(what: str) -> None:
        if 2 in kept and os.isatty(kept[2]):
            os.write(kept[2], f"\r\x1b[K{what}".encode())

    try:
        for descriptor in (1, 2):
            with contextlib.suppress(OSError):  # It is closed.
                kept[descriptor] = os.dup(descriptor)
                os.dup2(nowhere, descriptor)
        yield lambda what: show(f"trying {what}")
        show("")
    finally:
        for descriptor, copy in kept.items():
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(nowhere)


def as_text(found: dict[str, Any]) -> str:
    """Return a diagnosis, with its problems, as text for people."""
    ffmpeg, engine, folder = found["ffmpeg"], found["engine"], found["temp_folder"]
    gymnasium = found["gymnasium"] or "not installed"
    source = "inside gymreel" if ffmpeg["is_bundled"] else "the system's"
    kernels = engine["conversion_kernels"]
    cpus = "1 CPU" if engine["num_cpus"] == 1 else f"{engine['num_cpus']} CPUs"
    pending = f"{_size(engine['max_pending_bytes'])} for waiting frames"
    state = folder["error"] or f"{_size(folder['free_bytes'])} free"
    variables = [f"{name}={value!r}" for name, value in found["environment"].items()]
    default = found["containers"][0]
    lines = [
        _wrap("gymreel", found["gymreel"]),
        _wrap("Python", f"{found['python']}, NumPy {found['numpy']}, Gymnasium {gymnasium}"),
        _wrap("platform", found["platform"]),
        _wrap("FFmpeg", f"{ffmpeg['version']}, {source}, {ffmpeg['license']}"),
        _wrap("libraries", ", ".join(_library(*each) for each in ffmpeg["libraries"].items())),
        _wrap("conversion", "plain C++" if kernels == "plain" else f"{kernels} (Highway)"),
        _wrap("threads", f"{engine['num_threads']} on {cpus}, {engine['priority']} priority"),
        _wrap("memory", f"{_size(found['memory_bytes'])}, {pending}"),
        _wrap("temporary", f"{folder['path'] or 'none'}, {state}"),
        _wrap("environment", ", ".join(variables) or "no GYMREEL_*"),
        "",
    ]
    for trial in found["containers"]:
        name = "containers" if trial is default else ""
        outcome = f"{trial['suffix']:<7}{trial['status']:<9}{trial['encoder'] or 'no encoder':<13}"
        lines.append(_cut(name, f"{outcome}{trial['reason'] or ''}"))
    lines.append("")
    titles = {"works": "encoders", "unavailable": "no device", "untried": "untried"}
    for status, title in titles.items():
        names = [trial["encoder"] for trial in found["encoders"] if trial["status"] == status]
        lines += [_wrap(title, ", ".join(names))] if names else []
    for trial in found["encoders"]:
        if trial["status"] in ("failed", "hung"):
            lines.append(_cut(trial["status"], f"{trial['encoder']}: {trial['reason']}"))
    lines.append("")
    for number, problem in enumerate(found["problems"]):
        name = "" if number else "problems"
        lines.append(_wrap(name, f"- {problem['what']} {problem['remedy']}", hanging=2))
    if not found["problems"]:
        lines.append(_wrap("problems", "none"))
    outcome = f"works: {default['suffix']} with {default['encoder']}"
    if not found["works"]:
        outcome = f"does not work: {default['suffix']}, {default['reason']}"
    return "\n".join([*lines, _cut("recording", outcome)])


def _library(name: str, versions: dict[str, str]) -> str:
    compiled, loaded = versions["compiled"], versions["loaded"]
    return f"{name} {loaded}" + (f" (built with {compiled})" if compiled != loaded else "")


def _wrap(name: str, value: str, *, hanging: int = 0) -> str:
    """Return a value, on several lines if necessary, with a name in front."""
    return textwrap.fill(
        value,
        _WIDTH,
        initial_indent=name.ljust(_INDENT),
        subsequent_indent=" " * (_INDENT + hanging),
        break_on_hyphens=False,
    )


def _cut(name: str, value: str) -> str:
    """Return a value with a name in front, cut to one line."""
    line = f"{name:<{_INDENT}}{value}".rstrip()
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."


def _size(num_bytes: int | None) -> str:
    if num_bytes is None:
        return "unknown"
    size, units = float(num_bytes), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.{0 if size >= 100 or size.is_integer() else 1}f} {units[0]}"
