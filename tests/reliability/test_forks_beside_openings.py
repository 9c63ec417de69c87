"""One thread opens recordings while another forks: neither side ever waits for a lock for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.frames import numbers_in
from support.paths import TESTS
from support.soak import choose

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

_NUM_FORKS = 100
_SECONDS = choose(short=0, soak=60)
_NUM_VECTORS = choose(short=2, soak=100)

# Hooks of logging run at each fork, and the GIL goes to another thread while they do. What is
# registered first runs last, with gymreel's own hook behind it.
_BEGINNING = """
import logging, os, sys, threading, time
from pathlib import Path
os.register_at_fork(before=lambda: time.sleep(0.0001), after_in_parent=lambda: time.sleep(0))
import gymreel
from support.frames import numbered

folder, num_forks, seconds, num_vectors = Path(sys.argv[1]), *map(int, sys.argv[2:])
stopping = threading.Event()
num_opened = [0, 0]

def record(name):
    with gymreel.VideoWriter(folder / name, preset="ultrafast") as writer:
        for number in range(3):
            writer.write(numbered(number))

def open_recordings(index):
    while not stopping.is_set():
        record(f"{index}.mp4")
        num_opened[index] += 1

def wait_for_openings(count):
    while min(num_opened) < count:
        time.sleep(0)

threads = [threading.Thread(target=open_recordings, args=(index,)) for index in range(2)]
for thread in threads:
    thread.start()
wait_for_openings(1)
"""
_ENDING = """
wait_for_openings(min(num_opened) + 2)
stopping.set()
for thread in threads:
    thread.join()
"""
_FORKS = """
begin, fork = time.monotonic(), 0
while fork < num_forks or time.monotonic() < begin + seconds:
    fork += 1
    child = os.fork()
    if child == 0:
        if fork % 10 == 0:
            record("child.mp4")
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
_FORKS_IN_TWO_THREADS = """
def fork_repeatedly():
    for _ in range(num_forks // 2):
        child = os.fork()
        if child == 0:
            os._exit(7)
        os.waitpid(child, 0)
forking = [threading.Thread(target=fork_repeatedly) for _ in range(2)]
for thread in forking:
    thread.start()
for thread in forking:
    thread.join()
record("child.mp4")
"""
_VECTORS = """
import gymnasium as gym
from support.environments import NumberedEnv
for _ in range(num_vectors):
    envs = gym.vector.AsyncVectorEnv([lambda: NumberedEnv(5)] * 2, context="fork")
    envs.reset()
    envs.close()
record("child.mp4")
"""


@pytest.mark.timeout(120 + _SECONDS + _NUM_VECTORS)
@pytest.mark.parametrize(
    "forks",
    [_FORKS, _FORKS_IN_TWO_THREADS, _VECTORS],
    ids=["forks", "forks in two threads", "vector environments"],
)
def test_forking_while_another_thread_opens_recordings_never_hangs(
    tmp_path: Path, forks: str
) -> None:
    arguments = [str(tmp_path), str(_NUM_FORKS), str(_SECONDS), str(_NUM_VECTORS)]
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _BEGINNING + forks + _ENDING, *arguments],
        capture_output=True,
        text=True,
        timeout=60 + _SECONDS + _NUM_VECTORS,
        cwd=TESTS,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    for name in ("0.mp4", "1.mp4", "child.mp4"):
        assert numbers_in(tmp_path / name) == [0, 1, 2]
