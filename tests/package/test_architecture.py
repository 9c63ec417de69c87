"""Which module imports which, checked against the table in docs/architecture.md."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import gymreel
from support.paths import PROJECT
from support.subprocesses import run_python

PACKAGE = Path(gymreel.__file__).parent
DOCUMENT = PROJECT / "docs" / "architecture.md"
ALWAYS_ALLOWED = {*sys.stdlib_module_names, "numpy"}
IMPORTING_FUNCTIONS = {"__import__", "import_module", "import_package"}
ENVIRONMENT_LIBRARIES = {"gymnasium", "pettingzoo", "stable_baselines3"}

pytestmark = pytest.mark.skipif(not DOCUMENT.exists(), reason="needs docs/ of the repository")


def _module_name(path: Path) -> str:
    """Return the name of a module below gymreel, such as ``wrappers.record_video``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "gymreel"


MODULES = {_module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _row_of(module: str) -> str:
    """Return the row of the table that a module belongs to: its own, or that of its package."""
    package, is_nested, _ = module.partition(".")
    is_package = MODULES.get(package, Path()).name == "__init__.py" and package != "gymreel"
    return f"{package}/" if is_nested or is_package else module


def _table(header: str = "module") -> dict[str, set[str]]:
    """Return what the document allows each module or package to import, or each folder of C++."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition(f"\n| {header} |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \|([^|]*)\|$", section, re.MULTILINE)
    return {name: set(re.findall(r"`([^`]+)`", allowed)) for name, allowed in rows}


def _typing_only(tree: ast.AST) -> set[ast.AST]:
    """Return the nodes that only type checkers see."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }


def _imports(source: str, *, at_run_time: bool = False) -> Iterator[str]:
    """Yield what a module imports, in functions and by name as well.

    Modules of gymreel come without ``gymreel.``, and other packages as the package alone.

    Args:
        source: The text of the module.
        at_run_time: Whether to leave out what functions import and what only type checkers see.
    """
    tree = ast.parse(source)
    left_out: set[ast.AST] = set()
    if at_run_time:
        left_out = _typing_only(tree)
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                left_out |= set(ast.walk(node))
    for node in ast.walk(tree):
        if node in left_out:
            continue
        match node:
            case ast.Import(names):
                found = [alias.name for alias in names]
            case ast.ImportFrom("gymreel", names):
                found = [f"gymreel.{alias.name}" for alias in names]
            case ast.ImportFrom(module, names) if module:
                found = [f"{module}.{alias.name}" for alias in names]
            case ast.Call(function, [ast.Constant(str(value)), *_]):
                is_import = ast.unparse(function).rpartition(".")[2] in IMPORTING_FUNCTIONS
                found = [value] if is_import else []
            case _:
                continue
        yield from map(_short, found)


def _short(name: str) -> str:
    package, _, rest = name.partition(".")
    if package != "gymreel":
        return package
    while rest not in MODULES and rest != "_core" and rest:
        rest = rest.rpartition(".")[0]  # A name in a module.
    return rest or "gymreel"


def _violations(module: str, source: str, table: Mapping[str, set[str]]) -> set[str]:
    """Return what a module imports without being allowed to."""
    own = _row_of(module)
    allowed = table[own] | ALWAYS_ALLOWED | {own.rstrip("/")}
    if "typing_extensions" not in set(_imports(source, at_run_time=True)):
        allowed.add("typing_extensions")  # Type checkers have it without its being installed.
    return {name for name in _imports(source) if name.partition(".")[0] not in allowed}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_the_table_allows(module: str) -> None:
    source = MODULES[module].read_text(encoding="utf-8")
    assert _violations(module, source, _table()) == set()


def test_every_module_has_a_row() -> None:
    assert {_row_of(module) for module in MODULES} <= _table().keys()


def test_every_file_of_a_package_has_a_row() -> None:
    described = re.findall(
        r"^\| `([a-z_/]+/[a-z_0-9]+\.py)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    files = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES.values()
        if path.parent != PACKAGE and path.name != "__init__.py"
    }
    assert len(files) > 30
    assert sorted(described) == sorted(files)  # Lists, so that no file has two rows.


def _missing_files(text: str) -> set[str]:
    """Return the files and folders that a text names and the project does not have."""
    known = {
        f"/{path.relative_to(PROJECT).as_posix()}"
        for folder in ("src", "cpp", "tests", "tools", "docs")
        for path in (PROJECT / folder).rglob("*")
    }
    known |= {f"/{path.name}" for path in PROJECT.iterdir()}
    named = re.findall(r"`([\w/]+\.(?:[ch]pp|pyi?|md|sh|toml|txt)|(?:tests|cpp)/[\w/]+)`", text)
    return {name for name in named if not any(path.endswith(f"/{name}") for path in known)}


def test_files_that_the_document_names_exist() -> None:
    assert _missing_files(DOCUMENT.read_text("utf-8")) == set()


def test_a_file_that_does_not_exist_is_found() -> None:
    text = "`keep.py`, `best.py`, `tests/trackers`, `tests/policies` and `cpp/core/error.hpp`"
    assert _missing_files(text) == {"best.py", "tests/policies"}


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {
        module: set(_imports(path.read_text(encoding="utf-8"), at_run_time=True)) - {"gymreel"}
        for module, path in MODULES.items()
        if path.name != "__init__.py"
    }
    order = list(graphlib.TopologicalSorter(graph).static_order())  # Raises CycleError.
    assert order.index("errors") < order.index("writer")


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("errors", "from gymreel.writer import VideoWriter", "writer"),
        ("writer", "def f():\n    import gymnasium", "gymnasium"),
        ("writer", "importlib.import_module('gymnasium.wrappers')", "gymnasium"),
        ("_recording.frames", "import gymnasium as gym", "gymnasium"),
        (
            "_recording.frames",
            "from gymreel.wrappers.record_video import x",
            "wrappers.record_video",
        ),
        ("keep", "from gymreel import _core", "_core"),
        ("trackers._wandb", "import torch", "torch"),
        ("writer", "from typing_extensions import Unpack", "typing_extensions"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str, found: str) -> None:
    assert _violations(module, source, _table()) == {found}


@pytest.mark.parametrize(
    "source",
    [
        "import os, numpy as np",
        "from gymreel.errors import ConfigError",
        "import gymreel._tiles",
        "if TYPE_CHECKING:\n    from typing_extensions import Unpack",
    ],
)
def test_an_allowed_import_is_not_found(source: str) -> None:
    assert _violations("writer", source, _table()) == set()


def test_only_wrappers_and_integrations_know_environment_libraries() -> None:
    knowing = {row for row, allowed in _table().items() if allowed & ENVIRONMENT_LIBRARIES}
    assert knowing == {"wrappers/", "integrations/", "patching"}


def test_the_package_and_the_writer_need_no_other_library(tmp_path: Path) -> None:
    script = """
        import sys

        class OnlyNumpy:
            def find_spec(self, name, path=None, target=None):
                package = name.partition(".")[0]
                if package not in {*sys.stdlib_module_names, "numpy", "gymreel"}:
                    raise ImportError(f"{name} was imported", name=name)

        sys.meta_path.insert(0, OnlyNumpy())
        import numpy as np
        import gymreel

        with gymreel.VideoWriter(sys.argv[1] + "/video.mp4") as writer:
            writer.write(np.zeros((16, 16, 3), np.uint8))
        assert writer.close().num_frames == 1
        gymreel.trackers, gymreel.grid, gymreel.keep.best(3), gymreel.read_episodes
        """
    finished = run_python(script, tmp_path)
    assert finished.stderr == ""


CORE = PROJECT / "cpp" / "core"


def _wrong_includes(folder: str, source: str) -> set[str]:
    """Return what a source of a folder of the core includes without being allowed to."""
    allowed = {folder, *_table("folder")[f"{folder}/"]}
    includes = re.findall(r"^ *# *include *[<\"]([^>\"]+)[>\"]", source, re.MULTILINE)
    return {
        name
        for name in includes
        if name.startswith(("pybind11/", "Python.h", "bindings/"))
        or (name.startswith("core/") and name.count("/") == 2 and name.split("/")[1] not in allowed)
    }


def test_every_folder_of_the_core_has_a_row() -> None:
    folders = {f"{path.name}/" for path in CORE.iterdir() if path.is_dir()}
    assert folders == _table("folder").keys()


def test_includes_in_the_core_go_one_way() -> None:
    graph = {name.rstrip("/"): allowed for name, allowed in _table("folder").items()}
    assert "engine" in list(graphlib.TopologicalSorter(graph).static_order())
    sources = sorted(CORE.glob("*/*.?pp"))
    assert len(sources) > 50
    for path in sources:
        assert _wrong_includes(path.parent.name, path.read_text(encoding="utf-8")) == set(), path


@pytest.mark.parametrize(
    ("folder", "name"),
    [("file", "core/engine/engine.hpp"), ("pixels", "pybind11/numpy.h"), ("ffmpeg", "Python.h")],
)
def test_a_wrong_include_is_found(folder: str, name: str) -> None:
    assert _wrong_includes(folder, f"#pragma once\n#include <{name}>\n") == {name}
