"""What the module shows of itself, and that it records beside the FFmpegs that others bring."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gymreel import _core
from support.subprocesses import run_python
from support.video_reader import numbers_in

needs_elf = pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")
PEERS = [name for name in ("av", "cv2", "decord") if importlib.util.find_spec(name)]

RECORD = """
import sys
from support.frames import numbered
import gymreel
with gymreel.VideoWriter(sys.argv[1], fps=10) as writer:
    for number in range(12):
        writer.write(numbered(number))
"""
# Each decodes the first frame of what was recorded: its own FFmpeg has to work as well.
READ = {
    "av": "assert next(av.open(sys.argv[1]).decode(video=0)).width == 64",
    "cv2": "assert cv2.VideoCapture(sys.argv[1]).read()[0]",
    "decord": "assert decord.VideoReader(sys.argv[1])[0].shape[1] == 64",
}


@needs_elf
def test_the_module_exports_its_init_function_and_nothing_else() -> None:
    elffile: Any = pytest.importorskip("elftools.elf.elffile", reason="pyelftools is not installed")
    with open(_core.__file__, "rb") as file:
        symbols = elffile.ELFFile(file).get_section_by_name(".dynsym").iter_symbols()
        exported = {
            symbol.name
            for symbol in symbols
            if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["bind"] != "STB_LOCAL"
        }
    assert exported == {"PyInit__core"}


@needs_elf
def test_a_module_with_an_ffmpeg_of_its_own_needs_only_the_languages_libraries() -> None:
    if not _core.ffmpeg_is_bundled:
        pytest.skip("the module uses the system's FFmpeg")
    elffile: Any = pytest.importorskip("elftools.elf.elffile", reason="pyelftools is not installed")
    with open(_core.__file__, "rb") as file:
        tags = elffile.ELFFile(file).get_section_by_name(".dynamic").iter_tags("DT_NEEDED")
        needed = {tag.needed.split(".so")[0] for tag in tags}
    languages = {"libc", "libm", "libstdc++", "libgcc_s", "libpthread"}
    assert {name for name in needed if not name.startswith(("ld-", "libc."))} <= languages


@pytest.mark.parametrize("order", list(itertools.permutations(["gymreel", *PEERS])), ids="-".join)
def test_every_order_of_imports(tmp_path: Path, order: Sequence[str]) -> None:
    if not PEERS:
        pytest.skip("none of PyAV, OpenCV and decord is installed")
    imports = "".join(f"import {name}\n" for name in order)
    reads = "".join(f"{READ[name]}\n" for name in order if name in READ)
    video = tmp_path / "video.mp4"
    finished = run_python(imports + RECORD + reads, video)
    assert finished.stderr == ""
    assert numbers_in(video) == list(range(12))


@needs_elf
def test_another_libavcodec_whose_symbols_are_everybodys(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    folder = Path(av.__file__).parents[1] / "av.libs"
    libraries = [str(path) for path in sorted(folder.glob("lib*.so*"))]
    if not any("libavcodec" in path for path in libraries):
        pytest.skip("this PyAV brings no libavcodec of its own")
    # They need each other, so those that still miss one are tried again.
    load = f"""
import ctypes
left = {libraries!r}
while left:
    failed = []
    for path in left:
        try:
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            failed.append(path)
    assert len(failed) < len(left), failed
    left = failed
"""
    video = tmp_path / "video.mp4"
    finished = run_python(load + RECORD, video)
    assert finished.stderr == ""
    assert numbers_in(video) == list(range(12))


@needs_elf
def test_an_ffmpeg_of_another_major_version_is_refused(tmp_path: Path) -> None:
    if _core.ffmpeg_is_bundled:
        pytest.skip("the module has an FFmpeg of its own")
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("there is no C compiler")
    source = tmp_path / "other.c"
    source.write_text("unsigned avcodec_version(void) { return 99u << 16 | 7u << 8 | 100u; }\n")
    library = tmp_path / "other.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    preload = os.pathsep.join(filter(None, [os.environ.get("LD_PRELOAD"), str(library)]))
    environment = {**os.environ, "LD_PRELOAD": preload}
    finished = run_python("import gymreel", tmp_path, check=False, environment=environment)
    assert finished.returncode == 1
    compiled, _ = _core.ffmpeg_libraries["libavcodec"]
    assert f"libavcodec 99.7.100 is loaded, but gymreel was built against {compiled}" in (
        finished.stderr
    )
    assert "reinstall gymreel" in finished.stderr
