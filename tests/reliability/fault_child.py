"""Records again and again while the fault shim makes the next call of one kind fail, and checks.

Runs as a script with the shim preloaded: takes a list of sweeps, and prints what it has seen in
each as one line of JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import sys
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import av

import gymreel
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.frames import numbered, numbers_in

__all__ = ["Sweep", "Tally"]

NUM_FRAMES = 20
NUM_EPISODES = 3
BEFORE = b"was here before"

# In the order of the shim's numbers.
KINDS = ("none", "write", "read", "open", "sync", "rename", "close", "allocation")

# What fails when everything is in the partial file already.
AFTER_THE_LAST_FRAME = {
    "sync the output file",
    "rename the complete file",
    "lock the output file",
    "read the partial file",
    "read back the partial file",
    "sync the folder",
    "close the output file",
}


@dataclass(frozen=True)
class Sweep:
    """What to do.

    Attributes:
        kind: Which calls fail, one of ``KINDS``.
        error: The error number that they tell.
        for_ever: Whether all calls after the first that fails do so too.
        suffix: The container.
        scenario: ``"workers"``: a ``VideoWriter`` whose background threads are hit. ``"caller"``:
            one whose calling thread is hit. ``"episodes"``: as the first, with a ``RecordVideo``.
        ours_only: Of allocations, only those that gymreel's own code asks for fail, not those of
            the encoder and of the container.
        first: The number of the first call that fails, and
        stride: how many further the next one is.
        last: Where to end if no recording passes without a failing call before.
        settings: Of the writer.
    """

    kind: str
    error: int
    for_ever: bool = False
    suffix: str = ".mp4"
    scenario: str = "workers"
    ours_only: bool = False
    first: int = 1
    stride: int = 1
    last: int = 1_000_000
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Tally:
    """What was seen.

    Attributes:
        num_points: Runs in which a call failed.
        num_calls: Calls of the kind in the last run.
        num_failed: Recordings that failed; the others were complete all the same.
        num_recovered: Partial files that became a video,
        num_empty: and those that held no frame yet.
        num_crashes: Runs in which an encoder used memory that it had not got. Counted from outside.
        num_passed_over: Recordings that are not what they should be because a library went on
            after an allocation of its own had failed, and told nobody.
        errors: How often each error was told.
        callers: How often each library made the call that failed first.
    """

    num_points: int = 0
    num_calls: int = 0
    num_failed: int = 0
    num_recovered: int = 0
    num_empty: int = 0
    num_crashes: int = 0
    num_passed_over: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    callers: dict[str, int] = field(default_factory=dict)

    def count_failure(self, text: str) -> None:
        self.num_failed += 1
        self.errors[text] = self.errors.get(text, 0) + 1

    def count_point(self, caller: str) -> None:
        self.num_points += 1
        self.callers[caller] = self.callers.get(caller, 0) + 1

    def add(self, other: Tally) -> None:
        """Add what was seen further on in the same sweep."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(value, dict):
                for key, count in value.items():
                    mine[key] = mine.get(key, 0) + count
            elif name != "num_calls":
                setattr(self, name, mine + value)
        self.num_calls = other.num_calls


class Shim:
    """The functions of the preloaded library."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.gymreel_fault_watch.argtypes = [ctypes.c_char_p]
        self._library.gymreel_fault_note_crashes.argtypes = [ctypes.c_char_p]
        self._library.gymreel_fault_mark.argtypes = [
            ctypes.c_char,
            ctypes.c_size_t,
            ctypes.c_size_t,
        ]
        self._library.gymreel_fault_size.argtypes = [ctypes.c_void_p]
        self._library.gymreel_fault_size.restype = ctypes.c_size_t
        self._library.gymreel_fault_arm.argtypes = [
            ctypes.c_int,
            ctypes.c_long,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
        ]
        self._library.gymreel_fault_disarm.restype = ctypes.c_long
        self._library.gymreel_fault_caller.restype = ctypes.c_char_p

    def watch(self, folder: Path) -> None:
        self._library.gymreel_fault_watch(os.fsencode(folder))

    def unmark(self) -> None:
        self._library.gymreel_fault_unmark()

    def mark(self, role: bytes, library: str) -> None:
        """Assign a role to all code of a library; ``library`` is the beginning of its file name."""
        for begin, end, path in self._code():
            if path.name.startswith(library):
                self._library.gymreel_fault_mark(role, begin, end)

    def spare(self, library: str, function: str) -> None:
        """Spare all allocations of a function, and of the functions that it calls."""
        for path in {path for *_, path in self._code() if path.name.startswith(library)}:
            address = ctypes.cast(getattr(ctypes.CDLL(str(path)), function), ctypes.c_void_p).value
            assert address is not None
            size = self._library.gymreel_fault_size(address)
            assert size > 0
            self._library.gymreel_fault_mark(b"s", address, address + size)

    @staticmethod
    def _code() -> list[tuple[int, int, Path]]:
        code = []
        for line in Path("/proc/self/maps").read_text().splitlines():
            addresses, permissions, *_, path = line.split(maxsplit=5)
            if "x" in permissions:
                begin, end = (int(address, 16) for address in addresses.split("-"))
                code.append((begin, end, Path(path)))
        return code

    def arm(self, sweep: Sweep, number: int) -> None:
        kind = KINDS.index(sweep.kind)
        here = sweep.scenario == "caller"
        self._library.gymreel_fault_arm(kind, number, sweep.for_ever, sweep.error, here)

    def note_crashes(self, path: Path) -> None:
        self._library.gymreel_fault_note_crashes(os.fsencode(path))

    def disarm(self) -> int:
        num_calls: int = self._library.gymreel_fault_disarm()
        return num_calls

    def caller(self) -> str:
        path: bytes = self._library.gymreel_fault_caller()
        return os.path.basename(os.fsdecode(path))


class Sweeper:
    """Does what a ``Sweep`` says, in a folder."""

    def __init__(self, sweep: Sweep, folder: Path, before: list[Tally]) -> None:
        """Prepare.

        Args:
            sweep: What to do.
            folder: Where to record; does not exist yet.
            before: What was seen in the sweeps before, for who looks at a process that did not
                survive this one.
        """
        self.tally = Tally()
        self._before = before
        self._sweep = sweep
        self._is_lenient = (
            sweep.kind == "allocation" and not sweep.ours_only and sweep.scenario != "caller"
        )
        self._folder = folder
        self._target = folder / f"video{sweep.suffix}"
        self._partial = folder / f".video{sweep.suffix}.partial"
        self._paths = {str(self._target), str(self._partial)}
        self._shim = Shim()
        self._shim.watch(folder)
        self._shim.note_crashes(folder.parent / "crash")
        # From now on all libraries are loaded and all workers are there.
        self._check_that_it_works()
        self._choose_allocations()
        self._num_descriptors = len(os.listdir("/proc/self/fd"))
        self._num_threads = len(os.listdir("/proc/self/task")) + gymreel.get_num_threads()

    def _choose_allocations(self) -> None:
        self._shim.unmark()
        # operator new, and FFmpeg's own names for malloc.
        self._shim.mark(b"g", "libstdc++.")
        self._shim.mark(b"g", "libavutil.")
        # A thread's own variables: without memory for them the dynamic linker ends the process.
        self._shim.mark(b"s", "ld-linux")
        # Asserts that it could set its own default values, so a failed allocation ends the process.
        self._shim.spare("libavcodec.so", "avcodec_alloc_context3")
        if self._sweep.ours_only or self._sweep.scenario == "caller":
            self._shim.mark(b"t", "_core.")

    def run(self) -> None:
        check = {
            "workers": self._check_workers,
            "caller": self._check_caller,
            "episodes": self._check_episodes,
        }[self._sweep.scenario]
        for number in range(self._sweep.first, self._sweep.last + 1, self._sweep.stride):
            # Where a process does not survive, this says what it was at.
            point = [number, *map(asdict, self._before), asdict(self.tally)]
            (self._folder.parent / "point").write_text(json.dumps(point))
            is_hit = False
            # Where there are many points, each second one finds a file of the name.
            is_odd = number % 2 == 1
            has_many = self._sweep.kind in ("write", "allocation")
            for existed in (is_odd,) if has_many else (False, True):
                self._folder.mkdir()
                if existed:
                    self._target.write_bytes(BEFORE)
                self._shim.arm(self._sweep, number)
                check(number, existed)
                is_hit = self.tally.num_calls >= number
                self._check_resources()
                shutil.rmtree(self._folder)
                if is_hit:
                    self.tally.count_point(self._shim.caller())
                    self._check_that_it_works()
            if not is_hit:
                return

    def _check_workers(self, number: int, existed: bool) -> None:
        error: gymreel.FFmpegError | None = None
        writer = gymreel.VideoWriter(self._target, **self._sweep.settings)
        try:
            for frame in range(NUM_FRAMES):
                writer.write(numbered(frame))
            writer.close()
        except gymreel.FFmpegError as caught:
            error = caught
        is_told_at_the_end = writer.closed
        recording = writer.close()  # Where this raises, the failure was told twice.
        self.tally.num_calls = self._shim.disarm()
        assert writer.close() == recording
        if error is None:
            self._check_complete(recording, NUM_FRAMES)
            return
        assert self.tally.num_calls >= number, error
        self._count(error)
        self._check_words(error)
        self._check_what_is_left(recording, error, existed, is_told_at_the_end)

    def _check_caller(self, number: int, existed: bool) -> None:
        """Hit the thread that writes: its call fails, and the recording is as if it never came."""
        # Making a writer is left out: pybind11 frees what is not its own where it cannot register
        # an object.
        self._shim.disarm()
        writer = gymreel.VideoWriter(self._target, **self._sweep.settings)
        error: MemoryError | gymreel.FFmpegError | None = None
        num_taken = 0
        self._shim.arm(self._sweep, number)
        try:
            for frame in range(NUM_FRAMES):
                writer.write(numbered(frame))
                num_taken += 1
            writer.close()
        except (MemoryError, gymreel.FFmpegError) as caught:
            error = caught
        finally:
            self.tally.num_calls = self._shim.disarm()
        is_told_at_the_end = writer.closed
        recording = writer.close()
        assert writer.close() == recording
        if error is not None:
            self._count(error)
        if isinstance(error, gymreel.FFmpegError):
            self._check_words(error)
            self._check_what_is_left(recording, error, existed, is_told_at_the_end)
        elif num_taken > 0:
            self._check_complete(recording, num_taken)
        else:
            assert os.listdir(self._folder) == ([self._target.name] if existed else [])

    def _check_episodes(self, number: int, existed: bool) -> None:
        """One fault costs one episode and one warning at most."""
        names = [f"rl-video-episode-{k}{self._sweep.suffix}" for k in range(NUM_EPISODES)]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            env = RecordVideo(
                NumberedEnv(6),
                str(self._folder),
                always,
                suffix=self._sweep.suffix,
                **self._sweep.settings,
            )
            caught.clear()  # That the folder exists.
            run_episodes(env, NUM_EPISODES)
            env.close()
        self.tally.num_calls = self._shim.disarm()
        assert len(caught) <= 1, [str(warning.message) for warning in caught]
        for warning in caught:
            self._count(warning.message)
        failed = []
        for episode, name in enumerate(names):
            numbers = list(range(7 * episode, 7 * episode + 7))
            # The name is in that of the partial file too.
            if name in "".join(str(warning.message) for warning in caught):
                failed.append(name)
            else:
                assert numbers_in(self._folder / name) == numbers, (name, caught)
        assert len(failed) == len(caught), [str(warning.message) for warning in caught]

    def _check_that_it_works(self) -> None:
        self._folder.mkdir()
        path = self._folder / f"next{self._sweep.suffix}"
        with gymreel.VideoWriter(path, **self._sweep.settings) as writer:
            for frame in range(3):
                writer.write(numbered(frame))
        assert numbers_in(path) == [0, 1, 2]
        shutil.rmtree(self._folder)

    def _check_resources(self) -> None:
        """Nothing stays open, and nobody at work but the pool."""
        descriptors = os.listdir("/proc/self/fd")
        assert len(descriptors) == self._num_descriptors, descriptors
        num_threads = 0
        for _ in range(100_000):  # One that was joined may be listed a moment longer.
            num_threads = len(os.listdir("/proc/self/task"))
            if num_threads <= self._num_threads:
                return
        raise AssertionError(f"{num_threads} threads")

    def _count(self, error: object) -> None:
        text = str(error).replace(str(self._folder), "FOLDER").partition("\n")[0]
        self.tally.count_failure(f"{type(error).__name__}: {text}")

    def _check_words(self, error: gymreel.FFmpegError) -> None:
        """An error says what could not be done and why, and where the file is."""
        assert re.match(r"could not \w.*: \w", str(error)), str(error)
        if isinstance(error, gymreel.OutputError):
            assert error.filename in self._paths, str(error)
            assert error.filename in str(error)

    def _check_complete(self, recording: gymreel.Recording, num_frames: int) -> None:
        assert os.listdir(self._folder) == [self._target.name], os.listdir(self._folder)
        assert recording.path == self._target
        if recording.num_frames != num_frames and self._is_lenient:
            self.tally.num_passed_over += 1
            return
        assert recording.num_frames == num_frames
        assert recording.num_bytes == self._target.stat().st_size
        self._check_pictures(self._target, num_frames)

    def _check_what_is_left(
        self,
        recording: gymreel.Recording,
        error: gymreel.FFmpegError,
        existed: bool,
        is_told_at_the_end: bool,
    ) -> None:
        """The target is as it was or complete, and there is a partial file at most."""
        names = set(os.listdir(self._folder))
        assert names <= {self._target.name, self._partial.name}, names
        assert self._target.exists() >= existed
        if self._target.exists() and self._target.read_bytes() != BEFORE:
            # A failed encoder leaves a complete file of the frames before.
            fewest = 1 if isinstance(error, gymreel.EncodeError) else NUM_FRAMES
            self._check_pictures(self._target, fewest)
        if recording.num_frames > 0:
            assert recording.path in (self._target, self._partial), recording
            assert recording.num_bytes == recording.path.stat().st_size, recording
            # Without memory an error names no file; one told before the end names the partial file.
            known = {str(recording.path), ""} if is_told_at_the_end else {*self._paths, ""}
            assert error.filename in known, str(error)
        else:
            assert names == ({self._target.name} if existed else set())
        if self._partial.exists():
            self._check_partial(recording, error)

    def _check_partial(self, recording: gymreel.Recording, error: gymreel.FFmpegError) -> None:
        if self._is_lenient:
            # A library that went on without memory may have left anything.
            self._partial.unlink()
            return
        (recovered,) = gymreel.recover(self._partial)
        assert not self._partial.exists()
        assert recovered.num_frames <= recording.num_frames
        if recovered.path is None:
            self.tally.num_empty += 1
        else:
            self.tally.num_recovered += 1
            self._check_pictures(recovered.path, recovered.num_frames)
        if error.operation in AFTER_THE_LAST_FRAME:
            assert recovered.num_frames == NUM_FRAMES, (recovered, error)

    def _check_pictures(self, path: Path, fewest: int) -> None:
        """The frames are the first ones, in order; of the last four some may not have come.

        They are written in the order in which they are encoded, which is not that in which they
        are shown.
        """
        try:
            numbers = numbers_in(path)
            assert len(numbers) >= fewest, numbers
            assert numbers == sorted(set(numbers)), numbers
            assert numbers[:-4] == list(range(len(numbers) - 4))[: len(numbers[:-4])], numbers
            if len(numbers) == NUM_FRAMES:
                assert numbers == list(range(NUM_FRAMES))
        except (av.FFmpegError, AssertionError):
            if not self._is_lenient:
                raise
            self.tally.num_passed_over += 1


def main() -> None:
    tallies: list[Tally] = []
    for arguments in json.loads(sys.argv[1]):
        sweeper = Sweeper(Sweep(**arguments), Path(sys.argv[2]), tallies)
        sweeper.run()
        tallies.append(sweeper.tally)
    print(json.dumps([asdict(tally) for tally in tallies]))


if __name__ == "__main__":
    main()
