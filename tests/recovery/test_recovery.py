"""recover() makes proper videos of what a killed process left, and touches nothing else."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import pytest

import gymreel
from gymreel import (
    GymreelWarning,
    OutputError,
    RecoveredRecording,
    VideoWriter,
    recover,
    recovery,
)
from gymreel.encoders import FORMATS
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv
from support.frames import (
    HEIGHT,
    WIDTH,
    need_encoder,
    needs_x264,
    noise,
    numbered,
    record,
    shown_in,
)
from support.paths import TESTS
from support.subprocesses import run_python
from support.video_reader import names_in, need_ffmpeg_programs, numbers_in, tags

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

INSTALLED = {info.name: info for info in gymreel.codecs()}
FPS = 30
NUM_WRITTEN = 90
MAX_LOST = 30
SUFFIXES = [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif"]
METADATA = {"title": "Größe = 3; #1\\", "episode": "17"}
MP4 = ".video.mp4.partial"

_KILLED = f"""
    import os, signal, sys
    from pathlib import Path
    import gymreel
    from support.frames import numbered

    writers = [
        gymreel.VideoWriter(Path(sys.argv[1], "video" + suffix), metadata={METADATA!r})
        for suffix in {SUFFIXES!r}
    ]
    for number in range({NUM_WRITTEN}):
        for writer in writers:
            writer.write(numbered(number))
    while any(writer.stats.num_encoded < {NUM_WRITTEN} for writer in writers):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
"""

_LIVE = """
    import sys
    from pathlib import Path
    import gymreel
    from support.frames import numbered

    with gymreel.VideoWriter(Path(sys.argv[1], "live.mp4")) as writer:
        for number in range(60):
            writer.write(numbered(number))
        while writer.stats.num_encoded < 60:
            pass
        print("recording", flush=True)
        sys.stdin.readline()
"""

_RECOVERS = """
    import sys
    import gymreel

    print("ready", flush=True)
    sys.stdin.readline()
    for recovered in gymreel.recover(sys.argv[1]):
        print(recovered.partial_path.name, flush=True)
"""


@pytest.fixture(scope="module")
def leftovers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Kill a process while it records, and return what it left, by suffix."""
    folder = tmp_path_factory.mktemp("killed")
    finished = run_python(_KILLED, folder, check=False)
    assert finished.returncode == -signal.SIGKILL, finished.stderr
    assert names_in(folder) == sorted(f".video{suffix}.partial" for suffix in SUFFIXES)
    return {suffix: (folder / f".video{suffix}.partial").read_bytes() for suffix in SUFFIXES}


@pytest.fixture
def mp4(tmp_path: Path, leftovers: dict[str, bytes]) -> Path:
    """Put an interrupted mp4 into an empty folder."""
    return _leave(tmp_path / MP4, leftovers[".mp4"])


def _leave(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@contextmanager
def _other_process(script: str, folder: Path, first_line: str) -> Iterator[subprocess.Popen[str]]:
    """Start a script, and go on once it has said that it is ready."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), str(folder)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{first_line}\n"
            yield process
        finally:
            process.kill()


def _wait_until_encoded(writer: VideoWriter, count: int) -> None:
    while writer.stats.num_encoded < count:
        pass


def _assert_beginning(numbers: list[int]) -> None:
    """Assert that these are frames 0 to n - 1."""
    assert numbers == list(range(len(numbers)))


def _leave_empty(path: Path) -> Path:
    """Leave an empty file that is no longer about to be written to."""
    path.touch()
    os.utime(path, (0, 0))
    return path


def _packets(path: Path) -> list[bytes]:
    with av.open(f"file:{path}") as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def _top_level_boxes(data: bytes) -> list[str]:
    boxes, position = [], 0
    while position < len(data):
        boxes.append(data[position + 4 : position + 8].decode())
        position += int.from_bytes(data[position : position + 4], "big")
    return boxes


class TestTheVideo:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_holds_every_frame_that_survived_in_its_place(
        self, tmp_path: Path, leftovers: dict[str, bytes], suffix: str
    ) -> None:
        partial = _leave(tmp_path / f".video{suffix}.partial", leftovers[suffix])
        in_partial = numbers_in(partial)
        (recovered,) = recover(tmp_path)
        path = tmp_path / f"video{suffix}"
        assert names_in(tmp_path) == [path.name]
        shown = list(shown_in(path))
        numbers = [one.number for one in shown]
        _assert_beginning(numbers)
        # Without those at the end that come after one which is missing.
        assert numbers == in_partial[: len(numbers)]
        assert len(in_partial) - len(numbers) <= 3
        assert NUM_WRITTEN - MAX_LOST <= len(numbers) <= NUM_WRITTEN
        # GIF counts in hundredths of a second, Matroska in thousandths.
        exact = suffix in (".mp4", ".m4v", ".mov")
        tolerance = Fraction(0) if exact else Fraction(1, 100 if suffix == ".gif" else 1000)
        for one in shown:
            assert abs(one.time - Fraction(one.number, FPS)) <= tolerance
        assert recovered == RecoveredRecording(
            path=path,
            partial_path=partial,
            num_frames=len(numbers),
            duration_seconds=len(numbers) / FPS,
            num_bytes=path.stat().st_size,
            size=(WIDTH, HEIGHT),
        )

    @pytest.mark.parametrize("suffix", SUFFIXES[:-1])
    def test_holds_the_packets_as_they_were_encoded(
        self, tmp_path: Path, leftovers: dict[str, bytes], suffix: str
    ) -> None:
        partial = _leave(tmp_path / f".video{suffix}.partial", leftovers[suffix])
        before = _packets(partial)
        recover(tmp_path)
        after = _packets(tmp_path / f"video{suffix}")
        assert after == before[: len(after)]
        assert len(before) - len(after) <= 3

    @pytest.mark.parametrize("suffix", SUFFIXES[:-1])  # GIF has no metadata.
    def test_keeps_its_metadata(
        self, tmp_path: Path, leftovers: dict[str, bytes], suffix: str
    ) -> None:
        _leave(tmp_path / f".video{suffix}.partial", leftovers[suffix])
        recover(tmp_path)
        assert METADATA.items() <= tags(tmp_path / f"video{suffix}").items()

    @pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov"])
    def test_has_its_index_first_and_no_fragments(
        self, tmp_path: Path, leftovers: dict[str, bytes], suffix: str
    ) -> None:
        partial = _leave(tmp_path / f".video{suffix}.partial", leftovers[suffix])
        assert "moof" in _top_level_boxes(partial.read_bytes())
        recover(tmp_path)
        boxes = _top_level_boxes((tmp_path / f"video{suffix}").read_bytes())
        assert boxes.index("moov") < boxes.index("mdat")
        assert "moof" not in boxes

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_decodes_without_a_complaint(
        self, tmp_path: Path, leftovers: dict[str, bytes], suffix: str
    ) -> None:
        need_ffmpeg_programs()
        _leave(tmp_path / f".video{suffix}.partial", leftovers[suffix])
        (recovered,) = recover(tmp_path)
        wanted = ["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
        command = ["ffprobe", "-v", "error", "-count_frames", *wanted, f"file:{recovered.path}"]
        finished = subprocess.run(command, check=True, capture_output=True, text=True)
        assert finished.stderr == ""
        assert int(finished.stdout.strip().strip(",")) == recovered.num_frames


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("vp9", ".mp4"),
        ("vp9", ".mkv"),
        ("mpeg4", ".mp4"),
        ("mpeg4", ".mov"),
        ("mpeg4", ".mkv"),
        ("ffv1", ".mkv"),
        ("hevc", ".mp4"),
        ("hevc", ".mkv"),
        ("av1", ".mp4"),
        ("av1", ".webm"),
        ("vp8", ".webm"),
    ],
)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_every_codec_in_its_containers(
    tmp_path: Path, codec: str, suffix: str, pixel_format: str
) -> None:
    need_encoder(codec)
    encoder = next(name for name in FORMATS[codec] if name in INSTALLED)
    if pixel_format not in INSTALLED[encoder].pixel_formats:
        pytest.skip(f"{encoder} does not take {pixel_format}")
    script = f"""
        import os, signal, sys
        import gymreel
        from support.frames import numbered

        writer = gymreel.VideoWriter(
            sys.argv[1] + "/video{suffix}",
            codec="{codec}",
            pixel_format="{pixel_format}",
            options={{"g": "10"}},
        )
        for number in range({NUM_WRITTEN}):
            writer.write(numbered(number))
        while writer.stats.num_encoded < {NUM_WRITTEN}:
            pass
        os.kill(os.getpid(), signal.SIGKILL)
        """
    assert run_python(script, tmp_path, check=False).returncode == -signal.SIGKILL
    (recovered,) = recover(tmp_path)
    numbers = numbers_in(tmp_path / f"video{suffix}")
    _assert_beginning(numbers)
    assert recovered.num_frames == len(numbers) >= 30


class TestWhatIsFound:
    def test_again_there_is_nothing_more_to_do(self, mp4: Path) -> None:
        assert len(recover(mp4.parent)) == 1
        video = (mp4.parent / "video.mp4").read_bytes()
        assert recover(mp4.parent) == []
        assert recover(mp4.parent / "video.mp4") == []
        assert recover(mp4) == []
        assert names_in(mp4.parent) == ["video.mp4"]
        assert (mp4.parent / "video.mp4").read_bytes() == video

    def test_a_folder_means_the_folders_in_it_too(
        self, tmp_path: Path, leftovers: dict[str, bytes]
    ) -> None:
        partials = [
            _leave(tmp_path / "b" / "c" / MP4, leftovers[".mp4"]),
            _leave(tmp_path / "a" / ".video.mkv.partial", leftovers[".mkv"]),
            _leave(tmp_path / ".video.webm.partial", leftovers[".webm"]),
        ]
        recovered = recover(str(tmp_path))
        assert sorted(one.partial_path for one in recovered) == sorted(partials)
        assert {one.path for one in recovered} == {
            tmp_path / "b" / "c" / "video.mp4",
            tmp_path / "a" / "video.mkv",
            tmp_path / "video.webm",
        }

    def test_a_target_means_its_own_partial_files_alone(
        self, mp4: Path, leftovers: dict[str, bytes]
    ) -> None:
        _leave(mp4.with_name(".other.mp4.partial"), leftovers[".mp4"])
        _leave(mp4.with_name(".video.mp4.partial-2"), leftovers[".mp4"])
        _leave(mp4.parent / "folder" / MP4, leftovers[".mp4"])
        recovered = recover(mp4.parent / "video.mp4")
        assert [one.path for one in recovered] == [
            mp4.parent / "video.mp4",
            mp4.parent / "video-recovered.mp4",
        ]
        assert names_in(mp4.parent / "folder") == [MP4]
        assert names_in(mp4.parent) == [
            ".other.mp4.partial",
            "folder",
            "video-recovered.mp4",
            "video.mp4",
        ]

    def test_a_partial_file_means_itself_alone(
        self, mp4: Path, leftovers: dict[str, bytes]
    ) -> None:
        second = _leave(mp4.with_name(".video.mp4.partial-2"), leftovers[".mp4"])
        (recovered,) = recover(second)
        assert recovered.partial_path == second
        assert names_in(mp4.parent) == [MP4, "video.mp4"]

    def test_a_relative_path_will_do(self, mp4: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(mp4.parent)
        (recovered,) = recover(MP4)
        assert recovered.path == Path("video.mp4")
        _assert_beginning(numbers_in("video.mp4"))

    @pytest.mark.parametrize("name", [".foo.partial", ".x.txt.partial", "video.mp4.partial"])
    def test_files_of_other_programs_are_ignored(self, tmp_path: Path, name: str) -> None:
        other = _leave(tmp_path / name, b"")
        assert recover(tmp_path) == []
        assert recover(other) == []
        assert names_in(tmp_path) == [name]

    def test_a_path_in_no_folder_is_refused(self, mp4: Path) -> None:
        for path in (mp4.parent / "none" / "video.mp4", mp4 / "video.mp4"):
            with pytest.raises(OutputError, match="no such folder") as caught:
                recover(path)
            assert caught.value.errno == errno.ENOENT
        assert names_in(mp4.parent) == [MP4]


class TestNames:
    def test_a_file_that_has_the_name_by_now_is_left_alone(
        self, mp4: Path, leftovers: dict[str, bytes]
    ) -> None:
        (mp4.parent / "video.mp4").write_bytes(b"what came later")
        for name in ("video-recovered.mp4", "video-recovered-2.mp4", "video-recovered-3.mp4"):
            _leave(mp4, leftovers[".mp4"])
            (recovered,) = recover(mp4.parent)
            assert recovered.path == mp4.parent / name
        assert names_in(mp4.parent) == [
            "video-recovered-2.mp4",
            "video-recovered-3.mp4",
            "video-recovered.mp4",
            "video.mp4",
        ]
        assert (mp4.parent / "video.mp4").read_bytes() == b"what came later"
        _assert_beginning(numbers_in(mp4.parent / "video-recovered-3.mp4"))

    def test_a_folder_or_a_dangling_link_has_its_name_as_well(self, mp4: Path) -> None:
        (mp4.parent / "video.mp4").mkdir()
        (mp4.parent / "video-recovered.mp4").symlink_to("nowhere")
        (recovered,) = recover(mp4)
        assert recovered.path == mp4.parent / "video-recovered-2.mp4"

    def test_the_unfinished_complete_file_of_a_dead_process_is_removed(self, mp4: Path) -> None:
        for name in (".video.mp4.complete", ".video.mp4.complete-2"):
            _leave(mp4.with_name(name), b"half of it")
        recover(mp4.parent)
        assert names_in(mp4.parent) == ["video.mp4"]

    def test_what_a_recovery_that_was_killed_left_is_removed(self, mp4: Path) -> None:
        (mp4.parent / "video.mp4").write_bytes(b"what came later")
        _leave(mp4.with_name(".video.mp4.complete"), b"half of it")
        recover(mp4.parent)
        assert names_in(mp4.parent) == ["video-recovered.mp4", "video.mp4"]

    def test_the_complete_file_that_a_live_process_makes_is_left_alone(self, mp4: Path) -> None:
        fcntl = pytest.importorskip("fcntl")
        complete = _leave(mp4.with_name(".video.mp4.complete"), b"half of it")
        with complete.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert len(recover(mp4.parent)) == 1
        assert names_in(mp4.parent) == [complete.name, "video.mp4"]


class TestLiveRecordings:
    def test_of_this_process_are_left_alone(self, mp4: Path) -> None:
        live = mp4.with_name(".live.mp4.partial")
        with VideoWriter(mp4.parent / "live.mp4") as writer:
            for number in range(60):
                writer.write(numbered(number))
            _wait_until_encoded(writer, 60)
            assert [one.partial_path for one in recover(mp4.parent)] == [mp4]
            assert recover(mp4.parent) == []
            assert recover(mp4.parent / "live.mp4") == []
            with pytest.raises(OutputError) as caught:
                recover(live)
            assert caught.value.errno == errno.EBUSY
        assert numbers_in(mp4.parent / "live.mp4") == list(range(60))
        assert names_in(mp4.parent) == ["live.mp4", "video.mp4"]

    def test_of_another_process_are_left_alone(self, tmp_path: Path) -> None:
        with _other_process(_LIVE, tmp_path, "recording") as process:
            assert recover(tmp_path) == []
            assert recover(tmp_path / "live.mp4") == []
            with pytest.raises(OutputError) as caught:
                recover(tmp_path / ".live.mp4.partial")
            assert caught.value.errno == errno.EBUSY
            process.communicate("\n")
            assert process.returncode == 0
        assert numbers_in(tmp_path / "live.mp4") == list(range(60))
        assert names_in(tmp_path) == ["live.mp4"]

    def test_are_recovered_as_soon_as_their_process_is_killed(self, tmp_path: Path) -> None:
        with _other_process(_LIVE, tmp_path, "recording") as process:
            process.kill()
            process.wait()
            (recovered,) = recover(tmp_path)
        assert recovered.num_frames >= 60 - MAX_LOST
        _assert_beginning(numbers_in(tmp_path / "live.mp4"))

    def test_of_the_same_target_go_on_beside_what_is_recovered(self, mp4: Path) -> None:
        with VideoWriter(mp4.parent / "video.mp4") as writer:
            writer.write(numbered(7))
            _wait_until_encoded(writer, 1)
            (recovered,) = recover(mp4.parent / "video.mp4")
            assert recovered.path == mp4.parent / "video.mp4"
        assert numbers_in(mp4.parent / "video.mp4") == [7]  # As any target that exists: replaced.


class TestDamage:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_an_empty_file_is_removed(self, tmp_path: Path, suffix: str) -> None:
        partial = _leave_empty(tmp_path / f".video{suffix}.partial")
        assert recover(tmp_path) == [RecoveredRecording(None, partial, 0, 0.0, 0, (0, 0))]
        assert names_in(tmp_path) == []

    def test_an_empty_file_that_was_only_just_created_is_its_writers(self, tmp_path: Path) -> None:
        partial = _leave(tmp_path / MP4, b"")
        assert recover(tmp_path) == []
        assert names_in(tmp_path) == [partial.name]

    def test_a_file_with_a_header_and_no_frame_is_removed(self, mp4: Path) -> None:
        data = mp4.read_bytes()
        _leave(mp4, data[: data.index(b"moof") - 4])
        (recovered,) = recover(mp4.parent)
        assert (recovered.path, recovered.num_frames, recovered.num_bytes) == (None, 0, 0)
        assert names_in(mp4.parent) == []

    @pytest.mark.parametrize("cut", [2, 50, 400, 900])
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_a_tail_that_is_cut_off_costs_the_frames_in_it(
        self, tmp_path: Path, leftovers: dict[str, bytes], suffix: str, cut: int
    ) -> None:
        partial = _leave(tmp_path / f".video{suffix}.partial", leftovers[suffix])
        before = numbers_in(partial)
        _leave(partial, leftovers[suffix][:-cut])
        (recovered,) = recover(tmp_path)
        assert recovered.path is not None
        numbers = numbers_in(recovered.path)
        _assert_beginning(numbers)
        assert len(numbers) == recovered.num_frames
        assert 0 < len(numbers) < len(before)

    def test_wherever_a_gif_is_cut_off_whole_frames_are_left(
        self, tmp_path: Path, leftovers: dict[str, bytes]
    ) -> None:
        data = leftovers[".gif"]
        counts = []
        for cut in range(1, 700, 3):
            partial = _leave(tmp_path / ".video.gif.partial", data[:-cut])
            (recovered,) = recover(partial)
            assert recovered.path is not None
            counts.append(recovered.num_frames)
            if cut % 50 == 1:
                assert numbers_in(recovered.path) == list(range(recovered.num_frames))
            recovered.path.unlink()
        assert counts == sorted(counts, reverse=True)  # None comes from what is cut off.
        whole = len(numbers_in(_leave(tmp_path / "whole.gif", data)))
        assert set(counts) == set(range(min(counts), whole))

    @needs_x264
    @pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75, 0.99])
    def test_a_cut_in_the_index_of_a_fragment_costs_that_fragment(
        self, mp4: Path, share: float
    ) -> None:
        data = mp4.read_bytes()
        fragment = data.rindex(b"moof") - 4
        index_size = data.index(b"mdat", fragment) - 4 - fragment  # Larger, the more frames it has.
        kept = int(share * index_size)
        _leave(mp4, data[:fragment])
        (whole,) = recover(mp4)
        _leave(mp4, data[: fragment + kept])
        (recovered,) = recover(mp4)
        assert recovered.num_frames == whole.num_frames > 0
        assert names_in(mp4.parent) == ["video-recovered.mp4", "video.mp4"]

    def test_a_cut_just_before_the_pixels_of_a_gif_adds_no_frame(
        self, tmp_path: Path, leftovers: dict[str, bytes]
    ) -> None:
        data = leftovers[".gif"]
        # A graphic control extension, an image descriptor and one byte of code size.
        start = data.rindex(b"\x21\xf9\x04")
        local_table = 3 << (data[start + 17] & 7) + 1 if data[start + 17] & 0x80 else 0
        partial = _leave(tmp_path / ".video.gif.partial", data[:start])
        (whole,) = recover(partial)
        _leave(partial, data[: start + 8 + 10 + local_table + 1])
        (recovered,) = recover(partial)
        assert recovered.path is not None
        _assert_beginning(numbers_in(recovered.path))
        assert recovered.num_frames == whole.num_frames

    def test_what_is_no_video_is_a_warning_for_a_folder_and_stays(self, mp4: Path) -> None:
        garbage = _leave(mp4.with_name(".x.mp4.partial"), b"what is this? " * 100)
        _leave(mp4.with_name(".x.mp4.complete"), b"")
        for num_recovered in (1, 0):
            with pytest.warns(GymreelWarning, match=r"\.x\.mp4\.partial was not recovered") as told:
                assert len(recover(mp4.parent)) == num_recovered
            assert len(told) == 1
            assert told[0].filename == __file__
        assert garbage.read_bytes() == b"what is this? " * 100
        assert names_in(mp4.parent) == [".x.mp4.complete", ".x.mp4.partial", "video.mp4"]

    def test_what_is_no_video_is_an_error_for_itself_and_stays(self, tmp_path: Path) -> None:
        garbage = _leave(tmp_path / ".x.mp4.partial", b"what is this? " * 100)
        with pytest.raises(OutputError, match="read the partial file"):
            recover(garbage)
        assert names_in(tmp_path) == [garbage.name]

    def test_an_error_names_the_file(self, tmp_path: Path) -> None:
        garbage = _leave(tmp_path / ".x.mp4.partial", b"what is this? " * 100)
        with pytest.raises(OutputError) as caught:
            recover(garbage)
        assert caught.value.filename == str(garbage)
        assert str(garbage) in str(caught.value)


class TestTwoProcesses:
    @staticmethod
    def _recover_at_once(folder: Path) -> list[str]:
        """Recover a folder in two processes, and give the partial files that they say were."""
        with (
            _other_process(_RECOVERS, folder, "ready") as first,
            _other_process(_RECOVERS, folder, "ready") as second,
        ):
            for process in (first, second):
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            told = [process.communicate()[0] for process in (first, second)]
            assert (first.returncode, second.returncode) == (0, 0)
        return sorted("".join(told).split())

    def test_recover_each_video_once(self, tmp_path: Path, leftovers: dict[str, bytes]) -> None:
        partials = [f".{index:02}.mp4.partial" for index in range(20)]
        for name in partials:
            _leave(tmp_path / name, leftovers[".mp4"])
        assert self._recover_at_once(tmp_path) == partials
        assert names_in(tmp_path) == [f"{index:02}.mp4" for index in range(20)]
        for name in names_in(tmp_path):
            _assert_beginning(numbers_in(tmp_path / name))

    def test_recover_every_video_of_one_target(
        self, tmp_path: Path, leftovers: dict[str, bytes]
    ) -> None:
        partials = [f".{index}.mp4.partial{end}" for index in range(8) for end in ("", "-2")]
        for name in partials:
            _leave(tmp_path / name, leftovers[".mp4"])
        assert self._recover_at_once(tmp_path) == partials
        names = [f"{index}{end}.mp4" for index in range(8) for end in ("-recovered", "")]
        assert names_in(tmp_path) == names


class TestRecordVideo:
    @staticmethod
    def _messages(folder: Path) -> list[str]:
        """Make a RecordVideo and give its warnings about interrupted recordings."""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            RecordVideo(NumberedEnv(), folder).close()
        return [str(one.message) for one in told if "were interrupted" in str(one.message)]

    def test_warns_once_of_interrupted_recordings(
        self, mp4: Path, leftovers: dict[str, bytes]
    ) -> None:
        for index in range(4):
            _leave(mp4.with_name(f".{index}.mp4.partial"), leftovers[".mp4"])
        (message,) = self._messages(mp4.parent)
        assert "holds 5 recording(s)" in message
        assert f"gymreel.recover({str(mp4.parent)!r})" in message
        assert ".0.mp4.partial, .1.mp4.partial, .2.mp4.partial, …)" in message
        recover(mp4.parent)
        assert self._messages(mp4.parent) == []

    def test_does_not_warn_of_live_ones(self, tmp_path: Path) -> None:
        with VideoWriter(tmp_path / "video.mp4") as writer:
            writer.write(numbered(1))
            _wait_until_encoded(writer, 1)
            assert names_in(tmp_path) == [MP4]
            with _other_process(_LIVE, tmp_path, "recording"):
                assert self._messages(tmp_path) == []

    def test_does_not_warn_of_what_is_in_deeper_folders_or_not_its_own(self, mp4: Path) -> None:
        _leave(mp4.parent / "deep" / MP4, mp4.read_bytes())
        mp4.rename(mp4.with_name(".video.txt.partial"))
        record(mp4.parent / "video.mp4", [numbered(1)])
        assert self._messages(mp4.parent) == []

    def test_records_beside_them(self, mp4: Path) -> None:
        partial = mp4.rename(mp4.with_name(".rl-video-episode-0.mp4.partial"))
        before = partial.read_bytes()
        with pytest.warns(UserWarning, match=r"gymreel\.recover"):
            env = RecordVideo(NumberedEnv(3), mp4.parent)
        env.reset()
        env.close()
        assert numbers_in(mp4.parent / "rl-video-episode-0.mp4") == [0]
        assert partial.read_bytes() == before
        (recovered,) = gymreel.recover(mp4.parent)
        assert recovered.path == mp4.parent / "rl-video-episode-0-recovered.mp4"
        assert os.listdir(mp4.parent).count("rl-video-episode-0.mp4") == 1


def test_a_damaged_file_gives_what_can_be_read_and_stays(tmp_path: Path) -> None:
    partial = tmp_path / ".video.mkv.partial"
    frames = [noise(number, 240, 320) for number in range(30)]
    record(tmp_path / "whole.mkv", frames, codec="mpeg4", fps=30)
    whole = bytearray((tmp_path / "whole.mkv").read_bytes())
    (tmp_path / "whole.mkv").unlink()
    assert len(whole) > 1_000_000
    cut = len(whole) // 2
    partial.write_bytes(whole[:cut] + bytes(len(whole) - cut))
    with pytest.warns(GymreelWarning, match=r"is damaged .*\.damaged"):
        (recovered,) = recover(tmp_path)
    assert 0 < recovered.num_frames < 30
    assert names_in(tmp_path) == [".video.mkv.damaged", "video.mkv"]
    assert recover(tmp_path) == []


def test_a_recovered_file_never_takes_the_place_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path / "video.mkv", [numbered(number) for number in range(5)])
    (tmp_path / "video.mkv").rename(tmp_path / ".video.mkv.partial")

    free_name = recovery._Recovery._free_name
    asked: list[Path] = []

    def somebody_is_faster(self: recovery._Recovery, target: Path) -> Path:
        free = free_name(self, target)
        if not asked:
            free.write_bytes(b"somebody else's")
        asked.append(free)
        return free

    monkeypatch.setattr(recovery._Recovery, "_free_name", somebody_is_faster)
    (recovered,) = recover(tmp_path)
    assert recovered.path == tmp_path / "video-recovered.mkv"
    assert (tmp_path / "video.mkv").read_bytes() == b"somebody else's"


def test_a_name_that_is_as_long_as_can_be_is_shortened_for_what_is_added(tmp_path: Path) -> None:
    name = "n" * 236 + ".mkv"
    record(tmp_path / name, [numbered(number) for number in range(5)])
    (tmp_path / f".{name}.partial").write_bytes((tmp_path / name).read_bytes())
    (recovered,) = recover(tmp_path)
    assert recovered.path is not None
    assert recovered.path.name == "n" * 226 + "-recovered.mkv"
    assert numbers_in(recovered.path) == [0, 1, 2, 3, 4]
