"""Libraries that come before the C library and take the places of some of its functions."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["compile_shim"]


def compile_shim(source_name: str, folder: Path) -> Path:
    """Compile a library to preload; skip the test where that is not possible.

    Args:
        source_name: A C file beside this one.
        folder: Where the library goes.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        pytest.skip("the shim takes the places of glibc's functions")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source = Path(__file__).with_name(source_name)
    library = folder / f"{source.stem}.so"
    options = ["-std=c11", "-O1", "-Wall", "-Wextra", "-fno-builtin", "-fPIC", "-shared"]
    files = ["-o", str(library), str(source)]
    command = [compiler, *options, "-Wl,-z,defs", *files, "-ldl", "-pthread"]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr
    return library
