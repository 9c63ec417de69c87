"""Names, metadata and options are data: none leaves its place, and none is run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import av
import pytest

import gymreel
from gymreel import ConfigError, EncodeError, GymreelError, VideoWriter
from gymreel.episodes import LOG_NAME
from gymreel.triggers import never
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.frames import needs_x264, numbered, numbers_in, record
from support.paths import PROJECT
from support.video_reader import tags

_OUTSIDE = [
    "../x",
    "..",
    "../videos-too/x",
    "a/../../x",
    "a/../../videos-too/x",
    "./../x",
    "a//../../x",
]
_STRANGE = [
    "http://x/y",
    "https:x",
    "concat:a|b",
    "pipe:1",
    "file:x",
    "data:video,x",
    "crypto:x",
    "%d",
    "%03d %s %n",
    "a\nb",
    "a\r\n\tb",
    '"quoted"',
    "it's",
    "a;b&&c|d",
    "$(touch x)",
    "`touch x`",
    "${HOME}",
    "~",
    "-i",
    "--help",
    " leading and trailing ",
    "*?[a-z]{b,c}",
    "back\\slash",
    "größe 視頻",
    "🎬🤖",
    "e\u0301 \u202e right to left",
    "a=b,c:d#e",
    ".hidden",
    "a..b",
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in an empty folder, where a name that is taken for something else would leave a file."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir() and path.name != LOG_NAME]


class TestNamesOfVideos:
    @pytest.mark.parametrize("name", [*_OUTSIDE, "/abs", "/abs/x", "//abs/x"])
    def test_a_prefix_that_leads_out_of_the_folder_is_refused_at_once(
        self, tmp_path: Path, name: str
    ) -> None:
        with pytest.raises(ConfigError, match="leads out of") as caught:
            # With something behind it, as the number of the episode will be.
            RecordVideo(NumberedEnv(), tmp_path / "videos", name_prefix=f"{name}/x")
        assert "name" in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", [f"{name}/x" for name in _OUTSIDE] + ["/abs", "/abs/x"])
    def test_a_video_that_would_be_outside_is_a_warning_and_training_goes_on(
        self, tmp_path: Path, name: str
    ) -> None:
        env = RecordVideo(NumberedEnv(3), tmp_path / "videos", never)
        env.reset()
        with pytest.warns(UserWarning, match="Recording stopped.*leads out of"):
            env.start_recording(name)
        assert env.recording is False
        env.step(0)
        env.start_recording("inside")
        env.step(0)
        env.close()
        assert _files(tmp_path) == [tmp_path / "videos" / "inside.mp4"]

    @pytest.mark.parametrize("name", [f"{name}/x" for name in _OUTSIDE] + ["/abs", "/abs/x"])
    def test_a_video_that_would_be_outside_is_raised_if_asked_for(
        self, tmp_path: Path, name: str
    ) -> None:
        env = RecordVideo(NumberedEnv(3), tmp_path / "videos", never, on_error="raise")
        env.reset()
        with pytest.raises(ConfigError, match="leads out of"):
            env.start_recording(name)
        assert env.recording is False
        env.close()
        assert _files(tmp_path) == []

    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("ALE/Breakout-v5", "ALE/Breakout-v5"),
            ("a/b/c/d", "a/b/c/d"),
            ("a/../b", "b"),
            ("./a/./b", "a/b"),
            ("a//b", "a/b"),
            ("..a", "..a"),
            ("a/..b", "a/..b"),
        ],
    )
    def test_a_name_with_folders_is_inside(
        self, tmp_path: Path, here: Path, name: str, path: str
    ) -> None:
        folder = tmp_path / "videos"
        with RecordVideo(NumberedEnv(3), folder, lambda _: True, name_prefix=name) as env:
            run_episodes(env)
            env.start_recording(name)
            env.step(0)
            env.reset()
        assert sorted(_files(tmp_path)) == sorted(
            folder / f"{path}{ending}.mp4" for ending in ("", "-episode-0", "-episode-1")
        )
        assert numbers_in(folder / f"{path}-episode-0.mp4") == [0, 1, 2, 3]

    @pytest.mark.parametrize("name", [*_STRANGE, "..."])
    def test_a_strange_name_is_the_name_of_a_file(
        self, tmp_path: Path, here: Path, name: str
    ) -> None:
        folder = tmp_path / "videos"
        env = RecordVideo(NumberedEnv(3), folder, lambda number: number == 0, name_prefix=name)
        run_episodes(env)
        env.reset()
        env.start_recording(name)
        env.step(0)
        env.close()
        expected = [folder / f"{name}-episode-0.mp4", folder / f"{name}.mp4"]
        assert sorted(_files(tmp_path)) == sorted(expected)
        assert [numbers_in(path) for path in expected] == [[0, 1, 2, 3], [5]]
        assert _metadata(expected[0])["name_prefix"] == name
        assert _metadata(expected[1])["title"] == name

    @pytest.mark.parametrize("name", [name for name in _STRANGE if "/" not in name])
    def test_a_strange_path_is_a_path(self, here: Path, name: str) -> None:
        record(f"{name}.mkv", [numbered(1)])
        assert _files(here) == [here / f"{name}.mkv"]
        assert numbers_in(here / f"{name}.mkv") == [1]

    @needs_x264
    @pytest.mark.parametrize("name", [name for name in _STRANGE if "/" not in name])
    def test_what_is_left_under_a_strange_name_is_recovered_under_it(
        self, here: Path, name: str
    ) -> None:
        writer = VideoWriter(f"{name}.mp4", options={"tune": "zerolatency", "g": "1"})
        for number in range(20):
            writer.write(numbered(number))
        while writer.stats.num_encoded < 20:
            pass
        left = (here / f".{name}.mp4.partial").read_bytes()
        writer.close()
        (here / f"{name}.mp4").unlink()
        (here / f".{name}.mp4.partial").write_bytes(left)
        (recovered,) = gymreel.recover(".")
        assert recovered.path == Path(f"{name}.mp4")
        assert _files(here) == [here / f"{name}.mp4"]
        assert numbers_in(here / f"{name}.mp4") == list(range(recovered.num_frames))


_VALUES = {
    "lines": "one\ntwo\r\nthree\n",
    "an equals sign": "a=b=c",
    "semicolons": ";a;b;",
    "brackets": "[Chapter]\nSTART=0",
    "backslashes": "\\a\\\\b\\n\\",
    "a hash": "#no comment",
    "spaces around": "  a  ",
    "quotes": "'a' \"b\" `c`",
    "XML": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "ffmetadata": ";FFMETADATA1\ntitle=other\n[STREAM]\nlanguage=xxx\n",
    "a command": "$(touch x)`touch y`",
    "formats": "%s%n%d{0}{name}",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f",
    "unicode": "größe 視頻 🎬 e\u0301 \u202e \ufeff",
    "the last character": "\U0010ffff",
    "JSON": '{"a": [1, 2, {"b": null}]}',
    "very long": "0123456789" * 100_000,
}
_CONTAINERS = pytest.mark.parametrize("suffix", [".mp4", ".mkv"])


def _metadata(path: Path) -> dict[str, str]:
    with av.open(f"file:{path}") as container:
        return {key.lower(): value for key, value in container.metadata.items()}


class TestMetadata:
    @_CONTAINERS
    @pytest.mark.parametrize("value", _VALUES.values(), ids=_VALUES)
    def test_a_value_comes_back_as_it_was(self, tmp_path: Path, suffix: str, value: str) -> None:
        metadata = {"title": value, "comment": "beside it", "other": value}
        path = record(tmp_path / f"video{suffix}", [numbered(1)], metadata=metadata).path
        assert metadata.items() <= _metadata(path).items()
        assert numbers_in(path) == [1]

    @_CONTAINERS
    def test_a_value_that_comes_late_comes_back_as_it_was(
        self, tmp_path: Path, suffix: str
    ) -> None:
        names = {f"entry_{number}": value for number, value in enumerate(_VALUES.values())}
        path = tmp_path / f"video{suffix}"
        with VideoWriter(path, metadata={"entry_0": "early", "title": "early"}) as writer:
            writer.write(numbered(1))
            writer.add_metadata(names)
        for read in (_metadata, tags):
            assert read(path).items() >= {**names, "title": "early"}.items()

    @_CONTAINERS
    @pytest.mark.parametrize(
        "name", ["a=b", "a;b", "[a]", "a\\b", "a\nb", "größe", "a.b-c", "com.apple.x", "1", "<a>"]
    )
    def test_a_name_comes_back_as_it_was(self, tmp_path: Path, suffix: str, name: str) -> None:
        metadata = {name: "value", "title": "beside it"}
        path = record(tmp_path / f"video{suffix}", [numbered(1)], metadata=metadata).path
        assert metadata.items() <= _metadata(path).items()

    @pytest.mark.parametrize(
        "metadata", [{"a\0b": "x"}, {"a": "x\0"}, {"\ud800": "x"}, {"a": "\0"}]
    )
    def test_what_no_file_can_hold_is_refused(
        self, tmp_path: Path, metadata: dict[str, str]
    ) -> None:
        with pytest.raises(ConfigError, match="metadata="):
            VideoWriter(tmp_path / "video.mp4", metadata=metadata)
        with VideoWriter(tmp_path / "video.mp4") as writer:
            writer.write(numbered(1))
            with pytest.raises(ConfigError, match="metadata="):
                writer.add_metadata(metadata)
        assert numbers_in(tmp_path / "video.mp4") == [1]


class TestOptions:
    @pytest.mark.parametrize(
        "name", ["unknown", "crf=0:g", "g=1", "g:bf", "g,bf", " g", "g\n", "-g", "x264opts crf"]
    )
    def test_an_unknown_name_is_refused_and_named(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(name)):
            VideoWriter(tmp_path / "video.mp4", options={name: "1"})

    def test_an_option_without_a_name_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="option"):
            VideoWriter(tmp_path / "video.mp4", options={"": "1"})

    @pytest.mark.parametrize(
        "options",
        [
            {"g": "1:bf=3"},
            {"g": "1,bf=3"},
            {"g": "1 bf=3"},
            {"refs": "1#2"},
            {"bf": "2=3"},
            {"flags": "+cgop:g=1"},
            {"aq-mode": "1:crf=0"},
            {"nal-hrd": "none,crf=0"},
            {"b": "1M:g=1"},
        ],
    )
    def test_a_value_with_another_option_behind_it_is_refused(
        self, tmp_path: Path, options: dict[str, str]
    ) -> None:
        ((name, _),) = options.items()
        with pytest.raises(ConfigError, match=name):
            VideoWriter(tmp_path / "video.mp4", options=options)

    @pytest.mark.parametrize(
        "options", [{"profile": "high:crf=0"}, {"tune": "film:crf=0"}, {"level": "4.0:crf=0"}]
    )
    def test_a_text_with_another_option_behind_it_is_a_wrong_text(
        self, tmp_path: Path, options: dict[str, str]
    ) -> None:
        # What only the encoder can judge is refused when it is opened, with the first frame.
        with pytest.raises(GymreelError) as caught:
            record(tmp_path / "video.mp4", [numbered(1)], options=options)
        assert isinstance(caught.value, ConfigError | EncodeError)
        assert not (tmp_path / "video.mp4").exists()

    @needs_x264
    @pytest.mark.parametrize("separator", [":", ",", ";", " ", "\n"])
    def test_a_value_with_separators_reaches_its_option_whole(
        self, tmp_path: Path, separator: str
    ) -> None:
        value = f"high{separator}crf=0"  # Each half is fine by itself.
        with pytest.raises(ConfigError, match="profile"):
            VideoWriter(tmp_path / "video.mp4", codec="libx264", options={"profile": value})

    def test_an_option_cannot_bring_in_another_file(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("crf=0\n")
        for value in (f"@{secret}", f"/{secret}", f"file:{secret}", f"$(cat {secret})"):
            with pytest.raises(ConfigError):
                VideoWriter(tmp_path / "video.mp4", options={"g": value})


_RUNS_PROGRAMS = {"subprocess", "pty", "popen2", "commands", "asyncio", "multiprocessing", "socket"}
_RUNS = re.compile(r"system|popen|startfile|exec\w*|spawn\w*|posix_spawn\w*|fork|forkpty")
_EVALUATES = {"eval", "exec", "compile", "__import__"}


def _offences(source: str) -> list[str]:
    """Name what in a Python source could start a program or run text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in _RUNS_PROGRAMS]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found += [module] * (module.split(".")[0] in _RUNS_PROGRAMS)
            if module in ("os", "posix"):
                found += [name.name for name in node.names if _RUNS.fullmatch(name.name)]
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in ("os", "posix"):
                found += [f"os.{node.attr}"] * (_RUNS.fullmatch(node.attr) is not None)
        elif isinstance(node, ast.Name):
            found += [node.id] * (node.id in _EVALUATES)
        elif isinstance(node, ast.keyword):
            found += ["shell="] * (node.arg == "shell")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import run",
        "import os\nos.system('x')",
        "from os import execv",
        "os.posix_spawn",
        "eval('x')",
        "run('x', shell=True)",
    ],
)
def test_the_search_for_programs_finds_them(source: str) -> None:
    assert _offences(source) != []


def test_nothing_in_the_package_starts_a_program() -> None:
    sources = sorted(Path(gymreel.__file__).parent.rglob("*.py"))
    assert len(sources) > 8
    found = {path.name: _offences(path.read_text(encoding="utf-8")) for path in sources}
    # ``python -m gymreel run script.py`` runs the script that the user names, in this process.
    assert found.pop("run.py") == ["exec", "compile"]
    # Of a text of its own, in a spawned child that may find gymreel only where that says.
    assert found.pop("patching.py") == ["exec"]
    assert {name: offences for name, offences in found.items() if offences} == {}


def test_nothing_in_the_core_starts_a_program() -> None:
    core = PROJECT / "cpp"
    if not core.is_dir():
        pytest.skip("the sources are not here: a wheel is tried")
    sources = [path for path in core.rglob("*.?pp") if path.is_file()]
    assert len(sources) > 30
    starts = re.compile(r"\b(system|popen|exec[lv]\w*|posix_spawnp?|v?fork|dlopen)\s*\(")
    comment = re.compile(r"//.*")
    code = {path.name: comment.sub("", path.read_text("utf-8")) for path in sources}
    assert [name for name, text in code.items() if starts.search(text)] == []
