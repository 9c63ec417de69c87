"""patch(): Gymnasium's names lead to gymreel's recorders, and back."""

from __future__ import annotations

import importlib.util
import inspect
import multiprocessing
import sys
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import gymnasium.wrappers.common
import gymnasium.wrappers.rendering
import gymnasium.wrappers.vector
import pytest

import gymreel
import gymreel.wrappers.vector
from support.environments import NumberedEnv, run_episodes
from support.subprocesses import run_python
from support.video_reader import names_in, numbers_in

needs_sb3 = pytest.mark.skipif(
    importlib.util.find_spec("stable_baselines3") is None,
    reason="Stable-Baselines3 is not installed: tools/install_sb3.sh, or make test, says why",
)


@pytest.fixture
def patched() -> Iterator[None]:
    gymreel.patch()
    yield
    gymreel.unpatch()


def gymnasiums() -> list[type]:
    return [
        gym.wrappers.RecordVideo,
        gym.wrappers.RecordEpisodeStatistics,
        gym.wrappers.rendering.RecordVideo,
        gym.wrappers.common.RecordEpisodeStatistics,
        gym.wrappers.vector.RecordVideo,
        gym.wrappers.vector.RecordEpisodeStatistics,
    ]


OURS = [
    gymreel.wrappers.RecordVideo,
    gymreel.wrappers.RecordEpisodeStatistics,
    gymreel.wrappers.RecordVideo,
    gymreel.wrappers.RecordEpisodeStatistics,
    gymreel.wrappers.vector.RecordVideo,
    gymreel.wrappers.vector.RecordEpisodeStatistics,
]


def test_every_name_changes_and_changes_back() -> None:
    before, finders = gymnasiums(), list(sys.meta_path)
    assert not set(before) & set(OURS)
    undo = gymreel.patch()
    try:
        assert gymnasiums() == OURS
        gymreel.patch()
        assert gymnasiums() == OURS
    finally:
        undo()
    assert gymnasiums() == before
    assert sys.meta_path == finders
    gymreel.unpatch()
    assert gymnasiums() == before


def test_names_that_were_imported_before(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs: object = gym.wrappers.RecordVideo
    module = types.ModuleType("somebodys")
    module.Recorder = theirs  # type: ignore[attr-defined]
    module.changed = theirs  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "somebodys", module)
    gymreel.patch()
    assert module.Recorder is gymreel.wrappers.RecordVideo
    module.changed = int  # type: ignore[attr-defined]
    gymreel.unpatch()
    assert module.Recorder is theirs
    assert module.changed is int  # Not what unpatch() has to undo.


def test_modules_that_wait_to_be_used_are_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lazy_one.py").write_text(
        "from gymnasium.wrappers import RecordVideo\nRecorder = RecordVideo\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spec = importlib.util.find_spec("lazy_one")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    lazy = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lazy_one", lazy)
    spec.loader.exec_module(lazy)

    class Namespace(types.ModuleType):
        """Loads all that it has when it is asked for its namespace, as some packages' do."""

        @property
        def __dict__(self) -> dict[str, object]:  # type: ignore[override]
            raise AssertionError("asked for its namespace")

    monkeypatch.setitem(sys.modules, "lazy_other", Namespace("lazy_other"))
    gymreel.patch()
    try:
        assert type(lazy) is not types.ModuleType  # As it is until it is used.
        assert lazy.Recorder is gymreel.wrappers.RecordVideo
    finally:
        gymreel.unpatch()


def test_a_recorder_that_is_loaded_lazily_is_patched_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """
        import importlib.util, sys
        import gymreel
        from gymreel._startup.gymreel_after_import import AfterImport
        seen = []
        AfterImport({"colorsys": seen.append}).install()
        spec = importlib.util.find_spec("colorsys")
        assert "rgb_to_hsv" in spec.loader.get_source("colorsys")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules["colorsys"] = module
        spec.loader.exec_module(module)
        assert seen == []
        module.rgb_to_hsv
        assert seen == [module]
        assert module.__loader__ is module.__spec__.loader
        assert type(module.__loader__).__name__ == "SourceFileLoader"
        """
    run_python(script, tmp_path)


def test_recorders_wait_only_while_they_are_asked_to(tmp_path: Path) -> None:
    def waits() -> bool:
        return gymreel.wrappers.RecordVideo(NumberedEnv(3), tmp_path)._waits

    assert not waits()
    gymreel.patch(wait=True)
    try:
        assert waits()
    finally:
        gymreel.unpatch()
    assert not waits()


@pytest.mark.usefixtures("patched")
def test_gymnasiums_arguments_and_checks_work(tmp_path: Path) -> None:
    env = gym.wrappers.RecordVideo(
        NumberedEnv(3),
        str(tmp_path / "videos"),
        episode_trigger=lambda episode: episode == 1,
        gc_trigger=lambda episode: True,
        disable_logger=True,
    )
    wrapped = gym.wrappers.RecordEpisodeStatistics(env, buffer_length=2)
    run_episodes(wrapped, 3)
    wrapped.close()
    assert isinstance(env, gym.wrappers.RecordVideo)
    assert issubclass(gym.wrappers.RecordEpisodeStatistics, gym.Wrapper)
    assert list(wrapped.length_queue) == [3, 3]
    assert numbers_in(tmp_path / "videos" / "rl-video-episode-1.mp4") == [4, 5, 6, 7]


def test_all_defaults_of_gymnasium_are_accepted(tmp_path: Path) -> None:
    for theirs, ours in zip(gymnasiums(), OURS, strict=True):
        parameters = inspect.signature(ours).parameters
        assert inspect.signature(theirs).parameters.keys() <= parameters.keys()


@pytest.mark.usefixtures("patched")
def test_vector_environments(tmp_path: Path) -> None:
    envs = gym.vector.SyncVectorEnv([lambda: NumberedEnv(3)] * 2)
    recorder = gym.wrappers.vector.RecordVideo(envs, str(tmp_path / "videos"))
    recorder.reset()
    recorder.step(recorder.action_space.sample())
    recorder.close()
    assert names_in(tmp_path / "videos") == ["rl-video-episode-0.mp4"]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_are_not_forked_are_patched_too(tmp_path: Path, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    script = f"""
        import multiprocessing, sys
        import gymreel, gymreel_in_children

        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            with context.Pool(1) as pool:
                print(pool.apply(gymreel_in_children.names))
            gymreel.patch()
            gymreel.patch()
            with context.Pool(1) as pool:
                print(pool.apply(gymreel_in_children.names))
                print(pool.apply(gymreel_in_children.names_in_child, ["{method}"]))
            gymreel.unpatch()
            with context.Pool(1) as pool:
                print(pool.apply(gymreel_in_children.names))
        """
    (tmp_path / "script.py").write_text(textwrap.dedent(script))
    # Where only a path that the parent has added leads to; it must lead children to gymreel too.
    (tmp_path / "gymreel_in_children.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing
            import gymnasium as gym

            def names():
                classes = (gym.wrappers.RecordVideo, gym.wrappers.vector.RecordEpisodeStatistics)
                return [each.__module__.partition(".")[0] for each in classes]

            def names_in_child(method):
                receiver, sender = multiprocessing.Pipe()
                context = multiprocessing.get_context(method)
                process = context.Process(target=send, args=(sender,), daemon=False)
                multiprocessing.current_process()._config["daemon"] = False  # As pools have it.
                process.start()
                received = receiver.recv()
                process.join()
                return received

            def send(sender):
                sender.send(names())
            """
        )
    )
    run = f"import runpy; runpy.run_path({str(tmp_path / 'script.py')!r}, run_name='__main__')"
    run = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {run}"
    theirs, ours = str(["gymnasium"] * 2), str(["gymreel"] * 2)
    assert run_python(run, tmp_path).stdout.splitlines() == [theirs, ours, ours, theirs]


@pytest.mark.parametrize("options", [(), ("-W", "error")])
def test_a_process_that_cannot_be_patched_runs_all_the_same(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    script = """
        import multiprocessing, os
        import gymreel

        gymreel.patch()
        os.environ["GYMREEL_NUM_THREADS"] = "some"  # Nobody can import gymreel with that.
        print(multiprocessing.get_context("spawn").Pool(1).apply(os.getpid) != os.getpid())
        """
    finished = run_python(script, tmp_path, *options)
    assert finished.stdout.strip() == "True"
    assert "gymreel could not patch" in finished.stderr
    assert "GYMREEL_NUM_THREADS" in finished.stderr


@needs_sb3
@pytest.mark.parametrize("when", ["before", "after"])
def test_stable_baselines3(tmp_path: Path, when: str) -> None:
    script = """
        import sys
        import gymreel
        sys.path.insert(0, ".")
        from support.environments import NumberedEnv

        if BEFORE:
            import stable_baselines3.common.vec_env
        gymreel.patch()
        assert BEFORE or not any(name.startswith("stable_baselines3") for name in sys.modules)
        from stable_baselines3.common.vec_env import DummyVecEnv, VecVideoRecorder
        from stable_baselines3.common.vec_env import vec_video_recorder
        from stable_baselines3.common.vec_env import is_vecenv_wrapped
        from gymreel.integrations import sb3

        assert VecVideoRecorder is vec_video_recorder.VecVideoRecorder is sb3.VecVideoRecorder
        assert vec_video_recorder.__loader__ is vec_video_recorder.__spec__.loader
        assert "moviepy" in open(vec_video_recorder.__file__).read()
        env = VecVideoRecorder(
            DummyVecEnv([NumberedEnv]), sys.argv[1], lambda step: step == 0, video_length=3
        )
        assert is_vecenv_wrapped(env, VecVideoRecorder)
        env.reset()
        for _ in range(4):
            env.step([0])
        env.close()
        gymreel.unpatch()
        import stable_baselines3.common.vec_env as vec_env
        assert vec_env.VecVideoRecorder is vec_video_recorder.VecVideoRecorder
        assert vec_env.VecVideoRecorder is not sb3.VecVideoRecorder
        assert gymreel.patching._hook not in sys.meta_path
        """
    run_python(script.replace("BEFORE", str(when == "before")), tmp_path / "videos")
    assert numbers_in(tmp_path / "videos" / "rl-video-step-0-to-step-3.mp4") == [0, 1, 2, 3]


def test_a_stable_baselines3_that_cannot_be_patched_stays_as_it_is(tmp_path: Path) -> None:
    package = tmp_path / "stable_baselines3" / "common" / "vec_env"
    package.mkdir(parents=True)
    for folder in (package, *package.parents[:2]):
        (folder / "__init__.py").touch()
    (package / "vec_video_recorder.py").write_text("class VecVideoRecorder: ...")
    script = """
        import sys, types, warnings
        sys.path.insert(0, sys.argv[1])
        import gymreel
        # A finder of the kind that Python 3.12 has done away with.
        sys.meta_path.insert(0, types.SimpleNamespace(find_module=lambda name, path: None))
        gymreel.patch()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            from stable_baselines3.common.vec_env.vec_video_recorder import VecVideoRecorder
        assert VecVideoRecorder.__module__.startswith("stable_baselines3")
        (warning,) = (each for each in caught if each.category is not ImportWarning)
        assert issubclass(warning.category, gymreel.GymreelWarning)
        assert "pip install 'gymreel[sb3]'" in str(warning.message)
        """
    run_python(script, tmp_path)


@pytest.mark.parametrize(
    ("module", "library", "extra"),
    [("sb3", "stable_baselines3", "sb3"), ("pettingzoo", "pettingzoo", "pettingzoo")],
)
def test_a_missing_library_is_named(tmp_path: Path, module: str, library: str, extra: str) -> None:
    script = f"""
        import sys
        sys.modules["{library}"] = None
        import gymreel.integrations
        try:
            import gymreel.integrations.{module}
        except ImportError as error:
            assert "pip install 'gymreel[{extra}]'" in str(error), error
        else:
            raise AssertionError
        """
    run_python(script, tmp_path)


def test_neither_gymreel_nor_patch_imports_more_than_they_must(tmp_path: Path) -> None:
    script = """
        import sys
        import gymreel
        assert "gymnasium" not in sys.modules
        gymreel.patch()
        for name in ("stable_baselines3", "torch", "pettingzoo", "wandb", "moviepy"):
            assert name not in sys.modules, name
        """
    run_python(script, tmp_path)
