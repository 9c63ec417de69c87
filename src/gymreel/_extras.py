"""Imports of optional packages, with an error that names what to install."""

from __future__ import annotations

import importlib
from typing import Any

from gymreel.errors import MissingPackageError

__all__ = ["import_package", "missing_package"]


def import_package(name: str, extra: str, who: str) -> Any:
    """Import and return a module of an optional package.

    Args:
        name: Name of the module.
        extra: The extra ``gymreel[extra]`` that installs the package.
        who: The part of gymreel that needs it, for the error.

    Raises:
        MissingPackageError: The package is not installed, or is broken.
    """
    try:
        module = importlib.import_module(name)
        # A folder of this name, such as the "wandb" of earlier runs, is an empty package.
        if getattr(module, "__file__", None) is None:
            raise ImportError(f"{name!r} is only a folder, {list(module.__path__)}", name=name)
    except ImportError as error:
        raise missing_package(who, name.partition(".")[0], extra, error) from error
    return module


def missing_package(who: str, package: str, extra: str, error: ImportError) -> MissingPackageError:
    """Return the error that names what to install.

    Args:
        who: The part of gymreel that needs the package.
        package: Name of the package.
        extra: The extra ``gymreel[extra]`` that installs the package.
        error: The error of the import.
    """
    return MissingPackageError(
        f"{who} needs the package {package}, which cannot be imported ({error}): "
        f"pip install 'gymreel[{extra}]'"
    )
