"""What recover() makes of partial files that are damaged, not just cut off."""

from __future__ import annotations

import random
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gymreel import GymreelWarning, RecoveredRecording, recover
from support.frames import numbers_in
from support.soak import choose
from support.subprocesses import run_python
from support.video_reader import names_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

NUM_DAMAGED = choose(short=200, soak=5000)
SUFFIXES = [".mp4", ".mov", ".mkv", ".webm", ".gif"]
SIGNATURE = b"gymreel mark\xa7\x1c\xe5\x02"
# Around the signature in a mark, before and after.
AROUND = {".mp4": (8, 16), ".mov": (8, 16), ".mkv": (2, 16), ".webm": (2, 16), ".gif": (15, 17)}
FRAGMENT = {
    ".mp4": (b"moof", 4),
    ".mov": (b"moof", 4),
    ".mkv": (b"\x1f\x43\xb6\x75", 0),
    ".webm": (b"\x1f\x43\xb6\x75", 0),
    ".gif": (b"\x21\xf9\x04", 0),
}

_KILLED = f"""
    import os, signal, sys
    import gymreel
    from support.frames import numbered

    writers = [
        gymreel.VideoWriter(sys.argv[1] + "/video" + suffix, metadata={{"title": "clip"}})
        for suffix in {SUFFIXES!r}
    ]
    for number in range(90):
        for writer in writers:
            writer.write(numbered(number))
    while any(writer.stats.num_encoded < 90 for writer in writers):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def leftovers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Kill a process while it records, and return what it left, by suffix."""
    folder = tmp_path_factory.mktemp("killed")
    assert run_python(_KILLED, folder, check=False).returncode == -signal.SIGKILL
    return {suffix: (folder / f".video{suffix}.partial").read_bytes() for suffix in SUFFIXES}


_decoded: dict[bytes, list[int]] = {}


def _numbers_in(path: Path) -> list[int]:
    """Decode a file, unless the same was decoded just before."""
    data = path.read_bytes()
    if data not in _decoded:
        _decoded.clear()
        _decoded[data] = numbers_in(path)
    return _decoded[data]


@dataclass(frozen=True)
class _Outcome:
    recovered: RecoveredRecording | None
    numbers: list[int]
    messages: list[str]
    names: list[str]


def _recover(folder: Path, suffix: str, data: bytes) -> _Outcome:
    """Recover one partial file in a folder that is empty before and after."""
    (folder / f".video{suffix}.partial").write_bytes(data)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        recovered = recover(folder)
    names = names_in(folder)
    path = recovered[0].path if recovered else None
    numbers = _numbers_in(path) if path is not None else []
    for name in names:
        (folder / name).unlink()
    for one in told:
        assert issubclass(one.category, GymreelWarning), one.message
    messages = [str(one.message) for one in told]
    return _Outcome(recovered[0] if recovered else None, numbers, messages, names)


def _without_marks(suffix: str, data: bytes) -> bytes:
    """Return a partial file as gymreel 0.1 wrote it."""
    before, after = AROUND[suffix]
    while (at := data.find(SIGNATURE)) >= 0:
        data = data[: at - before] + data[at + len(SIGNATURE) + after :]
    return data


def _fragments(suffix: str, data: bytes) -> list[int]:
    """Return where each fragment, cluster or picture begins."""
    beginning, offset = FRAGMENT[suffix]
    found, at = [], -1
    while (at := data.find(beginning, at + 1)) >= 0:
        found.append(at - offset)
    return found


def _length_in_common(one: bytes, other: bytes) -> int:
    """Return how many bytes two files have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _flip(rng: random.Random, data: bytes, suffix: str) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 5])):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _zero(rng: random.Random, data: bytes, suffix: str) -> bytes:
    size = rng.choice([1, 16, 100, 512])
    at = rng.randrange(len(data) - size)
    return data[:at] + bytes(size) + data[at + size :]


def _delete(rng: random.Random, data: bytes, suffix: str) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice([1, 7, 60, 300]) :]


def _insert(rng: random.Random, data: bytes, suffix: str) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.choice([1, 8, 64, 400])) + data[at:]


def _swap(rng: random.Random, data: bytes, suffix: str) -> bytes:
    cuts = [*_fragments(suffix, data), len(data)]
    first = rng.randrange(len(cuts) - 2)
    a, b, c = cuts[first : first + 3]
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _repeat(rng: random.Random, data: bytes, suffix: str) -> bytes:
    cuts = [*_fragments(suffix, data), len(data)]
    first = rng.randrange(len(cuts) - 1)
    return data[: cuts[first + 1]] + data[cuts[first] :]


def _drop(rng: random.Random, data: bytes, suffix: str) -> bytes:
    cuts = [*_fragments(suffix, data), len(data)]
    first = rng.randrange(len(cuts) - 2)
    return data[: cuts[first]] + data[cuts[first + 1] :]


_Damage = Callable[[random.Random, bytes, str], bytes]
KINDS: list[_Damage] = [_flip, _flip, _zero, _delete, _insert, _swap, _repeat, _drop]


@pytest.mark.timeout(choose(short=300, soak=3600))
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_cut_off_and_said(
    tmp_path: Path, leftovers: dict[str, bytes], suffix: str
) -> None:
    data = leftovers[suffix]
    whole = _recover(tmp_path, suffix, data)
    assert whole.messages == []
    assert whole.numbers == list(range(len(whole.numbers)))
    assert len(whole.numbers) >= 60
    last_mark = data.rindex(SIGNATURE, 0, data.rindex(SIGNATURE))
    without_last = len(_recover(tmp_path, suffix, data[: last_mark + 40]).numbers)
    # The last fragment may hold only frames whose reordered neighbours are missing.
    assert 0 < without_last <= len(whole.numbers)

    rng = random.Random(suffix)
    num_said = 0
    for index in range(NUM_DAMAGED // len(SUFFIXES)):
        damaged = KINDS[index % len(KINDS)](rng, data, suffix)
        outcome = _recover(tmp_path, suffix, damaged)
        context = (index, KINDS[index % len(KINDS)].__name__, outcome)
        # Never a wrong, a repeated or an undecodable frame, nor a hole.
        assert outcome.numbers == list(range(len(outcome.numbers))), context
        num_frames = 0 if outcome.recovered is None else outcome.recovered.num_frames
        assert num_frames == len(outcome.numbers), context
        if outcome.messages:
            num_said += 1
            kept = [name for name in outcome.names if name.endswith((".damaged", ".partial"))]
            assert len(outcome.messages) == len(kept) == 1, context
        elif len(damaged) - _length_in_common(data, damaged) >= 48:  # As long as a mark.
            # Nothing is said where a process that dies leaves the like: the last one incomplete.
            assert len(outcome.numbers) >= without_last, context
    assert num_said > NUM_DAMAGED // len(SUFFIXES) // 2


@pytest.mark.timeout(choose(short=300, soak=3600))
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_wherever_it_is_cut_off_every_frame_said_decodes(
    tmp_path: Path, leftovers: dict[str, bytes], suffix: str
) -> None:
    data = leftovers[suffix]
    step = choose(short=97, soak=1)
    before = 0
    first_mark = data.index(b"gymreel mark")
    within_mark = range(first_mark - 20, first_mark + 40)
    for end in sorted({*range(1, len(data), step), *within_mark}):
        outcome = _recover(tmp_path, suffix, data[:end])
        assert outcome.messages == [], end
        assert outcome.recovered is not None
        assert len(outcome.numbers) == outcome.recovered.num_frames >= before, end
        assert outcome.numbers == list(range(len(outcome.numbers)))
        before = len(outcome.numbers)
    assert before > 0


class TestFilesWithoutMarks:
    """What gymreel 0.1 wrote: only the structure can be looked at."""

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_is_recovered(self, tmp_path: Path, leftovers: dict[str, bytes], suffix: str) -> None:
        marked = _recover(tmp_path, suffix, leftovers[suffix])
        data = _without_marks(suffix, leftovers[suffix])
        assert SIGNATURE not in data
        outcome = _recover(tmp_path, suffix, data)
        assert outcome.messages == []
        assert outcome.numbers == marked.numbers
        assert outcome.names == [f"video{suffix}"]

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("damage", [_swap, _repeat, _drop])
    def test_fragments_out_of_order_are_noticed(
        self, tmp_path: Path, leftovers: dict[str, bytes], suffix: str, damage: _Damage
    ) -> None:
        if suffix == ".gif":
            pytest.skip("GIF's pictures have no numbers")
        if suffix == ".mkv" and damage is _swap:
            pytest.skip(
                "without marks, neighbours look as if an encoder had reordered their frames"
            )
        data = _without_marks(suffix, leftovers[suffix])
        for seed in range(5):
            outcome = _recover(tmp_path, suffix, damage(random.Random(seed), data, suffix))
            assert len(outcome.messages) == 1, outcome
            assert outcome.numbers == list(range(len(outcome.numbers)))
            assert f".video{suffix}.damaged" in outcome.names

    @pytest.mark.parametrize("suffix", [".mp4", ".mov"])
    def test_a_fragment_whose_type_is_overwritten_is_noticed(
        self, tmp_path: Path, leftovers: dict[str, bytes], suffix: str
    ) -> None:
        data = _without_marks(suffix, leftovers[suffix])
        middle = _fragments(suffix, data)[4]
        damaged = data[: middle + 4] + b"free" + data[middle + 8 :]
        outcome = _recover(tmp_path, suffix, damaged)
        assert outcome.names == [f".video{suffix}.damaged", f"video{suffix}"]
        assert 0 < len(outcome.numbers) < 40
        (message,) = outcome.messages
        assert f"not a fragment at byte {middle}" in message

    def test_flipped_bits_in_matroska_are_noticed(
        self, tmp_path: Path, leftovers: dict[str, bytes]
    ) -> None:
        data = bytearray(_without_marks(".mkv", leftovers[".mkv"]))
        data[_fragments(".mkv", bytes(data))[2] + 60] ^= 1
        outcome = _recover(tmp_path, ".mkv", bytes(data))
        (message,) = outcome.messages
        assert "a cluster with a wrong checksum" in message
        assert outcome.numbers == list(range(len(outcome.numbers)))
