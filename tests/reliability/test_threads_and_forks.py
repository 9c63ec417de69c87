"""Many threads and processes record at once, and each video holds its own frames and no others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from gymreel import VideoWriter, recover
from gymreel._runs import MARKER_NAME
from gymreel.episodes import LOG_NAME
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.frames import numbered, numbers_in
from support.paths import TESTS
from support.soak import choose

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

_NUM_FORKS = choose(short=10, soak=100)
_METHODS = pytest.mark.parametrize(
    "method",
    [pytest.param("fork", marks=needs_fork), pytest.param("forkserver", marks=needs_fork), "spawn"],
)


def _files(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name != LOG_NAME
    )


def _run(script: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script that its children can import; one that hangs fails."""
    finished = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", script, str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=30 + 2 * _NUM_FORKS,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished


class _Failures(list[BaseException]):
    """What the threads of a test raised."""

    def thread(self, target: Any, *arguments: Any) -> threading.Thread:
        """Start a thread that reports here."""

        def run() -> None:
            try:
                target(*arguments)
            except BaseException as error:
                self.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread


def test_threads_record_environments_while_others_share_a_writer(tmp_path: Path) -> None:
    shared = VideoWriter(tmp_path / "shared.mp4")
    together = threading.Barrier(12)

    def play(index: int) -> None:
        folder = tmp_path / str(index)
        with RecordVideo(NumberedEnv(30 + index), folder, always, copy=index % 2 == 0) as env:
            together.wait()
            run_episodes(env, 3)

    def write(first: int) -> None:
        together.wait()
        for number in range(first, first + 100):
            shared.write(numbered(number))

    failures = _Failures()
    threads = [failures.thread(play, index) for index in range(8)]
    threads += [failures.thread(write, first) for first in range(0, 400, 100)]
    for thread in threads:
        thread.join()
    shared.close()
    assert failures == []

    for index in range(8):
        length = 31 + index
        names = [f"rl-video-episode-{number}.mp4" for number in range(3)]
        assert _files(tmp_path / str(index)) == names
        for number, name in enumerate(names):
            expected = range(length * number, length * (number + 1))
            assert numbers_in(tmp_path / str(index) / name) == list(expected)
    numbers = numbers_in(tmp_path / "shared.mp4")
    assert sorted(numbers) == list(range(400))
    for first in range(0, 400, 100):
        of_one_thread = [number for number in numbers if first <= number < first + 100]
        assert of_one_thread == sorted(of_one_thread)


def test_an_environment_may_go_from_thread_to_thread(tmp_path: Path) -> None:
    made: list[RecordVideo[Any, Any]] = []
    failures = _Failures()
    failures.thread(
        lambda: made.append(RecordVideo(NumberedEnv(99), tmp_path / "videos", always))
    ).join()
    (env,) = made
    failures.thread(env.reset).join()
    for _ in range(20):
        failures.thread(env.step, 0).join()
    failures.thread(env.close).join()
    assert failures == []
    assert numbers_in(tmp_path / "videos" / "rl-video-episode-0.mp4") == list(range(21))


def test_closing_from_several_threads_gives_all_of_them_the_same_recording(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "video.mp4")
    for number in range(50):
        writer.write(numbered(number))
    together = threading.Barrier(8)
    recordings: list[Any] = []

    def close() -> None:
        together.wait()
        recordings.append(writer.close())

    failures = _Failures()
    for thread in [failures.thread(close) for _ in range(8)]:
        thread.join()
    assert failures == []
    assert recordings == [writer.close()] * 8
    assert numbers_in(tmp_path / "video.mp4") == list(range(50))


_FORKS = """
import os, random, signal, sys, threading
from pathlib import Path
import gymreel
from support.environments import NumberedEnv
from support.frames import numbered
from gymreel.wrappers import RecordVideo

folder, num_forks = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(5)
stopping = threading.Event()

def write_on(index):
    # Copies are made without the GIL, so forks come in the middle of them.
    path = folder / f"parent-{index}.mp4"
    with gymreel.VideoWriter(path, copy=True, preset="placebo", max_pending_bytes=99999) as writer:
        number = 0
        while not stopping.is_set():
            writer.write(numbered(number % 4096))
            number += 1

def in_child(fork):
    signal.alarm(20)  # A child that hangs is killed by it.
    for attempt in (lambda: inherited.write(numbered(0)), inherited.close, lambda: inherited.stats):
        try:
            attempt()
        except gymreel.WriterClosedError:
            continue
        os._exit(10)
    inherited.finish()
    own = gymreel.VideoWriter(folder / f"child-{fork}.mp4")
    for number in range(20):
        own.write(numbered(number))
    played = RecordVideo(NumberedEnv(99), folder, lambda _: True, name_prefix=f"played-{fork}")
    played.reset()
    for _ in range(19):
        played.step(0)
    if fork % 2 == 0:
        sys.exit(7)  # Neither was closed.
    own.close()
    played.close()
    os._exit(7)

# It warns that it exists.
gymreel._recording.video_folder.make_video_folder = lambda *_, **__: None
threads = [threading.Thread(target=write_on, args=(index,)) for index in range(2)]
for thread in threads:
    thread.start()
env = RecordVideo(NumberedEnv(1 << 30), folder / "env", lambda _: True)
env.reset()
inherited = gymreel.VideoWriter(folder / "inherited.mp4")
written = 0
try:
    for fork in range(num_forks):
        for _ in range(chance.randrange(1, 60)):
            inherited.write(numbered(written % 4096))
            env.step(0)
            written += 1
        child = os.fork()
        if child == 0:
            in_child(fork)
        if chance.random() < 0.5:
            inherited.write(numbered(written % 4096))
            env.step(0)
            written += 1
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code == 7, (fork, code)
finally:
    stopping.set()
for thread in threads:
    thread.join()
env.close()
inherited.close()
print(written)
"""


@needs_fork
@pytest.mark.timeout(60 + 4 * _NUM_FORKS)
def test_forks_at_random_moments_harm_neither_the_parent_nor_the_children(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    script = tmp_path / "forks.py"
    script.write_text(_FORKS)
    written = int(_run(script, folder, str(_NUM_FORKS)).stdout)

    assert numbers_in(folder / "inherited.mp4") == [number % 4096 for number in range(written)]
    played = numbers_in(folder / "env" / "rl-video-episode-0.mp4")
    assert played == [number % 4096 for number in range(written + 1)]
    for index in range(2):
        numbers = numbers_in(folder / f"parent-{index}.mp4")
        assert len(numbers) > 20
        assert numbers == [number % 4096 for number in range(len(numbers))]
    for fork in range(_NUM_FORKS):
        for name in (f"child-{fork}.mp4", f"played-{fork}-episode-0.mp4"):
            assert numbers_in(folder / name) == list(range(20))
    assert [name for name in _files(folder) if name.startswith(".") or "/." in name] == []
    assert len(_files(folder)) == 4 + 2 * _NUM_FORKS


_GENERATIONS = """
import os, sys
from pathlib import Path
import gymreel
from support.frames import numbered

folder = Path(sys.argv[1])

def record(name):
    writer = gymreel.VideoWriter(folder / name)
    for number in range(20):
        writer.write(numbered(number))
    return writer

oldest = record("0.mp4")
for generation in range(1, 4):
    child = os.fork()
    if child:
        # Each waits for the next, and leaves by the end of the script.
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        break
    youngest = record(f"{generation}.mp4")
"""


@needs_fork
def test_children_of_children_record_too(tmp_path: Path) -> None:
    script = tmp_path / "generations.py"
    script.write_text(_GENERATIONS)
    folder = tmp_path / "videos"
    _run(script, folder)
    assert _files(folder) == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
    for name in _files(folder):
        assert numbers_in(folder / name) == list(range(20))


_EXECUTOR = """
import concurrent.futures, multiprocessing, sys
from pathlib import Path
import gymreel
from support.environments import NumberedEnv
from support.frames import numbered
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo

def play(folder, index):
    # Left open: the worker plays on, and completes its videos when it ends.
    env = RecordVideo(NumberedEnv(99), folder / str(index), always)
    env.reset()
    for _ in range(10 + index):
        env.step(0)
    return index

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with gymreel.VideoWriter(folder / "parent.mp4") as writer:
        writer.write(numbered(0))
        context = multiprocessing.get_context(sys.argv[2])
        with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
            played = [pool.submit(play, folder, index) for index in range(6)]
            for number in range(1, 20):
                writer.write(numbered(number))
            print([future.result() for future in played])
"""


@_METHODS
def test_workers_of_an_executor_record_while_their_parent_does(tmp_path: Path, method: str) -> None:
    script = tmp_path / "executor.py"
    script.write_text(_EXECUTOR)
    folder = tmp_path / "videos"
    assert _run(script, folder, method).stdout == "[0, 1, 2, 3, 4, 5]\n"
    videos = [f"{index}/rl-video-episode-0.mp4" for index in range(6)]
    assert _files(folder) == [*videos, "parent.mp4"]
    assert numbers_in(folder / "parent.mp4") == list(range(20))
    for index, video in enumerate(videos):
        assert numbers_in(folder / video) == list(range(11 + index))


_VECTOR = """
import sys, warnings
import gymnasium as gym
from support.environments import NumberedEnv
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo

warnings.filterwarnings("ignore", ".*Overwriting existing videos")  # They share a folder.

def make(index):
    def make_one():
        return RecordVideo(NumberedEnv(5 + index), sys.argv[1], always, name_prefix=f"env-{index}")
    return make_one

if __name__ == "__main__":
    envs = gym.vector.AsyncVectorEnv([make(index) for index in range(4)], context=sys.argv[2])
    envs.reset(seed=3)
    for _ in range(14):
        envs.step([0] * 4)
    ENDING
"""


def _numbers_of_vector() -> dict[str, list[int]]:
    """Return what each video holds; a reset takes the place of the step after an episode's end."""
    expected = {}
    for index in range(4):
        length = 6 + index
        for first in range(0, 15, length):
            name = f"env-{index}-episode-{first // length}.mp4"
            expected[name] = list(range(first, min(first + length, 15)))
    return expected


@_METHODS
def test_closing_a_vector_completes_the_videos_of_each_environment(
    tmp_path: Path, method: str
) -> None:
    script = tmp_path / "vector.py"
    script.write_text(_VECTOR.replace("ENDING", "envs.close()"))
    folder = tmp_path / "videos"
    _run(script, folder, method)
    expected = _numbers_of_vector()
    assert _files(folder) == sorted(expected)
    for name, numbers in expected.items():
        assert numbers_in(folder / name) == numbers


@needs_fork
@pytest.mark.parametrize("ending", ["del envs", "pass"], ids=["dropped", "left open"])
def test_a_vector_that_is_not_closed_leaves_what_can_be_recovered(
    tmp_path: Path, ending: str
) -> None:
    # Gymnasium terminates the processes then.
    script = tmp_path / "vector.py"
    script.write_text(_VECTOR.replace("ENDING", ending))
    folder = tmp_path / "videos"
    _run(script, folder, "fork")
    recover(folder)
    expected = _numbers_of_vector()
    for name in set(_files(folder)) - {MARKER_NAME}:
        if name.endswith(".partial"):
            # Killed before its first byte. recover() leaves such a file alone while it is so new
            # that somebody may be about to write it.
            assert (folder / name).stat().st_size == 0
            continue
        numbers = numbers_in(folder / name)
        assert numbers == expected[name.replace("-recovered", "")][: len(numbers)]


_OPEN_FILES = "[os.path.realpath(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')]"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system has no /proc")
def test_a_program_that_is_started_while_recording_inherits_no_file(tmp_path: Path) -> None:
    writers = [VideoWriter(tmp_path / name) for name in ("a.mp4", "b.mkv", "c.gif")]
    opened: list[str] = []
    inherited: list[str] = []

    def start() -> None:
        for _ in range(4):
            finished = subprocess.run(
                [sys.executable, "-S", "-c", f"import os; print(*{_OPEN_FILES})"],
                close_fds=False,
                capture_output=True,
                text=True,
                check=True,
            )
            inherited.extend(finished.stdout.split())
            opened.extend(eval(_OPEN_FILES))

    failures = _Failures()
    thread = failures.thread(start)
    number = 0
    while thread.is_alive():
        for writer in writers:
            writer.write(numbered(number % 4096))
        number += 1
    thread.join()
    for writer in writers:
        assert writer.close().num_frames == number
    assert failures == []
    assert [path for path in opened if path.startswith(str(tmp_path))] != []
    assert [path for path in inherited if path.startswith(str(tmp_path))] == []
