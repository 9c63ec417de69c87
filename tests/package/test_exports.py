"""What the package offers: names, versions, documentation, and what importing it does."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import gymreel
from gymreel import _core
from support.paths import PROJECT

MODULES = [
    "gymreel",
    "gymreel._writer_config",
    "gymreel.encoders",
    "gymreel.episodes",
    "gymreel.errors",
    "gymreel.grid",
    "gymreel.keep",
    "gymreel.notebook",
    "gymreel.patching",
    "gymreel.pictures",
    "gymreel.recovery",
    "gymreel.engine",
    "gymreel._tiles",
    "gymreel.trackers",
    "gymreel.triggers",
    "gymreel._html",
    "gymreel.writer",
    "gymreel.wrappers",
    "gymreel.wrappers.vector",
]
OFFERED_AT_THE_TOP = {
    "gymreel.errors",
    "gymreel.encoders",
    "gymreel.episodes",
    "gymreel.notebook",
    "gymreel.patching",
    "gymreel.recovery",
    "gymreel.engine",
    "gymreel.writer",
}
NOT_OFFERED = {"DEFAULT_MAX_PENDING_BYTES", "LOG_NAME", "find_interrupted", "recover_and_report"}


def _load(name: str) -> ModuleType:
    return importlib.import_module(name)


def _run(code: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert finished.stderr == ""
    return finished.stdout.strip()


@pytest.mark.parametrize("name", MODULES)
def test_every_name_in_all_exists_and_is_sorted_and_documented(name: str) -> None:
    module = _load(name)
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for exported in module.__all__:
        value = getattr(module, exported)
        if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
            assert inspect.getdoc(value), f"{name}.{exported} has no docstring"


@pytest.mark.parametrize("name", sorted(OFFERED_AT_THE_TOP))
def test_the_package_offers_the_same_objects_as_its_modules(name: str) -> None:
    module = _load(name)
    for exported in set(module.__all__) - NOT_OFFERED:
        assert exported in gymreel.__all__
        assert getattr(gymreel, exported) is getattr(module, exported)


def test_the_package_offers_nothing_else() -> None:
    offered = {name for module in OFFERED_AT_THE_TOP for name in _load(module).__all__}
    offered -= NOT_OFFERED
    assert set(gymreel.__all__) == offered | {"__version__", "keep", "triggers"}
    assert gymreel.triggers is _load("gymreel.triggers")


@pytest.mark.parametrize("owner", [gymreel.VideoWriter, gymreel.Recording, gymreel.WriterStats])
def test_every_public_method_has_a_docstring(owner: type) -> None:
    public = [name for name in vars(owner) if not name.startswith("_")]
    assert public or owner is not gymreel.VideoWriter
    for name in public:
        assert inspect.getdoc(inspect.getattr_static(owner, name)), name


@pytest.mark.parametrize(
    "owner",
    [gymreel.Recording, gymreel.RecoveredRecording, gymreel.WriterStats, gymreel.CodecInfo],
)
def test_every_attribute_of_a_record_is_documented(owner: type) -> None:
    text = inspect.getdoc(owner) or ""
    for name in owner.__annotations__:
        assert re.search(rf"^ +{name}: ", text, re.MULTILINE), f"{owner.__name__}.{name}"


@pytest.mark.parametrize("function", [gymreel.VideoWriter, gymreel.encode])
def test_every_argument_is_documented(function: object) -> None:
    text = inspect.getdoc(function) or ""
    parameters = inspect.signature(function).parameters  # type: ignore[arg-type]
    for name in parameters:
        assert re.search(rf"^ +(\*\*)?{name}: ", text, re.MULTILINE), name


def test_importing_the_package_needs_no_gymnasium() -> None:
    code = "import sys, gymreel; gymreel.VideoWriter; print('gymnasium' in sys.modules)"
    assert _run(code) == "False"


@pytest.mark.parametrize(
    "name",
    [
        "grid",
        "integrations",
        "keep",
        "pictures",
        "trackers",
        "triggers",
        "wrappers",
        "wrappers.vector",
    ],
)
def test_public_modules_are_there_after_importing_the_package(name: str) -> None:
    assert _run(f"import gymreel; print(gymreel.{name}.__name__)") == f"gymreel.{name}"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'gymreel' has no attribute 'wrapers'"):
        _ = gymreel.wrapers  # type: ignore[attr-defined]


def test_importing_the_package_starts_no_thread() -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("this system does not list the threads of a process in /proc")
    count = "import os, numpy; before = len(os.listdir('/proc/self/task')); import gymreel; "
    assert _run(count + "print(len(os.listdir('/proc/self/task')) - before)") == "0"


def test_the_version_is_one_everywhere() -> None:
    pyproject = PROJECT / "pyproject.toml"
    (version,) = re.findall(r'^version = "([^"]+)"$', pyproject.read_text("utf-8"), re.MULTILINE)
    assert gymreel.__version__ == _core.__version__ == version


def test_the_version_is_that_of_the_installed_distribution() -> None:
    try:
        installed = importlib.metadata.version("gymreel")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("gymreel is imported from its source tree here, not installed")
    assert gymreel.__version__ == installed


def test_the_module_says_which_ffmpeg_it_uses() -> None:
    assert re.match(r"n?\d+\.\d+|[Ng]", _core.ffmpeg_version)
    assert "GPL" in _core.ffmpeg_license
