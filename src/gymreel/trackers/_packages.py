"""How trackers import the packages that they need, which gymreel does not depend on."""

from __future__ import annotations

import importlib
from typing import Any

from gymreel.errors import MissingPackageError

__all__ = ["import_package"]


def import_package(name: str, extra: str, tracker: str) -> Any:
    """Import a module of a package that a tracker needs.

    Args:
        name: The module.
        extra: What to install: ``gymreel[extra]``.
        tracker: The tracker's name, for the error.

    Raises:
        MissingPackageError: The package is not installed, or is broken.
    """
    try:
        module = importlib.import_module(name)
        # A folder of this name, such as the "wandb" of earlier runs, imports as an empty package.
        if getattr(module, "__file__", None) is None:
            raise ImportError(f"{name!r} is only a folder, {list(module.__path__)}", name=name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingPackageError(
            f"{tracker} needs the package {package}, which cannot be imported ({error}): "
            f"pip install gymreel[{extra}]"
        ) from error
    return module
