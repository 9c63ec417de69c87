"""Measurements that need a process of their own: for memory, threads and where threads run."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

__all__ = ["in_child", "num_threads", "peak_rss", "rss"]

P = ParamSpec("P")
R = TypeVar("R")

# The policy and the peers' frame handling must not spread over cores behind our back.
_SINGLE_THREADED = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def in_child(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function in a fresh interpreter, NumPy single-threaded, and return its result."""
    with _environment(_SINGLE_THREADED):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(function, *args, **kwargs).result()


def rss() -> int:
    """Return this process's resident memory in bytes."""
    return 1024 * _status("VmRSS")


def peak_rss() -> int:
    """Return the peak of this process's resident memory in bytes."""
    return 1024 * _status("VmHWM")


def num_threads() -> int:
    """Count this process's threads."""
    return _status("Threads")


def _status(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    match = re.search(rf"^{field}:\s*(\d+)", status, re.MULTILINE)
    assert match is not None, field
    return int(match.group(1))


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
