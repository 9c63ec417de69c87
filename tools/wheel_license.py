"""What pyproject.toml cannot say: the licence of a wheel depends on what is built into it.

gymreel's own sources are MIT, and so is a build on the system's FFmpeg. A wheel with an FFmpeg
inside (with GYMREEL_BUNDLED_FFMPEG set; tools/build_ffmpeg.sh has put it into bundled/) is under
the licences of all that it contains, and carries their texts along, with the configure lines and
where the sources are from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_OWN = "MIT"
# FFmpeg with libx264, or without it; libvpx and Highway are BSD either way.
_BUNDLED = {
    "gpl": f"{_OWN} AND GPL-2.0-or-later AND BSD-3-Clause",
    "lgpl": f"{_OWN} AND LGPL-2.1-or-later AND BSD-3-Clause",
}


def dynamic_metadata(settings: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, Any]:
    """Return the licence and its files, as scikit-build-core asks for them at every build."""
    if os.environ.get("GYMREEL_BUNDLED_FFMPEG", "").lower() not in ("1", "on", "true", "yes"):
        return {"license": _OWN, "license-files": ["LICENSE"]}
    flavour = Path("bundled/flavour.txt")
    if not flavour.exists():
        raise FileNotFoundError(
            "GYMREEL_BUNDLED_FFMPEG is set, but there is no FFmpeg in bundled/: "
            "run tools/build_ffmpeg.sh first"
        )
    return {
        "license": _BUNDLED[flavour.read_text().strip()],
        "license-files": ["LICENSE", "bundled/licenses/*"],
    }


def dynamic_wheel(settings: Mapping[str, Any]) -> dict[str, bool]:
    """Say that a wheel may differ in this from the source distribution it is built from."""
    return {"license": True, "license-files": True}
