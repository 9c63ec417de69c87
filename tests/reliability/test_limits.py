"""Where the system allows few threads or little memory: one clear error or a whole video."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.frames import need_encoder, numbers_in
from support.paths import TESTS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")


_ROOTS = {
    "pids": (Path("/sys/fs/cgroup/pids"), "pids.max"),
    "memory": (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
}

_ENTERS = """
import os, sys
from pathlib import Path

def enter():
    Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
"""


@contextlib.contextmanager
def _control_group(controller: str, limit: int) -> Iterator[Path]:
    """Make a control group of version 1 with that limit, for a process to enter."""
    root, name = _ROOTS[controller]
    group = root / f"gymreel-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made below {root}: {error}")
    try:
        try:
            (group / name).write_text(str(limit))
        except OSError as error:
            pytest.skip(f"{group / name} cannot be written: {error}")
        yield group
    finally:
        group.rmdir()


def _run(code: str, group: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _ENTERS + code, str(group), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=TESTS,
        env=os.environ | {"SVT_LOG": "1"},
        check=False,
    )


_RECORDS_WITH_FEW_THREADS = """
import os
import gymreel
from support.frames import numbered

writer = gymreel.VideoWriter(sys.argv[2], codec=sys.argv[3])
first = gymreel.VideoWriter(Path(sys.argv[2]).with_name("first.mp4"))
first.write(numbered(0))  # So that there is a worker.
while first.stats.num_encoded == 0:
    pass
enter()
writer.write(numbered(0))
try:
    writer.close()
except gymreel.EncodeError as error:
    print("refused:", error)
else:
    print("recorded")
# The lock that other encoders and a fork need is free.
second = gymreel.VideoWriter(Path(sys.argv[2]).with_name("second.mp4"))
second.write(numbered(7))
second.close()
first.close()
print("went on")
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize("codec", ["libx265", "libx264", "libaom-av1", "libvpx-vp9"])
@pytest.mark.parametrize("num_more", [0, 1, 2])
def test_an_encoder_that_gets_no_threads_is_one_error(
    tmp_path: Path, codec: str, num_more: int
) -> None:
    need_encoder(codec)
    num_threads = 3  # Of the main thread, a worker and a completer.
    with _control_group("pids", num_threads + num_more) as group:
        finished = _run(_RECORDS_WITH_FEW_THREADS, group, str(tmp_path / "video.mp4"), codec)
    assert (finished.returncode, finished.stderr) == (0, "")
    outcome, then = finished.stdout.splitlines()
    assert then == "went on"
    assert outcome == "recorded" or outcome.startswith("refused: "), outcome
    if codec == "libx265" and num_more == 0:
        assert "more threads" in outcome
    assert numbers_in(tmp_path / "second.mp4") == [7]


_RECORDS_LARGE_FRAMES = """
enter()
import numpy as np
import gymreel

print(gymreel.get_max_pending_bytes())
frame = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), np.uint8)
with gymreel.VideoWriter(sys.argv[2]) as writer:
    for number in range(100):
        writer.write(np.roll(frame, 8 * number, axis=1))
print(writer.close().num_frames)
"""


def test_large_frames_are_recorded_within_a_memory_limit(tmp_path: Path) -> None:
    need_encoder("libx264")
    limit = 400_000_000
    with _control_group("memory", limit) as group:
        finished = _run(_RECORDS_LARGE_FRAMES, group, str(tmp_path / "video.mp4"))
    assert (finished.returncode, finished.stderr) == (0, "")
    pending, num_frames = map(int, finished.stdout.split())
    assert pending <= limit // 4
    assert num_frames == 100
