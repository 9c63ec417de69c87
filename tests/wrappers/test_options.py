"""The options of all recorders: typed, shown by ``help()``, and refused if misspelt."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gymreel.wrappers.vector
from gymreel._recording.options import DEFAULTS, RecorderOptions
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv
from support.vector_environments import sync

RECORDERS = [RecordVideo, gymreel.wrappers.vector.RecordVideo]


def test_every_option_has_a_default_and_nothing_else_has() -> None:
    assert list(DEFAULTS) == list(RecorderOptions.__annotations__)


@pytest.mark.parametrize("recorder", RECORDERS, ids=["single", "vector"])
def test_help_and_signature_show_every_option_with_its_default(recorder: Any) -> None:
    documentation = inspect.getdoc(recorder.__init__) or ""
    parameters = inspect.signature(recorder).parameters
    for name, default in DEFAULTS.items():
        assert f"\n    {name} (default {default!r}): " in documentation
        assert parameters[name].default == default
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    assert "options}" not in documentation
    assert not any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def test_a_misspelt_option_is_refused_with_the_right_one(tmp_path: Path) -> None:
    misspelt: Any = {"cfr": 20}
    message = r"unexpected keyword argument 'cfr'; did you mean 'crf'\?"
    with pytest.raises(gymreel.ConfigTypeError, match=message):
        RecordVideo(NumberedEnv(2), tmp_path / "single", **misspelt)
    envs = sync(5, 5)
    with pytest.raises(TypeError, match=message):
        gymreel.wrappers.vector.RecordVideo(envs, tmp_path / "vector", **misspelt)
    envs.close()
    assert not list(tmp_path.iterdir())


def test_a_type_checker_knows_the_options(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import gymnasium as gym\n"
        "from gymreel.wrappers import RecordVideo\n"
        'env = gym.make("CartPole-v1", render_mode="rgb_array")\n'
        'RecordVideo(env, "videos", crf=20, wait=True)\n'
        'RecordVideo(env, "videos", cfr=20)\n'
        'RecordVideo(env, "videos", crf="low")\n'
    )
    finished = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--no-error-summary", str(script)],
        check=False,
        capture_output=True,
        text=True,
        env={"MYPYPATH": str(Path(__file__).parents[2] / "src"), "PATH": "/usr/bin:/bin"},
    )
    # By name: mypy's cache may have the script in another folder, and other files have errors.
    errors = re.findall(r"/script\.py:(\d+): error: (.*)", finished.stdout)
    assert [line for line, _ in errors] == ["5", "6"]
    assert '"cfr"' in errors[0][1]
    assert '"crf"' in errors[1][1]
