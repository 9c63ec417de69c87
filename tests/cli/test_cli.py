"""``python -m gymreel``: scripts as they stand, and what was left of interrupted recordings."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

import gymreel
from support.frames import needs_x264
from support.video_reader import count_frames, names_in


def gymreel_run(
    *arguments: str, cwd: Path, options: tuple[str, ...] = (), check: bool = True
) -> subprocess.CompletedProcess[str]:
    return python("-m", "gymreel", *arguments, cwd=cwd, options=options, check=check)


def python(
    *arguments: str, cwd: Path, options: tuple[str, ...] = (), check: bool = True
) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(
        [sys.executable, *options, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert finished.returncode == 0 or not check, finished.stderr
    return finished


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


WHAT_A_SCRIPT_SEES = """
    import os, sys, __main__
    print(sys.argv, sys.path[0], __name__, __file__, vars(__main__) is globals())
    print(__package__ or None, sys.modules["__main__"] is __main__, sys.flags.optimize)
    """

ARGUMENTS = ("-m", "--help", "--", "a b", "run")


@pytest.mark.parametrize("options", [(), ("-O",), ("-P",)])
def test_a_script_sees_what_python_shows_it(tmp_path: Path, options: tuple[str, ...]) -> None:
    if options == ("-P",) and sys.version_info < (3, 11):
        pytest.skip("this Python has no -P")
    write(tmp_path / "folder" / "script.py", WHAT_A_SCRIPT_SEES)
    call = ("folder/script.py", *ARGUMENTS)
    theirs = python(*call, cwd=tmp_path, options=options)
    ours = gymreel_run("run", *call, cwd=tmp_path, options=options)
    assert ours.stdout == theirs.stdout


def test_a_module_sees_what_python_shows_it(tmp_path: Path) -> None:
    write(tmp_path / "package" / "__init__.py", "")
    write(tmp_path / "package" / "inner.py", WHAT_A_SCRIPT_SEES)
    write(tmp_path / "package" / "__main__.py", WHAT_A_SCRIPT_SEES)
    for module in ("package.inner", "package"):
        call = ("-m", module, *ARGUMENTS)
        theirs = python(*call, cwd=tmp_path)
        ours = gymreel_run("run", *call, cwd=tmp_path)
        assert ours.stdout == theirs.stdout


def test_a_folder_and_an_archive(tmp_path: Path) -> None:
    write(tmp_path / "folder" / "__main__.py", "import other, sys; print(other.name, sys.argv)")
    write(tmp_path / "folder" / "other.py", "name = 'other'")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for name in ("__main__.py", "other.py"):
            archive.write(tmp_path / "folder" / name, name)
    for name in ("folder", "archive.zip"):
        theirs = python(name, "x", cwd=tmp_path)
        assert gymreel_run("run", name, "x", cwd=tmp_path).stdout == theirs.stdout


@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.exit(7)",
        "import sys; sys.exit('a message')",
        "raise SystemExit",
        "import os; os._exit(3)",
        "def f():\n    raise ValueError('in f')\n\nf()\n",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError(1) from error\n",
        "x = (",
        "assert False",
    ],
)
def test_ends_as_with_python(tmp_path: Path, text: str) -> None:
    write(tmp_path / "script.py", text)
    theirs = python("script.py", cwd=tmp_path, check=False)
    ours = gymreel_run("run", "script.py", cwd=tmp_path, check=False)
    assert ours.returncode == theirs.returncode
    assert (ours.stdout, ours.stderr) == (theirs.stdout, theirs.stderr)


@pytest.mark.skipif(os.name != "posix", reason="signals end a process differently elsewhere")
def test_ctrl_c_ends_as_with_python(tmp_path: Path) -> None:
    write(tmp_path / "script.py", "import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    ours = gymreel_run("run", "script.py", cwd=tmp_path, check=False)
    assert ours.returncode == -signal.SIGINT
    assert "gymreel" not in ours.stderr


def test_main_is_there_until_the_end(tmp_path: Path) -> None:
    script = """
        import atexit, pickle, sys, threading

        class Thing: ...

        def later():
            threading.main_thread().join()
            print("thread", type(pickle.loads(pickle.dumps(Thing()))) is Thing)

        threading.Thread(target=later).start()
        atexit.register(lambda: print("exit", sys.modules["__main__"].Thing is Thing))
        """
    write(tmp_path / "script.py", script)
    assert gymreel_run("run", "script.py", cwd=tmp_path).stdout.split() == [
        "thread",
        "True",
        "exit",
        "True",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "nowhere.py"),
        ("run", "-m"),
        ("walk",),
        ("recover",),
        ("doctor", "--timeout", "0"),
        ("doctor", "--timeout", "soon"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    finished = gymreel_run(*arguments, cwd=tmp_path, check=False)
    assert finished.returncode == 2
    assert "error:" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_help(tmp_path: Path) -> None:
    plain = gymreel_run(cwd=tmp_path).stdout
    assert plain == gymreel_run("--help", cwd=tmp_path).stdout
    for command in ("run", "recover", "doctor"):
        assert command in plain
        assert "usage: python -m gymreel" in gymreel_run(command, "--help", cwd=tmp_path).stdout
    assert gymreel.__version__ in gymreel_run("--version", cwd=tmp_path).stdout


# In the manner of single-file implementations of algorithms: thunks that make environments, of
# which the first is recorded, and statistics that are read from the infos of a vector environment.
SINGLE_FILE = """
    import argparse
    from dataclasses import dataclass

    import gymnasium as gym
    import numpy as np
    from gymnasium.wrappers import RecordEpisodeStatistics


    @dataclass
    class Args:
        env_id: str
        num_envs: int = 3
        total_timesteps: int = 300
        seed: int = 1


    def make_env(args, index, run_name):
        def thunk():
            if index == 0:
                env = gym.make(args.env_id, render_mode="rgb_array")
                env = gym.wrappers.RecordVideo(
                    env, f"videos/{run_name}", episode_trigger=lambda episode: episode % 2 == 0
                )
            else:
                env = gym.make(args.env_id)
            env = RecordEpisodeStatistics(env)
            env.action_space.seed(args.seed + index)
            return env

        return thunk


    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("--env-id", default="CartPole-v1")
        args = Args(**vars(parser.parse_args()))
        envs = gym.vector.SyncVectorEnv(
            [make_env(args, index, "a-run") for index in range(args.num_envs)],
            autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
        )
        assert isinstance(envs.single_action_space, gym.spaces.Discrete)
        seen = []
        envs.reset(seed=args.seed)
        for _ in range(args.total_timesteps // args.num_envs):
            obs, rewards, terminations, truncations, infos = envs.step(envs.action_space.sample())
            if "final_info" in infos:
                episode = infos["final_info"]["episode"]
                seen += episode["l"][infos["final_info"]["_episode"]].tolist()
        envs.close()
        print("lengths", *seen)
    """


@pytest.mark.usefixtures("episode_logs")
def test_a_script_of_a_whole_algorithm(tmp_path: Path) -> None:
    write(tmp_path / "algorithm.py", SINGLE_FILE)
    output = gymreel_run(
        "run", "algorithm.py", "--env-id", "CartPole-v1", cwd=tmp_path, options=("-W", "error")
    ).stdout
    folder = tmp_path / "videos" / "a-run"
    episodes = gymreel.read_episodes(folder)
    lengths = [episode.length for episode in episodes]
    # The last one was cut short, which the statistics do not tell of.
    assert set(lengths[:-1]) <= {int(word) for word in output.split()[1:]}
    recorded = [episode for episode in episodes if episode.path is not None]
    assert [episode.index for episode in recorded] == list(range(0, len(episodes), 2))
    for episode in recorded:
        assert episode.path is not None
        assert count_frames(episode.path) == episode.length + 1


@pytest.mark.skipif(
    importlib.util.find_spec("stable_baselines3") is None,
    reason="Stable-Baselines3 is not installed: tools/install_sb3.sh, or make test, says why",
)
def test_a_script_with_stable_baselines3(tmp_path: Path) -> None:
    script = """
        import gymnasium as gym
        from stable_baselines3.common.vec_env import DummyVecEnv, VecVideoRecorder

        venv = DummyVecEnv([lambda: gym.make("CartPole-v1", render_mode="rgb_array")] * 2)
        venv = VecVideoRecorder(
            venv, "videos", record_video_trigger=lambda x: x == 0, video_length=9
        )
        venv.reset()
        for _ in range(12):
            venv.step([venv.action_space.sample() for _ in range(2)])
        venv.close()
        """
    write(tmp_path / "script.py", script)
    gymreel_run("run", "script.py", cwd=tmp_path)
    assert names_in(tmp_path / "videos") == ["rl-video-step-0-to-step-9.mp4"]
    assert count_frames(tmp_path / "videos" / "rl-video-step-0-to-step-9.mp4") == 10


def test_wandb_may_change_the_recorder(tmp_path: Path) -> None:
    # What wandb.init(monitor_gym=True) does to the class that it finds.
    script = """
        import gymnasium as gym

        recorder = gym.wrappers.RecordVideo
        recorder.orig_close = recorder.close

        def close(self):
            recorder.orig_close(self)
            if not self.enabled:
                return
            raise AssertionError("no path of a video that wandb knows")

        recorder.close = close
        env = recorder(gym.make("CartPole-v1", render_mode="rgb_array"), "videos")
        env.reset()
        env.close()
        """
    write(tmp_path / "script.py", script)
    gymreel_run("run", "script.py", cwd=tmp_path)
    assert count_frames(tmp_path / "videos" / "rl-video-episode-0.mp4") == 1


@needs_x264
def test_recover_says_what_it_found(tmp_path: Path) -> None:
    script = """
        import os, sys
        import numpy as np
        import gymreel
        writer = gymreel.VideoWriter("videos/a.mp4", fps=10, options={"tune": "zerolatency"})
        for _ in range(60):
            writer.write(np.zeros((48, 64, 3), np.uint8))
        while writer.stats.num_encoded < 60:
            pass
        os._exit(0)
        """
    write(tmp_path / "script.py", script)
    python("script.py", cwd=tmp_path)
    (left,) = names_in(tmp_path / "videos")
    assert left.endswith(".partial")
    said = gymreel_run("recover", "videos", cwd=tmp_path).stdout
    frames = count_frames(tmp_path / "videos" / "a.mp4")
    assert said == f"{Path('videos', 'a.mp4')}: {frames} frames, {frames / 10:.2f} s\n"
    assert "nothing to recover" in gymreel_run("recover", "videos", cwd=tmp_path).stdout
    missing = gymreel_run("recover", "nowhere/a.mp4", cwd=tmp_path, check=False)
    assert missing.returncode == 1
    assert "no such folder" in missing.stderr
    assert "Traceback" not in missing.stderr
