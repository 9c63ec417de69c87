"""``python -m gymreel doctor``: what it says of this machine, and of machines with faults."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

import gymreel
from gymreel import CodecInfo, EncodeError, _core, encoders
from gymreel.__main__ import main
from gymreel._cli import problems, trials
from gymreel._cli.diagnosis import diagnose
from gymreel._cli.doctor import SCHEMA_VERSION, as_text, complete
from gymreel._cli.trials import NUM_FRAMES, Trial
from gymreel.encoders import CONTAINERS, FORMATS
from support.frames import need_encoder
from support.subprocesses import run_python
from support.video_reader import count_frames

GIB = 2**30


def doctor(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gymreel", "doctor", *options],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


TRIAL = {
    "encoder": (str, type(None)),
    "suffix": str,
    "status": str,
    "seconds": (int, float),
    "error": (str, type(None)),
    "reason": (str, type(None)),
}
SCHEMA: dict[str, Any] = {
    "schema_version": int,
    "works": bool,
    "gymreel": str,
    "python": str,
    "numpy": str,
    "gymnasium": (str, type(None)),
    "platform": str,
    "ffmpeg": {
        "version": str,
        "license": str,
        "is_bundled": bool,
        "libraries": dict,
        "configuration": str,
    },
    "engine": {
        "num_cpus": int,
        "num_threads": int,
        "priority": str,
        "max_pending_bytes": int,
        "is_debug": bool,
        "conversion_kernels": str,
    },
    "memory_bytes": (int, type(None)),
    "temp_folder": {
        "path": (str, type(None)),
        "free_bytes": (int, type(None)),
        "error": (str, type(None)),
    },
    "environment": dict,
    "containers": [TRIAL],
    "encoders": [TRIAL],
    "problems": [{"id": str, "what": str, "remedy": str}],
}
STATUSES = {"works", "failed", "unavailable", "hung", "untried"}


def check_schema(value: Any, schema: Any) -> None:
    """Fail where a value is not of exactly these keys and types."""
    if isinstance(schema, dict):
        assert list(value) == list(schema)
        for key in schema:
            check_schema(value[key], schema[key])
    elif isinstance(schema, list):
        for item in value:
            check_schema(item, schema[0])
    else:
        assert isinstance(value, schema), (value, schema)


def parse(text: str) -> dict[str, Any]:
    everything: dict[str, Any] = json.loads(text)
    check_schema(everything, SCHEMA)
    assert everything["schema_version"] == SCHEMA_VERSION == 1
    return everything


class TestThisMachine:
    def test_in_text(self) -> None:
        finished = doctor()
        assert finished.stderr == ""
        assert finished.returncode == 0
        lines = finished.stdout.splitlines()
        assert 20 < len(lines) < 50
        assert max(len(line) for line in lines) <= 100
        assert lines[0].split() == ["gymreel", gymreel.__version__]
        for part in (_core.ffmpeg_version, _core.ffmpeg_license, _core.conversion_kernels):
            assert part.replace("plain", "plain C++") in finished.stdout
        assert lines[-1].startswith("recording    works: .mp4 with ")

    def test_in_json(self) -> None:
        finished = doctor("--json")
        assert finished.stderr == ""
        assert finished.returncode == 0
        found = parse(finished.stdout)
        assert found["works"] is True
        assert [trial["suffix"] for trial in found["containers"]] == list(CONTAINERS)
        assert {trial["encoder"] for trial in found["encoders"]} == {
            info.name for info in gymreel.codecs()
        }
        for trial in found["containers"] + found["encoders"]:
            assert trial["status"] in STATUSES
            assert (trial["error"] is None) == (trial["status"] == "works")
        assert found["ffmpeg"]["libraries"] == {
            name: {"compiled": compiled, "loaded": loaded}
            for name, (compiled, loaded) in _core.ffmpeg_libraries.items()
        }
        assert found["ffmpeg"]["configuration"] == _core.ffmpeg_configuration
        assert 1 <= found["engine"]["num_cpus"] <= len(os.sched_getaffinity(0))

    def test_with_faults_in_the_environment(self, tmp_path: Path) -> None:
        no_folder = tmp_path / "file"
        no_folder.touch()
        variables = {
            "TMPDIR": str(no_folder),
            "GYMREEL_THREADS": "3",
            "GYMREEL_NUM_THREADS": "3",
            "GYMREEL_PRIORITY": "normal",
            "GYMREEL_MAX_PENDING_BYTES": "512",
            "GYMREEL_DEBUG": "false",
        }
        finished = doctor("--json", **variables)
        assert finished.returncode == 0, "nothing of this keeps gymreel from recording"
        found = parse(finished.stdout)
        assert {problem["id"] for problem in found["problems"]} >= {
            "temp_folder_unwritable",
            "unknown_variable",
            "pending_memory_small",
            "debug",
        }
        (unknown,) = (
            problem for problem in found["problems"] if problem["id"] == "unknown_variable"
        )
        assert "GYMREEL_THREADS" in unknown["what"]
        assert "GYMREEL_NUM_THREADS" in unknown["remedy"]
        del variables["TMPDIR"]
        assert found["environment"].items() >= variables.items()
        engine = found["engine"]
        assert (engine["num_threads"], engine["priority"]) == (3, "normal")
        assert (engine["max_pending_bytes"], engine["is_debug"]) == (512, True)
        assert engine["num_cpus"] <= len(os.sched_getaffinity(0))

    @pytest.mark.parametrize(
        ("name", "value"), [("GYMREEL_NUM_THREADS", "many"), ("GYMREEL_PRIORITY", "high")]
    )
    def test_a_variable_that_cannot_be_used_is_named_by_the_import(
        self, name: str, value: str
    ) -> None:
        finished = doctor(**{name: value})
        assert finished.returncode == 1
        assert f"{name}={value!r}" in finished.stderr.splitlines()[-1]


def test_what_works_is_what_another_decoder_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[tuple[str, str], Path] = {}
    record = trials.record

    def record_and_keep(path: Path, codec: str) -> None:
        record(path, codec)
        kept[codec, path.suffix] = Path(shutil.copy(path, tmp_path / path.name))

    monkeypatch.setattr(trials, "record", record_and_keep)
    known = {name: info for name, info in encoders._installed().items() if _is_ours(info)}
    monkeypatch.setattr(encoders, "_installed", lambda: known)
    containers, per_encoder = trials.try_everything(tmp_path, 100, lambda _: None)
    working = {("auto", trial.suffix) for trial in containers if trial.status == "works"}
    working |= {
        (str(trial.encoder), trial.suffix) for trial in per_encoder if trial.status == "works"
    }
    assert working == set(kept)
    assert len(working) >= len(CONTAINERS)
    for what, path in kept.items():
        assert count_frames(path) == NUM_FRAMES, what
    assert sorted(tmp_path.iterdir()) == sorted(kept.values()), "its own files are gone"


def _is_ours(info: CodecInfo) -> bool:
    return info.name in trials.KNOWN_ENCODERS and not info.hardware


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Hide encoders, and all that gymreel does not take by itself, which costs time."""

    def hide(*names: str) -> None:
        left = {
            name: info
            for name, info in encoders._installed().items()
            if name in FORMATS["gif"] + FORMATS["mpeg4"] + FORMATS["h264"] and name not in names
        }
        monkeypatch.setattr(encoders, "_installed", lambda: left)

    return hide


def find(diagnosis: dict[str, Any]) -> dict[str, str]:
    """Find the problems, by name, and check that both ways of showing them hold them."""
    found = parse(json.dumps(complete(diagnosis)))
    text = as_text(found)
    assert max(len(line) for line in text.splitlines()) <= 100
    words = " ".join(text.split())
    for problem in found["problems"]:
        assert f"- {problem['what']} {problem['remedy']}" in words
        for sentence in (problem["what"], problem["remedy"]):
            assert sentence.endswith(".")
    return {
        problem["id"]: f"{problem['what']} {problem['remedy']}" for problem in found["problems"]
    }


class TestEncodersThatAreNotThere:
    def test_without_h264_an_mp4_still_works_and_it_is_said(
        self, without: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        need_encoder("mpeg4")
        monkeypatch.setattr(_core, "ffmpeg_is_bundled", False)
        without("libx264", "libopenh264")
        diagnosis = diagnose(100, lambda _: None)
        assert diagnosis["works"]
        assert diagnosis["containers"][0]["encoder"] == "mpeg4"
        found = find(diagnosis)
        assert "libx264" in found["no_h264"]
        assert "MPEG-4 Part 2" in found["no_h264"]
        assert ".webm" in found["container_fails"]
        assert "libvpx-vp9" in found["container_fails"]

    def test_without_any_encoder_the_exit_status_is_1(
        self, without: Callable[..., None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        without("libx264", "libopenh264", "mpeg4", "gif")
        assert main(["doctor", "--json"]) == 1
        found = parse(capsys.readouterr().out)
        assert found["works"] is False
        assert found["encoders"] == []
        assert {trial["encoder"] for trial in found["containers"]} == {None}
        assert main(["doctor"]) == 1
        assert "recording    does not work: .mp4, " in capsys.readouterr().out


class Fake:
    """What a trial is replaced by: ``fails`` and ``hangs`` name encoders, the others work."""

    def __init__(self) -> None:
        self.fails: set[str] = set()
        self.hangs: set[str] = set()
        self.let_go = threading.Event()
        self.threads: list[threading.Thread] = []

    def record(self, path: Path, codec: str) -> None:
        self.threads.append(threading.current_thread())
        if codec in self.hangs:
            self.let_go.wait()
        if codec in self.fails:
            log = f"[{codec} @ 0x7f00] no such thing\nand more"
            raise EncodeError(22, f"open the encoder {codec!r}", "Invalid argument", log=log)
        path.touch()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    fake = Fake()
    monkeypatch.setattr(trials, "record", fake.record)
    yield fake
    fake.let_go.set()
    for thread in fake.threads:
        thread.join()


def by_name(diagnosis: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {trial["encoder"]: trial for trial in diagnosis["encoders"]}


class TestEncodersThatFail:
    def test_one_that_gymreel_takes_is_a_problem(self, fake: Fake) -> None:
        fake.fails.add("mpeg4")
        need_encoder("mpeg4")
        diagnosis = diagnose(100, lambda _: None)
        trial = by_name(diagnosis)["mpeg4"]
        assert (trial["status"], trial["reason"]) == ("failed", "no such thing")
        assert "Invalid argument" in trial["error"]
        assert "and more" in trial["error"]
        assert "mpeg4, but it fails: no such thing." in find(diagnosis)["encoder_fails"]

    def test_one_that_needs_a_device_is_none(
        self, fake: Fake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        need_encoder("mpeg4")
        mpeg4 = encoders._installed()["mpeg4"]
        devices = {
            "h264_nvenc": replace(mpeg4, name="h264_nvenc", hardware=True),
            "h264_omx": replace(mpeg4, name="h264_omx"),
        }
        everything = {**encoders._installed(), **devices}
        monkeypatch.setattr(encoders, "_installed", lambda: everything)
        monkeypatch.setattr(_core, "can_mux", lambda muxer, encoder: True)  # FFmpeg may lack them.
        tried: list[str] = []
        fake.fails |= set(devices)
        diagnosis = diagnose(100, tried.append)
        for name in devices:
            assert by_name(diagnosis)[name]["status"] == "unavailable"
        assert "encoder_fails" not in find(diagnosis)
        # What may crash or hang comes last.
        infos = {info.name: info for info in gymreel.codecs()}
        needing = [trials._needs_device(infos[name]) for name in by_name(diagnosis)]
        assert needing == sorted(needing)
        assert len(tried) == len(CONTAINERS) + len(infos)

    def test_the_default_makes_the_exit_status_1(
        self, fake: Fake, capsys: pytest.CaptureFixture[str]
    ) -> None:
        fake.fails.add("auto")
        assert main(["doctor"]) == 1
        output = capsys.readouterr().out
        assert f"Recording into {', '.join(CONTAINERS)} fails: no such thing." in " ".join(
            output.split()
        )
        assert output.endswith("recording    does not work: .mp4, no such thing\n")

    def test_a_file_that_lacks_frames_is_a_failure(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        picture = trials._picture()
        monkeypatch.setattr(trials, "_picture", lambda: picture[1:])
        with pytest.raises(RuntimeError, match="3 frames went in, and 2 are in a file of"):
            trials.record(tmp_path / "video.mp4", "auto")


class TestEncodersThatHang:
    def test_the_others_are_not_tried(self, fake: Fake) -> None:
        need_encoder("mpeg4")
        fake.hangs.add("mpeg4")
        diagnosis = diagnose(1, lambda _: None)
        assert diagnosis["works"]
        names = [trial["encoder"] for trial in diagnosis["encoders"]]
        statuses = [trial["status"] for trial in diagnosis["encoders"]]
        place = names.index("mpeg4")
        assert statuses[place] == "hung"
        assert set(statuses[:place]) <= {"works"}
        assert set(statuses[place + 1 :]) <= {"untried"}
        found = find(diagnosis)
        assert "mpeg4 took longer than 1 s" in found["encoder_hangs"]
        assert "encoder_fails" not in found

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs, with which to hang an encoder")
    def test_the_process_ends_all_the_same(self, tmp_path: Path) -> None:
        need_encoder("libx264")
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        # See StalledEncoder: this one waits for ever, while it is being opened.
        script = """
            import os, sys
            from pathlib import Path
            from gymreel import VideoWriter, _encoder_trial
            from gymreel.__main__ import main
            from gymreel._cli import trials

            _encoder_trial.check_settings = lambda *_: None  # It refuses such options.
            statistics = Path(sys.argv[1], "statistics")
            os.mkfifo(f"{statistics}.temp")

            def record(path, codec):
                options = {"flags": "+pass1", "stats": str(statistics)}
                with VideoWriter(path, codec="libx264", options=options) as writer:
                    for frame in trials._picture():
                        writer.write(frame)

            trials.record = record
            sys.exit(main(["doctor", "--json", "--timeout", "0.5"]))
            """
        finished = run_python(
            script, tmp_path, check=False, environment=os.environ | {"TMPDIR": str(temporary)}
        )
        assert finished.returncode == 1
        assert finished.stderr == ""
        found = parse(finished.stdout)
        assert found["containers"][0]["status"] == "hung"
        others = found["containers"][1:] + found["encoders"]
        assert {trial["status"] for trial in others} == {"untried"}
        assert list(temporary.iterdir()) == []


def test_what_encoders_print_does_not_come_between(tmp_path: Path) -> None:
    script = """
        import os, sys
        from gymreel.__main__ import main
        from gymreel._cli import trials

        def record(path, codec):
            for descriptor in (1, 2):
                os.write(descriptor, b"Svt[info]: hello\\n")
            path.touch()

        trials.record = record
        print("before")
        status = main(["doctor", "--json"])
        print("after", file=sys.stderr)
        sys.exit(status)
        """
    finished = run_python(script, tmp_path)
    before, text = finished.stdout.split("\n", 1)
    assert before == "before"
    assert parse(text)["works"] is True
    assert finished.stderr == "after\n"


WORKS = asdict(Trial("libx264", ".mp4", "works", 0.1))
HEALTHY: dict[str, Any] = {
    "works": True,
    "gymreel": "1.2.3",
    "python": "3.12.1 (CPython)",
    "numpy": "2.0",
    "gymnasium": "1.4.0",
    "platform": "Linux",
    "ffmpeg": {
        "version": "7.1",
        "license": "LGPL",
        "is_bundled": False,
        "libraries": {"libavcodec": {"compiled": "61.1.100", "loaded": "61.2.100"}},
        "configuration": "--x",
    },
    "engine": {
        "num_cpus": 8,
        "num_threads": 8,
        "priority": "background",
        "max_pending_bytes": GIB // 2,
        "is_debug": False,
        "conversion_kernels": "AVX2",
    },
    "memory_bytes": 16 * GIB,
    "temp_folder": {"path": "/tmp", "free_bytes": GIB, "error": None},
    "environment": {"GYMREEL_TORCH": "1"},
    "containers": [{**WORKS, "suffix": suffix} for suffix in CONTAINERS],
    "encoders": [WORKS],
}
VP9 = {**WORKS, "encoder": "libvpx-vp9"}
OPENH264 = {**WORKS, "encoder": "libopenh264"}


def changed(**changes: Any) -> dict[str, Any]:
    """Return what a healthy machine shows, with changes; those of a dict are changes in it."""
    return HEALTHY | {
        key: HEALTHY[key] | value if key in ("engine", "ffmpeg", "temp_folder") else value
        for key, value in changes.items()
    }


def test_a_healthy_machine_has_no_problems() -> None:
    assert find(HEALTHY) == {}
    text = as_text(complete(HEALTHY))
    assert "problems     none" in text
    assert "libavcodec 61.2.100 (built with 61.1.100)" in text


@pytest.mark.parametrize(
    ("changes", "problem", "words"),
    [
        ({"gymnasium": None}, "no_gymnasium", "pip install gymnasium"),
        ({"memory_bytes": GIB // 2}, "memory_small", f"to about {GIB // 16}"),
        ({"engine": {"num_cpus": 1}}, "one_cpu", "two CPUs"),
        (
            {"engine": {"conversion_kernels": "plain"}},
            "plain_kernels",
            "libhwy-dev",
        ),
        (
            {"engine": {"max_pending_bytes": 512}},
            "pending_memory_small",
            "in bytes",
        ),
        ({"engine": {"is_debug": True}}, "debug", "set it to 0"),
        (
            {"environment": {"GYMREEL_PRIO": "x"}},
            "unknown_variable",
            "Rename it to GYMREEL_PRIORITY",
        ),
        ({"environment": {"GYMREEL_ZZZ": "x"}}, "unknown_variable", "GYMREEL_NUM_THREADS"),
        (
            {"temp_folder": {"path": None, "free_bytes": None, "error": "No usable folder"}},
            "temp_folder_unwritable",
            "TMPDIR",
        ),
        ({"temp_folder": {"free_bytes": 2**20}}, "temp_folder_full", "1 MiB left"),
        ({"encoders": [OPENH264]}, "no_libx264", "Install an FFmpeg that has libx264"),
        ({"encoders": []}, "no_h264", "libx264"),
        ({"encoders": [], "containers": [VP9]}, "no_h264", "so .mp4 files hold VP9"),
    ],
)
def test_a_problem_is_said_with_what_to_do(
    changes: dict[str, Any], problem: str, words: str
) -> None:
    found = find(changed(**changes))
    assert list(found) == [problem]
    assert words in found[problem]


def test_without_x264_inside_nothing_is_wrong() -> None:
    assert find(changed(ffmpeg={"is_bundled": True}, encoders=[], containers=[VP9])) == {}


def test_what_an_ffmpeg_inside_lacks_is_to_be_had_from_a_build() -> None:
    failing = {**WORKS, "status": "failed", "reason": "out of luck"}
    found = find(changed(ffmpeg={"is_bundled": True}, works=False, containers=[failing]))
    assert "Build gymreel from its sources" in found["container_fails"]


def test_every_variable_that_gymreel_reads_is_known() -> None:
    root = Path(gymreel.__file__).parent
    sources = [path for path in root.rglob("*.py") if "_cli" not in path.parts]
    read = {
        name
        for path in sources
        for name in re.findall(r'"(GYMREEL_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert read == problems._SETTINGS
