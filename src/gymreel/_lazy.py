"""Modules that are imported when somebody first asks for them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

__all__ = ["import_when_asked"]


def import_when_asked(package: str, *names: str) -> Callable[[str], ModuleType]:
    """Return a ``__getattr__`` for a package, which imports modules of it.

    ``import gymreel`` stays quick and needs none of what they need, and ``gymreel.wrappers`` is
    there all the same.

    Args:
        package: The package's name.
        *names: The modules.
    """

    def __getattr__(name: str) -> ModuleType:  # noqa: N807  # That is what it becomes.
        if name in names:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return __getattr__
