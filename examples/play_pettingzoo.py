# Records two games of PettingZoo: tic-tac-toe, whose players act in turns, with a frame for each move; and a pong for two
# who act at the same time.
# Needs `pip install gymreel[pettingzoo] pettingzoo[classic,butterfly]`.

import pettingzoo

from gymreel import read_episodes
from gymreel.integrations.pettingzoo import RecordVideo

env = pettingzoo.make("aec", "classic/tictactoe-v3", render_mode="rgb_array")
env = RecordVideo(env, "tictactoe", episode_trigger=lambda episode: True, episode_log=True)
for game in range(3):
    env.reset(seed=game)
    for agent in env.agent_iter():
        observation, reward, terminated, truncated, info = env.last()
        if terminated or truncated:
            action = None
        else:
            action = env.action_space(agent).sample(observation["action_mask"])  # replace with actual agents
        env.step(action)
env.close()

env = pettingzoo.make("parallel", "butterfly/cooperative_pong-v6", render_mode="rgb_array", max_cycles=100)
env = RecordVideo(env, "pong", episode_trigger=lambda episode: True, episode_log=True)
env.reset(seed=1)
while env.agents:
    env.step({agent: env.action_space(agent).sample() for agent in env.agents})
env.close()

for folder in ("tictactoe", "pong"):
    for episode in read_episodes(folder):
        print(f"{episode.path}: {episode.length} steps, {episode.info['returns']}")
