"""``wandb.init(monitor_gym=True)`` where Gymnasium's name leads to gymreel's recorder."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.subprocesses import run_python
from support.video_reader import count_frames, names_in

pytest.importorskip("wandb", reason="wandb is not installed")

SCRIPT = """
    import gymnasium as gym
    import wandb

    class Counting(gym.Wrapper):
        num_closed = 0

        def close(self):
            Counting.num_closed += 1
            super().close()

    settings = wandb.Settings(
        console="off", silent=True, disable_git=True, x_disable_meta=True, x_disable_stats=True
    )
    run = wandb.init(mode="offline", project="tests", monitor_gym=True, settings=settings)
    assert wandb.patched["gym"]

    def record(folder):
        env = gym.make("CartPole-v1", render_mode="rgb_array")
        env = gym.wrappers.RecordVideo(Counting(env), folder)
        env.reset()
        env.step(0)
        return env

    env = record("closed")
    env.close()
    del env
    assert Counting.num_closed == 1, Counting.num_closed
    try:
        gym.wrappers.RecordVideo(gym.make("CartPole-v1"), "refused")
    except ValueError:
        pass
    env = record("dropped")
    del env
    assert Counting.num_closed == 1, Counting.num_closed
    env = record("forgotten")
    """


def test_environments_are_closed_once_and_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    finished = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "gymreel", "run", "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "SDL_VIDEODRIVER": "dummy"},
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    for folder in ("closed", "dropped", "forgotten"):
        assert names_in(tmp_path / folder) == ["rl-video-episode-0.mp4"], folder
        assert count_frames(tmp_path / folder / "rl-video-episode-0.mp4") == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_only_the_recorder_of_gymreel_stays_as_it_is(tmp_path: Path, when: str) -> None:
    script = f"""
        import gymnasium.wrappers
        import wandb
        import gymreel
        if {when!r} == "before":
            import wandb.integration.gym
        before = gymnasium.wrappers.RecordVideo
        gymreel.patch()
        gymreel.patch()
        import wandb.integration.gym
        ours = gymnasium.wrappers.RecordVideo
        namespace = dict(vars(ours))
        wandb.integration.gym.monitor()
        assert dict(vars(ours)) == namespace
        assert len(wandb.patched["gym"]) == 1
        gymreel.unpatch()
        assert gymnasium.wrappers.RecordVideo is before
        assert wandb.integration.gym.monitor.__module__ == "wandb.integration.gym"
        assert not hasattr(wandb.integration.gym.monitor, "__wrapped__")
        wandb.integration.gym.monitor()
        assert hasattr(before, "orig_close")
        """
    run_python(script, tmp_path)


def test_a_program_that_is_started_may_be_monitored_before_it_imports_gymnasium(
    tmp_path: Path,
) -> None:
    script = """
        import subprocess, sys
        import gymreel
        gymreel.patch(children=True)
        script = '''if True:
            import sys
            import wandb.integration.gym
            wandb.integration.gym.monitor()
            from gymnasium.wrappers import RecordVideo
            print(RecordVideo.__module__, hasattr(RecordVideo, "orig_close"))
        '''
        subprocess.run([sys.executable, "-c", script], check=True)
        """
    finished = run_python(script, tmp_path)
    assert finished.stdout.split() == ["gymreel.wrappers.record_video", "False"]
