"""Are all frames in the file?

Every frame shows its own number as black and white stripes, so that what comes out can be told
apart.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import gymnasium.wrappers
import numpy as np
from harness import Arguments, Column, Results, parse_arguments
from machine import memory_folder
from numpy.typing import NDArray
from prepared_env import PreparedEnv

import gymreel.wrappers

NUM_BITS = 16
STRIPE = 16
HEIGHT = 32
# Frames and frames per second.
EPISODES = ((1000, 30), (501, 30), (501, 50), (300, 60))
COLUMNS = [
    Column("written", "frames recorded", 0),
    Column("read", "frames in file", 0),
    Column("distinct", "distinct", 0),
    Column("in_order", "right number in its place", 0),
]
WRAPPERS: dict[str, Any] = {
    "gymreel": gymreel.wrappers.RecordVideo,
    "Gymnasium": gymnasium.wrappers.RecordVideo,
}


def measure(arguments: Arguments) -> Results:
    """Record numbered frames and read them back with the ffmpeg command."""
    gym.logger.min_level = gym.logger.ERROR  # The folder exists: known.
    results = Results("distinct_frames", str(__doc__), COLUMNS, arguments)
    episodes = arguments.pick(EPISODES, EPISODES[1:2])
    for num_frames, fps in episodes:
        clip = [numbered_frame(number) for number in range(num_frames)]
        for name, wrapper in WRAPPERS.items():
            with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
                env = wrapper(PreparedEnv(clip), folder, episode_trigger=lambda _: True, fps=fps)
                env.reset()
                for _ in range(num_frames - 1):
                    env.step(0)
                env.close()
                numbers = read_numbers(Path(folder, "rl-video-episode-0.mp4"))
            results.add(
                f"{num_frames} frames at {fps} fps",
                name,
                written=num_frames,
                read=len(numbers),
                distinct=len(set(numbers)),
                in_order=sum(number == place for place, number in enumerate(numbers)),
            )
    return results


def numbered_frame(number: int) -> NDArray[np.uint8]:
    """Draw a number as stripes, the lowest bit first."""
    bits = (number >> np.arange(NUM_BITS)) & 1
    row = np.repeat(255 * bits.astype(np.uint8), STRIPE)
    return np.broadcast_to(row[np.newaxis, :, np.newaxis], (HEIGHT, row.size, 3)).copy()


def read_numbers(path: Path) -> list[int]:
    """Return the number of each frame in the file."""
    width = NUM_BITS * STRIPE
    command = ["ffmpeg", "-loglevel", "error", "-nostdin", "-i", str(path)]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    grey = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, NUM_BITS, STRIPE)
    assert grey.shape[2] * grey.shape[3] == width
    bits = grey.mean(axis=(1, 3)) > 127
    return [int(number) for number in bits @ (1 << np.arange(NUM_BITS))]


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
