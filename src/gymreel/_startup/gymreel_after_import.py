"""Calls functions when certain modules have been imported."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to import than all of this.
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

__all__ = ["AfterImport"]


class AfterImport:
    """A finder for ``sys.meta_path`` that calls functions after certain modules were imported.

    It delegates finding and loading to the other finders.

    Args:
        functions: For each name of a module, a function of the imported module.
    """

    def __init__(self, functions: dict[str, Callable[[ModuleType], None]]) -> None:
        self._functions = functions

    def install(self) -> None:
        """Start to watch imports. A second call changes nothing."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Stop to watch imports. Without :meth:`install`, this does nothing."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders do, with a loader that calls the function afterwards."""
        function = self._functions.get(fullname)
        if function is None:
            return None
        for finder in list(sys.meta_path):
            # Before Python 3.12 there may be finders that have another method instead.
            find_spec = getattr(finder, "find_spec", None)
            if finder is self or find_spec is None:
                continue
            spec: ModuleSpec | None = find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _CallingLoader(spec.loader, function)  # type: ignore[assignment]
                return spec
        return None


class _CallingLoader:
    """Loads a module with its own loader, and calls a function afterwards."""

    def __init__(self, loader: Any, function: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._function = function

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module gets its own loader, which others ask for its source.
        module.__loader__ = self._loader
        assert module.__spec__ is not None
        module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._function(module)

    def __getattr__(self, name: str) -> Any:
        """Return other attributes of the loader, for access before the module is loaded."""
        return getattr(object.__getattribute__(self, "_loader"), name)
