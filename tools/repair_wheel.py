"""Prepares a wheel for distribution, or refuses it. This is the repair step of cibuildwheel.

    python tools/repair_wheel.py WHEEL FOLDER [ARCHITECTURES]

The tool of the platform (auditwheel, delocate or delvewheel) sets the wheel's tag, and would copy
the libraries that the module needs into it. For an FFmpeg of the system, these are 120 libraries
under various licences, so such a wheel is refused. A wheel that is too large is refused as well.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

MAX_BYTES = 8_000_000

# For each platform, the command that lists the external libraries, and the one that repairs.
_TOOLS = {
    "linux": (["auditwheel", "show"], ["auditwheel", "repair", "--wheel-dir"]),
    "darwin": (["delocate-listdeps", "--all"], ["delocate-wheel", "--wheel-dir"]),
    "win32": (["delvewheel", "show"], ["delvewheel", "repair", "--wheel-dir"]),
}
_FFMPEG = re.compile(
    r"\b(?:lib)?(?:avcodec|avformat|avutil|swscale|x264|vpx)[-.\w]*\.(?:so|dylib|dll)\b"
)


def check_libraries(wheel: Path) -> None:
    """Refuse a wheel whose module needs an external FFmpeg.

    Raises:
        SystemExit: It needs one. The message says what to do instead.
    """
    listing = subprocess.run(
        [*_TOOLS[sys.platform][0], str(wheel)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    if found := sorted(set(_FFMPEG.findall(listing))):
        raise SystemExit(
            f"repair_wheel.py: {wheel.name} is refused: it needs {', '.join(found)} of this "
            "system, and with them about 120 libraries would go into the wheel. Build it on the "
            "static FFmpeg of tools/build_ffmpeg.sh, with GYMREEL_BUNDLED_FFMPEG=1 in the "
            "environment (`make wheel` does both)."
        )


def check_result(wheel: Path) -> None:
    """Refuse a repaired wheel that is too large or contains copied libraries.

    Raises:
        SystemExit: The wheel is refused.
    """
    size = wheel.stat().st_size
    if size > MAX_BYTES:
        raise SystemExit(
            f"repair_wheel.py: {wheel.name} is refused: {size / 1e6:.1f} MB is more than "
            f"the {MAX_BYTES / 1e6:.0f} MB that a wheel may have; tools/build_ffmpeg.sh says "
            "what is enabled"
        )
    copied = [
        name
        for name in zipfile.ZipFile(wheel).namelist()
        if re.match(r"gymreel\.libs/|gymreel/\.dylibs/", name)
    ]
    if copied:
        raise SystemExit(
            f"repair_wheel.py: {wheel.name} is refused: these were copied into it, and nothing "
            f"should have to be: {', '.join(copied)}"
        )
    print(f"repair_wheel.py: {wheel.name}: {size / 1e6:.1f} MB")


def main(wheel: Path, folder: Path, *architectures: str) -> None:
    """Check and repair a wheel, check the result, and put it into a folder.

    Args:
        wheel: The wheel that was built.
        folder: Folder for the repaired wheel. A wheel of the same name is replaced.
        *architectures: On macOS, the architectures that everything in the wheel must support.
    """
    check_libraries(wheel)
    with tempfile.TemporaryDirectory() as unchecked:
        command = [*_TOOLS[sys.platform][1], unchecked, str(wheel)]
        if architectures:
            command[1:1] = ["--require-archs", *architectures]
        subprocess.run(command, check=True)
        (repaired,) = Path(unchecked).glob("*.whl")
        check_result(repaired)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repaired, folder / repaired.name)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
