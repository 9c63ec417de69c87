"""``python -m gymreel doctor``: what works on this machine, and what is wrong with it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gymreel._cli.diagnosis import Diagnosis, Engine, FFmpeg, Folder, diagnose
from gymreel._cli.problems import Problem, find_problems
from gymreel._cli.trials import Trial

__all__ = ["SCHEMA_VERSION", "add_parser", "as_json", "as_text"]

SCHEMA_VERSION = 1
"""Raised when a key of the JSON goes or changes its meaning, not when one is added."""

_WIDTH = 100
_INDENT = 13
_TIMEOUT = 20.0
_LONGEST_TIMEOUT = 3600


def add_parser(commands: Any) -> None:
    """Describe the command.

    Args:
        commands: What ``argparse`` gives for adding it to.
    """
    parser = commands.add_parser(
        "doctor",
        help="say what works on this machine and what is wrong with it",
        description="Records a few frames with each encoder of FFmpeg and into each container, and "
        "says what works, what is wrong and what to do: something to put into a bug report.",
        epilog="The exit status is 0 when the default way of recording, an .mp4, works, else 1.",
    )
    parser.add_argument("--json", action="store_true", help="everything, for programs")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_TIMEOUT,
        metavar="SECONDS",
        help="how long one encoder may take (default: %(default)g)",
    )
    parser.set_defaults(function=_doctor)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) <= _LONGEST_TIMEOUT:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to {_LONGEST_TIMEOUT}")


def _doctor(arguments: argparse.Namespace) -> int:
    try:
        with _silence() as show:
            diagnosis = diagnose(arguments.timeout, show)
    except KeyboardInterrupt:
        os._exit(130)  # An encoder that hangs would hold up every other exit.
    problems = find_problems(diagnosis)
    text = as_json(diagnosis, problems) if arguments.json else as_text(diagnosis, problems)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    status = 0 if diagnosis.works else 1
    if diagnosis.has_hung:
        os._exit(status)
    return status


@contextlib.contextmanager
def _silence() -> Iterator[Callable[[str], None]]:
    """Let nothing of what encoders print, past FFmpeg's log, come between the lines.

    Yields:
        A function that shows what is being tried, where the standard error is a terminal: what
        crashes the process is then the last thing there.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # It was closed before Python began.
            stream.flush()
    kept: dict[int, int] = {}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor in (1, 2):
            with contextlib.suppress(OSError):  # It is closed.
                kept[descriptor] = os.dup(descriptor)
                os.dup2(nowhere, descriptor)
        terminal = kept[2] if 2 in kept and os.isatty(kept[2]) else None
        yield lambda what: _show(terminal, f"trying {what}")
        _show(terminal, "")
    finally:
        for descriptor, copy in kept.items():
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(nowhere)


def _show(terminal: int | None, what: str) -> None:
    if terminal is not None:
        os.write(terminal, f"\r\x1b[K{what}".encode())


def as_json(diagnosis: Diagnosis, problems: Sequence[Problem]) -> str:
    """Put everything into JSON; ``docs/doctor.md`` lists the keys."""
    everything = {
        "schema_version": SCHEMA_VERSION,
        "works": diagnosis.works,
        **asdict(diagnosis),
        "problems": [asdict(problem) for problem in problems],
    }
    return json.dumps(everything, indent=2)


def as_text(diagnosis: Diagnosis, problems: Sequence[Problem]) -> str:
    """Put a diagnosis into some lines for people."""
    lines = [
        *_line("gymreel", diagnosis.gymreel),
        *_line("Python", _packages(diagnosis)),
        *_line("platform", diagnosis.platform),
        *_line("FFmpeg", _source(diagnosis.ffmpeg)),
        *_line("libraries", _libraries(diagnosis.ffmpeg)),
        *_line("conversion", _kernels(diagnosis.engine)),
        *_line("threads", _threads(diagnosis.engine)),
        *_line("memory", _memory(diagnosis)),
        *_line("temporary", _folder(diagnosis.temp_folder)),
        *_line("environment", _environment(diagnosis)),
        "",
        *_containers(diagnosis.containers),
        "",
        *_encoders(diagnosis.encoders),
        "",
        *_problems(problems),
        _conclusion(diagnosis.containers[0]),
    ]
    return "\n".join(lines)


def _line(name: str, value: str, *, hanging: int = 0) -> list[str]:
    """Put a name in front of what may be several lines, or none."""
    return textwrap.wrap(
        value,
        _WIDTH,
        initial_indent=name.ljust(_INDENT),
        subsequent_indent=" " * (_INDENT + hanging),
        break_on_hyphens=False,
    )


def _packages(diagnosis: Diagnosis) -> str:
    gymnasium = diagnosis.gymnasium or "not installed"
    return f"{diagnosis.python}, NumPy {diagnosis.numpy}, Gymnasium {gymnasium}"


def _source(ffmpeg: FFmpeg) -> str:
    source = "inside gymreel" if ffmpeg.is_bundled else "the system's"
    return f"{ffmpeg.version}, {source}, {ffmpeg.license}"


def _libraries(ffmpeg: FFmpeg) -> str:
    return ", ".join(
        f"{name} {library.loaded}"
        + (f" (built with {library.compiled})" if library.compiled != library.loaded else "")
        for name, library in ffmpeg.libraries.items()
    )


def _kernels(engine: Engine) -> str:
    kernels = engine.conversion_kernels
    return "plain C++" if kernels == "plain" else f"{kernels} (Highway)"


def _threads(engine: Engine) -> str:
    cpus = "1 CPU" if engine.num_cpus == 1 else f"{engine.num_cpus} CPUs"
    return f"{engine.num_threads} on {cpus}, {engine.priority} priority"


def _memory(diagnosis: Diagnosis) -> str:
    pending = f"{_size(diagnosis.engine.max_pending_bytes)} for frames that wait"
    return f"{_size(diagnosis.memory_bytes)}, {pending}"


def _folder(folder: Folder) -> str:
    return f"{folder.path or 'none'}, {folder.error or f'{_size(folder.free_bytes)} free'}"


def _environment(diagnosis: Diagnosis) -> str:
    variables = [f"{name}={value!r}" for name, value in diagnosis.environment.items()]
    return ", ".join(variables) or "no GYMREEL_*"


def _size(num_bytes: int | None) -> str:
    if num_bytes is None:
        return "unknown"
    size, units = float(num_bytes), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.{0 if size >= 100 or size.is_integer() else 1}f} {units[0]}"


def _containers(trials: Sequence[Trial]) -> Iterator[str]:
    for number, trial in enumerate(trials):
        name = "containers" if number == 0 else ""
        found = f"{trial.suffix:<7}{trial.status:<9}{trial.encoder or 'no encoder':<13}"
        yield _cut(f"{name:<{_INDENT}}{found}{trial.reason or ''}")


def _encoders(trials: Sequence[Trial]) -> Iterator[str]:
    """Name those that work, need a device or were not tried; say of the others what is wrong."""
    for title, status in (
        ("encoders", "works"),
        ("no device", "unavailable"),
        ("untried", "untried"),
    ):
        names = [str(trial.encoder) for trial in trials if trial.status == status]
        yield from _line(title, ", ".join(names))
    for trial in trials:
        if trial.status in ("failed", "hung"):
            yield _cut(f"{trial.status:<{_INDENT}}{trial.encoder}: {trial.reason}")


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."


def _problems(problems: Sequence[Problem]) -> Iterator[str]:
    if not problems:
        yield from _line("problems", "none")
    for number, problem in enumerate(problems):
        name = "problems" if number == 0 else ""
        yield from _line(name, f"- {problem.what} {problem.remedy}", hanging=2)


def _conclusion(default: Trial) -> str:
    if default.status == "works":
        return _cut(f"{'recording':<{_INDENT}}works: {default.suffix} with {default.encoder}")
    return _cut(f"{'recording':<{_INDENT}}does not work: {default.suffix}, {default.reason}")
