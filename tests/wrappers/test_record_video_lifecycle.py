"""RecordVideo closed, dropped, left behind at exit, and copied."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref
from pathlib import Path

import gymnasium as gym
import pytest

from gymreel.triggers import always, every, never
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.frames import needs_x264
from support.subprocesses import run_python
from support.video_reader import names_in, numbers_in, probe

FIRST = "rl-video-episode-0.mp4"
SECOND = "rl-video-episode-1.mp4"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name a folder that does not exist yet."""
    return tmp_path / "videos"


class TestEnds:
    def test_close_waits_and_can_be_called_again(self, folder: Path) -> None:
        env = RecordVideo(NumberedEnv(9), folder)
        env.reset()
        env.close()
        assert numbers_in(folder / FIRST) == [0]
        env.close()
        assert names_in(folder) == [FIRST]

    def test_an_environment_that_fails_to_close_loses_no_video(self, folder: Path) -> None:
        env = RecordVideo(NumberedEnv(3, close_error=LookupError("no window")), folder)
        run_episodes(env)
        with pytest.raises(LookupError, match="no window"):
            env.close()
        assert numbers_in(folder / FIRST) == [0, 1, 2, 3]

    def test_recording_goes_on_after_close(self, folder: Path) -> None:
        env = RecordVideo(NumberedEnv(3), folder, always)
        run_episodes(env)
        env.close()
        run_episodes(env)
        env.close()
        assert numbers_in(folder / SECOND) == [4, 5, 6, 7]

    def test_zero_frames_are_no_video(self, folder: Path) -> None:
        env = RecordVideo(NumberedEnv(3), folder, never)
        env.start_recording("empty")
        with pytest.warns(UserWarning, match="Ignored saving a video as there were zero frames"):
            env.close()
        assert names_in(folder) == []

    def test_dropping_the_wrapper_completes_the_video(self, folder: Path) -> None:
        script = """
            import sys
            from support.environments import NumberedEnv
            from gymreel.wrappers import RecordVideo

            env = RecordVideo(NumberedEnv(9), sys.argv[1], lambda _: True)
            for _ in range(2):
                env.reset()
                for _ in range(9):
                    env.step(0)
            del env
            print("dropped")
        """
        finished = run_python(script, folder)
        assert (finished.stdout, finished.stderr) == ("dropped\n", "")
        assert numbers_in(folder / FIRST) == list(range(10))
        assert numbers_in(folder / SECOND) == list(range(10, 20))

    def test_dropping_the_wrapper_says_nothing(self, folder: Path) -> None:
        env = RecordVideo(NumberedEnv(9), folder)
        env.reset()
        base = weakref.ref(env)
        del env
        assert base() is None  # No cycle: the video is completed now, not at some collection.
        gc.collect()

    @pytest.mark.parametrize("how", ["pass", "sys.exit(3)", "raise LookupError('lost')"])
    def test_leaving_the_interpreter_completes_the_video(self, folder: Path, how: str) -> None:
        script = f"""
            import sys
            from support.environments import NumberedEnv
            from gymreel.wrappers import RecordVideo

            env = RecordVideo(NumberedEnv(9), sys.argv[1])
            env.reset()
            for _ in range(5):
                env.step(0)
            {how}
        """
        finished = run_python(script, folder, check=False)
        assert finished.returncode == {"p": 0, "s": 3, "r": 1}[how[0]]
        assert ("Exception ignored" in finished.stderr, "Warning" in finished.stderr) == (
            False,
        ) * 2
        assert numbers_in(folder / FIRST) == [0, 1, 2, 3, 4, 5]

    @needs_x264
    def test_leaving_the_interpreter_says_what_failed(self, folder: Path) -> None:
        script = """
            import sys
            import numpy as np
            from support.environments import NumberedEnv
            from gymreel.wrappers import RecordVideo

            frame = np.zeros((2, 20000, 3), np.uint8)
            env = RecordVideo(NumberedEnv(9, frames={0: frame}), sys.argv[1])
            env.reset()
        """
        finished = run_python(script, folder)
        assert finished.stderr.count("Warning:") == 1
        assert FIRST in finished.stderr or "20000" in finished.stderr

    def test_forked_processes_leave_the_video_alone_and_record_their_own(
        self, folder: Path
    ) -> None:
        script = """
            import os, sys
            from support.environments import NumberedEnv
            from gymreel.wrappers import RecordVideo

            env = RecordVideo(NumberedEnv(9), sys.argv[1], lambda _: True)
            env.reset()
            env.step(0)
            child = os.fork()
            if child == 0:
                env.step(0)
                env.reset()
                env.close()
                os._exit(0)
            os.waitpid(child, 0)
            env.step(0)
            env.close()
        """
        finished = run_python(script, folder, "-W", "ignore::DeprecationWarning")
        assert finished.stderr.count("Warning:") == 1
        assert "forked" in finished.stderr
        assert numbers_in(folder / FIRST) == [0, 1, 2]
        assert numbers_in(folder / SECOND) == [3]

    def test_workers_of_a_vector_environment_record(self, folder: Path) -> None:
        script = """
            import sys
            import gymnasium as gym
            from support.environments import NumberedEnv
            from gymreel.wrappers import RecordVideo

            def make(name):
                return lambda: RecordVideo(NumberedEnv(3), f"{sys.argv[1]}/{name}", lambda _: True)

            envs = gym.vector.AsyncVectorEnv([make(name) for name in "ab"])
            envs.reset()
            for _ in range(6):
                envs.step([0, 0])
            envs.close()
        """
        run_python(script, folder)
        for name in "ab":
            assert numbers_in(folder / name / FIRST) == [0, 1, 2, 3]
            assert numbers_in(folder / name / SECOND) == [4, 5, 6]

    def test_a_wrapper_whose_constructor_never_ran_can_go(self) -> None:
        RecordVideo.__new__(RecordVideo).__del__()


class TestCopies:
    def test_env_can_be_made_again_from_its_spec(self, folder: Path) -> None:
        base = gym.make("CartPole-v1", render_mode="rgb_array", max_episode_steps=3)
        env = RecordVideo(
            base, str(folder), every(2), name_prefix="again", suffix=".mkv", crf=40, fps=7
        )
        assert env.spec is not None
        spec = pickle.loads(pickle.dumps(env.spec))
        env.close()
        twin = gym.make(spec)
        assert isinstance(twin, RecordVideo)
        assert twin.episode_trigger == every(2)
        run_episodes(twin, 3)
        twin.close()
        assert names_in(folder) == ["again-episode-0.mkv", "again-episode-2.mkv"]
        assert probe(folder / "again-episode-0.mkv")["streams"][0]["avg_frame_rate"] == "7/1"

    def test_spec_has_exactly_the_constructors_parameters(self, folder: Path) -> None:
        env = RecordVideo(gym.make("CartPole-v1", render_mode="rgb_array"), str(folder))
        assert env.spec is not None
        (wrapper,) = env.spec.additional_wrappers
        assert wrapper.entry_point == "gymreel.wrappers.record_video:RecordVideo"
        parameters = inspect.signature(RecordVideo).parameters
        assert set(wrapper.kwargs or {}) == set(parameters) - {"env"}
        # Gymnasium's default gc_trigger is a lambda, so there this fails.
        assert type(env.spec).from_json(env.spec.to_json()) == env.spec
        env.close()

    def test_a_shallow_copy_leaves_the_recording_alone(self, folder: Path) -> None:
        env = RecordVideo(NumberedEnv(6), folder, always)
        env.reset()
        env.step(0)
        twin = copy.copy(env)
        assert not twin.recording
        assert len(twin.recorded_frames) == 0
        twin.close()
        env.step(0)
        env.close()
        assert numbers_in(folder / FIRST) == [0, 1, 2]

    @pytest.mark.parametrize("how", ["deepcopy", "pickle"])
    def test_a_copy_does_not_record_into_the_same_file(self, folder: Path, how: str) -> None:
        env = RecordVideo(NumberedEnv(9), folder, always)
        env.reset()
        env.step(0)
        twin = copy.deepcopy(env) if how == "deepcopy" else pickle.loads(pickle.dumps(env))
        assert (twin.recording, len(twin.recorded_frames)) == (False, 0)
        assert (twin.episode_id, twin.step_id) == (0, 0)
        twin.step(0)
        twin.close()
        env.step(0)
        env.close()
        assert numbers_in(folder / FIRST) == [0, 1, 2]
