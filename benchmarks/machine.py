"""The machine and the versions that a result belongs to."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["command_version", "describe", "load", "memory_folder", "usable_cpus", "versions"]

_PACKAGES = (
    "gymnasium",
    "numpy",
    "moviepy",
    "imageio-ffmpeg",
    "stable-baselines3",
    "av",
    "opencv-python-headless",
    "torch",
    "torchcodec",
    "ale-py",
    "mujoco",
    "pygame",
)


def usable_cpus() -> int:
    """Count the CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> float | None:
    """Return the load average of the last minute, which is below 1 on a quiet machine."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


@functools.cache
def describe() -> dict[str, str | int | float]:
    """Return a description of this machine, without names or addresses."""
    return {
        "cpu": _cpu_model(),
        "cpus": usable_cpus(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": _system(),
        "kernel": f"{platform.system()} {platform.release()}",
        "outputs": "memory (/dev/shm)" if memory_folder() == Path("/dev/shm") else "disk",
    }


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of all installed packages that take part."""
    found = {"python": platform.python_version()}
    try:
        core = importlib.import_module("gymreel._core")
    except ImportError:
        pass
    else:
        found["gymreel"] = f"{core.__version__} (FFmpeg {core.ffmpeg_version})"
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    ffmpeg = command_version("ffmpeg")
    if ffmpeg:
        found["ffmpeg command"] = ffmpeg
    return found


def command_version(command: str) -> str | None:
    """Return the version of an ffmpeg command; None where there is no such command."""
    if shutil.which(command) is None:
        return None
    run = subprocess.run([command, "-version"], check=True, capture_output=True, text=True)
    return run.stdout.split()[2]


def memory_folder() -> Path:
    """Return a folder in memory, so that no disk affects results, or else the usual one."""
    folder = Path("/dev/shm")
    return folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir())


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    widest = next((f for f in ("avx512bw", "avx2") if f in named.get("flags", "").split()), "")
    return f"{named.get('model name', platform.machine())} {widest}".strip()


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.platform()
