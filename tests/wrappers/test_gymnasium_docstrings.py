"""The examples in the docstrings of Gymnasium's recorders, run with gymreel's in their place."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import gymreel
from gymreel.patching import _OURS
from support.environments import NumberedEnv

SUBSTITUTE = "GymreelExample-v0"
"""Stands for LunarLander-v3 where Box2D is not installed: five episodes have about 400 steps."""


@pytest.fixture(autouse=True)
def environments(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    gym.register(SUBSTITUTE, lambda **arguments: NumberedEnv(80, **arguments))
    yield
    del gym.registry[SUBSTITUTE]


def examples_of(theirs: type) -> doctest.DocTest:
    source = inspect.getdoc(theirs) or ""
    if importlib.util.find_spec("Box2D") is None:
        source = source.replace("LunarLander-v3", SUBSTITUTE)
    namespace = dict(vars(importlib.import_module(theirs.__module__)))
    return doctest.DocTestParser().get_doctest(source, namespace, theirs.__name__, None, 0)


def run(examples: doctest.DocTest) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    results = runner.run(examples, out=said.append)
    assert results.failed == 0, "".join(said)
    assert results.attempted > 0


@pytest.mark.parametrize(
    ("module", "name"), _OURS, ids=lambda part: part.removeprefix("gymnasium.")
)
@pytest.mark.parametrize("how", ["imports swapped", "patch()"])
def test_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, module: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    theirs: Any = getattr(importlib.import_module(module), name)
    if how == "patch()":
        gymreel.patch()
        try:
            run(examples_of(theirs))
        finally:
            gymreel.unpatch()
    else:
        examples = examples_of(theirs)
        examples.globs[name] = getattr(importlib.import_module(_OURS[module, name]), name)
        for example in examples.examples:
            example.source = example.source.replace(
                "from gymnasium.wrappers", "from gymreel.wrappers"
            )
        run(examples)
    assert bool(list(tmp_path.glob("*/*.mp4"))) == (name == "RecordVideo")
