# Trains PPO of Stable-Baselines3 on CartPole for a short while, and records what the agents do at the beginning and
# from then on every 500 steps: 200 steps of all four environments in one picture.
# Needs `pip install gymreel[sb3]`.

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from gymreel import Episode
from gymreel.integrations.sb3 import VecVideoRecorder


def tell(clip: Episode) -> None:
    print(f"Saved {clip.path}: {clip.num_frames} frames")


torch.set_num_threads(1)  # such a small network is slower with more

envs = make_vec_env("CartPole-v1", n_envs=4, seed=1, env_kwargs={"render_mode": "rgb_array"})
envs = VecVideoRecorder(
    envs,
    "cartpole-training",
    record_video_trigger=lambda step: step % 500 == 0,
    video_length=200,
    name_prefix="ppo",
    on_saved=tell,
)
model = PPO("MlpPolicy", envs, n_steps=256, batch_size=256, policy_kwargs={"net_arch": [32]}, seed=1, device="cpu")
model.learn(total_timesteps=4_000)
envs.close()  # waits until the last video is complete
