"""patch(): scripts that name Gymnasium's recorders get gymreel's, without a change to them."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from gymreel.errors import GymreelWarning

__all__ = ["patch", "unpatch"]

_OURS = {
    ("gymnasium.wrappers.rendering", "RecordVideo"): "gymreel.wrappers",
    ("gymnasium.wrappers.common", "RecordEpisodeStatistics"): "gymreel.wrappers",
    ("gymnasium.wrappers.vector.rendering", "RecordVideo"): "gymreel.wrappers.vector",
    ("gymnasium.wrappers.vector.common", "RecordEpisodeStatistics"): "gymreel.wrappers.vector",
}
"""Where Gymnasium defines its recorders, and which modules have ours under the same names."""

_SB3 = "stable_baselines3.common.vec_env.vec_video_recorder"

_PATCHED = ("gymnasium", "stable_baselines3")

_classes: list[tuple[Any, Any]] = []
"""Which class was replaced by which."""

_patches: list[tuple[Any, str, Any, Any]] = []
"""Where: the module or class, the name in it, what stood there and what stands there now."""

_MISSING = object()


def patch() -> Callable[[], None]:
    """Put gymreel's recorders in the place of Gymnasium's and Stable-Baselines3's.

    From then on ``gymnasium.wrappers.RecordVideo`` and ``RecordEpisodeStatistics``, those of
    ``gymnasium.wrappers.vector`` and ``stable_baselines3.common.vec_env.VecVideoRecorder`` are
    gymreel's classes, under whichever name and in whichever module they were imported before.
    Stable-Baselines3 is patched when it is imported, before or later. Calling this again changes
    nothing.

    Processes that ``multiprocessing`` starts from then on are patched as well, whichever way it
    starts them: those of ``AsyncVectorEnv`` and ``SubprocVecEnv``, for example. Out of reach are
    processes that something else starts, classes held elsewhere than in a module's names, such as
    in a list or as a base class, and environments that exist already.

    Returns:
        :func:`unpatch`.
    """
    for (module_name, name), ours in _OURS.items():
        try:
            module = importlib.import_module(module_name)
            original = getattr(module, name)
        except (ImportError, AttributeError):  # An older Gymnasium without it.
            continue
        replacement = getattr(importlib.import_module(ours), name)
        _replace_everywhere(original, replacement)
    sb3 = sys.modules.get(_SB3)
    if sb3 is not None:
        _patch_sb3(sb3)
    elif _hook not in sys.meta_path:
        sys.meta_path.insert(0, _hook)
    spawn: Any = importlib.import_module("multiprocessing.spawn")
    if not any(owner is spawn for owner, *_ in _patches):
        _set(spawn, "get_preparation_data", _preparing_to_patch(spawn.get_preparation_data))
    return unpatch


def unpatch() -> None:
    """Undo :func:`patch`.

    What others have imported from the patched modules meanwhile stays gymreel's.
    """
    if _hook in sys.meta_path:
        sys.meta_path.remove(_hook)
    for original, replacement in _classes:
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in _PATCHED:
                for key in _names_of(module, replacement):
                    setattr(module, key, original)
    _classes.clear()
    while _patches:
        owner, name, before, now = _patches.pop()
        if vars(owner).get(name) is not now:
            continue  # Somebody else has put something there since.
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


_PATCH_CHILD = """
import sys
path, sys.path = sys.path, parents_path
try:
    import gymreel
    gymreel.patch()
except Exception as error:
    import warnings
    warnings.warn(f"gymreel's recorders are not in place in a process of its own: {error!r}")
finally:
    sys.path = path
"""


class _PatchOfChild:
    """Patches the process that unpickles this, of which only the path of modules is known.

    A child may find gymreel only where its parent has come to look for it, so nothing of gymreel's
    can be named here.
    """

    def __init__(self, path: list[str]) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str, dict[str, Any]]]:
        return exec, (_PATCH_CHILD, {"parents_path": self._path})


def _preparing_to_patch(original: Callable[[str], dict[str, Any]]) -> Callable[[str], Any]:
    """Give a child's first message an entry that patches it, and that nobody looks for.

    It is read before the child imports the script, as a script is patched before it runs. Spawned
    children and those of a fork server get such a message; forked ones are as their parent is.
    """

    def get_preparation_data(name: str) -> dict[str, Any]:
        data = original(name)
        return {**data, "gymreel": _PatchOfChild(data["sys_path"])}

    return get_preparation_data


def _replace_everywhere(original: Any, replacement: Any) -> None:
    """Replace a class in the names of all modules, also those that imported it before."""
    if original is replacement:
        return
    _classes.append((original, replacement))
    for module in list(sys.modules.values()):
        for name in _names_of(module, original):
            _set(module, name, replacement)


def _names_of(module: object, value: object) -> list[str]:
    """Return the names that a module has for an object."""
    if not isinstance(module, ModuleType):  # Some put other things into sys.modules.
        return []
    return [name for name, entry in list(vars(module).items()) if entry is value]


def _set(owner: Any, name: str, value: Any) -> None:
    _patches.append((owner, name, vars(owner).get(name, _MISSING), value))
    setattr(owner, name, value)


def _patch_sb3(module: ModuleType) -> None:
    """Replace Stable-Baselines3's recorder, whose module was just imported or long before."""
    try:
        ours = importlib.import_module("gymreel.integrations.sb3").VecVideoRecorder
    except ImportError as error:
        warnings.warn(
            f"Stable-Baselines3's VecVideoRecorder stays as it is: {error}",
            GymreelWarning,
            stacklevel=2,
        )
        return
    _replace_everywhere(module.VecVideoRecorder, ours)


class _PatchingLoader(importlib.abc.Loader):
    """Loads a module as its own loader does, and patches it."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module must not tell who has loaded it: others ask its loader for its source.
        module.__loader__ = self._loader
        assert module.__spec__ is not None
        module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _patch_sb3(module)


class _Hook(importlib.abc.MetaPathFinder):
    """Is asked for each import, and lets all pass but the one that it waits for."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _SB3:
            return None
        for finder in list(sys.meta_path):
            # Before Python 3.12 there may be finders that have another method instead.
            find_spec = getattr(finder, "find_spec", None)
            if finder is self or find_spec is None:
                continue
            spec: importlib.machinery.ModuleSpec | None = find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _PatchingLoader(spec.loader)
                return spec
        return None


_hook = _Hook()
