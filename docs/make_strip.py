"""Makes docs/strip.png, the README's picture: five frames of a video that RecordVideo recorded.

Needs the test environment (MuJoCo) and the ffmpeg command:

    MUJOCO_GL=egl .venv/bin/python docs/make_strip.py
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import gymnasium as gym

from gymreel.wrappers import RecordVideo

NUM_STEPS = 40
FRAMES_APART = 10


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        env: gym.Env = gym.make("Ant-v5", render_mode="rgb_array", width=320, height=240)
        env = RecordVideo(env, folder, crf=10)
        env.action_space.seed(3)
        env.reset(seed=3)
        for _ in range(NUM_STEPS):
            env.step(env.action_space.sample())
        env.close()
        (video,) = Path(folder).glob("*.mp4")
        picture = Path(__file__).with_name("strip.png")
        tiles = f"select=not(mod(n\\,{FRAMES_APART})),tile=5x1"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", video, "-vf", tiles, "-frames:v", "1", picture],
            check=True,
        )


if __name__ == "__main__":
    main()
