"""What does a recording cost beside its frames, and how much of that is opening an encoder?

Recordings of one frame and of eleven, from the first write to the complete file: ten more frames
tell what a frame costs. Opening is measured through PyAV, with the settings that gymreel
chooses: libx264 cannot be emptied and used again, so each recording opens one.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import frames
from frames import Frames
from harness import Arguments, Column, Results, Stopwatch, parse_arguments, take_turns
from machine import memory_folder

from gymreel import VideoWriter

# And the encoder threads that gymreel takes on two cores.
SIZES = {"84x84": 1, "160x210": 1, "600x400": 1, "1920x1080": 3}
ONE, ELEVEN, OPENING = "one frame", "eleven frames", "opening libx264"
COLUMNS = [
    Column("wall_ms", "ms", 2, spread=True),
    Column("cpu_ms", "CPU ms, all threads", 2),
]


def measure(arguments: Arguments) -> Results:
    """Measure recordings of eleven frames and of one, in turns."""
    results = Results("short_episodes", str(__doc__), COLUMNS, arguments)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        for size, num_threads in SIZES.items():
            if not arguments.wants_case(size):
                continue
            clip = frames.load(size, 11, quick=True)
            for name in take_turns((ONE, ELEVEN, OPENING), arguments.num_rounds(25, quick=5)):
                with Stopwatch() as taken:
                    if name == OPENING:
                        _open(clip, num_threads)
                    else:
                        _record(clip[:1] if name == ONE else clip, Path(folder, "video.mp4"))
                results.add(size, name, wall_ms=1000 * taken.wall, cpu_ms=1000 * taken.cpu)
    return results


def _record(clip: Frames, path: Path) -> None:
    with VideoWriter(path) as writer:
        for frame in clip:
            writer.write(frame)


def _open(clip: Frames, num_threads: int) -> None:
    height, width, _ = clip[0].shape
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, 30)
    context.options = {"preset": "veryfast", "crf": "23"}
    context.thread_count = num_threads
    context.open()


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
