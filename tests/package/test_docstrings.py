"""The examples in docstrings run and show what they print."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import gymreel

NEED_MORE = {"gymreel._startup", "gymreel.integrations", "gymreel.__main__"}
"""What needs packages that may be missing, or does something when it is imported."""

MODULES = [
    module.name
    for module in pkgutil.walk_packages(gymreel.__path__, "gymreel.")
    if not module.name.startswith(tuple(NEED_MORE))
]
WITH_EXAMPLES = {"gymreel.writer", "gymreel.triggers", "gymreel._episode", "gymreel.keep"}


@pytest.mark.parametrize("name", ["gymreel", *MODULES])
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if name == "gymreel._core":
        return
    result = doctest.testmod(importlib.import_module(name), verbose=False)
    assert result.failed == 0
    assert result.attempted > 0 or name not in WITH_EXAMPLES
