"""However a process ends, and however it multiplies, its recordings are complete and its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.frames import numbers_in
from support.subprocesses import run_python

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

_RECORDING = """
import os, sys, gc
from pathlib import Path
import gymreel
from support.frames import numbered
folder = Path(sys.argv[1])

def record(name, first=0, count=40):
    writer = gymreel.VideoWriter(folder / name)
    for number in range(first, first + count):
        writer.write(numbered(number))
    return writer

"""


def _run(
    folder: Path, code: str, *, exit_code: int = 0, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    finished = run_python(_RECORDING + code, folder, *options, check=False)
    assert finished.returncode == exit_code, finished.stderr
    return finished


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("writer = record('video.mp4')", 0),
        ("writer = record('video.mp4'); writer.finish()", 0),
        ("record('video.mp4')", 0),
        ("writer = record('video.mp4'); sys.exit(3)", 3),
        ("writer = record('video.mp4'); raise ZeroDivisionError", 1),
        ("def main():\n    writer = record('video.mp4')\n    1 / 0\nmain()", 1),
        ("writer = record('video.mp4'); cycle = [writer]; cycle.append(cycle); del writer", 0),
        ("import builtins; builtins.writer = record('video.mp4')", 0),
    ],
    ids=[
        "end of the script",
        "finished, not closed",
        "dropped",
        "sys.exit",
        "uncaught exception",
        "uncaught exception in a function",
        "in a cycle",
        "held for ever",
    ],
)
def test_leaving_the_interpreter_completes_the_video(
    tmp_path: Path, code: str, exit_code: int
) -> None:
    finished = _run(tmp_path, code, exit_code=exit_code)
    assert ("ZeroDivisionError" in finished.stderr) == (exit_code == 1)
    assert exit_code == 1 or finished.stderr == ""
    assert os.listdir(tmp_path) == ["video.mp4"]
    assert numbers_in(tmp_path / "video.mp4") == list(range(40))


def test_leaving_the_interpreter_completes_every_open_video(tmp_path: Path) -> None:
    _run(tmp_path, "writers = [record(f'{i}.mp4', 100 * i) for i in range(6)]")
    for index in range(6):
        numbers = numbers_in(tmp_path / f"{index}.mp4")
        assert numbers == list(range(100 * index, 100 * index + 40))


def test_a_failure_at_the_end_of_the_interpreter_is_a_warning(tmp_path: Path) -> None:
    finished = _run(tmp_path, "writer = record('video.mp4'); (folder / 'video.mp4').mkdir()")
    assert (
        "GymreelWarning: a recording failed: could not rename the complete file" in finished.stderr
    )
    assert "Traceback" not in finished.stderr
    (partial,) = (path for path in tmp_path.iterdir() if path.is_file())
    assert numbers_in(partial) == list(range(40))


def test_writers_that_are_opened_meanwhile_do_not_disturb_the_end(tmp_path: Path) -> None:
    code = """
writers = [record('video.mp4')]
def open_another(frame, event, argument):  # As a thread may between any two lines of Python.
    writers.append(gymreel.VideoWriter(folder / f'{len(writers)}.mp4'))
    return open_another
sys.settrace(open_another)
gymreel._open_writers._finish_all()
sys.settrace(None)
"""
    assert _run(tmp_path, code).stderr == ""
    assert numbers_in(tmp_path / "video.mp4") == list(range(40))


def test_a_function_that_runs_at_exit_may_still_record(tmp_path: Path) -> None:
    # Registered after gymreel's own, so it runs before.
    _run(tmp_path, "import atexit; atexit.register(lambda: record('video.mp4'))")
    assert numbers_in(tmp_path / "video.mp4") == list(range(40))


def test_recording_when_everything_was_completed_at_exit_still_works(tmp_path: Path) -> None:
    # Registered before gymreel's own, so it runs after: the workers have ended by then.
    late = "import atexit; atexit.register(lambda: record('late.mp4').close())\n"
    finished = run_python(late + _RECORDING + "record('video.mp4')", tmp_path)
    assert finished.stderr == ""
    assert numbers_in(tmp_path / "video.mp4") == list(range(40))
    assert numbers_in(tmp_path / "late.mp4") == list(range(40))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_what_a_killed_process_had_recorded_can_be_read(tmp_path: Path, suffix: str) -> None:
    finished = _run(
        tmp_path,
        f"writer = record('video{suffix}', count=300)\n"
        "while writer.stats.num_encoded < 300: pass\n"
        "import signal; os.kill(os.getpid(), signal.SIGKILL)",
        exit_code=-signal.SIGKILL,
    )
    assert finished.stderr == ""
    numbers = numbers_in(tmp_path / f".video{suffix}.partial")
    assert len(numbers) >= 200
    # A reordered frame at the very end may have come without those that are shown before it.
    assert numbers[:-4] == list(range(len(numbers) - 4))
    assert numbers == sorted(set(numbers))


_FORK = """
writer = record('parent.mp4')
child = os.fork()
if child == 0:
    try:
        writer.write(numbered(4000))
    except gymreel.WriterClosedError as error:
        print("write:", error)
    writer.finish()
    try:
        writer.poll()
    except gymreel.WriterClosedError as error:
        print("poll:", error)
    try:
        writer.close()
    except gymreel.WriterClosedError as error:
        print("close:", error)
    ACTION
_, status = os.waitpid(child, 0)
print("child:", os.waitstatus_to_exitcode(status))
for number in range(40, 60):
    writer.write(numbered(number))
writer.close()
"""
_TOLD = "this writer belongs to the process that was forked; make a new one here"


@needs_fork
@pytest.mark.parametrize(
    "action",
    [
        "sys.exit()",
        "sys.stdout.flush(); os._exit(0)",
        "del writer; gc.collect(); sys.exit()",
        "record('child.mp4').close(); sys.exit()",
        "own = record('child.mp4'); sys.exit()",
    ],
    ids=["exit", "_exit", "dropped", "records", "records and leaves"],
)
def test_a_forked_child_leaves_the_recordings_of_its_parent_alone(
    tmp_path: Path, action: str
) -> None:
    code = _FORK.replace("ACTION", action)
    finished = _run(tmp_path, code, options=("-W", "ignore::DeprecationWarning"))
    assert finished.stderr == ""
    assert sorted(finished.stdout.splitlines()) == [
        "child: 0",
        f"close: {_TOLD}",
        f"poll: {_TOLD}",
        f"write: {_TOLD}",
    ]
    assert numbers_in(tmp_path / "parent.mp4") == list(range(60))
    if "child.mp4" in action:
        assert numbers_in(tmp_path / "child.mp4") == list(range(40))


@needs_fork
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pool_workers_record_their_own_videos(tmp_path: Path, method: str) -> None:
    code = f"""
import multiprocessing
from pool_task import record_numbers
if __name__ == "__main__":
    writer = record('parent.mp4')
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print(pool.starmap(record_numbers, [(folder / f'{{i}}.mp4', 10 * i) for i in range(4)]))
        pool.close()
        pool.join()
"""
    (tmp_path / "pool_task.py").write_text(
        "from support.frames import numbered, record\n"
        "def record_numbers(path, first):\n"
        "    return record(path, map(numbered, range(first, first + 10))).num_frames\n"
    )
    code = f"sys.path.insert(0, {str(tmp_path)!r})\n" + code
    finished = _run(tmp_path, code, options=("-W", "ignore::DeprecationWarning"))
    assert finished.stdout.strip() == "[10, 10, 10, 10]"
    assert numbers_in(tmp_path / "parent.mp4") == list(range(40))
    for index in range(4):
        numbers = numbers_in(tmp_path / f"{index}.mp4")
        assert numbers == list(range(10 * index, 10 * index + 10))


_FORKED_RECORDER = """
import time, warnings
from support.environments import NumberedEnv
from gymreel.keep import last
from gymreel.trackers import Tracker
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo

told = {"on_saved": [], "log_episode": [], "log_video": []}
class Told(Tracker):
    def log_episode(self, episode): told["log_episode"].append(episode.index)
    def log_video(self, episode): told["log_video"].append(episode.index)

def play(env, num_steps):
    for _ in range(num_steps):
        env.step(0)

env = RecordVideo(NumberedEnv(5), folder / "videos", always, keep=last(1), trackers=[Told()],
                  report_when="complete",
                  on_saved=lambda episode: told["on_saved"].append(episode.index))
FORK_AT
child = os.fork()
if child == 0:
    warnings.simplefilter("ignore")  # It says that the video in progress is the parent's.
    for episode in range(1, 11):
        env.reset()
        play(env, 5)
    # Each reset tells of what is complete by then.
    deadline = time.monotonic() + 30
    while not set(range(1, 10)) <= set(told["on_saved"]) and time.monotonic() < deadline:
        env.reset()
    assert set(range(1, 10)) <= set(told["on_saved"]), told
    assert told["on_saved"] == told["log_video"], told
    assert set(range(1, 10)) <= set(told["log_episode"]), told
    env.close()
    assert len(list((folder / "videos").glob("*episode-[1-9]*.mp4"))) == 1  # keep.last(1)
    sys.stdout.flush()
    os._exit(0)
print("child:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
env.close()
"""


@needs_fork
@pytest.mark.parametrize(
    "fork_at",
    ["env.reset(); play(env, 2)", "env.reset(); play(env, 5)"],
    ids=["in an episode", "after one"],
)
def test_a_recorder_in_a_forked_child_is_told_of_its_own_videos(
    tmp_path: Path, fork_at: str
) -> None:
    code = _FORKED_RECORDER.replace("FORK_AT", fork_at)
    finished = _run(tmp_path, code, options=("-W", "ignore::DeprecationWarning"))
    assert finished.stdout == "child: 0\n"
    assert finished.stderr == ""
