"""Patches Gymnasium's recorders in this process when Gymnasium is imported, and not before."""

from __future__ import annotations

import os
import sys

from gymreel_after_import import AfterImport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["install"]

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""Where the parent's gymreel is."""


def install() -> None:
    """Patch this process once it has imported Gymnasium."""
    # A program that imports gymreel's wrappers first gets to Gymnasium in the midst of them, and
    # one that W&B monitors in the midst of what W&B does to the recorder.
    names = ("gymnasium", "gymreel.wrappers", "wandb.integration.gym")
    AfterImport(dict.fromkeys(names, _patch)).install()


def _patch(_: ModuleType) -> None:
    wrappers = sys.modules.get("gymreel.wrappers")
    if wrappers is not None and not hasattr(wrappers, "RecordVideo"):
        return  # In the midst of them, so that this is called again at their end.
    # This process may look for packages elsewhere than its parent.
    is_added = _ROOT not in sys.path
    if is_added:
        sys.path.append(_ROOT)
    try:
        import gymreel  # noqa: PLC0415

        gymreel.patch(wait=os.environ.get("GYMREEL_PATCH") == "wait")
    except Exception as error:
        import warnings  # noqa: PLC0415

        message = f"gymreel's recorders are not in place in process {os.getpid()}: {error}"
        try:
            warnings.warn(message, stacklevel=2)
        except Warning:  # With -W error. The program can do without gymreel.
            print(message, file=sys.stderr)
    finally:
        if is_added and _ROOT in sys.path:
            sys.path.remove(_ROOT)
