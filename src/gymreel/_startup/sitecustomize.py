"""Imported by every Python at its start; patches the recorders if the program uses them.

The syntax must be valid in all versions, Python 2 included.
"""

import os
import sys

_folder = os.path.dirname(os.path.abspath(__file__))

if os.environ.get("GYMREEL_PATCH") in ("1", "wait") and sys.version_info >= (3, 8):
    import gymreel_patches_later

    gymreel_patches_later.install()

# Restore the path, and import the sitecustomize that the program would have without this one.
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _folder]
_this = sys.modules.pop("sitecustomize", None)
try:
    import sitecustomize  # noqa: F401
except ImportError as error:
    if getattr(error, "name", None) not in ("sitecustomize", None):
        raise
finally:
    if _this is not None:
        sys.modules.setdefault("sitecustomize", _this)
