"""The settings of the engine, from Python and from the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gymreel
from gymreel import ConfigError
from support.frames import numbered, numbers_in, record


@pytest.fixture(autouse=True)
def _default_settings() -> Iterator[None]:
    yield
    gymreel.set_num_threads(None)
    gymreel.set_priority("background")
    gymreel.set_max_pending_bytes(512 * 2**20)


def _run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_default_number_of_threads_is_that_of_the_usable_cpus() -> None:
    assert 1 <= gymreel.get_num_threads() <= len(os.sched_getaffinity(0))


def test_a_number_of_threads_holds_until_it_is_given_back(tmp_path: Path) -> None:
    default = gymreel.get_num_threads()
    gymreel.set_num_threads(5)
    assert gymreel.get_num_threads() == 5
    record(tmp_path / "video.mp4", [numbered(number) for number in range(20)])
    assert numbers_in(tmp_path / "video.mp4") == list(range(20))
    gymreel.set_num_threads(None)
    assert gymreel.get_num_threads() == default


@pytest.mark.parametrize("priority", ["normal", "background"])
def test_workers_have_the_priority_that_was_set_and_the_program_keeps_its_own(
    tmp_path: Path, priority: str
) -> None:
    code = (
        "import os, gymreel, numpy as np\n"
        f"writer = gymreel.VideoWriter({str(tmp_path / 'video.mp4')!r})\n"
        "writer.write(np.zeros((16, 16, 3), np.uint8)); writer.close()\n"
        "threads = {int(t) for t in os.listdir('/proc/self/task')}\n"
        "nice = {t: os.getpriority(os.PRIO_PROCESS, t) for t in threads}\n"
        "own = nice.pop(os.getpid())\n"
        "print(own, max(nice.values()))"
    )
    finished = _run(code, GYMREEL_PRIORITY=priority)
    own = os.nice(0)
    workers = max(own, 10) if priority == "background" else own
    assert finished.stdout.split() == [str(own), str(workers)]


def test_workers_are_not_pinned_with_the_thread_that_writes(tmp_path: Path) -> None:
    code = (
        "import os, gymreel, numpy as np\n"
        "cpus = os.sched_getaffinity(0)\n"
        "os.sched_setaffinity(0, {min(cpus)})\n"
        f"writer = gymreel.VideoWriter({str(tmp_path / 'video.mp4')!r})\n"
        "writer.write(np.zeros((16, 16, 3), np.uint8)); writer.close()\n"
        "others = {int(t) for t in os.listdir('/proc/self/task')} - {os.getpid()}\n"
        "print(any(os.sched_getaffinity(t) == cpus for t in others))"
    )
    assert _run(code).stdout.strip() == "True"


def test_workers_take_no_signals_from_the_program_but_their_own_crashes(tmp_path: Path) -> None:
    code = (
        "import os, re, signal, sys\n"
        "from pathlib import Path\n"
        "def blocked(thread):\n"
        "    status = Path(f'/proc/self/task/{thread}/status').read_text()\n"
        "    mask = int(re.search(r'SigBlk:\\s*(\\w+)', status)[1], 16)\n"
        "    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT)\n"
        "    return tuple(bool(mask >> (number - 1) & 1) for number in signals)\n"
        "import numpy as np\n"
        "others = set(os.listdir('/proc/self/task')) - {str(os.getpid())}\n"
        "import gymreel\n"
        f"writer = gymreel.VideoWriter({str(tmp_path / 'video.mp4')!r})\n"
        "writer.write(np.zeros((16, 16, 3), np.uint8)); writer.close()\n"
        "print(sorted({blocked(t) for t in os.listdir('/proc/self/task') if t not in others}))"
    )
    program, workers = (False,) * 4, (True, True, False, False)
    assert _run(code).stdout.strip() == str([program, workers])


def test_settings_are_told_as_they_were_set() -> None:
    assert gymreel.get_priority() == "background"
    gymreel.set_priority("normal")
    assert gymreel.get_priority() == "normal"
    gymreel.set_max_pending_bytes(12345)
    assert gymreel.get_max_pending_bytes() == 12345


def test_the_default_budget_is_half_a_gigabyte_or_a_quarter_of_what_the_group_may_use() -> None:
    code = "import gymreel; print(gymreel.get_max_pending_bytes())"
    assert 0 < int(_run(code).stdout) <= 512 * 2**20
    assert _run(code, GYMREEL_MAX_PENDING_BYTES="777").stdout.strip() == "777"


def test_many_writers_stay_within_the_memory_of_the_process(tmp_path: Path) -> None:
    gymreel.set_max_pending_bytes(1)  # One frame under way for each, and no more.
    writers = [gymreel.VideoWriter(tmp_path / f"{i}.mp4") for i in range(6)]
    for number in range(10):
        for writer in writers:
            writer.write(numbered(number))
            assert writer.stats.num_pending <= 1
    for writer in writers:
        assert writer.close().num_frames == 10


@pytest.mark.parametrize("value", [0, -1, 1025, 1.5, "2", True])
def test_a_bad_number_of_threads_is_named(value: Any) -> None:
    with pytest.raises(ConfigError, match=f"num_threads={value!r}"):
        gymreel.set_num_threads(value)


@pytest.mark.parametrize("value", ["idle", "", None, ["normal"]])
def test_a_bad_priority_is_named(value: Any) -> None:
    with pytest.raises(ConfigError, match="priority="):
        gymreel.set_priority(value)


@pytest.mark.parametrize("value", [0, -5, 2.5, None])
def test_a_bad_budget_is_named(value: Any) -> None:
    with pytest.raises(ConfigError, match="num_bytes="):
        gymreel.set_max_pending_bytes(value)


def test_the_environment_sets_them() -> None:
    code = "import gymreel; print(gymreel.get_num_threads())"
    assert _run(code, GYMREEL_NUM_THREADS="7").stdout.strip() == "7"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GYMREEL_NUM_THREADS", "many"),
        ("GYMREEL_NUM_THREADS", "0"),
        ("GYMREEL_PRIORITY", "high"),
        ("GYMREEL_MAX_PENDING_BYTES", "-1"),
    ],
)
def test_a_bad_environment_variable_is_named(variable: str, value: str) -> None:
    finished = _run("import gymreel", **{variable: value})
    assert finished.returncode == 1
    assert f"{variable}={value!r}" in finished.stderr.splitlines()[-1]
