# A short training of a linear policy by random search, which shows its returns and videos in TensorBoard:
#
#     pip install gymreel[tensorboard]
#     python train_tensorboard.py
#     tensorboard --logdir runs

import gymnasium as gym
import numpy as np

from gymreel import triggers
from gymreel.trackers import TensorBoard
from gymreel.wrappers import RecordEpisodeStatistics, RecordVideo

num_training_episodes = 60
training_period = 20  # record the agent's episode every 20

env = gym.make("CartPole-v1", render_mode="rgb_array")  # replace with your environment
env = RecordVideo(
    env,
    video_folder="cartpole-search",
    name_prefix="search",
    episode_trigger=triggers.every(training_period),
    suffix=".gif",  # the one kind of video that TensorBoard shows
    trackers=[TensorBoard("runs/cartpole-search")],
)
env = RecordEpisodeStatistics(env)

rng = np.random.default_rng(1)
best_weights, best_return = np.zeros(4), 0.0

for episode_num in range(num_training_episodes):
    weights = best_weights + rng.normal(scale=0.5, size=4)
    obs, info = env.reset(seed=episode_num)

    episode_over = False
    while not episode_over:
        action = int(weights @ obs > 0)
        obs, reward, terminated, truncated, info = env.step(action)

        episode_over = terminated or truncated

    if info["episode"]["r"] >= best_return:
        best_weights, best_return = weights, info["episode"]["r"]
env.close()

print(f"Best return: {best_return}")
