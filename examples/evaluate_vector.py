# Evaluates an agent on several environments at once: the same number of episodes of each, so that short episodes,
# which end first, do not count more often than long ones. Each episode has a video of its own.

import gymnasium as gym
import numpy as np

from gymreel.wrappers.vector import RecordEpisodeStatistics, RecordVideo

num_envs = 4
episodes_per_env = 2

envs = gym.make_vec("CartPole-v1", num_envs=num_envs, vectorization_mode="sync", render_mode="rgb_array")
envs = RecordVideo(
    envs,
    video_folder="cartpole-agents",
    name_prefix="eval",
    layout="separate",
    episode_trigger=lambda episode: episode < episodes_per_env,
)
envs = RecordEpisodeStatistics(envs)

returns: list[list[float]] = [[] for _ in range(num_envs)]
obs, infos = envs.reset(seed=1)
while any(len(of_one) < episodes_per_env for of_one in returns):
    actions = (obs[:, 2] > 0).astype(int)  # push towards the lean; replace with actual agent
    obs, rewards, terminations, truncations, infos = envs.step(actions)
    for i in np.flatnonzero(infos.get("_episode", False)).tolist():
        if len(returns[i]) < episodes_per_env:
            returns[i].append(float(infos["episode"]["r"][i]))
envs.close()

for number, of_one in enumerate(returns):
    print(f"Environment {number}: {of_one}")
print(f"Mean return of {num_envs * episodes_per_env} episodes: {np.mean(returns):.1f}")
