"""Every public function, constructor and command, with every value of a pool that is wrong for it.

Each is one of our errors, at the first call that can know, and names the argument, in a line of its
own that is not too long. ``EXCEPTIONS`` lists what is not, and why.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gymreel
from gymreel import (
    GymreelError,
    OutputError,
    VideoWriter,
    grid,
    keep,
    pictures,
    trackers,
    triggers,
    wrappers,
)
from gymreel.__main__ import main
from support.environments import NumberedEnv
from support.frames import needs_x264, numbered
from support.vector_environments import sync
from support.wrong_values import POOL, RIGHT

pytestmark = [needs_x264, pytest.mark.filterwarnings("ignore::gymreel.GymreelWarning")]

Call = Callable[..., Any]

WRITER = {
    "fps": "rate",
    "codec": "nothing",
    "preset": "None",
    "crf": "crf",
    "pixel_format": "nothing",
    "options": "options",
    "copy": "flag",
    "max_pending_bytes": "bytes",
    "on_full": "nothing",
    "scale": "count",
    "frame_stride": "count",
}
RECORDER = {
    **WRITER,
    "video_folder": "folder",
    "episode_trigger": "trigger",
    "step_trigger": "trigger",
    "video_length": "steps",
    "name_prefix": "name of files",
    "fps": "rate or None",
    "disable_logger": "flag",
    "gc_trigger": "trigger",
    "suffix": "nothing",
    "on_error": "nothing",
    "keep": "function or None",
    "on_saved": "function or None",
    "episode_log": "flag or None",
    "report_when": "nothing",
    "trackers": "trackers",
    "wait": "flag",
}


class _Targets:
    """What is called, with one wrong argument and right ones besides; made once for all."""

    def __init__(self) -> None:
        self.env = NumberedEnv()
        self.envs = sync(3)
        self.frame = numbered(0)
        self.writer = VideoWriter("open.mp4")
        self.tiles = VideoWriter("tiles.mp4")
        self.tiles.write_tiles([self.frame] * 3, num_columns=3)
        self.recorder = wrappers.RecordVideo(NumberedEnv(), "recorder", on_error="raise")
        self.vector = wrappers.vector.RecordVideo(sync(2), "vector", on_error="raise")
        self.statistics = wrappers.vector.RecordEpisodeStatistics(sync(2))

    def close(self) -> None:
        for each in (self.writer, self.tiles, self.recorder, self.vector, self.env, self.envs):
            each.close()

    def record(self, **arguments: Any) -> None:
        wrappers.RecordVideo(**{"env": self.env, "video_folder": "folder", **arguments})

    def record_vector(self, **arguments: Any) -> None:
        wrappers.vector.RecordVideo(**{"env": self.envs, "video_folder": "folder", **arguments})

    def record_sb3(self, **arguments: Any) -> None:
        sb3 = pytest.importorskip("gymreel.integrations.sb3", exc_type=ImportError)
        from stable_baselines3.common.vec_env import DummyVecEnv

        given: dict[str, Any] = {
            "venv": DummyVecEnv([NumberedEnv]),
            "video_folder": "folder",
            "record_video_trigger": bool,
        }
        sb3.VecVideoRecorder(**(given | arguments))

    def record_game(self, **arguments: Any) -> None:
        pettingzoo = pytest.importorskip("gymreel.integrations.pettingzoo", exc_type=ImportError)
        from support.pettingzoo_game import NumberedGame

        pettingzoo.RecordVideo(**({"env": NumberedGame(), "video_folder": "folder"} | arguments))

    def write(self, **arguments: Any) -> None:
        VideoWriter(**{"path": "video.mp4", **arguments})

    def encode(self, **arguments: Any) -> None:
        gymreel.encode(**{"frames": [self.frame], **arguments})

    def write_tiles(self, **arguments: Any) -> None:
        self.tiles.write_tiles(**{"frames": [self.frame] * 3, "num_columns": 3, **arguments})

    def write_first_tiles(self, **arguments: Any) -> None:
        self.writer.write_tiles(**{"frames": [self.frame] * 3, "num_columns": 3, **arguments})

    def write_tiles_from(self, num_columns: Any) -> None:
        self.tiles.write_tiles_from([self.frame] * 3, num_columns)

    def statistics_of(self, **arguments: Any) -> None:
        wrappers.RecordEpisodeStatistics(**{"env": self.env, **arguments})

    def vector_statistics(self, **arguments: Any) -> None:
        wrappers.vector.RecordEpisodeStatistics(**{"env": self.envs, **arguments})

    def reset_some(self, reset_mask: Any) -> None:
        self.statistics.reset(options={"reset_mask": reset_mask})

    def set_rate(self, fps: Any) -> None:
        self.recorder.frames_per_sec = fps

    def set_frames(self, recorded_frames: Any) -> None:
        self.recorder.recorded_frames = recorded_frames

    def grid(self, **arguments: Any) -> None:
        given = {"num_tiles": 4, "num_columns": 2, "cell_width": 2, "cell_height": 2}
        grid.Grid(**{**given, **arguments})

    def write_batch(self, **arguments: Any) -> None:
        given: dict[str, Any] = {"batch": np.zeros((2, 8, 8), np.uint8), "writers": [None] * 2}
        gymreel.write_batch(**(given | arguments))

    def last_of_stack(self, **arguments: Any) -> None:
        pictures.last_of_stack(**{"stack": np.zeros((4, 5, 6)), **arguments})

    def depth_in_16_bits(self, **arguments: Any) -> None:
        pictures.depth_in_16_bits(**{"distances": np.zeros((5, 6)), **arguments})

    def depth(self, **arguments: Any) -> None:
        pictures.depth(**{"near": 0, "far": 5, **arguments})

    def arrange(self, **arguments: Any) -> None:
        given: dict[str, Any] = {"num_tiles": 4, "tile_width": 2, "tile_height": 2}
        grid.arrange(**{**given, "aspect_ratio": 1, **arguments})

    def show(self, **arguments: Any) -> None:
        gymreel.show(**{"folder": ".", **arguments})

    def log_to_tensorboard(self, **arguments: Any) -> None:
        pytest.importorskip("tensorboard")
        trackers.TensorBoard(**{"log_dir_or_writer": "runs", **arguments})


TABLE: dict[str, tuple[Callable[[_Targets], Call], dict[str, str]]] = {
    "VideoWriter": (lambda t: t.write, {"path": "nothing", **WRITER, "metadata": "mapping"}),
    "encode": (
        lambda t: t.encode,
        {"frames": "frames", "suffix": "nothing", **WRITER, "metadata": "mapping"},
    ),
    "VideoWriter.write": (lambda t: t.writer.write, {"frame": "nothing"}),
    "VideoWriter.write_tiles": (
        lambda t: t.write_tiles,
        {"frames": "nothing", "num_columns": "count"},
    ),
    "VideoWriter.write_tiles, first": (
        lambda t: t.write_first_tiles,
        {"frames": "nothing", "num_columns": "count"},
    ),
    "VideoWriter.write_tiles_from": (lambda t: t.write_tiles_from, {"num_columns": "count"}),
    "VideoWriter.wait_until_complete": (
        lambda t: t.writer.wait_until_complete,
        {"timeout_seconds": "timeout"},
    ),
    "VideoWriter.add_metadata": (lambda t: t.writer.add_metadata, {"metadata": "mapping"}),
    "RecordVideo": (lambda t: t.record, {"env": "nothing", **RECORDER}),
    "RecordVideo.start_recording": (
        lambda t: t.recorder.start_recording,
        {"video_name": "name of files"},
    ),
    "RecordVideo.frames_per_sec": (lambda t: t.set_rate, {"fps": "rate"}),
    "RecordVideo.recorded_frames": (lambda t: t.set_frames, {"recorded_frames": "nothing"}),
    "RecordVideo.wait_for_videos": (
        lambda t: t.recorder.wait_for_videos,
        {"timeout_seconds": "timeout"},
    ),
    "vector.RecordVideo": (
        lambda t: t.record_vector,
        {
            "env": "nothing",
            **RECORDER,
            "video_aspect_ratio": "ratio",
            "record_first_only": "flag",
            "layout": "nothing",
            "envs": "environments",
        },
    ),
    "vector.RecordVideo.start_recording": (
        lambda t: t.vector.start_recording,
        {"video_name": "name of files"},
    ),
    "RecordEpisodeStatistics": (
        lambda t: t.statistics_of,
        {"env": "nothing", "buffer_length": "count from 0 or None", "stats_key": "text"},
    ),
    "vector.RecordEpisodeStatistics": (
        lambda t: t.vector_statistics,
        {"env": "nothing", "buffer_length": "count from 0 or None", "stats_key": "text"},
    ),
    "vector.RecordEpisodeStatistics.reset": (lambda t: t.reset_some, {"reset_mask": "nothing"}),
    "KeepTerminalFrame": (lambda t: wrappers.KeepTerminalFrame, {"env": "nothing"}),
    "sb3.VecVideoRecorder": (
        lambda t: t.record_sb3,
        {
            "venv": "nothing",
            **{
                name: right
                for name, right in RECORDER.items()
                if name not in ("episode_trigger", "step_trigger", "gc_trigger")
            },
            "record_video_trigger": "function",
            "video_length": "whole steps",
            "video_aspect_ratio": "ratio or None",
        },
    ),
    "pettingzoo.RecordVideo": (
        lambda t: t.record_game,
        {"env": "nothing", **RECORDER, "every": "None"},
    ),
    "every": (lambda t: triggers.every, {"n": "any count"}),
    "first": (lambda t: triggers.first, {"n": "any count"}),
    "at": (lambda t: triggers.at, {"counts": "counts"}),
    "best": (lambda t: partial(keep.best, n=3), {"n": "count", "interrupted": "flag"}),
    "worst": (lambda t: partial(keep.worst, n=3), {"n": "count", "interrupted": "flag"}),
    "last": (lambda t: keep.last, {"n": "count"}),
    "disk_budget": (lambda t: keep.disk_budget, {"num_bytes": "count"}),
    "failures": (
        lambda t: keep.failures,
        {"success_key": "text", "below": "bound or None", "interrupted": "flag"},
    ),
    "Grid": (
        lambda t: t.grid,
        {
            "num_tiles": "count",
            "num_columns": "count",
            "cell_width": "nothing",
            "cell_height": "nothing",
        },
    ),
    "arrange": (
        lambda t: t.arrange,
        {
            "num_tiles": "count",
            "tile_width": "count",
            "tile_height": "count",
            "aspect_ratio": "positive",
        },
    ),
    "cell_size": (lambda t: grid.cell_size, {"shapes": "nothing"}),
    "channels_last": (lambda t: pictures.channels_last, {"picture": "frames"}),
    "from_unit_floats": (lambda t: pictures.from_unit_floats, {"picture": "unit floats"}),
    "last_of_stack": (
        lambda t: t.last_of_stack,
        {"stack": "frames", "num_channels": "count or None"},
    ),
    "depth": (lambda t: t.depth, {"near": "distance", "far": "positive"}),
    "depth_in_16_bits": (
        lambda t: t.depth_in_16_bits,
        {"distances": "nothing", "unit": "positive"},
    ),
    "write_batch": (lambda t: t.write_batch, {"batch": "nothing", "writers": "nothing"}),
    "set_num_threads": (lambda t: gymreel.set_num_threads, {"num_threads": "count or None"}),
    "set_priority": (lambda t: gymreel.set_priority, {"priority": "nothing"}),
    "set_max_pending_bytes": (lambda t: gymreel.set_max_pending_bytes, {"num_bytes": "count"}),
    "show": (lambda t: t.show, {"folder": "path", "max_videos": "any count", "embed": "flag"}),
    "read_episodes": (lambda t: gymreel.read_episodes, {"folder": "nothing"}),
    "recover": (lambda t: gymreel.recover, {"path": "path"}),
    "Logging": (lambda t: trackers.Logging, {"logger": "any text", "level": "level"}),
    "TensorBoard": (
        lambda t: t.log_to_tensorboard,
        {"log_dir_or_writer": "folder", "prefix": "name", "interrupted": "flag"},
    ),
    "WandB": (
        lambda t: trackers.WandB,
        {"run": "run", "prefix": "name", "commit": "flag", "interrupted": "flag"},
    ),
    "MLflow": (
        lambda t: trackers.MLflow,
        {
            "run_id": "text or None",
            "tracking_uri": "text or None",
            "artifact_path": "text or None",
            "prefix": "name",
            "interrupted": "flag",
        },
    ),
}
"""How each is called, its arguments and what is right for them."""

COMMANDS: dict[str, tuple[list[str], str]] = {
    "recover, NUL": (["recover", "a\0b"], "path"),
    "recover, half": (["recover", "a\udc00b"], "path"),
    "recover, empty": (["recover", ""], "path"),
    "recover, nothing": (["recover"], "path"),
    "recover, two": (["recover", "a", "b"], "unrecognized arguments"),
    "doctor, text": (["doctor", "--timeout", "x"], "--timeout"),
    "doctor, 0": (["doctor", "--timeout", "0"], "--timeout"),
    "doctor, nan": (["doctor", "--timeout", "nan"], "--timeout"),
    "doctor, too long": (["doctor", "--timeout", "1e9"], "--timeout"),
    "doctor, more": (["doctor", "x"], "unrecognized arguments"),
    "run, nothing": (["run"], "script"),
    "run, -m and nothing": (["run", "-m"], "-m"),
    "run, no such script": (["run", "nowhere.py"], "nowhere.py"),
    "no such command": (["walk"], "COMMAND"),
}

UNCHECKED = {
    # Results, which gymreel makes.
    "CodecInfo",
    "Episode",
    "RecoveredRecording",
    "Recording",
    "VideoGallery",
    "WriterStats",
    # For subclasses.
    "KeepPolicy",
    "Tracker",
    "Trigger",
    # Without arguments.
    "codecs",
    "get_max_pending_bytes",
    "get_num_threads",
    "get_priority",
    "patch",
    "unpatch",
}
"""Public names that are not in the table."""

UNCHECKED_ARGUMENTS = {
    # The native function itself, which a check in Python would slow down: pybind11's TypeError.
    ("VideoWriter.write_tiles_from", "holder"),
}


EXCEPTIONS = {
    # What an iterator of the user's raises is the user's, and passes through.
    ("encode", "frames", "hostile"),
    ("VideoWriter.write_tiles", "frames", "hostile"),
    ("VideoWriter.write_tiles, first", "frames", "hostile"),
}
"""Values that do not give an error of ours."""


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Targets]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("wrong"))
        made = _Targets()
        yield made
        made.close()


def _complaint(call: Call, name: str, value: Any) -> str | None:
    """Return what is wrong with how a wrong value is refused."""
    try:
        call(**{name: value})
    except GymreelError as error:
        text = str(error)
        named = name.removesuffix("s") in text
        named |= isinstance(error, OutputError) and str(error.filename) in text
        if not named:
            return f"does not name {name}: {text[:200]}"
        is_short = len(text) < 1200 and len(text.splitlines()) == 1
        return None if is_short or isinstance(error, OutputError) else f"too long: {text[:300]!r}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return "accepted"


@pytest.mark.parametrize(
    ("target", "name"), [(target, name) for target, (_, names) in TABLE.items() for name in names]
)
def test_each_wrong_value_is_named(targets: _Targets, target: str, name: str) -> None:
    find, names = TABLE[target]
    call = find(targets)
    complaints = {
        label: complaint
        for label, make in POOL.items()
        if label not in RIGHT[names[name]]
        and (target, name, label) not in EXCEPTIONS
        and (complaint := _complaint(call, name, make()))
    }
    assert complaints == {}


@pytest.mark.parametrize(("arguments", "words"), COMMANDS.values(), ids=COMMANDS)
def test_each_wrong_argument_of_a_command_is_named(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status: Any = main(arguments)
    except SystemExit as end:
        status = end.code
    assert status not in (0, None)
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


def test_there_are_a_thousand() -> None:
    wrong = [
        (target, name, label)
        for target, (_, names) in TABLE.items()
        for name, right in names.items()
        for label in POOL
        if label not in RIGHT[right]
    ]
    assert len(wrong) + len(COMMANDS) >= 1000
    assert {right for _, names in TABLE.values() for right in names.values()} == set(RIGHT)


def _parameters(function: Any) -> set[str]:
    """Return the names of the arguments of a public function or class."""
    parameters = inspect.signature(function).parameters
    return {
        name
        for name, each in parameters.items()
        if name != "self" and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }


PUBLIC = {
    "": gymreel,
    "triggers": triggers,
    "keep": keep,
    "grid": grid,
    "pictures": pictures,
    "trackers": trackers,
    "wrappers": wrappers,
    "vector": wrappers.vector,
}


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_function_and_argument_is_in_the_table(module: str) -> None:
    missing = set()
    for name in PUBLIC[module].__all__:
        value = getattr(PUBLIC[module], name)
        if not callable(value) or isinstance(value, triggers.Trigger):
            continue
        if name in UNCHECKED or (
            inspect.isclass(value) and issubclass(value, BaseException | Warning)
        ):
            continue
        title = f"vector.{name}" if module == "vector" else name
        if title not in TABLE:
            if name != "check_count":  # A check itself.
                missing.add(title)
            continue
        missing |= {f"{title}({each})" for each in _parameters(value) - TABLE[title][1].keys()}
    assert missing == set()


METHODS = [
    ("VideoWriter", VideoWriter),
    ("RecordVideo", wrappers.RecordVideo),
    ("vector.RecordVideo", wrappers.vector.RecordVideo),
]
UNCHECKED_METHODS = {
    # Given to the environment as it is.
    "step",
    "reset",
    "close",
    # Gymnasium's own.
    "class_name",
    "get_wrapper_attr",
    "has_wrapper_attr",
    "set_wrapper_attr",
    "wrapper_spec",
    # For what has been checked before.
    "from_config",
}


@pytest.mark.parametrize(("title", "owner"), METHODS, ids=[title for title, _ in METHODS])
def test_every_public_method_and_argument_is_in_the_table(title: str, owner: type) -> None:
    missing = set()
    for name, method in inspect.getmembers(owner, callable):
        if name.startswith("_") or name in UNCHECKED_METHODS:
            continue
        known = {
            argument
            for entry, (_, arguments) in TABLE.items()
            if entry.partition(",")[0] in (f"{title}.{name}", f"RecordVideo.{name}")
            for argument in arguments
        }
        left = _parameters(method) - known
        missing |= {
            f"{name}({argument})"
            for argument in left
            if (f"{title}.{name}", argument) not in UNCHECKED_ARGUMENTS
        }
    assert missing == set()


def test_an_argument_that_encode_has_not_is_named() -> None:
    with pytest.raises(gymreel.ConfigTypeError, match="argument='x' is not an argument of encode"):
        gymreel.encode([numbered(0)], argument="x")  # type: ignore[call-arg]
    with pytest.raises(gymreel.ConfigTypeError, match=r"cfr=20 is not an argument of encode.*crf"):
        gymreel.encode([numbered(0)], cfr=20)  # type: ignore[call-arg]
