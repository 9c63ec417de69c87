"""Scripts in the manner of CleanRL by ``python -m gymreel run``, beside what they do by themselves.

Theirs are PPO, DQN, C51 and SAC with torch. What concerns a recorder is here as there: thunks that
make environments, which wrappers they put around each in which order, ``capture_video`` for the
first, the loops of the algorithms, which data of an episode they log, and W&B's ``monitor_gym``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.video_reader import count_frames, names_in

SCRIPT = """
    import argparse
    import random

    import gymnasium as gym
    import numpy as np


    def make_env(env_id, seed, idx, capture_video, run_name):
        def thunk():
            if capture_video and idx == 0:
                env = gym.make(env_id, render_mode="rgb_array")
                env = gym.wrappers.RecordVideo(env, f"videos/{run_name}")
            else:
                env = gym.make(env_id)
            env = gym.wrappers.RecordEpisodeStatistics(env)
            env.action_space.seed(seed)
            return env

        return thunk


    def log_episodes(infos, global_step):
        for info in [infos.get("final_info", infos)]:
            if "episode" in info:
                for index in np.flatnonzero(info["_episode"]):
                    episode = info["episode"]
                    print(f"global_step={global_step}, env={index}, "
                          f"episodic_return={episode['r'][index]}, length={episode['l'][index]}")


    def linear(obs, weights):
        return obs.reshape(len(obs), -1) @ weights


    def ppo(envs, args):
        # Rollouts of all environments, and an update after each.
        rng, weights = np.random.default_rng(args.seed), np.zeros((4, 2))
        obs, _ = envs.reset(seed=args.seed)
        global_step = 0
        for _ in range(args.total_timesteps // (args.num_envs * args.num_steps)):
            for _ in range(args.num_steps):
                global_step += args.num_envs
                logits = linear(obs, weights) + rng.gumbel(size=(args.num_envs, 2))
                obs, reward, terminations, truncations, infos = envs.step(logits.argmax(axis=1))
                log_episodes(infos, global_step)
            weights += rng.normal(0, 0.5, weights.shape)
        envs.close()


    def dqn(envs, args):
        # One environment, epsilon greedy, an update every few steps; then an evaluation.
        rng, weights = np.random.default_rng(args.seed), np.zeros((4, 2))
        obs, _ = envs.reset(seed=args.seed)
        for global_step in range(args.total_timesteps):
            if random.random() < max(0.05, 1 - global_step / 200):
                actions = np.array([envs.single_action_space.sample()])
            else:
                actions = linear(obs, weights).argmax(axis=1)
            obs, rewards, terminations, truncations, infos = envs.step(actions)
            log_episodes(infos, global_step)
            if global_step % 10 == 0:
                weights += rng.normal(0, 0.1, weights.shape)
        if args.evaluate:
            run_name = f"{args.run_name}-eval"
            eval_envs = gym.vector.SyncVectorEnv(
                [make_env(args.env_id, 0, 0, args.capture_video, run_name)]
            )
            obs, _ = eval_envs.reset(seed=1)
            for global_step in range(60):
                obs, _, _, _, infos = eval_envs.step(linear(obs, weights).argmax(axis=1))
                log_episodes(infos, global_step)
            eval_envs.close()
        envs.close()


    def sac(envs, args):
        # Continuous actions; whole episodes of 200 steps.
        rng, weights = np.random.default_rng(args.seed), np.zeros((3, 1))
        obs, _ = envs.reset(seed=args.seed)
        for global_step in range(args.total_timesteps):
            if global_step < 100:
                actions = np.array([envs.single_action_space.sample()])
            else:
                actions = np.tanh(linear(obs, weights)) * envs.single_action_space.high
            obs, rewards, terminations, truncations, infos = envs.step(actions)
            log_episodes(infos, global_step)
            if truncations.any():
                weights += rng.normal(0, 0.5, weights.shape)
        envs.close()


    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("algorithm", choices=["ppo", "dqn", "c51", "sac"])
        parser.add_argument("--env-id", default="CartPole-v1")
        parser.add_argument("--num-envs", type=int, default=1)
        parser.add_argument("--num-steps", type=int, default=32)
        parser.add_argument("--total-timesteps", type=int, default=500)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--capture-video", action="store_true")
        parser.add_argument("--track", action="store_true")
        args = parser.parse_args()
        args.run_name = f"{args.env_id}__{args.algorithm}__{args.seed}"
        args.evaluate = args.algorithm == "c51"
        if args.track:
            import wandb

            wandb.init(
                mode="offline",
                project="cleanRL",
                config=vars(args),
                name=args.run_name,
                monitor_gym=True,
                settings=wandb.Settings(console="off", silent=True, x_disable_stats=True),
            )
        random.seed(args.seed)
        np.random.seed(args.seed)
        envs = gym.vector.SyncVectorEnv(
            [
                make_env(args.env_id, args.seed + i, i, args.capture_video, args.run_name)
                for i in range(args.num_envs)
            ],
            # Both ways are in use.
            autoreset_mode=gym.vector.AutoresetMode.SAME_STEP
            if args.algorithm == "sac"
            else gym.vector.AutoresetMode.NEXT_STEP,
        )
        {"ppo": ppo, "dqn": dqn, "c51": dqn, "sac": sac}[args.algorithm](envs, args)
    """

# Stands in moviepy's place, for Gymnasium's recorder, and notes how many frames each video has.
IMAGE_SEQUENCE_CLIP = """
    import json, os

    class ImageSequenceClip:
        def __init__(self, frames, fps):
            self.num_frames = len(frames)

        def write_videofile(self, path, logger=None):
            with open("clips.jsonl", "a") as file:
                file.write(json.dumps([os.path.relpath(path, "videos"), self.num_frames]) + "\\n")
    """

ALGORITHMS = {
    "ppo": ["--num-envs", "4", "--total-timesteps", "1024"],
    "dqn": [],
    "c51": [],
    "sac": ["--env-id", "Pendulum-v1"],
}


def execute(folder: Path, *arguments: str) -> str:
    folder.mkdir()
    (folder / "script.py").write_text(textwrap.dedent(SCRIPT))
    moviepy = folder / "moviepy" / "video" / "io" / "ImageSequenceClip.py"
    moviepy.parent.mkdir(parents=True)
    for package in moviepy.parents[:3]:
        (package / "__init__.py").touch()
    moviepy.write_text(textwrap.dedent(IMAGE_SEQUENCE_CLIP))
    finished = subprocess.run(
        [sys.executable, *arguments, "--capture-video"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "SDL_VIDEODRIVER": "dummy"},
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    return finished.stdout


def videos_in(folder: Path) -> dict[str, int]:
    """Count the frames in the videos of all runs."""
    return {
        os.path.join(run.name, name): count_frames(run / name)
        for run in (folder / "videos").iterdir()
        for name in names_in(run)
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_same_returns_names_and_frames_as_without_gymreel(tmp_path: Path, algorithm: str) -> None:
    arguments = ["script.py", algorithm, *ALGORITHMS[algorithm]]
    theirs = execute(tmp_path / "theirs", *arguments)
    ours = execute(tmp_path / "ours", "-m", "gymreel", "run", *arguments)
    assert ours == theirs
    assert ours.count("episodic_return") >= 2
    lines = (tmp_path / "theirs" / "clips.jsonl").read_text().splitlines()
    clips: dict[str, int] = dict(json.loads(line) for line in lines)
    videos = videos_in(tmp_path / "ours")
    assert videos == clips
    assert len(videos) >= 2


@pytest.mark.parametrize("algorithm", ["ppo", "c51"])
def test_a_tracked_run_has_its_videos(tmp_path: Path, algorithm: str) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    arguments = ["script.py", algorithm, *ALGORITHMS[algorithm], "--track"]
    execute(tmp_path / "run", "-m", "gymreel", "run", *arguments)
    videos = [path.read_bytes() for path in (tmp_path / "run" / "videos").glob("*/*.mp4")]
    (media,) = (tmp_path / "run" / "wandb").glob("offline-run-*/files/media/videos")
    assert sorted(path.read_bytes() for path in media.glob("*.mp4")) == sorted(videos)
    assert len(videos) >= 2
