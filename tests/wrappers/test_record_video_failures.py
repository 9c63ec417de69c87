"""RecordVideo when frames, encoders, disks and arguments are wrong."""

from __future__ import annotations

import gc
import re
import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from gymreel import read_episodes
from gymreel.errors import (
    CodecNotFoundError,
    ConfigError,
    ConfigTypeError,
    FrameError,
    FrameShapeError,
    FrameTypeError,
    GymreelError,
    OutputError,
)
from gymreel.triggers import always, at
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, numbered_frame, run_episodes
from support.frames import needs_x264
from support.subprocesses import run_python
from support.video_reader import names_in, numbers_in

FIRST = "rl-video-episode-0.mp4"
SECOND = "rl-video-episode-1.mp4"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name a folder that does not exist yet."""
    return tmp_path / "videos"


def run_episodes_and_close(env: gym.Env[Any, Any], num_episodes: int) -> None:
    """Meet a failure wherever it comes: encoding is in the background."""
    run_episodes(env, num_episodes)
    env.close()


class TestFailures:
    WRONG_FRAMES = pytest.mark.parametrize(
        ("frame", "error", "message"),
        [
            (numbered_frame(0, 80, 64), FrameShapeError, r"80.*64.*64"),
            (np.full((64, 64, 3), 0.5, np.float32), FrameTypeError, "float32"),
            (np.zeros((64, 64, 2), np.uint8), FrameShapeError, "2"),
            (np.zeros((0, 64, 3), np.uint8), FrameShapeError, "0"),
            (np.zeros(64, np.uint8), FrameShapeError, "64"),
            (None, FrameTypeError, "expected type of frame returned by render to be a numpy array"),
            ("text", FrameTypeError, "got instead <class 'str'>"),
        ],
        ids=["size", "float", "channels", "empty", "rank", "none", "text"],
    )

    @WRONG_FRAMES
    @pytest.mark.parametrize("number", [0, 3])
    def test_a_wrong_frame_is_one_warning(
        self, folder: Path, frame: Any, error: type[FrameError], message: str, number: int
    ) -> None:
        if number == 0 and message.startswith("80"):
            number = 1  # The first frame may have any size.
        env = RecordVideo(NumberedEnv(6, frames={number: frame}), folder, always)
        with pytest.warns(UserWarning, match=f"Recording stopped.*{message}") as caught:
            run_episodes(env)
        assert len(caught) == 1
        assert (env.recording, len(env.recorded_frames), env._video_name) == (False, 0, None)
        assert (env.step_id, env.episode_id) == (5, 0)
        run_episodes(env)
        env.close()
        assert (folder / FIRST).exists() == (number > 0)
        if number > 0:
            assert numbers_in(folder / FIRST) == list(range(number))
        assert numbers_in(folder / SECOND) == list(range(7, 14))

    @WRONG_FRAMES
    def test_a_wrong_frame_is_raised_if_asked_for(
        self, folder: Path, frame: Any, error: type[FrameError], message: str
    ) -> None:
        env = RecordVideo(NumberedEnv(6, frames={3: frame}), folder, always, on_error="raise")
        env.reset()
        env.step(0)
        env.step(0)
        with pytest.raises(error, match=message):
            env.step(0)
        assert (env.recording, len(env.recorded_frames), env._video_name) == (False, 0, None)
        assert env.step_id == 2
        assert env.step(0)[0] == 4
        run_episodes(env)
        env.close()
        assert numbers_in(folder / FIRST) == [0, 1, 2]
        assert numbers_in(folder / SECOND) == list(range(5, 12))

    def test_a_wrong_frame_from_a_subclass(self, folder: Path) -> None:
        class Float(RecordVideo[Any, Any]):
            def _capture_frame(self) -> None:
                self.recorded_frames.append(np.full((64, 64, 3), 0.5, np.float32))

        env = Float(NumberedEnv(2), folder)
        with pytest.warns(UserWarning, match="Recording stopped.*float32") as caught:
            run_episodes(env)
        assert len(caught) == 1
        env.close()
        assert names_in(folder) == []

    def test_a_wrong_frame_from_render(self, folder: Path) -> None:
        env = RecordVideo(NumberedEnv(9, frames={2: [np.zeros(3)]}), folder)
        env.reset()
        env.step(0)
        base = env.unwrapped
        assert isinstance(base, NumberedEnv)
        base.num_states = 3
        with pytest.warns(UserWarning, match="Recording stopped"):
            assert len(env.render()) == 1  # type: ignore[arg-type]
        env.close()
        assert numbers_in(folder / FIRST) == [0, 1]

    def test_a_render_that_raises_goes_on_recording_after_it(self, folder: Path) -> None:
        def fail() -> None:
            raise LookupError("no such texture")

        env = RecordVideo(NumberedEnv(4, frames={2: fail}), folder)
        env.reset()
        env.step(0)
        with pytest.raises(LookupError, match="no such texture"):
            env.step(0)
        env.step(0)
        env.close()
        assert numbers_in(folder / FIRST) == [0, 1, 3]

    def test_a_folder_that_disappears(self, folder: Path) -> None:
        """The writer makes it again, or says what it could not do: nothing in between."""
        env = RecordVideo(NumberedEnv(3), folder, always)
        run_episodes(env)
        env.reset()
        while folder.exists():  # A file may come while it goes.
            shutil.rmtree(folder, ignore_errors=True)
        folder.write_text("in the way")
        with pytest.warns(UserWarning, match=re.escape(str(folder))):
            run_episodes_and_close(env, 2)
        assert (env.recording, len(env.recorded_frames)) == (False, 0)
        assert folder.read_text() == "in the way"

    def test_a_target_that_is_a_folder(self, folder: Path) -> None:
        (folder / SECOND).mkdir(parents=True)
        env = RecordVideo(NumberedEnv(3), folder, always)
        with pytest.warns(UserWarning, match=f"Recording stopped.*{SECOND}") as caught:
            run_episodes(env, 3)
        assert len(caught) == 1
        env.close()
        assert numbers_in(folder / FIRST) == [0, 1, 2, 3]
        assert numbers_in(folder / "rl-video-episode-2.mp4") == [8, 9, 10, 11]

    def test_a_target_that_is_a_folder_is_raised_if_asked_for(self, folder: Path) -> None:
        (folder / FIRST).mkdir(parents=True)
        env = RecordVideo(NumberedEnv(3), folder, always, on_error="raise")
        with pytest.raises(OutputError, match=FIRST):
            env.reset()
        assert env.recording is False
        assert env.step(0)[0] == 1
        run_episodes(env)
        env.close()
        assert numbers_in(folder / SECOND) == [2, 3, 4, 5]

    def test_a_clip_that_cannot_start_at_the_last_step_leaves_the_outcome(
        self, folder: Path
    ) -> None:
        class Winning(NumberedEnv):
            def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
                return (*super().step(action)[:4], {"won": True})

        (folder / "rl-video-step-1.mp4").mkdir(parents=True)
        env = RecordVideo(
            Winning(2), folder, step_trigger=at({1}), on_error="raise", episode_log=True
        )
        env.reset()
        env.step(0)
        with pytest.raises(OutputError, match="rl-video-step-1"):
            env.step(0)
        env.reset()
        env.close()
        (episode,) = read_episodes(folder)
        assert (episode.length, episode.terminated, episode.info) == (2, True, {"won": True})

    @needs_x264
    def test_a_size_that_the_encoder_refuses(self, folder: Path) -> None:
        """The encoder is opened in the background, so this failure arrives late."""
        frame = np.zeros((2, 20000, 3), np.uint8)
        frames = dict.fromkeys(range(3), frame)
        env = RecordVideo(NumberedEnv(2, frames=frames), folder, always)
        with pytest.warns(UserWarning, match="rl-video-episode-0") as caught:
            run_episodes_and_close(env, 2)
        assert len(caught) == 1
        assert (env.recording, len(env.recorded_frames)) == (False, 0)
        assert names_in(folder) == [SECOND]
        assert numbers_in(folder / SECOND) == [3, 4, 5]

    @needs_x264
    def test_a_late_failure_is_raised_before_the_environment_is_touched(self, folder: Path) -> None:
        frame = np.zeros((2, 20000, 3), np.uint8)
        base = NumberedEnv(2, frames={0: frame})
        env = RecordVideo(base, folder, always, on_error="raise")
        env.reset()
        env.stop_recording()
        # Until the failure has happened, reset is just a reset.
        num_states = base.num_states
        error: GymreelError | None = None
        while error is None:
            num_states = base.num_states
            try:
                env.reset()
            except GymreelError as caught:
                error = caught
        assert base.num_states == num_states
        env.close()

    @needs_x264
    def test_a_late_failure_is_raised_by_close(self, folder: Path) -> None:
        frame = np.zeros((2, 20000, 3), np.uint8)
        env = RecordVideo(NumberedEnv(2, frames={0: frame}), folder, on_error="raise")
        env.reset()
        with pytest.raises(GymreelError):
            env.close()
        env.close()

    @needs_x264
    def test_a_full_disk(self, folder: Path) -> None:
        """A process may not write files beyond a size, as if the disk were full."""
        script = """
            import resource, signal, sys, warnings
            import numpy as np
            from support.environments import NumberedEnv, run_episodes
            from gymreel.wrappers import RecordVideo

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
            noise = np.random.default_rng(0).integers(0, 256, (61, 256, 256, 3), np.uint8)
            env = RecordVideo(NumberedEnv(60, frames=dict(enumerate(noise))), sys.argv[1], crf=1)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                run_episodes(env, 2)
                env.close()
            print(len(caught), env.step_id, env.recording, caught[0].message)
        """
        finished = run_python(script, folder)
        assert finished.stdout.startswith("1 119 False ")
        assert "File too large" in finished.stdout
        assert FIRST in finished.stdout
        assert numbers_in(folder / SECOND) == list(range(61, 122))


class TestConstructor:
    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"codec": "theora9"}, CodecNotFoundError, "codec='theora9'"),
            ({"preset": "speedy"}, ConfigError, "preset='speedy'"),
            ({"crf": 99}, ConfigError, "crf=99"),
            ({"crf": float("nan")}, ConfigError, "crf=nan"),
            ({"pixel_format": "yuv9"}, ConfigError, "pixel_format='yuv9'"),
            ({"options": {"no_such_option": "1"}}, ConfigError, "no_such_option"),
            ({"fps": 0}, ConfigError, "fps=0"),
            ({"fps": -5}, ConfigError, "fps=-5"),
            ({"fps": float("nan")}, ConfigError, "fps=nan"),
            ({"suffix": ".avi2"}, ConfigError, r"'\.avi2'"),
            ({"suffix": "mp4"}, ConfigError, "suffix='mp4'"),
            ({"suffix": None}, ConfigError, "suffix=None"),
            ({"copy": "never"}, ConfigError, "copy='never'"),
            ({"max_pending_bytes": -1}, ConfigError, "max_pending_bytes=-1"),
            ({"on_full": "wait"}, ConfigError, "on_full='wait'"),
            ({"on_error": "ignore"}, ConfigError, "on_error='ignore'"),
            ({"video_length": -1}, ConfigError, "video_length=-1"),
            ({"video_length": float("nan")}, ConfigError, "video_length=nan"),
            ({"video_length": None}, ConfigError, "video_length=None"),
            ({"episode_trigger": 5}, ConfigError, "episode_trigger=5"),
            ({"step_trigger": "always"}, ConfigError, "step_trigger='always'"),
            ({"gc_trigger": 1}, ConfigError, "gc_trigger=1"),
        ],
    )
    def test_a_wrong_argument_is_named_before_anything_is_made(
        self, folder: Path, arguments: dict[str, Any], error: type[ConfigError], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            RecordVideo(NumberedEnv(), folder, **arguments)
        assert not folder.exists()

    def test_a_wrong_frame_rate_in_the_metadata(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match="fps=0"):
            RecordVideo(NumberedEnv(render_fps=0), folder)

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for error in (OutputError, OSError):
            with pytest.raises(error, match=r"could not make video_folder.*file"):
                RecordVideo(NumberedEnv(), tmp_path / "file" / "videos")

    def test_nothing_but_an_environment_is_wrapped(self, folder: Path) -> None:
        with pytest.raises(ConfigTypeError, match=r"gymnasium\.Env"):
            RecordVideo("CartPole-v1", folder)  # type: ignore[arg-type]

    def test_the_tail_of_gymnasiums_arguments(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked = []

        def collect(episode: int) -> bool:
            asked.append(episode)
            return False

        env = RecordVideo(NumberedEnv(2), folder, always, None, 0, "x", 10, False, collect)
        run_episodes(env, 2)
        env.close()
        # Gymnasium asks for the number of the episode that has just begun, too.
        assert asked == [1, 1]
        lines = capsys.readouterr().out.splitlines()
        assert lines == [f"Saved {folder}/x-episode-{number}.mp4: 3 frames" for number in range(2)]

    def test_garbage_is_collected_only_if_asked_for(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        collected = []
        monkeypatch.setattr(gc, "collect", lambda: collected.append(True))
        for trigger, count in ((None, 0), (always, 1)):
            env = RecordVideo(NumberedEnv(1), folder / str(count), gc_trigger=trigger)
            env.reset()
            env.stop_recording()
            assert len(collected) == count
            env.close()
