# The training script of Gymnasium's tutorial "Recording Agents" (Farama Foundation, MIT licence).
# The import of the wrappers differs, and the logging line: the tutorial passes logging.info an argument
# that its message has no place for, so it prints a traceback instead of the statistics.

import logging

import gymnasium as gym

from gymreel.wrappers import RecordEpisodeStatistics, RecordVideo

training_period = 250  # record the agent's episode every 250
num_training_episodes = 10_000  # total number of training episodes

env = gym.make("CartPole-v1", render_mode="rgb_array")  # replace with your environment
env = RecordVideo(
    env,
    video_folder="cartpole-agent",
    name_prefix="training",
    episode_trigger=lambda x: x % training_period == 0,
)
env = RecordEpisodeStatistics(env)

for episode_num in range(num_training_episodes):
    obs, info = env.reset()

    episode_over = False
    while not episode_over:
        action = env.action_space.sample()  # replace with actual agent
        obs, reward, terminated, truncated, info = env.step(action)

        episode_over = terminated or truncated

    logging.info("episode-%d: %s", episode_num, info["episode"])
env.close()
