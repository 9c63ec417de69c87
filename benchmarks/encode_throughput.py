"""How many frames per second become video, and how much CPU time does each take?

Frames come from memory and files go to memory. Every contender encodes the same frames with the
same settings; the first file of each is counted and compared with the source.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import frames
import quality
from harness import Arguments, Column, Results, Stopwatch, parse_arguments, take_turns
from machine import memory_folder
from recorders import Clip, Recorder, load_recorders

# Frames in a complete and in a quick run, and rounds of the complete one.
PLAN = {
    "1920x1080": (240, 40, 4),
    "3840x2160": (40, 6, 2),
    "600x400": (600, 100, 3),
    "160x210": (1500, 300, 3),
    "84x84": (3000, 500, 3),
}
COLUMNS = [
    Column("fps", "frames/s", 0, spread=True),
    Column("cpu_ms", "CPU ms/frame", 2, spread=True),
    Column("frames", "frames in file", 0),
    Column("kilobytes", "kB", 0),
    Column("ssim", "SSIM", 4),
    Column("psnr", "PSNR dB", 1),
]


def measure(arguments: Arguments) -> Results:
    """Let all recorders encode all sizes."""
    results = Results("encode_throughput", str(__doc__), COLUMNS, arguments)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        scratch = Path(folder)
        recorders, missing = load_recorders(scratch)
        for name, reason in missing.items():
            results.skip(name, reason)
        recorders = [recorder for recorder in recorders if arguments.wants(recorder.name)]
        for size, (full, quick, rounds) in PLAN.items():
            if arguments.wants_case(size):
                clip = Clip(
                    size, frames.load(size, arguments.pick(full, quick), quick=arguments.quick)
                )
                _compare(results, recorders, clip, scratch, arguments.num_rounds(rounds, quick=1))
    return results


def _compare(
    results: Results, recorders: list[Recorder], clip: Clip, scratch: Path, num_rounds: int
) -> None:
    path = scratch / "video.mp4"
    ready = []
    for recorder in recorders:
        try:
            recorder.prepare(clip)
            recorder.record(clip, path)  # To warm up, and to look at.
        except Exception as error:  # A peer that cannot is no reason to measure nobody.
            results.skip(f"{recorder.name} at {clip.size}", f"{type(error).__name__}: {error}")
            recorder.clean_up(clip)
            continue
        ready.append(recorder)
        results.add(clip.size, recorder.name, **quality.look_at(path, clip, recorder, scratch))
        for note in (recorder.note, quality.encoder_of(path)):
            if note:
                results.note(clip.size, recorder.name, note)
    for recorder in take_turns(ready, num_rounds):
        with Stopwatch() as stopwatch:
            recorder.record(clip, path)
        results.add(
            clip.size,
            recorder.name,
            fps=len(clip.frames) / stopwatch.wall,
            cpu_ms=1000 * stopwatch.cpu / len(clip.frames),
        )
        path.unlink()
    for recorder in ready:
        recorder.clean_up(clip)
    quality.clean_up(clip, scratch)


if __name__ == "__main__":
    measure(parse_arguments(__doc__)).finish()
