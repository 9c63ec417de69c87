"""Files that somebody made up so that recover() does harm: bombs, and what is not a file."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import gymreel
from gymreel import GymreelWarning, OutputError, recover
from support.frames import numbers_in
from support.paths import TESTS
from support.soak import choose
from support.subprocesses import run_python
from support.video_reader import names_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

NUM_SOUND = choose(short=10, soak=100)
SECONDS = choose(short=3, soak=60)
MEBIBYTE = 1 << 20

_KILLED = """
    import os, sys
    import gymreel
    from support.frames import numbered

    kinds = [("mpeg4", ".mp4"), ("mpeg4", ".mkv"), ("gif", ".gif")]
    writers = [gymreel.VideoWriter(sys.argv[1] + "/v" + s, codec=c, fps=25) for c, s in kinds]
    for number in range(40):
        for writer in writers:
            writer.write(numbered(number))
    while any(writer.stats.num_encoded < 40 for writer in writers):
        pass
    os._exit(0)
"""

# Recovers each file by itself and says how long it took and how far memory rose.
_MEASURED = """
    import json, os, sys, time, warnings
    from pathlib import Path
    import gymreel

    def peak():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line[:6] == "VmHWM:")

    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    gymreel.recover(folder / ".warm.mp4.partial")
    for partial in sorted(folder.glob(".*.partial")):
        size = partial.stat().st_size
        Path("/proc/self/clear_refs").write_text("5")
        before, started = peak(), time.monotonic()
        try:
            recovered = gymreel.recover(partial)
        except gymreel.OutputError as error:
            outcome, num_bytes = str(error), 0
        else:
            outcome, num_bytes = recovered[0].num_frames, recovered[0].num_bytes
        print(json.dumps([partial.name, size, time.monotonic() - started, peak() - before,
                          num_bytes, outcome]))
"""


@pytest.fixture(scope="module")
def leftovers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return what a process left that died while it recorded, by suffix."""
    folder = tmp_path_factory.mktemp("killed")
    run_python(_KILLED, folder)
    return {
        suffix: (folder / f".v{suffix}.partial").read_bytes() for suffix in (".mp4", ".mkv", ".gif")
    }


def _box(name: bytes, content: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I", len(content) + 8 if size is None else size) + name + content


def _moof(
    number: int,
    count: int,
    data_size: int,
    *,
    sizes: bytes = b"",
    size: int = 1,
    offset: int | None = None,
    tfhd: bytes = b"",
) -> bytes:
    """Make a fragment's header whose samples are of one size, unless `sizes` says more."""
    flags = 0x201 if sizes else 0x001

    def build(data_offset: int) -> bytes:
        run = struct.pack(">IIi", flags, count, data_offset) + sizes
        head = tfhd or struct.pack(">IIII", 0x20018, 1, 512, size)
        traf = _box(b"tfhd", head) + _box(b"tfdt", struct.pack(">II", 0, (number - 1) * 512 * 1000))
        traf += _box(b"trun", run)
        return _box(b"moof", _box(b"mfhd", struct.pack(">II", 0, number)) + _box(b"traf", traf))

    return build(len(build(0)) + 8 if offset is None else offset)


def _mp4_bombs(data: bytes) -> dict[str, bytes]:
    """Return partial mp4 files that claim more than they hold."""
    moov = data.index(b"moov") - 4
    moov_size = struct.unpack(">I", data[moov : moov + 4])[0]
    header = data[: moov + moov_size]
    trak = data.index(b"trak") - 4
    trak_box = data[trak : trak + struct.unpack(">I", data[trak : trak + 4])[0]]

    def with_moov(extra: bytes) -> bytes:
        return header[:moov] + _box(b"moov", header[moov + 8 :] + extra)

    def replaced(name: bytes, content: bytes) -> bytes:
        at = header.index(name) - 4
        size = struct.unpack(">I", header[at : at + 4])[0]
        grown = header[:at] + _box(name, content) + header[at + size :]
        difference = len(grown) - len(header)
        patched = bytearray(grown)
        for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            start = header.index(parent) - 4
            old = struct.unpack(">I", header[start : start + 4])[0]
            patched[start : start + 4] = struct.pack(">I", old + difference)
        return bytes(patched)

    compressed = zlib.compress(bytes(512 * MEBIBYTE), 9)
    cmov = _box(
        b"cmov",
        _box(b"dcom", b"zlib") + _box(b"cmvd", struct.pack(">I", 512 * MEBIBYTE) + compressed),
    )
    data_box = _box(b"mdat", b"x" * 1000)
    shared = header
    for number in range(1, 5000):
        shared += _moof(number, 1000, 0, offset=-(len(shared) - len(header)) + 8)
    nested = b""
    for _ in range(2000):
        nested = _box(b"udta", nested)
    many = b"".join(_moof(number, 1, 1) + _box(b"mdat", b"x") for number in range(1, 5000))
    tiny = 100_000
    return {
        "80-million-samples": header + _moof(1, 80_000_000, 1000) + data_box,
        "samples-of-no-size": header + _moof(1, 80_000_000, 1000, size=0) + data_box,
        "50-million-sizes": header + _moof(1, 50_000_000, 1000, sizes=b"\0\0\0\1" * 100) + data_box,
        "three-tracks": with_moov(trak_box * 2) + _moof(1, 80_000_000, 1000) + data_box,
        "compressed-header": header[:moov] + _box(b"moov", cmov),
        "compressed-metadata": with_moov(_box(b"udta", cmov)),
        "shared-data": shared,
        "data-of-the-header": header + _moof(1, 100, 100, offset=0) + _box(b"mdat", b"x" * 100),
        "base-data-offset": header
        + _moof(1, 10, 10, tfhd=struct.pack(">IIQII", 0x20019, 1, 0, 512, 1))
        + _box(b"mdat", b"x" * 10),
        "an-index-of-50-million": replaced(b"stsz", struct.pack(">III", 0, 1, 50_000_000)),
        "times-of-2-billion": replaced(b"stts", struct.pack(">IIII", 0, 1, 2**31 - 1, 1)),
        "nested-2000-deep": with_moov(nested),
        "keys-of-2-billion": with_moov(
            _box(b"meta", bytes(4) + _box(b"keys", struct.pack(">II", 0, 2**31 - 1)))
        ),
        "a-type-of-3-gigabytes": _box(b"ftyp", bytes(100), size=3 << 30) + header,
        "a-size-of-2-gigabytes": header
        + _moof(1, 2, 0, sizes=struct.pack(">II", 0x7FFFFFF0, 1))
        + _box(b"mdat", b"xx"),
        "a-packet-longer-than-its-file": header
        + _moof(1, 1, 0, sizes=struct.pack(">I", 0x7F000000))
        + _box(b"mdat", b"x" * 100, size=0x7F000008),
        "tiny-fragments": header + many,
        "frames-of-one-byte": header + _moof(1, tiny, tiny) + _box(b"mdat", b"x" * tiny),
        "frames-of-one-byte-too-many": header
        + _moof(1, 2 * tiny, 2 * tiny)
        + _box(b"mdat", b"x" * 2 * tiny),
        "marks-only": header + _box(b"uuid", b"gymreel mark\xa7\x1c\xe5\x02" + bytes(16)) * 20_000,
    }


def _element(identifier: str, content: bytes, size: bytes | None = None) -> bytes:
    length = (1 << 56 | len(content)).to_bytes(8, "big") if size is None else size
    return bytes.fromhex(identifier) + length + content


def _matroska_bombs(data: bytes) -> dict[str, bytes]:
    """Return partial mkv files that claim more than they hold."""
    cluster = data.index(b"\x1f\x43\xb6\x75")
    header = data[:cluster]
    header = header[: header.rindex(b"gymreel mark") - 2]
    tracks = header.index(b"\x16\x54\xae\x6b")
    encoding = _element("5034", _element("4254", b"\x00"))  # Frames are compressed with zlib.
    packed = _element(
        "1654AE6B",
        _element(
            "AE",
            _element("D7", b"\1")
            + _element("83", b"\1")
            + _element("86", b"V_MPEG4/ISO/ASP")
            + _element("6D80", _element("6240", encoding)),
        ),
    )
    bomb = zlib.compress(bytes(256 * MEBIBYTE), 9)
    time_0 = _element("E7", b"\0")
    block = _element("A3", b"\x81\0\0\x80" + bomb)
    laced = _element("A3", b"\x81\0\0\x86" + b"\xff" + b"\x81" * 255 + bytes(255))
    regular = b"".join(
        _element("A3", b"\x81" + struct.pack(">h", 40 * i) + b"\x80x") for i in range(800)
    )
    return {
        "compressed-frames": header[:tracks] + packed + _element("1F43B675", time_0 + block),
        "lacing": header + _element("1F43B675", time_0 + laced * 100),
        "attachment": header + _element("1941A469", _element("61A7", bytes(MEBIBYTE))),
        "an-endless-cluster": header
        + _element("1F43B675", time_0 + regular, b"\x01" + b"\xff" * 7),
        "a-header-of-an-exabyte": _element("1A45DFA3", bytes(100), b"\x01" + b"\xfe" * 7),
        "frames-at-one-time": header + _element("1F43B675", time_0 + regular * 20),
        "a-block-of-a-terabyte": header
        + _element("1F43B675", time_0 + b"\xa3\x01\0\0\xff\0\0\0\0" + b"\x81\0\0\x80x"),
    }


def _gif_bombs(data: bytes) -> dict[str, bytes]:
    """Return partial GIF files that claim more than they hold."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + bytes(6)
    control = b"\x21\xf9\x04\0\x04\0\0\0"
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\0"
    return {
        "of-4-billion-pixels": screen + (control + picture) * 20_000,
        "comments": screen + b"\x21\xfe\0" * 300_000,
        "controls": screen + control * 100_000,
    }


def test_bombs_cost_no_more_than_their_size(tmp_path: Path, leftovers: dict[str, bytes]) -> None:
    bombs = {
        **{f".{name}.mp4": one for name, one in _mp4_bombs(leftovers[".mp4"]).items()},
        **{f".{name}.mkv": one for name, one in _matroska_bombs(leftovers[".mkv"]).items()},
        **{f".{name}.gif": one for name, one in _gif_bombs(leftovers[".gif"]).items()},
    }
    assert len(bombs) >= 24
    for name, data in bombs.items():
        (tmp_path / f"{name}.partial").write_bytes(data)
    (tmp_path / ".warm.mp4.partial").write_bytes(leftovers[".mp4"])
    lines = run_python(_MEASURED, tmp_path).stdout.splitlines()
    assert len(lines) == len(bombs)
    for line in lines:
        name, size, seconds, memory, num_bytes, outcome = json.loads(line)
        assert seconds <= 5, line
        assert memory <= 64 * MEBIBYTE + 4 * size, line
        assert num_bytes <= 2 * size + 4096, line
        # It is said, or it is what it claims to be.
        kept = tmp_path / name.replace(".partial", ".damaged")
        is_said = isinstance(outcome, str) or kept.exists()
        is_cut_off = size <= 4096 and not (tmp_path / name).exists()  # As by a death.
        assert is_said or outcome > 0 or is_cut_off, line


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _link(path: Path) -> None:
    path.symlink_to("0.mp4")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))


def _garbage(path: Path) -> None:
    path.write_bytes(b"what is this? " * 1000)


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(100_000))


class TestOneBadFile:
    def _recover_all(self, folder: Path, data: bytes, bad: Path) -> None:
        """Recover a folder of sound files and a bad one, with the command."""
        for number in range(NUM_SOUND):
            (folder / f".{number}.mp4.partial").write_bytes(data)
        finished = subprocess.run(
            [sys.executable, "-m", "gymreel", "recover", str(folder)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert finished.returncode == 1
        assert "Traceback" not in finished.stderr
        (said,) = finished.stderr.splitlines()[:1]
        assert bad.name in said
        recovered = finished.stdout.splitlines()
        assert len([line for line in recovered if bad.name.split(".")[1] not in line]) == NUM_SOUND
        for number in range(NUM_SOUND):
            assert numbers_in(folder / f"{number}.mp4")[:20] == list(range(20))

    @pytest.mark.parametrize("make", [_fifo, _folder, _link, _socket, _garbage, _zeros])
    def test_is_left_alone_and_named(
        self,
        tmp_path: Path,
        leftovers: dict[str, bytes],
        monkeypatch: pytest.MonkeyPatch,
        make: Callable[[Path], None],
    ) -> None:
        monkeypatch.chdir(tmp_path)  # A socket's path is short.
        bad = tmp_path / ".bad.mp4.partial"
        make(bad)
        before = os.lstat(bad)
        self._recover_all(tmp_path, leftovers[".mp4"], bad)
        after = os.lstat(bad)
        assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)

    @pytest.mark.parametrize("bytes_at", ["trun", "mdat", "moof"])
    def test_is_cut_kept_and_named(
        self, tmp_path: Path, leftovers: dict[str, bytes], bytes_at: str
    ) -> None:
        data = bytearray(leftovers[".mp4"])
        second = data.index(b"moof", data.index(b"moof") + 1)
        at = data.index(bytes_at.encode(), second)
        data[at + 20 if bytes_at == "trun" else at] = 0x7F
        bad = tmp_path / ".bad.mp4.partial"
        bad.write_bytes(data)
        self._recover_all(tmp_path, leftovers[".mp4"], bad)
        assert (tmp_path / ".bad.mp4.damaged").read_bytes() == data
        numbers = numbers_in(tmp_path / "bad.mp4")
        assert numbers == list(range(len(numbers)))

    def test_whatever_befalls_one_is_said_for_it(
        self, tmp_path: Path, leftovers: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("a", "b", "c"):
            (tmp_path / f".{name}.mp4.partial").write_bytes(leftovers[".mp4"])
        recover_file = gymreel._core.recover_file

        def out_of_memory(partial: str, *arguments: object) -> object:
            if os.path.basename(partial).startswith(".b"):
                raise MemoryError
            return recover_file(partial, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(gymreel._core, "recover_file", out_of_memory)
        with pytest.warns(GymreelWarning, match=r"\.b\.mp4\.partial was not recovered.*memory"):
            recovered = recover(tmp_path)
        assert [one.path for one in recovered] == [tmp_path / "a.mp4", tmp_path / "c.mp4"]
        with pytest.raises(OutputError, match="out of memory"):
            recover(tmp_path / ".b.mp4.partial")


class TestFolders:
    @staticmethod
    def _command(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
        finished: subprocess.CompletedProcess[str] = subprocess.run(
            [sys.executable, "-m", "gymreel", "recover", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
            **settings,  # type: ignore[call-overload]
        )
        return finished

    def test_one_that_does_not_exist_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="no such folder"):
            recover(tmp_path / "vidoes")
        finished = self._command(str(tmp_path / "vidoes"), stdout=subprocess.PIPE)
        assert finished.returncode == 1
        assert "vidoes" in finished.stderr
        assert finished.stdout == ""

    def test_one_that_cannot_be_read_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leftovers: dict[str, bytes]
    ) -> None:
        scandir = os.scandir
        (tmp_path / "locked").mkdir()
        (tmp_path / ".v.mp4.partial").write_bytes(leftovers[".mp4"])

        def refuse(path: Path) -> object:
            if path.name == "locked":
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(OutputError, match="Permission denied"):
            recover(tmp_path / "locked")
        # The others are searched.
        with pytest.warns(GymreelWarning, match="locked cannot be searched"):
            assert len(recover(tmp_path)) == 1

    def test_one_that_can_only_be_written_to_is_recovered_by_name(
        self, tmp_path: Path, leftovers: dict[str, bytes]
    ) -> None:
        folder = tmp_path / "drop"
        folder.mkdir()
        (folder / ".v.mp4.partial").write_bytes(leftovers[".mp4"])
        if os.geteuid() == 0:
            tmp_path.chmod(0o755)
            for parent in tmp_path.parents[:2]:
                parent.chmod(0o755)
            for path in (folder, folder / ".v.mp4.partial"):
                os.chown(path, 65534, 65534)
        folder.chmod(0o333)
        script = """
            import os, sys, warnings
            import gymreel
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            warnings.simplefilter("error")
            (recovered,) = gymreel.recover(sys.argv[1] + "/.v.mp4.partial")
            print(recovered.num_frames)
            try:
                gymreel.recover(sys.argv[1])
            except gymreel.OutputError as error:
                print(error.strerror)
        """
        said = run_python(script, folder).stdout.split("\n", 1)
        folder.chmod(0o755)
        assert int(said[0]) == len(numbers_in(folder / "v.mp4"))
        assert said[1] == "Permission denied\n"
        assert names_in(folder) == ["v.mp4"]

    def test_a_pipe_that_is_closed_is_no_traceback(
        self, tmp_path: Path, leftovers: dict[str, bytes]
    ) -> None:
        (tmp_path / ".v.mp4.partial").write_bytes(leftovers[".mp4"])
        reading, writing = os.pipe()
        os.close(reading)
        try:
            finished = self._command(str(tmp_path), stdout=writing)
        finally:
            os.close(writing)
        assert finished.stderr == ""
        assert finished.returncode == 0
        assert names_in(tmp_path) == ["v.mp4"]

    @pytest.mark.timeout(300)
    def test_each_is_listed_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leftovers: dict[str, bytes]
    ) -> None:
        num_files = choose(short=100, soak=10_000)
        for number in range(num_files):
            (tmp_path / f".{number}.gif.partial").write_bytes(leftovers[".gif"][:2000])
        (tmp_path / ".7.gif.complete").write_bytes(b"half of it")
        scandir, listed = os.scandir, []

        def count(path: Path) -> object:
            listed.append(path)
            return scandir(path)

        monkeypatch.setattr(os, "scandir", count)
        started = time.monotonic()
        assert len(recover(tmp_path)) == num_files
        seconds = time.monotonic() - started
        assert listed == [tmp_path]
        assert len(names_in(tmp_path)) == num_files
        assert seconds <= 60, seconds


_RECORDS_AGAIN = """
    import sys, time, warnings
    import gymreel
    from support.frames import numbered

    warnings.simplefilter("error")
    end = time.monotonic() + float(sys.argv[2])
    count = 0
    while time.monotonic() < end:
        with gymreel.VideoWriter(sys.argv[1] + "/same.mp4", fps=25) as writer:
            for number in range(count % 7 + 1):
                writer.write(numbered(number))
        assert writer.close().num_frames == count % 7 + 1
        count += 1
    print(count)
"""

_RECOVERS_AGAIN = """
    import sys, time, warnings
    import gymreel

    warnings.simplefilter("error")
    end = time.monotonic() + float(sys.argv[2])
    count = 0
    while time.monotonic() < end:
        assert gymreel.recover(sys.argv[1]) == []
        count += 1
    print(count)
"""


@pytest.mark.timeout(300)
def test_two_recorders_of_one_name_beside_two_that_recover(tmp_path: Path) -> None:
    scripts = [_RECORDS_AGAIN, _RECORDS_AGAIN, _RECOVERS_AGAIN, _RECOVERS_AGAIN]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), str(SECONDS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=TESTS,
        )
        for script in scripts
    ]
    outcomes = [(*process.communicate(timeout=250), process.returncode) for process in processes]
    for said, errors, status in outcomes:
        assert (errors, status) == ("", 0)
        assert int(said) > 0
    assert names_in(tmp_path) == ["same.mp4"]
    numbers = numbers_in(tmp_path / "same.mp4")
    assert numbers == list(range(len(numbers)))


def test_frames_are_those_that_were_written(tmp_path: Path, leftovers: dict[str, bytes]) -> None:
    """The fixture's files are sound: what is refused above is refused for what was changed."""
    for suffix, data in leftovers.items():
        (tmp_path / f".v{suffix}.partial").write_bytes(data)
    for recovered in recover(tmp_path):
        assert recovered.damaged_path is None
        assert recovered.path is not None
        assert numbers_in(recovered.path) == list(range(recovered.num_frames))
        assert recovered.num_frames >= 20
