"""What pyproject.toml cannot say: the licence of a wheel depends on what is built into it.

gymreel's own sources are MIT, and so is a build on the system's FFmpeg. A wheel with an FFmpeg
inside (with GYMREEL_BUNDLED_FFMPEG set; tools/build_ffmpeg.sh has put it into bundled/) is under
the licences of all that it contains, and carries their texts along, with the configure lines and
where the sources are from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

_OWN = "MIT"
# FFmpeg with libx264, or without it; libvpx, Highway and pybind11 are BSD, single files of FFmpeg's
# and the encoders' are ISC or the Independent JPEG Group's.
_OTHERS = "BSD-3-Clause AND ISC AND IJG"
_BUNDLED = {
    "gpl": f"{_OWN} AND GPL-2.0-or-later AND {_OTHERS}",
    "lgpl": f"{_OWN} AND LGPL-2.1-or-later AND {_OTHERS}",
}
_NO = ("", "0", "f", "false", "n", "no", "off")


def dynamic_metadata(settings: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, Any]:
    """Return the licence and its files, as scikit-build-core asks for them at every build."""
    # As scikit-build-core reads the variable in its overrides.
    if os.environ.get("GYMREEL_BUNDLED_FFMPEG", "").lower() in _NO:
        return {"license": _OWN, "license-files": ["LICENSE"]}
    flavour = Path("bundled/flavour.txt")
    if not flavour.exists():
        raise FileNotFoundError(
            "GYMREEL_BUNDLED_FFMPEG is set, but there is no FFmpeg in bundled/: "
            "run tools/build_ffmpeg.sh first"
        )
    _copy_pybind11s_license()
    return {
        "license": _BUNDLED[flavour.read_text().strip()],
        "license-files": ["LICENSE", "bundled/licenses/*"],
    }


def _copy_pybind11s_license() -> None:
    """Put it to the others: pybind11 is headers, compiled into the module."""
    texts = [
        file.read_text()
        for file in metadata.files("pybind11") or []
        if file.name == "LICENSE" and "licenses" in file.parts
    ]
    if not texts:
        raise FileNotFoundError("the installed pybind11 has no licence text to carry along")
    Path("bundled/licenses/pybind11-LICENSE.txt").write_text(texts[0])


def dynamic_wheel(settings: Mapping[str, Any]) -> dict[str, bool]:
    """Say that a wheel may differ in this from the source distribution it is built from."""
    return {"license": True, "license-files": True}
