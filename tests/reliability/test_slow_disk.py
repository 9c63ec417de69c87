"""A disk that takes long to rename or sync a file: nobody waits but who waits for that file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from preloaded import compile_shim

from support.frames import numbers_in
from support.paths import TESTS
from support.soak import choose

_SECONDS = choose(short=2.0, soak=5.0)
"""How long a call takes."""
_LONGEST = _SECONDS / 4
"""How long anything else may take: on a busy machine much longer than the call itself needs."""

_SCENE = """
import ctypes, json, os, sys, threading, time
from pathlib import Path
import gymreel
from support.frames import numbered

folder, rename, sync = Path(sys.argv[1]), *map(int, sys.argv[2:])
shim = ctypes.CDLL(None)
longest = {}

def measure(name, function, *arguments):
    begin = time.monotonic()
    result = function(*arguments)
    longest[name] = max(longest.get(name, 0), time.monotonic() - begin)
    return result

def tick():
    while ticking:
        measure("another thread", time.sleep, 0.001)

other = gymreel.VideoWriter(folder / "other.mp4")
other.write(numbered(0))
while other.stats.num_encoded < 1:
    time.sleep(0.001)
slow = gymreel.VideoWriter(folder / "slow.mp4")
slow.write(numbered(7))
ticking = True
thread = threading.Thread(target=tick, daemon=True)
thread.start()
shim.gymreel_slow_disk(os.fsencode(folder), rename, sync)
slow.finish()
while shim.gymreel_num_slow() == 0:
    assert slow.poll() is None
    time.sleep(0.001)

opened = []
for name in ("new.mp4", "slow.mp4"):
    opened.append(measure("VideoWriter", gymreel.VideoWriter, folder / name))
for number in range(1, 20):
    for writer in [other, *opened]:
        measure("write", writer.write, numbered(number))
assert shim.gymreel_num_slow() > 0, ("it was over before this was done", longest)
shim.gymreel_slow_disk(os.fsencode(folder), 0, 0)
ticking = False
thread.join()
for writer in [slow, *opened, other]:
    writer.close()
print(json.dumps(longest))
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the library that lets calls take long."""
    return compile_shim("slow_disk_shim.c", tmp_path_factory.mktemp("shim"))


@pytest.mark.parametrize("slow", ["rename", "sync"])
def test_nobody_waits_for_a_slow_disk_but_who_waits_for_the_file(
    tmp_path: Path, shim: Path, slow: str
) -> None:
    milliseconds = str(int(_SECONDS * 1000))
    arguments = [milliseconds, "0"] if slow == "rename" else ["0", milliseconds]
    preloaded = os.pathsep.join(filter(None, [os.environ.get("LD_PRELOAD"), str(shim)]))
    finished = subprocess.run(
        [sys.executable, "-c", _SCENE, str(tmp_path), *arguments],
        env={**os.environ, "LD_PRELOAD": preloaded},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=TESTS,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    longest: dict[str, float] = json.loads(finished.stdout)
    assert set(longest) == {"another thread", "VideoWriter", "write"}
    assert {name: time for name, time in longest.items() if time > _LONGEST} == {}
    for name in ("slow.mp4", "new.mp4", "other.mp4"):
        expected = list(range(20)) if name == "other.mp4" else list(range(1, 20))
        assert numbers_in(tmp_path / name) == expected
