"""Every road out of the interpreter: Python leaves as it would alone, and no video is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import gymreel
from gymreel._runs import MARKER_NAME
from gymreel.episodes import LOG_NAME
from support.frames import numbers_in
from support.paths import TESTS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

_WRITTEN = "writer.mp4"
_PLAYED = "videos/rl-video-episode-0.mp4"
_NUM_FRAMES = 20
_MANY_FRAMES = 300
"""What the encoder has not done with by the time that Python is gone."""

# Without gymreel the same script says what Python alone does: its exit code, and what it prints.
_SCENE = """
import gc, os, signal, sys, threading

folder, with_gymreel = sys.argv[1], sys.argv[2] == "with gymreel"

class Nothing:
    num_encoded = 1 << 30

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **settings):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

if with_gymreel:
    import gymreel
    from support.environments import NumberedEnv
    from support.frames import numbered
    from gymreel.wrappers import RecordVideo

    def always(episode):
        return True
else:
    NumberedEnv = RecordVideo = numbered = always = Nothing()
    class gymreel:
        VideoWriter = Nothing()

def write(name="writer.mp4", count=NUM_FRAMES, **settings):
    writer = gymreel.VideoWriter(f"{folder}/{name}", **settings)
    for number in range(count):
        writer.write(numbered(number))
    return writer

def play(name="videos", count=NUM_FRAMES, **settings):
    env = RecordVideo(NumberedEnv(1 << 30), f"{folder}/{name}", always, **settings)
    env.reset()
    for _ in range(count - 1):
        env.step(0)
    return env

""".replace("NUM_FRAMES", str(_NUM_FRAMES))


def _run(
    folder: Path, ending: str, *, beginning: str = "", mode: str = "with gymreel"
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end; one that hangs fails."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c"]
    command += [beginning + _SCENE + ending, str(folder), mode]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=10, cwd=TESTS, check=False
    )


def _leave(folder: Path, ending: str, *, beginning: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script, and compare how it leaves with how Python leaves without gymreel."""
    alone = _run(folder, ending, beginning=beginning, mode="alone")
    finished = _run(folder, ending, beginning=beginning)
    assert (finished.returncode, finished.stderr) == (alone.returncode, alone.stderr)
    assert finished.stdout == alone.stdout
    return finished


def _files(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name != LOG_NAME
    )


def _expect_complete(folder: Path, *names: str, count: int = _NUM_FRAMES) -> None:
    assert _files(folder) == sorted(names)
    for name in names:
        assert numbers_in(folder / name) == list(range(count))


_IN_THE_MIDDLE: dict[str, tuple[str, int]] = {
    "sys.exit with a message": ("writer, env = write(), play(); sys.exit('gone')", 1),
    "sys.exit in a with block": (
        "with write() as writer, play() as env:\n    sys.exit(7)",
        7,
    ),
    "an exception in a with block": (
        "with write() as writer, play() as env:\n    raise LookupError('lost')",
        1,
    ),
    "an exception in a generator that is left": (
        "def steps():\n"
        "    with write() as writer, play() as env:\n"
        "        yield\n"
        "left = steps()\n"
        "next(left)\n"
        "raise LookupError('lost')",
        1,
    ),
    "an exception whose traceback holds them": (
        "def main():\n"
        "    writer, env = write(), play()\n"
        "    raise LookupError('lost')\n"
        "try:\n"
        "    main()\n"
        "except LookupError as error:\n"
        "    kept = error\n"
        "sys.exit(4)",
        4,
    ),
    "SystemExit in an exception handler": (
        "writer, env = write(), play()\n"
        "try:\n    1 / 0\n"
        "except ZeroDivisionError:\n    raise SystemExit(5)",
        5,
    ),
    "Ctrl-C": (
        "writer, env = write(), play()\nos.kill(os.getpid(), signal.SIGINT)\nsignal.pause()",
        -signal.SIGINT,
    ),
    "SIGTERM with a handler": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
        "writer, env = write(), play()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()",
        9,
    ),
    "SIGHUP with a handler that raises": (
        "def hang_up(number, frame):\n    raise ConnectionError('the terminal is gone')\n"
        "signal.signal(signal.SIGHUP, hang_up)\n"
        "writer, env = write(), play()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\nsignal.pause()",
        1,
    ),
    "a closed standard error": ("writer, env = write(), play()\nsys.stderr.close()", 0),
}


@pytest.mark.parametrize(("ending", "exit_code"), _IN_THE_MIDDLE.values(), ids=_IN_THE_MIDDLE)
def test_leaving_in_the_middle_completes_the_videos(
    tmp_path: Path, ending: str, exit_code: int
) -> None:
    assert _leave(tmp_path, ending).returncode == exit_code
    _expect_complete(tmp_path, _WRITTEN, _PLAYED)


def test_ctrl_c_in_a_step_is_a_keyboard_interrupt_and_completes_the_video(tmp_path: Path) -> None:
    ending = """
env = play()
class Interrupting(NumberedEnv):
    def step(self, action):
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
env.env.__class__ = Interrupting
env.step(0)
"""
    finished = _run(tmp_path, ending)
    assert finished.returncode == -signal.SIGINT
    first, *_, last = finished.stderr.splitlines()
    assert (first, last) == ("Traceback (most recent call last):", "KeyboardInterrupt")
    assert finished.stderr.count("Traceback") == 1
    _expect_complete(tmp_path, _PLAYED)


_KEPT: dict[str, str] = {
    "a cycle that is collected": (
        "class Holder: pass\n"
        "holder = Holder()\n"
        "holder.itself, holder.held = holder, [write(), play()]\n"
        "del holder\n"
        "gc.collect()"
    ),
    "a cycle that is never collected": (
        "gc.disable()\nheld = [write(), play()]\nheld.append(held)\ndel held"
    ),
    "a cycle of C objects": (
        "import functools\n"
        "held = functools.partial(print, write(), play())\n"
        "held.itself = held\n"
        "del held"
    ),
    "a reference that is never given back": (
        "import ctypes\n"
        "held = [write(), play()]\n"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))"
    ),
    "del of the only reference": "writer, env = write(), play()\ndel writer, env",
    "a global of another module": (
        "import types\n"
        "held = sys.modules['held'] = types.ModuleType('held')\n"
        "held.writer, held.env, held.itself = write(), play(), held"
    ),
    "the table of modules itself": "sys.modules['held'] = [write(), play()]",
    "the builtins, with gymreel's own modules": (
        "import builtins\nbuiltins.held = [write(), play(), dict(sys.modules)]"
    ),
    "a thread's local variables": ("local = threading.local()\nlocal.held = [write(), play()]"),
    "the default arguments of a method of theirs": (
        "writer, env = write(), play()\n"
        "class Kept:\n    def __del__(self, writer=writer, env=env): pass\n"
        "kept = Kept()\n"
        "del writer, env"
    ),
}


@pytest.mark.parametrize("ending", _KEPT.values(), ids=_KEPT)
def test_whatever_keeps_them_alive_the_videos_are_complete(tmp_path: Path, ending: str) -> None:
    assert _leave(tmp_path, ending).stderr == ""
    _expect_complete(tmp_path, _WRITTEN, _PLAYED)


@pytest.mark.parametrize("ending", [".close()", ""], ids=["closed", "left open"])
def test_recording_that_begins_at_exit_is_complete(tmp_path: Path, ending: str) -> None:
    begin = f"import atexit; atexit.register(lambda: (write(){ending}, play(){ending}))"
    assert _leave(tmp_path, begin).stderr == ""
    _expect_complete(tmp_path, _WRITTEN, _PLAYED)


@pytest.mark.parametrize(
    "begin",
    ["write(M).close(), play(M).close()", "write(M), play(M)", "held.append((write(M), play(M)))"],
    ids=["closed", "dropped", "kept"],
)
def test_recording_that_begins_after_gymreel_has_left_is_complete(
    tmp_path: Path, begin: str
) -> None:
    # Registered before gymreel is imported, so it runs after gymreel has completed everything.
    begin = begin.replace("M", f"count={_MANY_FRAMES}, preset='placebo'")
    beginning = f"import atexit; held = []; atexit.register(lambda: [{begin}])\n"
    finished = _leave(tmp_path, "write('early.mp4').close()", beginning=beginning)
    assert finished.stderr == ""
    (tmp_path / "early.mp4").unlink()
    _expect_complete(tmp_path, _WRITTEN, _PLAYED, count=_MANY_FRAMES)


_DYING = """
class Dying:
    # What it needs is kept in the function: globals may be gone when it runs.
    def __del__(self, write=write, print=print, held=[]):
        ACTION
        print("recorded")
dying = Dying()
"""


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 13), reason="pathlib of Python 3.13 makes no path at the very end"
)
@pytest.mark.parametrize("others", ["write().close()", ""], ids=["after others", "as the first"])
@pytest.mark.parametrize(
    "action",
    ["write(M).close()", "write(M)", "held.append(write(M))"],
    ids=["closed", "dropped", "kept"],
)
def test_a_destructor_at_the_very_end_may_record(tmp_path: Path, action: str, others: str) -> None:
    ending = (
        _DYING.replace("ACTION", action.replace("M", f"count={_MANY_FRAMES}, preset='placebo'"))
        + others
    )
    finished = _leave(tmp_path, ending)
    assert (finished.stdout, finished.stderr) == ("recorded\n", "")
    _expect_complete(tmp_path, _WRITTEN, count=_MANY_FRAMES)


def test_a_destructor_that_writes_too_late_is_told_that_the_writer_is_closed(
    tmp_path: Path,
) -> None:
    ending = """
class Late:
    def __init__(self):
        self.writer, self.frame = write(), numbered(NUM_FRAMES)
        self.expected, self.print = gymreel.WriterClosedError, print
    def __del__(self):
        try:
            self.writer.write(self.frame)
        except self.expected as error:
            self.print(error)
late = Late()
""".replace("NUM_FRAMES", str(_NUM_FRAMES))
    finished = _run(tmp_path, ending)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == "the writer is closed\n"
    _expect_complete(tmp_path, _WRITTEN)


_THREADS: dict[str, str] = {
    "a thread that outlives the main thread": """
def go_on(writer, env):
    threading.main_thread().join()
    writer.write(numbered(HALF)); env.step(0)
    for number in range(HALF + 1, ALL):
        writer.write(numbered(number)); env.step(0)
threading.Thread(target=go_on, args=half()).start()
""",
    "an executor whose work is waited for": """
import concurrent.futures
def go_on(writer, env):
    for number in range(HALF, ALL):
        writer.write(numbered(number)); env.step(0)
concurrent.futures.ThreadPoolExecutor(1).submit(go_on, *half())
""",
    "a daemon thread that waits": """
recorded = threading.Event()
def record(writer, env):
    for number in range(HALF, ALL):
        writer.write(numbered(number)); env.step(0)
    recorded.set()
    threading.Event().wait()
threading.Thread(target=record, args=half(), daemon=True).start()
recorded.wait()
""",
    "a daemon thread that makes and keeps them": """
recorded = threading.Event()
def record():
    writer, env = half()
    for number in range(HALF, ALL):
        writer.write(numbered(number)); env.step(0)
    recorded.set()
    threading.Event().wait()
threading.Thread(target=record, daemon=True).start()
recorded.wait()
""",
}
_HALF = """
def half():
    writer = gymreel.VideoWriter(f"{folder}/writer.mp4")
    env = RecordVideo(NumberedEnv(1 << 30), f"{folder}/videos", always)
    env.reset(); writer.write(numbered(0))
    for number in range(1, HALF):
        env.step(0); writer.write(numbered(number))
    return writer, env
"""


@pytest.mark.parametrize("ending", _THREADS.values(), ids=_THREADS)
def test_threads_at_the_end_lose_no_frame(tmp_path: Path, ending: str) -> None:
    script = (
        (_HALF + ending).replace("HALF", str(_NUM_FRAMES // 2)).replace("ALL", str(_NUM_FRAMES))
    )
    assert _leave(tmp_path, script).stderr == ""
    _expect_complete(tmp_path, _WRITTEN, _PLAYED)


_BUSY_WRITER = """
started = threading.Event()
def record():
    writer = gymreel.VideoWriter(f"{folder}/writer.mp4")
    number = 0
    while True:
        writer.write(numbered(number % 4096))
        number += 1
        if number == 50:
            started.set()
threading.Thread(target=record, daemon=True).start()
started.wait()
"""
_BUSY_ENVIRONMENT = """
started = threading.Event()
gymreel.set_max_pending_bytes(1_000_000)
def record():
    # Faster than the encoder, so that something always waits for it.
    env = RecordVideo(NumberedEnv(1 << 30), f"{folder}/videos", always, preset="placebo")
    while True:
        env.reset()
        for step in range(30):
            env.step(0)
        started.set()
threading.Thread(target=record, daemon=True).start()
started.wait()
"""


def test_a_daemon_thread_that_goes_on_writing_is_stopped_silently(tmp_path: Path) -> None:
    finished = _run(tmp_path, _BUSY_WRITER)
    assert finished.returncode == 0
    numbers = numbers_in(tmp_path / _WRITTEN)
    assert len(numbers) >= 50
    assert numbers == [number % 4096 for number in range(len(numbers))]
    assert _files(tmp_path) == [_WRITTEN]
    assert finished.stderr == ""


def test_a_daemon_thread_that_goes_on_playing_does_not_keep_the_interpreter(tmp_path: Path) -> None:
    finished = _run(tmp_path, _BUSY_ENVIRONMENT)
    assert finished.returncode == 0
    gymreel.recover(tmp_path)
    names = _files(tmp_path)
    assert [name for name in names if "/." in name] == []
    assert _PLAYED in names
    for name in names:
        episode = int(name.removesuffix(".mp4").rpartition("-")[2])
        numbers = numbers_in(tmp_path / name)
        first = 31 * episode
        assert numbers == [number % 4096 for number in range(first, first + len(numbers))]
    assert finished.stderr == ""


# Every frame is a fragment's start and leaves the encoder at once, so that much is in the file.
_KILLED = """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
fast = {"options": {"tune": "zerolatency", "g": "1"}}
writer, env = write(**fast), play(**fast)
for stats in (lambda: writer.stats, lambda: env.recorded_frames.stats):
    while stats().num_encoded < NUM_FRAMES:
        pass
""".replace("NUM_FRAMES", str(_NUM_FRAMES))
_KILLS: dict[str, tuple[str, int]] = {
    "os._exit": ("os._exit(6)", 6),
    "os.abort": ("os.abort()", -signal.SIGABRT),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", -signal.SIGTERM),
    "SIGHUP": ("os.kill(os.getpid(), signal.SIGHUP); signal.pause()", -signal.SIGHUP),
    "SIGQUIT": ("os.kill(os.getpid(), signal.SIGQUIT); signal.pause()", -signal.SIGQUIT),
    "another program": ("os.execv(sys.executable, [sys.executable, '-c', 'exit(8)'])", 8),
    "os._exit at exit": ("import atexit; atexit.register(os._exit, 3)", 3),
    "os._exit in a thread": (
        "threading.Thread(target=os._exit, args=(2,)).start(); signal.pause()",
        2,
    ),
}


@pytest.mark.parametrize(("ending", "exit_code"), _KILLS.values(), ids=_KILLS)
def test_what_was_recorded_before_a_sudden_end_is_recovered(
    tmp_path: Path, ending: str, exit_code: int
) -> None:
    finished = _leave(tmp_path, _KILLED + ending)
    assert (finished.returncode, finished.stderr) == (exit_code, "")
    recovered = gymreel.recover(tmp_path)
    assert {recording.path for recording in recovered} == {tmp_path / _PLAYED, tmp_path / _WRITTEN}
    marker = str(Path(_PLAYED).parent / MARKER_NAME)  # Nobody was left to remove it.
    assert sorted({*_files(tmp_path), marker}) == sorted([_PLAYED, _WRITTEN, marker])
    for recording in recovered:
        assert recording.path is not None
        numbers = numbers_in(recording.path)
        assert numbers == list(range(recording.num_frames))
        assert _NUM_FRAMES // 2 <= recording.num_frames <= _NUM_FRAMES


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".gif"])
def test_a_sudden_end_after_one_frame_leaves_what_the_encoder_has_given(
    tmp_path: Path, suffix: str
) -> None:
    ending = """
writer = write("videoSUFFIX", count=1)
while writer.stats.num_encoded < 1:
    pass
os._exit(0)
""".replace("SUFFIX", suffix)
    assert _leave(tmp_path, ending).returncode == 0
    assert _files(tmp_path) == [f".video{suffix}.partial"]
    (num_kept,) = [recording.num_frames for recording in gymreel.recover(tmp_path)]
    # A picture of a GIF is complete at once. The other encoders look ahead, and keep the frame to
    # themselves unless the process lives for a second after it.
    assert num_kept == 1 if suffix == ".gif" else num_kept in (0, 1)
    assert _files(tmp_path) == [f"video{suffix}"] * num_kept


def test_a_sudden_end_in_the_middle_of_the_header_leaves_nothing(tmp_path: Path) -> None:
    # FFmpeg hands the file type over by itself, before the rest of the header.
    (tmp_path / ".video.mp4.partial").write_bytes(
        (28).to_bytes(4, "big") + b"ftypiso5" + bytes([0, 0, 2, 0]) + b"iso5iso6mp41"
    )
    assert [recording.path for recording in gymreel.recover(tmp_path)] == [None]
    assert _files(tmp_path) == []


_PROCESSES = """
import multiprocessing, signal, sys
from pathlib import Path
IMPORT

def record(path):
    import gymreel
    from support.frames import numbered
    global writer
    writer = gymreel.VideoWriter(path, options={"tune": "zerolatency", "g": "1"})
    for number in range(NUM_FRAMES):
        writer.write(numbered(number))

def returns(path):
    record(path)

def raises(path):
    record(path)
    raise LookupError("lost")

def exits(path):
    record(path)
    sys.exit(3)

def is_terminated(path, recorded):
    record(path)
    while writer.stats.num_encoded < NUM_FRAMES:
        pass
    recorded.set()
    while True:
        signal.pause()

if __name__ == "__main__":
    folder, method = Path(sys.argv[1]), sys.argv[2]
    context = multiprocessing.get_context(method)
    recorded = context.Event()
    children = [
        context.Process(target=target, args=(folder / f"{target.__name__}.mp4",))
        for target in (returns, raises, exits)
    ]
    terminated = context.Process(target=is_terminated, args=(folder / "terminated.mp4", recorded))
    for child in (*children, terminated):
        child.start()
    recorded.wait()
    terminated.terminate()
    for child in (*children, terminated):
        child.join()
    print([child.exitcode for child in (*children, terminated)])
"""


@pytest.mark.parametrize("imported_by", ["parent", "child"])
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_process_of_multiprocessing_completes_its_videos(
    tmp_path: Path, method: str, imported_by: str
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    script = tmp_path / "processes.py"
    source = _PROCESSES.replace("IMPORT", "import gymreel" * (imported_by == "parent"))
    script.write_text(source.replace("NUM_FRAMES", str(_NUM_FRAMES)))
    finished = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", script, str(folder), method],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        check=False,
    )
    assert finished.stdout == f"[0, 1, 3, {-signal.SIGTERM}]\n"
    assert finished.stderr.count("Traceback") == 1
    assert finished.stderr.splitlines()[-1] == "LookupError: lost"
    assert _files(folder) == [".terminated.mp4.partial", "exits.mp4", "raises.mp4", "returns.mp4"]
    (recovered,) = gymreel.recover(folder)
    assert recovered.num_frames >= _NUM_FRAMES // 2
    assert numbers_in(folder / "terminated.mp4") == list(range(recovered.num_frames))
    for name in ("exits", "raises", "returns"):
        assert numbers_in(folder / f"{name}.mp4") == list(range(_NUM_FRAMES))
