"""Submodules that are imported on first access."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

__all__ = ["import_when_asked"]


def import_when_asked(package: str, *names: str) -> Callable[[str], ModuleType]:
    """Return a ``__getattr__`` for a package that imports submodules on first access.

    It makes ``gymreel.wrappers`` available, while ``import gymreel`` stays fast and does not need
    the packages that the submodule needs.

    Args:
        package: Name of the package.
        *names: Names of the submodules.
    """

    def __getattr__(name: str) -> ModuleType:  # noqa: N807
        if name in names:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return __getattr__
