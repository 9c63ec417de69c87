"""Programs that a patched one starts, and what they see of how they are reached."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

import gymreel
import gymreel.patching
from support.paths import TESTS
from support.subprocesses import run_python
from support.video_reader import names_in, numbers_in

# In the manner of scripts that record with another one, once for each trained model.
STARTS_ANOTHER = """
    import os, subprocess, sys

    for number in range(2):
        command = [sys.executable, "-m", "zoo.record_video", str(number)]
        assert subprocess.call(command) == 0
    """

RECORDS = f"""
    import sys
    import gymnasium as gym
    from gymnasium.wrappers import RecordVideo
    sys.path.append({str(TESTS)!r})
    from support.environments import NumberedEnv, run_episodes

    print(RecordVideo.__module__.partition(".")[0], flush=True)
    if RecordVideo.__module__.startswith("gymreel"):
        env = RecordVideo(NumberedEnv(3), sys.argv[1])
        run_episodes(env, 1)
        env.close()
    """


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def python(
    *arguments: str,
    cwd: Path,
    check: bool = True,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert finished.returncode == 0 or not check, finished.stderr
    return finished


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    write(tmp_path / "zoo" / "__init__.py", "")
    write(tmp_path / "zoo" / "record_training.py", STARTS_ANOTHER)
    write(tmp_path / "zoo" / "record_video.py", RECORDS)
    return tmp_path


def test_programs_that_a_script_starts_record_with_gymreel(zoo: Path) -> None:
    finished = python("-m", "gymreel", "run", "-m", "zoo.record_training", cwd=zoo)
    assert finished.stdout.split() == ["gymreel", "gymreel"]
    assert finished.stderr == ""
    assert names_in(zoo / "0") == names_in(zoo / "1") == ["rl-video-episode-0.mp4"]
    assert numbers_in(zoo / "1" / "rl-video-episode-0.mp4") == [0, 1, 2, 3]


@pytest.mark.parametrize("inherited", [{}, {"GYMREEL_PATCH": "1"}])
def test_they_stay_as_they_are_if_asked(zoo: Path, inherited: dict[str, str]) -> None:
    inherited["PYTHONPATH"] = gymreel.patching._STARTUP if inherited else ""
    module = ["--no-children", "-m", "zoo.record_training"]
    finished = python("-m", "gymreel", "run", *module, cwd=zoo, variables=inherited)
    assert finished.stdout.split() == ["gymnasium", "gymnasium"]
    finished = python("-m", "gymreel", "run", "--no-children", "zoo/record_video.py", "x", cwd=zoo)
    assert finished.stdout.split() == ["gymreel"]


LOOKS_AT_ONCE = f"""
    import os, sys
    import gymnasium as gym
    sys.path.append({str(TESTS)!r})
    from support.environments import NumberedEnv

    env = gym.wrappers.RecordVideo(NumberedEnv(400), "videos", episode_trigger=lambda _: True)
    for episode in range(6):
        env.reset()
        if episode > 0:
            assert os.path.exists(f"videos/rl-video-episode-{{episode - 1}}.mp4"), episode
        for _ in range(399):
            env.step(0)
    """


@pytest.mark.parametrize("where", ["the script", "a child"])
def test_a_script_may_look_for_a_video_at_once_if_asked(tmp_path: Path, where: str) -> None:
    write(tmp_path / "looks.py", LOOKS_AT_ONCE)
    write(tmp_path / "starts.py", "import subprocess, sys\nsubprocess.check_call(sys.argv[1:])")
    script = ["looks.py"]
    if where == "a child":
        script = ["starts.py", sys.executable, *script]
    python("-m", "gymreel", "run", "--wait", *script, cwd=tmp_path)
    assert len(numbers_in(tmp_path / "videos" / "rl-video-episode-5.mp4")) == 400


def test_a_script_may_have_an_option_of_that_name(zoo: Path) -> None:
    write(zoo / "script.py", "import sys; print(sys.argv[1:])")
    for before in ([], ["--no-children"], ["--wait", "--no-children"]):
        call = ["run", *before, "script.py", "--no-children", "-m"]
        assert python("-m", "gymreel", *call, cwd=zoo).stdout == "['--no-children', '-m']\n"


def test_a_program_sees_the_path_and_customisation_that_it_would_have(tmp_path: Path) -> None:
    script = """
        import os, subprocess, sys
        import gymreel
        shows = '''
        import os, sys
        import sitecustomize
        print(sys.path, sitecustomize.__file__, sitecustomize.name)
        ours = {name for name in sys.modules if "gymreel" in name and "editable" not in name}
        print(sorted(ours - {"gymreel_after_import", "gymreel_patches_later"}))
        print("numpy" in sys.modules, "typing" in sys.modules)
        '''
        shows = "\\n".join(line.strip() for line in shows.splitlines())
        for _ in range(2):
            subprocess.run([sys.executable, "-c", shows], check=True)
            gymreel.patch(children=True)
        """
    write(tmp_path / "site" / "sitecustomize.py", "name = 'somebody'")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    lines = run_python(script, tmp_path, environment=environment).stdout.splitlines()
    assert lines[:3] == lines[3:]
    assert "somebody" in lines[0]


@pytest.mark.parametrize("before", [None, "a folder"])
def test_the_environment_is_as_before_when_all_is_undone(
    monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.delenv("GYMREEL_PATCH", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if before is not None:
        monkeypatch.setenv("PYTHONPATH", before)
        monkeypatch.setenv("GYMREEL_PATCH", "0")
    then = dict(os.environ)
    gymreel.patch()
    assert os.environ == then
    gymreel.patch(children=True)
    undo = gymreel.patch(children=True)
    try:
        assert os.environ["GYMREEL_PATCH"] == "1"
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        assert paths == [gymreel.patching._STARTUP, *([before] if before else [])]
        os.environ["PYTHONPATH"] += f"{os.pathsep}another"
    finally:
        undo()
    rest = os.environ.pop("PYTHONPATH").split(os.pathsep)
    assert rest == ([before] if before else []) + ["another"]
    then.pop("PYTHONPATH", None)
    assert os.environ == then


@pytest.mark.parametrize(
    "first", ["gymreel.wrappers", "gymreel.wrappers.vector", "gymreel.wrappers.record_video"]
)
def test_a_program_may_import_gymreel_first(tmp_path: Path, first: str) -> None:
    script = f"""
        import os, subprocess, sys
        import gymreel
        gymreel.patch(children=True)
        script = '''if True:
            import {first} as ours
            import gymnasium.wrappers.vector
            import gymreel.wrappers.vector
            print(gymnasium.wrappers.RecordVideo is gymreel.wrappers.RecordVideo)
            print(gymnasium.wrappers.vector.RecordVideo is gymreel.wrappers.vector.RecordVideo)
            print(ours.RecordVideo.__module__.startswith("gymreel."))
        '''
        subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
        """
    assert run_python(script, tmp_path).stdout.split() == ["True"] * 3


def fake_gymnasium(folder: Path, version: str) -> None:
    write(folder / "gymnasium" / "__init__.py", f"__version__ = {version!r}")


@pytest.mark.parametrize("action", ["default", "error"])
def test_a_program_with_too_old_a_gymnasium_runs_and_says_so(tmp_path: Path, action: str) -> None:
    fake_gymnasium(tmp_path / "old", "0.29.1")
    script = """
        import os, subprocess, sys
        import gymreel
        gymreel.patch(children=True)
        os.environ["PYTHONPATH"] += os.pathsep + os.path.join(sys.argv[1], "old")
        script = "import gymnasium; print(gymnasium.__version__)"
        subprocess.run([sys.executable, "-W", "ACTION", "-c", script], check=True)
        """.replace("ACTION", action)
    finished = run_python(script, tmp_path)
    assert finished.stdout == "0.29.1\n"
    assert "gymreel could not patch process" in finished.stderr
    assert "Gymnasium 1.2.1 and later" in finished.stderr


@pytest.mark.parametrize("version", ["0.29.1", "1.0.0", "1.0.0a2", "1.2.0"])
def test_too_old_a_gymnasium_is_refused(tmp_path: Path, version: str) -> None:
    fake_gymnasium(tmp_path, version)
    write(tmp_path / "script.py", "print('has run')")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    finished = python(
        "-m",
        "gymreel",
        "run",
        "script.py",
        cwd=tmp_path,
        check=False,
        variables={"PYTHONPATH": path},
    )
    assert finished.returncode == 2
    assert finished.stdout == ""
    said = f"cannot replace those of Gymnasium {version}: pip install 'gymnasium>=1.2.1'"
    assert said in " ".join(finished.stderr.split())
    assert "Traceback" not in finished.stderr
    script = """
        import gymreel
        try:
            gymreel.patch()
        except gymreel.MissingPackageError as error:
            print(error)
        """
    environment = {**os.environ, "PYTHONPATH": path}
    assert said in run_python(script, tmp_path, environment=environment).stdout


def test_without_gymnasium_there_is_nothing_to_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(gymreel.MissingPackageError, match="pip install 'gymnasium>="):
        gymreel.patch()


def test_the_oldest_gymnasium_is_the_one_that_is_declared() -> None:
    from importlib.metadata import requires

    oldest = ".".join(map(str, gymreel.patching._OLDEST_GYMNASIUM))
    assert f"gymnasium>={oldest}" in (requires("gymreel") or [])


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_an_actor_of_ray(tmp_path: Path) -> None:
    script = f"""
        import os
        import ray

        @ray.remote
        class Runner:
            def record(self, folder):
                import sys
                import gymnasium as gym
                sys.path.append({str(TESTS)!r})
                from support.environments import NumberedEnv, run_episodes
                env = gym.wrappers.RecordVideo(NumberedEnv(3), folder)
                run_episodes(env, 1)
                env.close()
                return gym.wrappers.RecordVideo.__module__

        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="error")
        print(ray.get(Runner.remote().record.remote(os.path.abspath("videos"))))
        ray.shutdown()
        """
    write(tmp_path / "script.py", script)
    finished = python("-m", "gymreel", "run", "script.py", cwd=tmp_path)
    assert "gymreel.wrappers" in finished.stdout
    assert numbers_in(tmp_path / "videos" / "rl-video-episode-0.mp4") == [0, 1, 2, 3]
