"""The error tree: what each error is, what it says, and that it crosses processes."""

from __future__ import annotations

import ast
import builtins
import copy
import errno
import inspect
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gymreel
from gymreel import (
    CallbackError,
    CodecNotFoundError,
    ConfigError,
    ConfigTypeError,
    EncodeError,
    FFmpegError,
    FrameError,
    FrameShapeError,
    FrameTypeError,
    GymreelError,
    GymreelWarning,
    InfosTypeError,
    MissingPackageError,
    NotRecordingError,
    OutputError,
    RecordedFramesError,
    RenderModeError,
    StatsKeyError,
    WriterClosedError,
    WriterCopyError,
    errors,
)

ERRORS = [
    ConfigError("crf=99 must be from 0 to 51"),
    CodecNotFoundError("codec='x'"),
    ConfigTypeError("buffer_length='x'"),
    InfosTypeError("infos=[]"),
    MissingPackageError("pip install x"),
    RenderModeError("human"),
    StatsKeyError("stats_key='episode'"),
    FrameTypeError("frame is float64"),
    FrameShapeError("frame is 3 x 3"),
    WriterClosedError("the writer is closed"),
    WriterCopyError("it cannot be copied"),
    NotRecordingError("nothing is being recorded"),
    RecordedFramesError("recorded_frames holds no frames"),
    CallbackError("on_saved raised ValueError"),
    FFmpegError(0, "think", "too hard"),
    OutputError(28, "write a packet", "No space left on device", "/a/video.mp4"),
    EncodeError(-22, "open the encoder", "Invalid argument", "", "[libx264] no\n"),
    FrameError("frame"),
    GymreelError("anything"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_errors_survive_pickling(error: GymreelError, protocol: int) -> None:
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)


def test_every_error_is_tested_for_pickling() -> None:
    classes = {getattr(errors, name) for name in errors.__all__} - {GymreelWarning}
    assert {type(error) for error in ERRORS} == classes


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ConfigError, ValueError),
        (CodecNotFoundError, LookupError),
        (FrameTypeError, TypeError),
        (FrameShapeError, ValueError),
        (WriterClosedError, RuntimeError),
        (WriterCopyError, TypeError),
        (ConfigTypeError, TypeError),
        (InfosTypeError, AssertionError),
        (NotRecordingError, AssertionError),
        (RecordedFramesError, AttributeError),
        (RecordedFramesError, TypeError),
        (RenderModeError, AssertionError),
        (StatsKeyError, AssertionError),
        (OutputError, OSError),
        (EncodeError, RuntimeError),
    ],
)
def test_an_error_is_also_the_builtin_that_one_would_catch(
    error: type[GymreelError], builtin: type[Exception]
) -> None:
    assert issubclass(error, builtin)
    assert issubclass(error, GymreelError)


def test_an_ffmpeg_error_says_what_why_where_and_what_ffmpeg_said() -> None:
    error = OutputError(28, "write a packet", "No space left on device", "/a/b.mp4", "[mp4] full\n")
    assert (error.errno, error.operation, error.filename) == (28, "write a packet", "/a/b.mp4")
    assert str(error) == (
        "could not write a packet: No space left on device (/a/b.mp4)\nFFmpeg said:\n[mp4] full"
    )


def test_an_output_error_is_to_handlers_of_oserror_what_open_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as caught:
        (tmp_path / "none").open()
    usual = caught.value
    error = OutputError(
        usual.errno or 0, "read it", usual.strerror or "", str(tmp_path / "none"), "[mp4] gone"
    )
    for name in ("args", "errno", "strerror", "filename2"):
        assert getattr(error, name) == getattr(usual, name)
    assert error.filename == str(usual.filename)
    assert (error.operation, error.log) == ("read it", "[mp4] gone")


@pytest.mark.parametrize("kind", [FFmpegError, OutputError, EncodeError])
def test_an_ffmpeg_error_is_printed_and_copied_with_all_that_it_knows(
    kind: type[FFmpegError],
) -> None:
    error = kind(28, "write a packet", "No space left", "/a/b.mp4", "[mp4] full")
    assert repr(error) == (
        f"{kind.__name__}(28, 'write a packet', 'No space left', '/a/b.mp4', '[mp4] full')"
    )
    error.__notes__ = ["while recording"]  # As add_note() does from Python 3.11 on.
    for again in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is kind
        assert (repr(again), str(again), again.args) == (repr(error), str(error), error.args)
        assert vars(again) == vars(error)


@pytest.mark.parametrize("refusal", [PermissionError(errno.EACCES, "Permission denied"), OSError()])
def test_a_folder_that_the_system_refuses_keeps_the_systems_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: OSError
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise refusal

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match="could not make the folder") as caught:
        gymreel.VideoWriter(tmp_path / "folder" / "video.mp4")
    assert caught.value.__cause__ is refusal
    assert caught.value.errno == (refusal.errno or 0)
    assert caught.value.filename == str(tmp_path / "folder")


def _lines_of_tree() -> Iterator[str]:
    """Return the tree of the module's docstring, one line for each class, deepest first named."""
    text = inspect.getdoc(errors) or ""
    block = text.split("::\n\n")[1]
    for line in block.splitlines():
        if not line.startswith(" "):
            return
        yield line.removeprefix("    ")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    above: list[type] = []
    told = set()
    for line in _lines_of_tree():
        match = re.fullmatch(r"([│├└ ]*)(\w+)(?:\((.+)\))?", line)
        assert match is not None, line
        depth, name, bases = len(match[1]) // 2, match[2], match[3]
        error = getattr(errors, name)
        told.add(name)
        parents = [above[depth - 1]] if depth else []
        named = bases.split(", ") if bases else []
        assert named[: len(parents)] in ([], ["…"])
        others = [getattr(builtins, base) for base in named if base != "…"]
        assert list(error.__bases__) == parents + others, line
        above[depth:] = [error]
    assert told == set(errors.__all__)


RAISED_OUTSIDE_THE_TREE = {
    # As every module does for a name that it has not.
    ("_lazy.py", "AttributeError"),
    # Inside of that module only.
    ("_file_locks.py", "OSError"),
    ("_regular_files.py", "OSError"),
    ("_episode_log.py", "OSError"),
    ("_episode_log_reader.py", "ValueError"),
    ("keep.py", "ValueError"),
    # Before the package is there.
    ("__init__.py", "ImportError"),
    # For importlib, which passes it on as an error of the tree.
    ("_extras.py", "ImportError"),
    # For argparse, which prints it.
    ("_cli/doctor.py", "ArgumentTypeError"),
    # Inside the doctor, for its report.
    ("_cli/trials.py", "RuntimeError"),
    # The cause of a CallbackError, as whatever a tracker raises.
    ("trackers/_monitor_gym.py", "RuntimeError"),
    ("trackers/_tensorboard.py", "ValueError"),
}


def test_nothing_else_is_raised() -> None:
    root = Path(gymreel.__file__).parent
    foreign = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                continue
            words = ast.unparse(node.exc.func).split(".")[-1]
            if words[0].isupper() or words.startswith("_H"):
                foreign.add((path.relative_to(root).as_posix(), words))
    abstract = {entry for entry in foreign if entry[1] == "NotImplementedError"}
    in_tree = {entry for entry in foreign if entry[1] in errors.__all__}
    assert foreign - abstract - in_tree == RAISED_OUTSIDE_THE_TREE


def test_exceptions_can_be_imported_from_where_they_used_to_be() -> None:
    from gymreel.wrappers import record_episode_statistics, vector

    assert record_episode_statistics.ConfigTypeError is ConfigTypeError
    assert record_episode_statistics.StatsKeyError is StatsKeyError
    assert vector.record_episode_statistics.InfosTypeError is InfosTypeError
