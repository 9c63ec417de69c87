"""Makes a wheel fit to be given away, or says why it is not; cibuildwheel's repair step.

    python tools/repair_wheel.py WHEEL FOLDER [ARCHITECTURES]

The platform's own tool (auditwheel, delocate or delvewheel) sets the wheel's tag and would copy in
what the module needs. For an FFmpeg of the system that is 120 libraries under all kinds of
licences, so such a wheel is refused; and what comes out must be small.
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

# What lists a wheel's libraries from outside, and what repairs it.
_TOOLS = {
    "linux": (["auditwheel", "show"], ["auditwheel", "repair", "--wheel-dir"]),
    "darwin": (["delocate-listdeps", "--all"], ["delocate-wheel", "--wheel-dir"]),
    "win32": (["delvewheel", "show"], ["delvewheel", "repair", "--wheel-dir"]),
}
_FFMPEG = re.compile(
    r"\b(?:lib)?(?:avcodec|avformat|avutil|swscale|x264|vpx)[-.\w]*\.(?:so|dylib|dll)\b"
)


def check_libraries(wheel: Path) -> None:
    """Refuse a wheel whose module needs an FFmpeg from outside.

    Raises:
        SystemExit: It does; with what to do instead.
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
    """Refuse a repaired wheel that is too large or got libraries copied in.

    Raises:
        SystemExit: It is, or it did.
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
    """Check, repair, check again, and only then put the wheel into ``folder``.

    Args:
        wheel: What was built.
        folder: Where the repaired wheel goes; one of the same name is replaced.
        *architectures: On macOS, those that everything in the wheel must be for.
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
