"""``patch`` replaces the recorders of Gymnasium and Stable-Baselines3 by gymreel's."""

from __future__ import annotations

import functools
import importlib
import os
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from gymreel._startup.gymreel_after_import import AfterImport
from gymreel._warnings import warn
from gymreel.errors import MissingPackageError

__all__ = ["patch", "unpatch"]

_OURS = {
    ("gymnasium.wrappers.rendering", "RecordVideo"): "gymreel.wrappers",
    ("gymnasium.wrappers.common", "RecordEpisodeStatistics"): "gymreel.wrappers",
    ("gymnasium.wrappers.vector.rendering", "RecordVideo"): "gymreel.wrappers.vector",
    ("gymnasium.wrappers.vector.common", "RecordEpisodeStatistics"): "gymreel.wrappers.vector",
}
"""Where Gymnasium defines its recorders, and the modules with ours of the same names."""

_OLDEST_GYMNASIUM = (1, 2, 1)
"""The first version with a recorder for vector environments, as in ``pyproject.toml``."""

_SB3 = "stable_baselines3.common.vec_env.vec_video_recorder"

_WANDB = "wandb.integration.gym"

_STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_startup")
"""Folder that is put into the ``PYTHONPATH`` of child programs."""

_PATCHED = ("gymnasium", "stable_baselines3")

_classes: list[tuple[Any, Any]] = []
"""Each class that was replaced, and its replacement."""

_patches: list[tuple[Any, str, Any, Any]] = []
"""Each name that was changed: its module, the name, the value before and the value now."""

_MISSING = object()


def patch(*, children: bool = False, wait: bool = False) -> Callable[[], None]:
    """Replace the recorders of Gymnasium and Stable-Baselines3 by gymreel's.

    ``gymnasium.wrappers.RecordVideo`` and ``RecordEpisodeStatistics``, their counterparts in
    ``gymnasium.wrappers.vector``, and ``stable_baselines3.common.vec_env.VecVideoRecorder`` become
    gymreel's classes in every module that has imported them, under any name. Stable-Baselines3 may
    be imported before or after the call. A second call changes nothing.

    Processes that ``multiprocessing`` starts afterwards are patched as well, with any start method;
    ``AsyncVectorEnv`` and ``SubprocVecEnv`` use such processes. References outside of module
    namespaces (in a list, or as a base class) and existing environments are not changed.

    Args:
        children: Whether to patch the Python programs that this one starts, and those that they
            start, with ``subprocess`` or as workers of a local Ray. They are patched when they
            import Gymnasium. This sets the environment variable ``GYMREEL_PATCH=1`` and puts a
            folder of gymreel in front of ``PYTHONPATH``. Programs that are started without these
            variables, with the options ``-E``, ``-I`` or ``-S``, or with ``GYMREEL_PATCH=0`` are
            not patched.
        wait: Whether recorders that are made afterwards wait for each video when its recording
            ends, as with their argument ``wait``. This is for scripts that look for the file at
            once. It costs little time if processors are idle, and noticeably more if not.

    Returns:
        :func:`unpatch`.

    Raises:
        MissingPackageError: Gymnasium is not installed, or older than 1.2.1.
    """
    _check_gymnasium()
    for (module_name, name), ours in _OURS.items():
        try:
            original = getattr(importlib.import_module(module_name), name)
        except (ImportError, AttributeError) as error:  # A later Gymnasium, perhaps.
            warn(f"Gymnasium's {module_name}.{name} is not replaced: {error}")
            continue
        _replace_everywhere(original, getattr(importlib.import_module(ours), name))
    for name, patch_module in _LATER.items():
        module = sys.modules.get(name)
        if module is not None:
            patch_module(module)
    _hook.install()
    spawn: Any = importlib.import_module("multiprocessing.spawn")
    if not any(owner is spawn for owner, *_ in _patches):
        _set(spawn, "get_preparation_data", _preparing_to_patch(spawn.get_preparation_data))
    if wait:
        _let_recorders_wait(True)
    if children:
        _reach_children("wait" if wait else "1")
    return unpatch


def unpatch() -> None:
    """Undo :func:`patch`.

    Names that other packages have imported from the patched modules meanwhile stay gymreel's.
    """
    _hook.remove()
    for original, replacement in _classes:
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in _PATCHED:
                for key in _names_of(module, replacement):
                    setattr(module, key, original)
    _classes.clear()
    while _patches:
        owner, name, before, now = _patches.pop()
        if _namespace(owner).get(name) is not now:
            continue  # Another package has replaced it since.
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
    _let_recorders_wait(False)
    _leave_children()


def _let_recorders_wait(wait: bool) -> None:
    """Set whether recorders that are made from now on wait for their videos."""
    recording: Any = sys.modules.get("gymreel._recording.wrapper")
    if recording is not None:
        recording.RecordingWrapper.waits_by_default = wait


def _check_gymnasium() -> None:
    """Check that Gymnasium is installed and not too old.

    Raises:
        MissingPackageError: Gymnasium is not installed, or is too old.
    """
    oldest = ".".join(map(str, _OLDEST_GYMNASIUM))
    remedy = f"pip install 'gymnasium>={oldest}'"
    try:
        gymnasium = importlib.import_module("gymnasium")
    except ImportError as error:
        raise MissingPackageError(
            "there are no recorders to replace, because gymnasium cannot be imported "
            f"({error}): {remedy}"
        ) from error
    version = str(getattr(gymnasium, "__version__", ""))
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if numbers and tuple(int(number or 0) for number in numbers.groups()) < _OLDEST_GYMNASIUM:
        raise MissingPackageError(
            f"gymreel's recorders work with Gymnasium {oldest} and later and cannot replace those "
            f"of Gymnasium {version}: {remedy}"
        )


_children: dict[str, str | None] = {}
"""The value of ``GYMREEL_PATCH`` before :func:`_reach_children`."""


def _reach_children(how: str) -> None:
    """Have Python programs that are started from now on patch themselves."""
    if not _children:
        _children["GYMREEL_PATCH"] = os.environ.get("GYMREEL_PATCH")
    os.environ["GYMREEL_PATCH"] = how
    # An empty entry would mean the current folder.
    rest = [path for path in _python_path() if path != _STARTUP]
    os.environ["PYTHONPATH"] = os.pathsep.join([_STARTUP, *rest])


def _leave_children() -> None:
    """Undo :func:`_reach_children`, except for changes by others meanwhile."""
    for name, value in _children.items():
        if os.environ.get(name) not in ("1", "wait"):
            continue
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    if _children and _STARTUP in _python_path():
        rest = [path for path in _python_path() if path != _STARTUP]
        if rest:
            os.environ["PYTHONPATH"] = os.pathsep.join(rest)
        else:
            del os.environ["PYTHONPATH"]
    _children.clear()


def _python_path() -> list[str]:
    paths = os.environ.get("PYTHONPATH", "")
    return paths.split(os.pathsep) if paths else []


_PATCH_CHILD = """
import sys
path, sys.path = sys.path, parents_path
try:
    import gymreel
    gymreel.patch(wait=recorders_wait)
except Exception as error:
    import warnings
    message = f"gymreel could not patch a child process: {error!r}"
    try:
        warnings.warn(message, stacklevel=2)
    except Warning:  # With -W error. The process can run without gymreel.
        print(message, file=sys.stderr)
finally:
    sys.path = path
"""


class _PatchOfChild:
    """Patches the process that unpickles it.

    The pickle is executed without importing this module, because the child may find gymreel only
    in its parent's ``sys.path``.
    """

    def __init__(self, path: list[str]) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str, dict[str, Any]]]:
        waits = importlib.import_module("gymreel._recording.wrapper").RecordingWrapper
        return exec, (
            _PATCH_CHILD,
            {"parents_path": self._path, "recorders_wait": waits.waits_by_default},
        )


def _preparing_to_patch(original: Callable[[str], dict[str, Any]]) -> Callable[[str], Any]:
    """Return a ``get_preparation_data`` whose result patches a child as it is unpickled.

    Spawned children and those of a fork server unpickle it before they import the script. Forked
    children are patched like their parent.
    """

    def get_preparation_data(name: str) -> dict[str, Any]:
        data = original(name)
        return {**data, "gymreel": _PatchOfChild(data["sys_path"])}

    return get_preparation_data


def _replace_everywhere(original: Any, replacement: Any) -> None:
    """Replace a class in all modules that have a name for it."""
    if original is replacement:
        return
    _classes.append((original, replacement))
    for module in list(sys.modules.values()):
        for name in _names_of(module, original):
            _set(module, name, replacement)


def _names_of(module: object, value: object) -> list[str]:
    """Return the names that a module has for an object."""
    if not isinstance(module, ModuleType):  # sys.modules may contain other objects.
        return []
    return [name for name, entry in list(_namespace(module).items()) if entry is value]


def _namespace(module: ModuleType) -> dict[str, Any]:
    """Return the namespace of a module, without loading a lazy module."""
    namespace: dict[str, Any] = _DICT_OF_MODULES.__get__(module)
    return namespace


_DICT_OF_MODULES: Any = vars(ModuleType)["__dict__"]
"""The descriptor of ``__dict__``, which bypasses the attribute access of lazy modules."""


def _set(owner: ModuleType, name: str, value: Any) -> None:
    _patches.append((owner, name, _namespace(owner).get(name, _MISSING), value))
    setattr(owner, name, value)


def _patch_sb3(module: ModuleType) -> None:
    """Replace Stable-Baselines3's recorder, once its module has been imported."""
    try:
        ours = importlib.import_module("gymreel.integrations.sb3").VecVideoRecorder
    except ImportError as error:
        warn(f"Stable-Baselines3's VecVideoRecorder is not replaced: {error}")
        return
    _replace_everywhere(module.VecVideoRecorder, ours)


def _patch_wandb(module: ModuleType) -> None:
    """Keep W&B from changing gymreel's recorder, which supports ``monitor_gym`` by itself.

    ``wandb.init(monitor_gym=True)`` would replace methods of the class. Its ``__del__`` closes the
    environment a second time, possibly while the interpreter exits.
    """
    monitor = module.monitor
    if any(owner is module for owner, *_ in _patches):
        return

    @functools.wraps(monitor)
    def monitor_and_restore() -> None:
        recorder = importlib.import_module("gymnasium.wrappers").RecordVideo
        is_ours = any(recorder is replacement for _, replacement in _classes)
        before = dict(vars(recorder))
        try:
            monitor()
        finally:
            for name, value in list(vars(recorder).items()) if is_ours else []:
                if name not in before:
                    delattr(recorder, name)
                elif value is not before[name]:
                    setattr(recorder, name, before[name])

    _set(module, "monitor", monitor_and_restore)


_LATER: dict[str, Callable[[ModuleType], None]] = {_SB3: _patch_sb3, _WANDB: _patch_wandb}
"""Modules that are patched when they are imported, because importing them takes long."""

_hook = AfterImport(_LATER)
