"""What gymreel finds on this machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gymreel import _core
from gymreel._cli.trials import Trial, try_everything
from gymreel.engine import (
    CHECK_BORROWED,
    get_max_pending_bytes,
    get_num_threads,
    get_priority,
    set_num_threads,
)

__all__ = ["Diagnosis", "Engine", "FFmpeg", "Folder", "Library", "diagnose"]

_PROBE_BYTES = 8 * 2**20  # More than a trial writes.


@dataclass(frozen=True)
class Library:
    """The versions of one of FFmpeg's libraries: built against, and loaded."""

    compiled: str
    loaded: str


@dataclass(frozen=True)
class FFmpeg:
    """The FFmpeg in use.

    Attributes:
        version: Its own words.
        license: The same.
        is_bundled: Whether it is inside gymreel's module, rather than the system's.
        libraries: By name.
        configuration: What it was built with.
    """

    version: str
    license: str
    is_bundled: bool
    libraries: Mapping[str, Library]
    configuration: str


@dataclass(frozen=True)
class Engine:
    """How gymreel encodes.

    Attributes:
        num_cpus: CPUs that this process may use.
        num_threads: The limit on the threads that encode.
        priority: ``"background"`` or ``"normal"``.
        max_pending_bytes: The memory for frames that wait, of all writers together.
        is_debug: Whether borrowed frames are checked for changes.
        conversion_kernels: Highway's target, such as ``"AVX2"``, or ``"plain"`` without Highway.
    """

    num_cpus: int
    num_threads: int
    priority: str
    max_pending_bytes: int
    is_debug: bool
    conversion_kernels: str


@dataclass(frozen=True)
class Folder:
    """The folder for temporary files.

    Attributes:
        path: None where there is none.
        free_bytes: None where nobody says.
        error: Why nothing can be written there; None where it can.
    """

    path: str | None
    free_bytes: int | None
    error: str | None


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was found.

    Attributes:
        gymreel: The version, as the following ones are.
        python: With the name of the implementation.
        numpy: NumPy's.
        gymnasium: None where it is not installed.
        platform: System, machine and C library.
        ffmpeg: The FFmpeg in use.
        engine: How gymreel encodes.
        memory_bytes: What this process may use: the machine's memory, or its control group's limit.
        temp_folder: Where the trials were recorded; in memory where nothing can be written there.
        environment: The variables whose names begin with ``GYMREEL_``.
        containers: A trial of each with its default encoder; the first is the default, ``.mp4``.
        encoders: A trial of each of ``gymreel.codecs()``.
    """

    gymreel: str
    python: str
    numpy: str
    gymnasium: str | None
    platform: str
    ffmpeg: FFmpeg
    engine: Engine
    memory_bytes: int | None
    temp_folder: Folder
    environment: Mapping[str, str]
    containers: list[Trial]
    encoders: list[Trial]

    @property
    def works(self) -> bool:
        """Whether the default way of recording works."""
        return self.containers[0].status == "works"

    @property
    def has_hung(self) -> bool:
        """Whether a trial has not ended, which the exit of this process would wait for."""
        return any(trial.status == "hung" for trial in self.containers + self.encoders)


def diagnose(timeout: float, progress: Callable[[str], None]) -> Diagnosis:
    """Look at everything, and record with everything.

    Args:
        timeout: Seconds that one encoder may take.
        progress: Told of what is tried next.
    """
    engine = _engine()
    temp_folder = _temp_folder()
    usable = None if temp_folder.error or temp_folder.path is None else Path(temp_folder.path)
    containers, encoders = try_everything(usable, timeout, progress)
    return Diagnosis(
        gymreel=_core.__version__,
        python=f"{platform.python_version()} ({platform.python_implementation()})",
        numpy=np.__version__,
        gymnasium=_version_of("gymnasium"),
        platform=platform.platform(),
        ffmpeg=_ffmpeg(),
        engine=engine,
        memory_bytes=_memory_bytes(),
        temp_folder=temp_folder,
        environment={
            name: value for name, value in sorted(os.environ.items()) if name.startswith("GYMREEL_")
        },
        containers=containers,
        encoders=encoders,
    )


def _version_of(package: str) -> str | None:
    """Give the version of an installed package, without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _ffmpeg() -> FFmpeg:
    return FFmpeg(
        version=_core.ffmpeg_version,
        license=_core.ffmpeg_license,
        is_bundled=_core.ffmpeg_is_bundled,
        libraries={name: Library(*both) for name, both in _core.ffmpeg_libraries.items()},
        configuration=_core.ffmpeg_configuration,
    )


def _engine() -> Engine:
    """Read the settings. The CPUs are what the default of the threads is."""
    num_threads = get_num_threads()
    set_num_threads(None)
    num_cpus = get_num_threads()
    set_num_threads(num_threads)
    return Engine(
        num_cpus=num_cpus,
        num_threads=num_threads,
        priority=get_priority(),
        max_pending_bytes=get_max_pending_bytes(),
        is_debug=CHECK_BORROWED,
        conversion_kernels=_core.conversion_kernels,
    )


def _memory_bytes() -> int | None:
    """Give the tightest of the machine's memory and the limits of this process's groups."""
    limits = [_physical_memory()]
    root = Path("/sys/fs/cgroup")
    limits += [_number_in(root / "memory" / "memory.limit_in_bytes")]  # Version 1.
    limits += [_number_in(folder / "memory.max") for folder in _control_groups(root)]
    return min((limit for limit in limits if limit is not None), default=None)


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _control_groups(root: Path) -> Iterator[Path]:
    """List this process's group of version 2 and those around it."""
    yield root
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        if line.startswith("0::/"):
            own = root / line[len("0::/") :]
            yield from (folder for folder in (own, *own.parents) if root in folder.parents)


def _number_in(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # It is not there, or says "max".
        return None


def _temp_folder() -> Folder:
    """Find the folder for temporary files, and write to it.

    Where the environment names one, that one: Python passes over it without a word if it cannot be
    written to.
    """
    try:
        path = os.environ.get("TMPDIR") or tempfile.gettempdir()
    except OSError as error:
        return Folder(None, None, str(error))
    return Folder(path, _free_bytes(path), _write_error(path))


def _free_bytes(path: str) -> int | None:
    try:
        status = os.statvfs(path)
    except (AttributeError, OSError):
        return None
    return status.f_bavail * status.f_frsize


def _write_error(folder: str) -> str | None:
    """Say why a file cannot be written in a folder; None where it can."""
    try:
        with tempfile.TemporaryDirectory(prefix="gymreel-doctor-", dir=folder) as own:
            Path(own, "probe").write_bytes(b"\0" * _PROBE_BYTES)
    except OSError as error:
        return error.strerror or str(error)
    return None
