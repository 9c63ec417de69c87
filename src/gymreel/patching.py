"""patch(): scripts that name Gymnasium's recorders get gymreel's, without a change to them."""

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
"""Where Gymnasium defines its recorders, and which modules have ours under the same names."""

_OLDEST_GYMNASIUM = (1, 2, 1)
"""The first with a recorder for vector environments, as ``pyproject.toml`` declares."""

_SB3 = "stable_baselines3.common.vec_env.vec_video_recorder"

_WANDB = "wandb.integration.gym"

_STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_startup")
"""What the Python programs that this one starts read at their start, see there."""

_PATCHED = ("gymnasium", "stable_baselines3")

_classes: list[tuple[Any, Any]] = []
"""Which class was replaced by which."""

_patches: list[tuple[Any, str, Any, Any]] = []
"""Where: the module or class, the name in it, what stood there and what stands there now."""

_MISSING = object()


def patch(*, children: bool = False, wait: bool = False) -> Callable[[], None]:
    """Put gymreel's recorders in the place of Gymnasium's and Stable-Baselines3's.

    From then on ``gymnasium.wrappers.RecordVideo`` and ``RecordEpisodeStatistics``, those of
    ``gymnasium.wrappers.vector`` and ``stable_baselines3.common.vec_env.VecVideoRecorder`` are
    gymreel's classes, under whichever name and in whichever module they were imported before.
    Stable-Baselines3 is patched when it is imported, before or later. Calling this again changes
    nothing.

    Processes that ``multiprocessing`` starts from then on are patched as well, whichever way it
    starts them: those of ``AsyncVectorEnv`` and ``SubprocVecEnv``, for example. Out of reach are
    classes held elsewhere than in a module's names, such as in a list or as a base class, and
    environments that exist already.

    Args:
        children: Whether to patch the Python programs that this one starts as well, and those that
            they start: with ``subprocess``, or as the workers of a local Ray. They are patched when
            they import Gymnasium. It takes two variables of ``os.environ``, ``GYMREEL_PATCH=1`` and
            a folder of gymreel's in front of ``PYTHONPATH``; a program that is started without
            them, or with the options ``-E``, ``-I`` or ``-S``, stays as it is, and so does one with
            ``GYMREEL_PATCH=0``.
        wait: Whether recorders that are made from now on wait for each video when its recording
            ends, as their argument ``wait`` says: for scripts that look for the file at once. It
            costs training little where processors are free, and noticeably where they are not.

    Returns:
        :func:`unpatch`.

    Raises:
        MissingPackageError: Gymnasium is not installed, or older than 1.2.1.
    """
    _check_gymnasium()
    for (module_name, name), ours in _OURS.items():
        try:
            original = getattr(importlib.import_module(module_name), name)
        except (ImportError, AttributeError) as error:  # A Gymnasium of the future, perhaps.
            warn(f"Gymnasium's {module_name}.{name} stays as it is: {error}")
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

    What others have imported from the patched modules meanwhile stays gymreel's.
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
            continue  # Somebody else has put something there since.
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
    _let_recorders_wait(False)
    _leave_children()


def _let_recorders_wait(wait: bool) -> None:
    """Have recorders that are made from now on wait for their videos, or not."""
    recording: Any = sys.modules.get("gymreel._recording.wrapper")
    if recording is not None:
        recording.RecordingWrapper.waits_by_default = wait


def _check_gymnasium() -> None:
    """Refuse a Gymnasium whose recorders gymreel's cannot stand in for.

    Raises:
        MissingPackageError: It is not installed, or too old.
    """
    oldest = ".".join(map(str, _OLDEST_GYMNASIUM))
    remedy = f"pip install 'gymnasium>={oldest}'"
    try:
        gymnasium = importlib.import_module("gymnasium")
    except ImportError as error:
        raise MissingPackageError(
            f"there are no recorders to replace, gymnasium cannot be imported ({error}): {remedy}"
        ) from error
    version = str(getattr(gymnasium, "__version__", ""))
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    if numbers and tuple(int(number or 0) for number in numbers.groups()) < _OLDEST_GYMNASIUM:
        raise MissingPackageError(
            f"gymreel's recorders work with Gymnasium {oldest} and later and cannot replace those "
            f"of Gymnasium {version}: {remedy}"
        )


_children: dict[str, str | None] = {}
"""The value that GYMREEL_PATCH had before the programs that are started were to be patched."""


def _reach_children(how: str) -> None:
    """Have the Python programs that are started from now on patch themselves."""
    if not _children:
        _children["GYMREEL_PATCH"] = os.environ.get("GYMREEL_PATCH")
    os.environ["GYMREEL_PATCH"] = how
    # An empty entry would be the current folder, so there must be none for an empty variable.
    rest = [path for path in _python_path() if path != _STARTUP]
    os.environ["PYTHONPATH"] = os.pathsep.join([_STARTUP, *rest])


def _leave_children() -> None:
    """Undo :func:`_reach_children`, and leave what others have made of the variables meanwhile."""
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
    message = f"gymreel's recorders are not in place in a process of its own: {error!r}"
    try:
        warnings.warn(message, stacklevel=2)
    except Warning:  # With -W error. The process can do without gymreel.
        print(message, file=sys.stderr)
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
        waits = importlib.import_module("gymreel._recording.wrapper").RecordingWrapper
        return exec, (
            _PATCH_CHILD,
            {"parents_path": self._path, "recorders_wait": waits.waits_by_default},
        )


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
    return [name for name, entry in list(_namespace(module).items()) if entry is value]


def _namespace(module: ModuleType) -> dict[str, Any]:
    """Return what a module holds, without loading one that waits to be used for the first time."""
    namespace: dict[str, Any] = _DICT_OF_MODULES.__get__(module)
    return namespace


_DICT_OF_MODULES: Any = vars(ModuleType)["__dict__"]
"""Gets at it past what classes of lazy modules do at each access to an attribute."""


def _set(owner: ModuleType, name: str, value: Any) -> None:
    _patches.append((owner, name, _namespace(owner).get(name, _MISSING), value))
    setattr(owner, name, value)


def _patch_sb3(module: ModuleType) -> None:
    """Replace Stable-Baselines3's recorder, whose module was just imported or long before."""
    try:
        ours = importlib.import_module("gymreel.integrations.sb3").VecVideoRecorder
    except ImportError as error:
        warn(f"Stable-Baselines3's VecVideoRecorder stays as it is: {error}")
        return
    _replace_everywhere(module.VecVideoRecorder, ours)


def _patch_wandb(module: ModuleType) -> None:
    """Keep W&B from changing gymreel's recorder, which logs to a run that monitors by itself.

    What ``wandb.init(monitor_gym=True)`` would give the class closes each environment again when it
    is dropped, and as late as when the interpreter has nothing left to close it with.
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
"""What is patched when it is imported, and how: importing it here would take long."""

_hook = AfterImport(_LATER)
