"""Every call that can fail fails in its turn: once, and for ever after.

As SQLite is tested: a recording is made again and again, and the first, the second, the third …
call of a kind fails, until a recording passes without one. What must hold after each is checked in
``fault_child.py``. With ``--soak`` every container and every allocation has its turn.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from fault_child import Sweep, Tally
from preloaded import compile_shim

import gymreel
from gymreel import _core
from support.frames import numbers_in
from support.paths import TESTS
from support.soak import choose, soak_only

SUFFIXES = choose(short=[".mp4", ".mkv"], soak=[".mp4", ".mkv", ".webm", ".gif", ".mov"])
STRIDE = choose(short=37, soak=1)
SEED = 20_240_607
TIMEOUT = choose(short=100, soak=3600)

# libx264 writes to memory that it asked for in vain.
ENCODERS_THAT_CRASH = ("libx264.",)

needs_ffmpeg_outside = pytest.mark.skipif(
    _core.ffmpeg_is_bundled, reason="whose an allocation is, is seen from the library it is in"
)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux")

RunSweeps = Callable[[Iterable[Sweep]], list[Tally]]


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the library that lets calls fail."""
    return compile_shim("fault_shim.c", tmp_path_factory.mktemp("shim"))


@pytest.fixture
def run_sweeps(shim: Path, tmp_path: Path) -> RunSweeps:
    """Run sweeps in a process of their own. ``pytest -rP`` shows the figures."""
    python_path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    point, crash, videos = (tmp_path / name for name in ("point", "crash", "videos"))

    def run_child(sweeps: list[Sweep]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(Path(__file__).with_name("fault_child.py"))]
        return subprocess.run(
            [*command, json.dumps([asdict(sweep) for sweep in sweeps]), str(videos)],
            env={**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": python_path},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def run(sweeps: Iterable[Sweep]) -> list[Tally]:
        sweeps = list(sweeps)
        tallies = [Tally() for _ in sweeps]
        num_done = 0

        def add(position: int, seen: list[dict[str, Any]]) -> None:
            for tally, further in zip(tallies[position:], seen, strict=False):
                tally.add(Tally(**further))

        while num_done < len(sweeps):
            finished = run_child(sweeps[num_done:])
            if finished.returncode == 0:
                add(num_done, json.loads(finished.stdout))
                break
            where = point.read_text() if point.exists() else "the start"
            culprit = Path(crash.read_text()).name if crash.exists() else ""
            message = f"{culprit} at {where} of {sweeps[num_done:]}:\n{finished.stderr}"
            assert culprit.startswith(ENCODERS_THAT_CRASH), message
            # As after any other crash; and the sweep goes on behind the point.
            gymreel.recover(videos)
            shutil.rmtree(videos)
            crash.unlink()
            number, *seen = json.loads(where)
            add(num_done, seen)
            num_done += len(seen) - 1
            tallies[num_done].num_crashes += 1
            sweeps[num_done] = replace(sweeps[num_done], first=number + sweeps[num_done].stride)
        for sweep, tally in zip(sweeps, tallies, strict=True):
            print(json.dumps([asdict(sweep), asdict(tally)]))
        assert all(tally.num_points > 0 for tally in tallies)
        return tallies

    return run


ONCE_AND_FOR_EVER = (False, True)
every_container = pytest.mark.parametrize("suffix", SUFFIXES)
every_failure_of_a_file = pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("write", errno.ENOSPC),
        ("write", errno.EIO),
        ("open", errno.EMFILE),
        ("open", errno.EACCES),
        ("sync", errno.EIO),
        ("rename", errno.EIO),
        ("read", errno.EIO),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else value,
)


@pytest.mark.timeout(TIMEOUT)
@every_failure_of_a_file
def test_a_file_operation_that_fails_is_told_once_and_keeps_what_was_written(
    run_sweeps: RunSweeps, kind: str, error: int
) -> None:
    for tally in run_sweeps(
        Sweep(kind, error, for_ever, suffix)
        for suffix in SUFFIXES
        for for_ever in ONCE_AND_FOR_EVER
    ):
        assert tally.num_failed == tally.num_points
        assert tally.num_recovered > 0


def test_a_close_that_fails_is_told_only_where_it_matters(run_sweeps: RunSweeps) -> None:
    once, for_ever = run_sweeps(
        Sweep("close", errno.EIO, for_ever) for for_ever in ONCE_AND_FOR_EVER
    )
    # The close of the partial file comes last, and does not matter.
    assert 0 < once.num_failed < for_ever.num_failed < for_ever.num_points


def test_an_interrupted_call_is_made_again(run_sweeps: RunSweeps) -> None:
    for tally in run_sweeps(
        Sweep(kind, errno.EINTR, suffix=suffix) for kind in ("write", "read") for suffix in SUFFIXES
    ):
        assert tally.num_failed == 0


@needs_ffmpeg_outside
@pytest.mark.timeout(TIMEOUT)
@every_container
def test_an_allocation_of_our_own_that_fails_is_told_once_and_keeps_what_was_written(
    run_sweeps: RunSweeps, suffix: str
) -> None:
    for tally in run_sweeps(
        Sweep("allocation", errno.ENOMEM, for_ever, suffix, ours_only=True)
        for for_ever in ONCE_AND_FOR_EVER
    ):
        assert tally.num_failed == tally.num_points


@needs_ffmpeg_outside
@pytest.mark.timeout(TIMEOUT)
@every_container
def test_no_allocation_of_a_library_that_fails_harms_the_next_recording(
    run_sweeps: RunSweeps, suffix: str
) -> None:
    # FFmpeg and the encoders pass over some failures of their own allocations (headers without
    # parameters, fragments that are cut off) and say that all is well: nobody looks at pictures.
    first = random.Random(SEED).randint(1, STRIDE)
    # Where there is no memory for ever, FFmpeg's wrapper of libvpx (5.1's at least) tries for ever.
    for tally in run_sweeps(
        Sweep("allocation", errno.ENOMEM, for_ever, suffix, first=first, stride=STRIDE)
        for for_ever in ((False,) if suffix == ".webm" else ONCE_AND_FOR_EVER)
    ):
        assert tally.num_failed > 0


def test_an_allocation_of_the_calling_thread_that_fails_costs_the_call_alone(
    run_sweeps: RunSweeps,
) -> None:
    for tally in run_sweeps(
        Sweep("allocation", errno.ENOMEM, for_ever, scenario="caller")
        for for_ever in ONCE_AND_FOR_EVER
    ):
        assert "MemoryError" in "".join(tally.errors)


@pytest.mark.timeout(TIMEOUT)
@soak_only
@every_failure_of_a_file
def test_a_failure_costs_record_video_one_episode_and_one_warning(
    run_sweeps: RunSweeps, kind: str, error: int
) -> None:
    for tally in run_sweeps(
        Sweep(kind, error, suffix=suffix, scenario="episodes") for suffix in SUFFIXES
    ):
        assert tally.num_failed == tally.num_points


_FILL = """
import sys
from pathlib import Path
import gymreel
from support.frames import noise, numbered

def is_told(call):
    try:
        call()
    except gymreel.OutputError as error:
        print(error.errno, error.filename, sep=";")
        return True
    return False

def write_many():
    for number in range(500):
        writer.write(numbered(number) // 4 * 3 + noise(number) // 4)

folder, suffix = Path(sys.argv[1]), sys.argv[2]
writer = gymreel.VideoWriter(folder / f"video{suffix}")
assert is_told(write_many) or is_told(writer.close)
recording = writer.close()
assert recording.path == folder / f".video{suffix}.partial"
assert recording.num_bytes == recording.path.stat().st_size
"""


def _fill(folder: Path, suffix: str, preparation: str = "") -> int:
    """Record until nothing fits any more; give the error number that was told."""
    finished = subprocess.run(
        [sys.executable, "-c", preparation + _FILL, str(folder), suffix],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=TESTS,
        check=False,
    )
    assert finished.stderr == ""
    number, name = finished.stdout.splitlines()[0].split(";")
    assert len(finished.stdout.splitlines()) == 1
    assert Path(name) == folder / f".video{suffix}.partial"
    assert os.listdir(folder) == [Path(name).name]
    return int(number)


def _check_recovery(folder: Path, suffix: str) -> None:
    (recovered,) = gymreel.recover(folder)
    assert recovered.path == folder / f"video{suffix}"
    assert os.listdir(folder) == [recovered.path.name]
    numbers = numbers_in(recovered.path)
    assert len(numbers) > 20
    # Reordered frames may have come without one that is shown before them.
    assert numbers[:-4] == list(range(len(numbers) - 4))
    assert numbers == sorted(set(numbers))


@contextmanager
def _small_disk(folder: Path, num_bytes: int) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", str(folder)]
    if (
        shutil.which("mount") is None
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@needs_linux
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_told_once_and_what_fitted_becomes_a_video(
    tmp_path: Path, suffix: str
) -> None:
    with _small_disk(tmp_path, 400_000):
        assert _fill(tmp_path, suffix) == errno.ENOSPC
        # There is no room for a complete file either, until there is.
        with pytest.warns(gymreel.GymreelWarning, match="No space left"):
            assert gymreel.recover(tmp_path) == []
        assert os.listdir(tmp_path) == [f".video{suffix}.partial"]
        subprocess.run(["mount", "-o", "remount,size=1000000", str(tmp_path)], check=True)
        _check_recovery(tmp_path, suffix)


@needs_linux
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_limit_for_the_size_of_files_is_told_once_and_what_fitted_becomes_a_video(
    tmp_path: Path, suffix: str
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
    assert _fill(tmp_path, suffix, limit) == errno.EFBIG
    _check_recovery(tmp_path, suffix)
