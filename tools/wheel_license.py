"""The licence in a wheel's metadata, which depends on the libraries that are built into it.

The sources of gymreel and builds with the system's FFmpeg are under the MIT licence. A wheel with
the FFmpeg of tools/build_ffmpeg.sh (GYMREEL_BUNDLED_FFMPEG is set) is under the licences of
everything that it contains. It includes their texts, the configure lines and the addresses of the
sources.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

_OWN = "MIT"
# libvpx, Highway and pybind11 are BSD. Single files of FFmpeg and of the encoders are under the ISC
# licence or that of the Independent JPEG Group. FFmpeg itself is GPL with libx264, else LGPL.
_OTHERS = "BSD-3-Clause AND ISC AND IJG"
_BUNDLED = {
    "gpl": f"{_OWN} AND GPL-2.0-or-later AND {_OTHERS}",
    "lgpl": f"{_OWN} AND LGPL-2.1-or-later AND {_OTHERS}",
}
_NO = ("", "0", "f", "false", "n", "no", "off")


def dynamic_metadata(settings: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, Any]:
    """Return the licence and its files. scikit-build-core calls this for every build."""
    # The variable is read as in the overrides of scikit-build-core.
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
    """Add the licence of pybind11, whose headers are compiled into the module."""
    texts = [
        file.read_text()
        for file in metadata.files("pybind11") or []
        if file.name == "LICENSE" and "licenses" in file.parts
    ]
    if not texts:
        raise FileNotFoundError("the installed pybind11 contains no licence text")
    Path("bundled/licenses/pybind11-LICENSE.txt").write_text(texts[0])


def dynamic_wheel(settings: Mapping[str, Any]) -> dict[str, bool]:
    """Return the fields in which a wheel may differ from its source distribution."""
    return {"license": True, "license-files": True}
