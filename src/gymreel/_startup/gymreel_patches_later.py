"""Patches Gymnasium's recorders in this process once Gymnasium is imported."""

from __future__ import annotations

import os
import sys

from gymreel_after_import import AfterImport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["install"]

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""Folder of the parent's gymreel."""


def install() -> None:
    """Patch this process once it has imported Gymnasium."""
    # If gymreel's wrappers are imported first, Gymnasium is imported while they are incomplete, and
    # with W&B's monitor_gym, while W&B is about to change the recorder.
    names = ("gymnasium", "gymreel.wrappers", "wandb.integration.gym")
    AfterImport(dict.fromkeys(names, _patch)).install()


def _patch(_: ModuleType) -> None:
    wrappers = sys.modules.get("gymreel.wrappers")
    if wrappers is not None and not hasattr(wrappers, "RecordVideo"):
        return  # They are incomplete. This is called again once they are imported.
    # The path of this process may differ from its parent's.
    is_added = _ROOT not in sys.path
    if is_added:
        sys.path.append(_ROOT)
    try:
        import gymreel  # noqa: PLC0415

        gymreel.patch(wait=os.environ.get("GYMREEL_PATCH") == "wait")
    except Exception as error:
        import warnings  # noqa: PLC0415

        message = f"gymreel could not patch process {os.getpid()}: {error}"
        try:
            warnings.warn(message, stacklevel=2)
        except Warning:  # With -W error. The program can run without gymreel.
            print(message, file=sys.stderr)
    finally:
        if is_added and _ROOT in sys.path:
            sys.path.remove(_ROOT)
