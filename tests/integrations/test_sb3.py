"""The recorder beside Stable-Baselines3's own: the same calls, files, frames and states."""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gymreel import (
    ConfigError,
    Episode,
    FrameTypeError,
    GymreelWarning,
    OutputError,
    keep,
    read_episodes,
)
from gymreel.trackers import Tracker
from support.environments import NumberedEnv, read_number
from support.frames import HEIGHT, WIDTH
from support.stalled_encoder import StalledEncoder
from support.video_reader import count_frames, decode, names_in, numbers_in, tags

pytest.importorskip(
    "stable_baselines3",
    reason="Stable-Baselines3 is not installed: tools/install_sb3.sh, or make test, says why",
)

from stable_baselines3.common import vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnvWrapper

from gymreel.integrations.sb3 import VecVideoRecorder

NumbersByFile = dict[str, list[list[int]]]
State = tuple[Any, ...]
Script = Callable[[Any], Iterator[None]]


def cells_of(frame: np.ndarray, num_envs: int) -> list[int]:
    """Read the numbers in a grid, those of the empty cells as well."""
    assert frame.shape[0] % HEIGHT == frame.shape[1] % WIDTH == 0
    cells = [
        frame[y : y + HEIGHT, x : x + WIDTH]
        for y in range(0, frame.shape[0], HEIGHT)
        for x in range(0, frame.shape[1], WIDTH)
    ]
    assert len(cells) >= num_envs
    return [read_number(cell) for cell in cells]


class NotedClips:
    """Stands in moviepy's place, and notes the numbers in the frames of each clip."""

    def __init__(self, num_envs: int) -> None:
        self.videos: NumbersByFile = {}
        self.num_envs = num_envs

    def image_sequence_clip(self, frames: list[np.ndarray], fps: float) -> types.SimpleNamespace:
        assert fps == 30

        def write_videofile(path: str) -> None:
            numbers = [cells_of(frame, self.num_envs) for frame in frames]
            self.videos[os.path.basename(path)] = numbers

        return types.SimpleNamespace(write_videofile=write_videofile)


@pytest.fixture
def moviepy(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Put something in moviepy's place, whether or not it is installed."""
    module = types.ModuleType("moviepy.video.io.ImageSequenceClip")
    for name in ("moviepy", "moviepy.video", "moviepy.video.io"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def make(num_envs: int = 1, episode_length: int = 5, **arguments: Any) -> Any:
    """Make a vector environment; environment ``i`` counts from ``100 * i``."""

    def one(i: int) -> Callable[[], NumberedEnv]:
        def thunk() -> NumberedEnv:
            env = NumberedEnv(episode_length, **arguments)
            env.num_states = 100 * i
            return env

        return thunk

    return DummyVecEnv([one(i) for i in range(num_envs)])


def act(env: Any, num_steps: int) -> None:
    for _ in range(num_steps):
        env.step(np.zeros(env.num_envs, int))


def state_of(env: Any) -> State:
    return (
        env.recording,
        len(env.recorded_frames),
        env.step_id,
        env.video_length,
        env.frames_per_sec,
        env.name_prefix,
        getattr(env, "video_name", None),
        os.path.basename(getattr(env, "video_path", "")),
        env.env is env.venv,
        env.env.metadata,
    )


def one_reset(num_steps: int) -> Script:
    def script(env: Any) -> Iterator[None]:
        env.reset()
        yield
        for _ in range(num_steps):
            act(env, 1)
            yield

    return script


def two_resets(env: Any) -> Iterator[None]:
    """Reset between the clips, and twice at the start as ``learn`` does after a user's reset."""
    env.reset()
    env.reset()
    yield
    for _ in range(2):
        act(env, 6)
        yield
        env.reset()
        yield


CASES: dict[str, tuple[Script, Callable[[int], bool], dict[str, Any]]] = {
    "at the start": (one_reset(12), lambda step: step == 0, {"video_length": 4}),
    "every so often": (one_reset(20), lambda step: step % 7 == 3, {"video_length": 3}),
    "due while recording": (one_reset(14), lambda step: step % 2 == 0, {"video_length": 3}),
    "cut short": (one_reset(6), lambda step: step == 4, {"video_length": 100}),
    "default length": (one_reset(3), lambda step: step == 0, {}),
    "length nought": (one_reset(4), lambda step: step == 1, {"video_length": 0}),
    "never": (one_reset(4), lambda step: False, {}),
    "resets": (two_resets, lambda step: step == 0, {"video_length": 3, "name_prefix": "a b"}),
    "no call": (one_reset(0), lambda step: step == 3, {}),
}


CUT_SHORT = {
    "due while recording": ("rl-video-step-12-to-step-15.mp4", "rl-video-step-12-to-step-14.mp4"),
    "cut short": ("rl-video-step-4-to-step-104.mp4", "rl-video-step-4-to-step-6.mp4"),
    "default length": ("rl-video-step-0-to-step-200.mp4", "rl-video-step-0-to-step-3.mp4"),
}
"""What a clip is called that is cut short: by Stable-Baselines3, and by gymreel."""


@pytest.mark.parametrize("num_envs", [1, 3, 4])
@pytest.mark.parametrize("name", CASES)
def test_same_files_frames_and_states(
    tmp_path: Path, moviepy: types.ModuleType, name: str, num_envs: int
) -> None:
    clips = NotedClips(num_envs)
    moviepy.ImageSequenceClip = clips.image_sequence_clip  # type: ignore[attr-defined]
    script, trigger, arguments = CASES[name]
    states: dict[str, list[State]] = {"theirs": [], "ours": []}
    for whose, recorder in (("theirs", vec_env.VecVideoRecorder), ("ours", VecVideoRecorder)):
        env = recorder(make(num_envs), str(tmp_path / whose), trigger, **arguments)
        states[whose].append(state_of(env))
        for _ in script(env):
            states[whose].append(state_of(env))
        env.close()
        states[whose].append(state_of(env))
    if name in CUT_SHORT:  # Ours is named after what it holds in the end.
        planned, held = CUT_SHORT[name]
        clips.videos[held] = clips.videos.pop(planned)
        states["theirs"][-1] = tuple(
            held if entry == planned else entry for entry in states["theirs"][-1]
        )
    assert states["ours"] == states["theirs"]
    folder = tmp_path / "ours"
    ours = {
        name: [cells_of(frame, num_envs) for frame in decode(folder / name)]
        for name in names_in(folder)
    }
    assert ours == clips.videos


# Theirs asks in __del__ for what a constructor that raises has not made.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_same_refusal_of_render_modes(tmp_path: Path, moviepy: types.ModuleType) -> None:
    for recorder in (vec_env.VecVideoRecorder, VecVideoRecorder):
        with pytest.raises(AssertionError, match="must be 'rgb_array'"):
            recorder(make(render_mode="human"), str(tmp_path / "videos"), lambda step: True)


def test_bad_arguments(tmp_path: Path) -> None:
    for arguments in (
        {"record_video_trigger": 5},
        {"video_length": -1},
        {"video_aspect_ratio": (0, 1)},
        {"on_error": "ignore"},
        {"crf": "high"},
        {"name_prefix": "../out"},
        {"keep": 3},
    ):
        with pytest.raises(ConfigError):
            VecVideoRecorder(
                make(),
                tmp_path / "videos",
                **{"record_video_trigger": bool, **arguments},  # type: ignore[arg-type]
            )


def test_no_tile_is_copied(tmp_path: Path) -> None:
    env = VecVideoRecorder(make(3), tmp_path, lambda step: step == 0, 100)
    env.reset()
    act(env, 9)
    stats = env.recorded_frames.stats
    env.close()
    assert (stats.num_written, stats.num_copied) == (10, 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_environments_in_processes(tmp_path: Path) -> None:
    def thunk() -> NumberedEnv:
        return NumberedEnv(5)

    # Forked, for spawned ones import torch first. They only count and paint.
    processes = SubprocVecEnv([thunk, thunk], start_method="fork")
    env = VecVideoRecorder(processes, tmp_path, lambda step: step == 0, 4)
    env.reset()
    act(env, 5)
    env.close()
    (name,) = names_in(tmp_path)
    assert [cells_of(frame, 2) for frame in decode(tmp_path / name)] == [[i, i] for i in range(5)]
    assert tags(tmp_path / name)["environment"] == "SubprocVecEnv"


class _Inverted(VecEnvWrapper):  # type: ignore[misc,unused-ignore]
    """Shows everything in other colours."""

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        return self.venv.step_wait()

    def render(self, mode: str | None = None) -> Any:
        return 255 - self.venv.render(mode)


def test_what_a_wrapper_renders_is_recorded(tmp_path: Path) -> None:
    env = VecVideoRecorder(_Inverted(make()), tmp_path, lambda step: step == 0, 2)
    env.reset()
    act(env, 2)
    env.close()
    assert numbers_in(tmp_path / "rl-video-step-0-to-step-2.mp4") == [0xFFF, 0xFFE, 0xFFD]


def test_a_wanted_shape(tmp_path: Path) -> None:
    env = VecVideoRecorder(
        make(3), tmp_path, lambda step: step == 0, 1, video_aspect_ratio=(4, 1), fps=50
    )
    env.reset()
    act(env, 1)
    env.close()
    (frame, _) = decode(tmp_path / "rl-video-step-0-to-step-1.mp4")
    assert frame.shape == (HEIGHT, 3 * WIDTH, 3)
    assert cells_of(frame, 3) == [0, 100, 200]


def test_a_reset_that_begins_a_clip_leaves_the_one_before(tmp_path: Path) -> None:
    env = VecVideoRecorder(make(), tmp_path, lambda step: step in (0, 3), 10)
    env.reset()
    act(env, 3)
    env.reset()
    act(env, 1)
    env.close()
    assert {name: numbers_in(tmp_path / name) for name in names_in(tmp_path)} == {
        "rl-video-step-0-to-step-3.mp4": [0, 1, 2, 3],
        "rl-video-step-3-to-step-4.mp4": [4, 5],
    }


def test_a_clip_that_is_cut_short_is_named_for_what_it_holds(tmp_path: Path) -> None:
    told: list[Episode] = []
    envs = [
        VecVideoRecorder(
            make(), tmp_path, lambda step: step == 2, 200, on_saved=told.append, name_prefix="a/b"
        )
        for _ in range(2)
    ]
    for env in envs:
        env.reset()
    act(envs[0], 4)
    with pytest.warns(GymreelWarning, match="There is a recording .* of this run") as caught:
        act(envs[1], 4)
    assert len(caught) == 1
    for env in envs:
        env.close()
    names = ["b-step-2-to-step-4.mp4", "b-step-2-to-step-4-2.mp4"]
    assert {name: numbers_in(tmp_path / "a" / name) for name in names_in(tmp_path / "a")} == {
        name: [2, 3, 4] for name in names
    }
    paths = [tmp_path / "a" / name for name in names]
    assert [episode.path for episode in told] == paths
    for env, path in zip(envs, paths, strict=True):
        assert env.video_path == str(path)
        assert env.video_name == os.path.join("a", path.name)
        assert env.video_recorder.path == str(path)


def test_a_gif_of_a_fast_environment_is_named_for_the_steps_that_it_shows(tmp_path: Path) -> None:
    venv = make(episode_length=100)
    venv.envs[0].metadata = {**venv.envs[0].metadata, "render_fps": 100}
    with pytest.warns(GymreelWarning, match="a GIF no more than 50"):
        env = VecVideoRecorder(venv, tmp_path, lambda step: step in (0, 25), 20, suffix=".gif")
    env.reset()
    act(env, 31)
    env.close()
    counts = {name: count_frames(tmp_path / name) for name in names_in(tmp_path)}
    assert list(counts) == ["rl-video-step-0-to-step-20.gif", "rl-video-step-25-to-step-31.gif"]
    assert all(count < 20 for count in counts.values()), "the file shows not all that was taken"


def test_the_clip_is_where_huggingface_sb3_looks_for_it(tmp_path: Path) -> None:
    """It records a replay like this, and reads the file that ``video_recorder.path`` names."""
    env = VecVideoRecorder(make(), tmp_path, lambda step: step == 0, 3, name_prefix="")
    assert env.video_recorder.path is None, "there is none yet"
    env.reset()
    act(env, 3)
    env.close()
    assert env.video_recorder.path == str(tmp_path / "-step-0-to-step-3.mp4")
    assert numbers_in(tmp_path / "-step-0-to-step-3.mp4") == [0, 1, 2, 3]


def test_a_clip_that_gives_way_at_once_is_not_told_of(tmp_path: Path) -> None:
    told: list[Episode] = []
    env = VecVideoRecorder(make(), tmp_path, lambda step: step == 0, 2, on_saved=told.append)
    env.reset()
    env.reset()
    act(env, 2)
    env.close()
    assert [episode.num_frames for episode in told] == [3]
    assert numbers_in(tmp_path / "rl-video-step-0-to-step-2.mp4") == [1, 2, 3]


def test_closing_waits_for_clips_that_gave_way_too(tmp_path: Path) -> None:
    env = VecVideoRecorder(make(4), tmp_path, lambda step: step == 0, 2)
    writers = []
    for _ in range(20):
        env.reset()
        writer = env.recorded_frames.writer
        assert writer is not None
        writers.append(writer)
    act(env, 2)
    env.close()
    assert all(writer.poll() is not None for writer in writers)
    assert names_in(tmp_path) == ["rl-video-step-0-to-step-2.mp4"]


def test_the_log_names_each_clip_as_it_is_called_in_the_end(tmp_path: Path) -> None:
    env = VecVideoRecorder(
        make(2), tmp_path, lambda step: step in (0, 6, 13, 17), 3, episode_log=True
    )
    env.reset()
    act(env, 15)  # Episodes of 5 steps: 0 to 5, 5 to 10, 10 to 15.
    env.reset()
    act(env, 2)
    env.reset()  # Begins the clip again that the step before began.
    act(env, 1)
    env.close()
    expected = [
        "rl-video-step-0-to-step-3.mp4",
        "rl-video-step-6-to-step-9.mp4",
        "rl-video-step-13-to-step-16.mp4",
        None,  # The clip that it ends with goes on into the next, whose line has it.
        "rl-video-step-17-to-step-18.mp4",
    ]
    episodes = [each for each in read_episodes(tmp_path) if each.env_index == 0]
    assert [each.path and each.path.name for each in episodes] == expected
    assert [each.length for each in episodes] == [5, 5, 5, 2, 1]
    assert sorted(filter(None, expected)) == names_in(tmp_path)


def test_the_log_finds_a_clip_that_is_cut_short_after_its_episode(tmp_path: Path) -> None:
    told: list[Episode] = []
    for num_steps in (10, 5, 200):  # The last run has a whole clip of the name that was planned.
        env = VecVideoRecorder(make(2), tmp_path, lambda step: step == 0, 200, on_saved=told.append)
        env.reset()
        act(env, num_steps)
        env.close()
    assert [each.path and each.path.name for each in told] == [
        f"rl-video-step-0-to-step-{num_steps}.mp4" for num_steps in (10, 5, 200)
    ]
    with_video = [each for each in read_episodes(tmp_path) if each.path is not None]
    assert [(each.path, each.recorder, each.num_frames) for each in with_video] == [
        (each.path, each.recorder, each.num_frames) for each in told
    ]
    assert [each.index for each in with_video] == [1, 0, 39]


def test_a_reset_does_not_wait_for_the_clip_that_it_cuts_short(tmp_path: Path) -> None:
    with StalledEncoder(tmp_path / "stalled") as stalled:
        env = VecVideoRecorder(
            make(), tmp_path, lambda step: step in (0, 2), episode_log=True, **stalled.settings
        )
        env.reset()
        first = env.recorded_frames.writer
        assert first is not None
        act(env, 2)
        rescue = threading.Timer(20, stalled.resume)  # Of a test that fails, which would hang.
        rescue.start()
        env.reset()
        is_complete = first.poll() is not None
        rescue.cancel()
        stalled.resume()
        env.close()
    assert not is_complete
    (episode,) = read_episodes(tmp_path)
    assert episode.path == tmp_path / "rl-video-step-0-to-step-2.mp4"


class _Noting(Tracker):
    def __init__(self) -> None:
        self.videos: list[Episode] = []

    def log_episode(self, episode: Episode) -> None:
        raise AssertionError("Stable-Baselines3 tells of episodes itself")

    def log_video(self, episode: Episode) -> None:
        self.videos.append(episode)


def test_clips_are_told_of_and_only_the_last_are_kept(tmp_path: Path) -> None:
    told: list[Episode] = []
    tracker = _Noting()
    env = VecVideoRecorder(
        make(2),
        tmp_path,
        lambda step: step % 4 == 0,
        2,
        keep=keep.last(2),
        on_saved=told.append,
        trackers=[tracker],
        report_when="complete",
    )
    env.reset()
    act(env, 14)
    env.close()
    assert names_in(tmp_path) == [
        f"rl-video-step-{n}.mp4" for n in ("12-to-step-14", "8-to-step-10")
    ]
    assert tracker.videos == told
    assert [(episode.num_frames, episode.step) for episode in told] == [
        (3, 4),
        (3, 12),
        (3, 20),
        (3, 28),
    ]
    # Episodes of five steps: the second clip ends with the sixth, in the second episode.
    assert [(e.index, e.length, e.return_) for e in told] == [
        (0, 2, 2.0),
        (1, 1, 1.0),
        (1, 5, 5.0),
        (2, 4, 4.0),
    ]
    assert [episode.terminated for episode in told] == [False, False, True, False]


def test_a_clip_that_fails_costs_one_warning(tmp_path: Path) -> None:
    env = VecVideoRecorder(
        make(frames={2: None}), tmp_path, lambda step: step in (0, 4), 3, disable_logger=True
    )
    env.reset()
    with pytest.warns(UserWarning, match="returned by render to be a numpy array") as caught:
        act(env, 8)
    assert len(caught) == 1
    env.close()
    assert numbers_in(tmp_path / "rl-video-step-0-to-step-1.mp4") == [0, 1]
    # The environment has begun its next episode with the frame after number 5.
    assert count_frames(tmp_path / "rl-video-step-4-to-step-7.mp4") == 4


def test_a_clip_that_fails_raises_if_asked(tmp_path: Path) -> None:
    env = VecVideoRecorder(
        make(frames={2: None}), tmp_path, lambda step: step == 0, 3, on_error="raise"
    )
    env.reset()
    act(env, 1)
    with pytest.raises(FrameTypeError):
        act(env, 1)
    act(env, 2)
    env.close()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        VecVideoRecorder(make(), tmp_path / "file", lambda step: True)


def test_frame_rate_and_title(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = VecVideoRecorder(
        make(render_fps=12), tmp_path, lambda step: step == 0, 1, disable_logger=False
    )
    assert env.frames_per_sec == 12
    env.reset()
    act(env, 1)
    env.close()
    assert "2 frames" in capsys.readouterr().out
    name = "rl-video-step-0-to-step-1"
    said = tags(tmp_path / f"{name}.mp4")
    assert (said["title"], said["steps"], said["return"]) == (name, "1", "1")
