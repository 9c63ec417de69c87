"""Several recorders in one folder: no recording of a run is overwritten by another of it."""

from __future__ import annotations

import contextlib
import copy
import errno
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import gymreel.wrappers.vector
from gymreel import GymreelWarning, _run_marker, _runs, read_episodes
from gymreel._runs import MARKER_NAME, RunMember
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.paths import TESTS
from support.subprocesses import run_python
from support.vector_environments import act, sync
from support.video_reader import count_frames, numbers_in

FIRST = "rl-video-episode-0.mp4"

pytestmark = [
    pytest.mark.usefixtures("episode_logs"),
    pytest.mark.filterwarnings(
        "ignore:There is a recording .* of this run already:gymreel.GymreelWarning"
    ),
]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


class Ending(NumberedEnv):
    """Episodes whose lengths are this environment's own, as nobody else's are."""

    def __init__(self, render_mode: str | None = "rgb_array") -> None:
        super().__init__(render_mode=render_mode)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        if seed is not None:
            self._episode_length = 3 + seed % 17
        return super().reset(seed=seed, options=options)


def recorded(folder: str) -> gym.Env[Any, Any]:
    return RecordVideo(Ending(), folder, always)


def videos_in(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith(".mp4"))


def check(folder: Path, at_least: int) -> None:
    """Check that each line of the log has a video of its own, of the length that it says."""
    episodes = read_episodes(folder)
    paths = [episode.path for episode in episodes if episode.path is not None]
    assert len(paths) == len(set(paths)) == len(episodes) >= at_least
    for episode in episodes:
        assert episode.path is not None
        assert count_frames(episode.path) == episode.length + 1, episode.path
    assert videos_in(folder) == sorted(path.name for path in paths)
    assert not (folder / MARKER_NAME).exists()


def play(envs: Any, num_steps: int = 45) -> None:
    """Play until every environment has ended at least one episode."""
    envs.reset(seed=0)
    for _ in range(num_steps):
        envs.step(np.zeros(8, int))
    envs.close()


class TestEightRecorders:
    def test_in_a_sync_vector_env(self, tmp_path: Path) -> None:
        play(SyncVectorEnv([functools.partial(recorded, str(tmp_path))] * 8))
        check(tmp_path, 16)

    @pytest.mark.parametrize("context", ["fork", "spawn"])
    def test_in_an_async_vector_env(self, tmp_path: Path, context: str) -> None:
        if context not in multiprocessing.get_all_start_methods():
            pytest.skip(f"there is no {context}")
        play(AsyncVectorEnv([functools.partial(recorded, str(tmp_path))] * 8, context=context))
        check(tmp_path, 16)

    def test_made_by_make_vec(self, tmp_path: Path) -> None:
        gym.register("Ending-v0", f"{__name__}:Ending")
        try:
            recorder = functools.partial(
                RecordVideo, video_folder=str(tmp_path), episode_trigger=always
            )
            for mode in ("sync", "async"):
                play(
                    gym.make_vec(
                        "Ending-v0",
                        num_envs=8,
                        vectorization_mode=mode,
                        render_mode="rgb_array",
                        wrappers=[recorder],
                    )
                )
        finally:
            del gym.registry["Ending-v0"]
        check(tmp_path, 32)

    def test_made_by_stable_baselines3(self, tmp_path: Path) -> None:
        pytest.importorskip("stable_baselines3")
        from stable_baselines3.common.env_util import make_vec_env

        folder = tmp_path / "videos"
        envs = make_vec_env(
            Ending,
            n_envs=8,
            seed=0,
            wrapper_class=RecordVideo,
            wrapper_kwargs={"video_folder": str(folder), "episode_trigger": always},
        )
        envs.reset()
        for _ in range(45):
            envs.step([0] * 8)
        envs.close()
        check(folder, 16)

    def test_in_two_processes_at_once(self, tmp_path: Path) -> None:
        script = """
            import sys
            from support.environments import NumberedEnv, run_episodes
            from gymreel.triggers import always
            from gymreel.wrappers import RecordVideo

            envs = [RecordVideo(NumberedEnv(3 + i), sys.argv[1], always) for i in range(4)]
            print("ready", flush=True)
            sys.stdin.readline()
            for _ in range(5):
                for env in envs:
                    run_episodes(env)
            for env in envs:
                env.close()
        """
        with _process(script, tmp_path) as first, _process(script, tmp_path) as second:
            for process in (first, second):
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            for process in (first, second):
                process.communicate("go\n", timeout=60)
                assert process.returncode == 0
        check(tmp_path, 40)


@contextlib.contextmanager
def _process(script: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(folder)],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


_ONE_VIDEO = """
    import sys
    from support.environments import NumberedEnv, run_episodes
    from gymreel.wrappers import RecordVideo

    env = RecordVideo(NumberedEnv({length}), sys.argv[1])
    run_episodes(env)
    {then}
"""


class TestWhoseNameItIs:
    def test_it_is_said_once_with_both_names_and_the_cure(self, tmp_path: Path) -> None:
        first, second = (RecordVideo(NumberedEnv(3), tmp_path, always) for _ in range(2))
        run_episodes(first)
        with pytest.warns(GymreelWarning) as caught:
            run_episodes(second, 2)
        first.close()
        second.close()
        (message,) = (str(warning.message) for warning in caught)
        assert str(tmp_path / FIRST) in message
        assert "rl-video-episode-0-2.mp4" in message
        assert "name_prefix=" in message

    def test_prefixes_of_their_own_say_nothing(
        self, tmp_path: Path, recwarn: pytest.WarningsRecorder
    ) -> None:
        envs = [RecordVideo(NumberedEnv(3), tmp_path, name_prefix=f"e{i}") for i in range(2)]
        for env in envs:
            run_episodes(env)
            env.close()
        assert videos_in(tmp_path) == ["e0-episode-0.mp4", "e1-episode-0.mp4"]
        assert [str(warning.message) for warning in recwarn] == []

    def test_the_recorder_knows_its_name(self, tmp_path: Path) -> None:
        first, second = (RecordVideo(NumberedEnv(3), tmp_path) for _ in range(2))
        first.reset()
        second.reset()
        assert second._video_name == "rl-video-episode-0-2"
        assert second.recorded_frames.path.name == "rl-video-episode-0-2.mp4"
        first.close()
        second.close()

    def test_a_recorder_that_begins_when_another_has_closed(self, tmp_path: Path) -> None:
        for length in (3, 5):
            with RecordVideo(NumberedEnv(length), tmp_path) as env:
                run_episodes(env)
        assert videos_in(tmp_path) == ["rl-video-episode-0-2.mp4", FIRST]
        check(tmp_path, 2)

    def test_a_recorder_starts_twice_under_one_name(self, tmp_path: Path) -> None:
        env = RecordVideo(NumberedEnv(9), tmp_path, episode_trigger=lambda _: False)
        env.reset()
        for _ in range(2):
            env.start_recording("mine")
            env.step(0)
            env.step(0)
        env.close()
        assert numbers_in(tmp_path / "mine.mp4") == [1, 2]
        assert numbers_in(tmp_path / "mine-2.mp4") == [3, 4]

    def test_a_copy_is_another_recorder(self, tmp_path: Path) -> None:
        env = RecordVideo(NumberedEnv(3), tmp_path)
        env.reset()
        twin = copy.deepcopy(env)
        twin.start_recording("rl-video-episode-0")
        twin.step(0)
        twin.close()
        env.step(0)
        env.close()
        assert numbers_in(tmp_path / FIRST) == [0, 1]
        assert numbers_in(tmp_path / "rl-video-episode-0-2.mp4") == [1]

    @pytest.mark.parametrize("layout", ["grid", "separate"])
    def test_vector_recorders(self, tmp_path: Path, layout: Any) -> None:
        recorders = [
            gymreel.wrappers.vector.RecordVideo(sync(9, 9), tmp_path, layout=layout)
            for _ in range(2)
        ]
        for number, envs in enumerate(recorders, 1):
            envs.reset()
            for _ in range(number):
                act(envs)
        for envs in recorders:
            envs.close()
        names = ["episode-0"] if layout == "grid" else ["env-0-episode-0", "env-1-episode-0"]
        assert {name: count_frames(tmp_path / name) for name in videos_in(tmp_path)} == {
            f"rl-video-{name}{ending}.mp4": length
            for name in names
            for ending, length in (("", 2), ("-2", 3))
        }

    def test_names_in_a_folder_below(self, tmp_path: Path) -> None:
        one = RecordVideo(NumberedEnv(3), tmp_path, name_prefix="ALE/Pong")
        other = RecordVideo(NumberedEnv(4), tmp_path / "ALE", name_prefix="Pong")
        for env in (one, other):
            run_episodes(env)
        for env in (one, other):
            env.close()
        names = videos_in(tmp_path / "ALE")
        assert names == ["Pong-episode-0-2.mp4", "Pong-episode-0.mp4"]
        assert [count_frames(tmp_path / "ALE" / name) for name in names] == [5, 4]
        assert not (tmp_path / "ALE" / MARKER_NAME).exists()

    def test_a_dropped_recorder_keeps_its_name_until_its_video_is_complete(
        self, tmp_path: Path
    ) -> None:
        # In a process of its own, whose end completes the videos.
        script = """
            import sys
            from gymreel.wrappers import RecordVideo
            from support.environments import NumberedEnv, run_episodes

            for length in (2, 3, 4):
                env = RecordVideo(NumberedEnv(length, size=(400, 600)), sys.argv[1])
                run_episodes(env)
                del env
            with RecordVideo(NumberedEnv(5), sys.argv[1]) as env:
                run_episodes(env)
        """
        run_python(script, tmp_path, "-W", "ignore")
        lengths = {count_frames(tmp_path / name) for name in videos_in(tmp_path)}
        assert lengths == {3, 4, 5, 6}

    def test_a_name_whose_recording_came_to_nothing_is_free(self, tmp_path: Path) -> None:
        env = RecordVideo(NumberedEnv(3, frames={0: None}), tmp_path)
        with pytest.warns(GymreelWarning, match="Recording stopped"):
            env.reset()
        env._settle_videos(wait=True)
        with RecordVideo(NumberedEnv(3), tmp_path) as other:
            run_episodes(other)
        env.close()
        assert videos_in(tmp_path) == [FIRST]

    @needs_fork
    def test_a_forked_child_records_under_another_name(self, tmp_path: Path) -> None:
        script = """
            import os, sys
            from support.environments import NumberedEnv, run_episodes
            from gymreel.wrappers import RecordVideo

            env = RecordVideo(NumberedEnv(9), sys.argv[1])
            env.reset()
            child = os.fork()
            if child == 0:
                run_episodes(env)
                env.start_recording("rl-video-episode-0")
                env.step(0)
                env.close()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            env.step(0)
            env.close()
        """
        run_python(script, tmp_path, "-W", "ignore")
        assert numbers_in(tmp_path / FIRST) == [0, 1]
        assert numbers_in(tmp_path / "rl-video-episode-0-2.mp4") == [11]

    def test_names_are_let_go_of_when_their_videos_are_complete(self, tmp_path: Path) -> None:
        env = RecordVideo(NumberedEnv(1), tmp_path, always)
        run_episodes(env, 100)
        assert env.wait_for_videos(60)
        env.reset()
        (run,) = env._folder._run._joined
        assert len(run.claims) <= 2
        env.start_recording("rl-video-episode-0")
        env.step(0)
        env.close()
        assert "rl-video-episode-0-2.mp4" in videos_in(tmp_path)

    def test_a_free_name_is_not_searched_for_from_the_beginning(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[str] = []
        take = _runs._Run._take

        def take_and_note(run: Any, path: Path, *, is_own: bool) -> bool:
            tried.append(path.name)
            return take(run, path, is_own=is_own)

        monkeypatch.setattr(_runs._Run, "_take", take_and_note)
        member = RunMember()
        claims = [member.claim(tmp_path / "video.mp4") for _ in range(50)]
        names = [claim.path.name for claim in claims]
        assert names == ["video.mp4", *(f"video-{number}.mp4" for number in range(2, 51))]
        assert tried == [names[0], *(each for name in names[1:] for each in (names[0], name))]
        own = member.claim(tmp_path / "video.mp4", instead_of=tmp_path / "video-7.mp4")
        assert own.path.name == "video-7.mp4"
        claims[0].release()
        assert member.claim(tmp_path / "video.mp4").path.name == "video.mp4"
        member.leave()

    def test_a_folder_of_a_prefix_is_made_for_a_recording_only(self, tmp_path: Path) -> None:
        env = RecordVideo(NumberedEnv(3), tmp_path, lambda _: False, name_prefix="ALE/Pong")
        run_episodes(env)
        assert not (tmp_path / "ALE").exists()
        env.start_recording("ALE/mine")
        env.step(0)
        env.close()
        assert os.listdir(tmp_path / "ALE") == ["mine.mp4"]


class TestRuns:
    def test_the_same_script_again_replaces(self, tmp_path: Path) -> None:
        for length in (3, 5):
            script = _ONE_VIDEO.format(length=length, then="env.close()")
            finished = run_python(script, tmp_path)
            assert ("Overwriting existing videos" in finished.stderr) == (length == 5)
            assert (FIRST in finished.stderr) == (length == 5)
        assert videos_in(tmp_path) == [FIRST]
        assert count_frames(tmp_path / FIRST) == 6
        assert not (tmp_path / MARKER_NAME).exists()

    @pytest.mark.parametrize("then", ["pass", "del env"])
    def test_nothing_is_left_of_a_run_without_close(self, tmp_path: Path, then: str) -> None:
        run_python(_ONE_VIDEO.format(length=3, then=then), tmp_path, check=False)
        assert videos_in(tmp_path) == [FIRST]
        assert not (tmp_path / MARKER_NAME).exists()

    @pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
    def test_a_process_that_was_killed_has_no_name(self, tmp_path: Path) -> None:
        then = "env.start_recording('mine')\n    env.step(0)\n    print('ready', flush=True)"
        with _process(
            _ONE_VIDEO.format(length=3, then=f"{then}\n    input()"), tmp_path
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert (tmp_path / MARKER_NAME).exists()
        run_python(_ONE_VIDEO.format(length=5, then="env.close()"), tmp_path, "-W", "ignore")
        assert "rl-video-episode-0-2.mp4" not in videos_in(tmp_path)
        assert count_frames(tmp_path / FIRST) == 6
        assert not (tmp_path / MARKER_NAME).exists()

    def test_a_run_lasts_as_long_as_any_recorder_of_it(self, tmp_path: Path) -> None:
        script = _ONE_VIDEO.format(length=3, then="env.close()")
        with RecordVideo(NumberedEnv(9), tmp_path, name_prefix="long") as env:
            env.reset()
            for _ in range(2):
                run_python(script, tmp_path, "-W", "ignore")
            assert (tmp_path / MARKER_NAME).exists()
        assert videos_in(tmp_path) == [
            "long-episode-0.mp4",
            "rl-video-episode-0-2.mp4",
            FIRST,
        ]
        assert not (tmp_path / MARKER_NAME).exists()

    def test_copying_the_folder_ends_no_run(self, tmp_path: Path) -> None:
        """Reading the marker and closing it would, with the other kind of lock."""
        env = RecordVideo(NumberedEnv(9), tmp_path)
        env.reset()
        (tmp_path / MARKER_NAME).read_bytes()
        run_python(_ONE_VIDEO.format(length=3, then="env.close()"), tmp_path, "-W", "ignore")
        assert videos_in(tmp_path) == ["rl-video-episode-0-2.mp4"]
        env.close()
        assert numbers_in(tmp_path / FIRST) == [0]

    def test_a_folder_that_is_made_again(self, tmp_path: Path) -> None:
        folder = tmp_path / "v"
        env = RecordVideo(NumberedEnv(3), folder, always)
        run_episodes(env)
        env._settle_videos(wait=True)
        folder.rename(tmp_path / "moved")
        run_episodes(env)
        env.close()
        assert numbers_in(tmp_path / "moved" / FIRST) == [0, 1, 2, 3]
        assert numbers_in(folder / "rl-video-episode-1.mp4") == [4, 5, 6, 7]

    def test_a_marker_that_is_removed_meanwhile(self, tmp_path: Path) -> None:
        first, second = (RecordVideo(NumberedEnv(9), tmp_path) for _ in range(2))
        first.reset()
        (tmp_path / MARKER_NAME).unlink()
        second.reset()
        second.step(0)
        for env in (first, second):
            env.close()
        assert numbers_in(tmp_path / FIRST) == [0]
        assert numbers_in(tmp_path / "rl-video-episode-0-2.mp4") == [0, 1]
        assert not (tmp_path / MARKER_NAME).exists()

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
    @pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None)])
    def test_something_else_called_like_the_marker_stays(
        self, tmp_path: Path, make: Callable[[Path], None]
    ) -> None:
        make(tmp_path / MARKER_NAME)
        mode = (tmp_path / MARKER_NAME).stat().st_mode
        for length in (3, 4):
            with RecordVideo(NumberedEnv(length), tmp_path) as env:
                run_episodes(env)
        assert (tmp_path / MARKER_NAME).stat().st_mode == mode
        assert count_frames(tmp_path / FIRST) == 4
        assert count_frames(tmp_path / "rl-video-episode-0-2.mp4") == 5

    def test_a_link_called_like_the_marker_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "v").mkdir()
        theirs = tmp_path / "theirs"
        theirs.write_text("theirs")
        os.utime(theirs, (1, 1))
        (tmp_path / "v" / MARKER_NAME).symlink_to(theirs)
        with RecordVideo(NumberedEnv(3), tmp_path / "v") as env:
            run_episodes(env)
        assert (theirs.read_text(), theirs.stat().st_mtime) == ("theirs", 1)
        assert count_frames(tmp_path / "v" / FIRST) == 4

    def test_somebody_elses_file_called_like_the_marker_stays(self, tmp_path: Path) -> None:
        theirs = tmp_path / MARKER_NAME
        theirs.write_text("theirs")
        os.utime(theirs, (1, 1))
        for length in (3, 4):
            with RecordVideo(NumberedEnv(length), tmp_path) as env:
                run_episodes(env)
        assert (theirs.read_text(), theirs.stat().st_mtime) == ("theirs", 1)
        assert count_frames(tmp_path / FIRST) == 4
        assert count_frames(tmp_path / "rl-video-episode-0-2.mp4") == 5

    def test_a_marker_that_gets_something_in_it_stays(self, tmp_path: Path) -> None:
        env = RecordVideo(NumberedEnv(3), tmp_path)
        (tmp_path / MARKER_NAME).write_text("theirs")
        run_episodes(env)
        env.close()
        assert (tmp_path / MARKER_NAME).read_text() == "theirs"

    @pytest.mark.parametrize("reason", [errno.EINVAL, errno.ENOLCK])
    def test_a_file_system_without_locks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
    ) -> None:
        def refuse(*_: Any, **__: Any) -> bool:
            raise OSError(reason, "no locks")

        monkeypatch.setattr(_run_marker, "try_lock", refuse)
        (tmp_path / FIRST).write_bytes(b"of an earlier run")
        os.utime(tmp_path / FIRST, (1, 1))
        with pytest.warns(GymreelWarning, match="Overwriting existing videos"):
            first, second = (RecordVideo(NumberedEnv(length), tmp_path) for length in (3, 4))
        for env in (first, second):
            run_episodes(env)
        for env in (first, second):
            env.close()
        assert videos_in(tmp_path) == ["rl-video-episode-0-2.mp4", FIRST]
        check(tmp_path, 2)


class TestOverwritingIsSaid:
    """See test_the_same_script_again_replaces for where it is."""

    def test_not_of_an_empty_folder(self, tmp_path: Path, recwarn: Any) -> None:
        RecordVideo(NumberedEnv(3), tmp_path).close()
        assert [str(warning.message) for warning in recwarn] == []

    @pytest.mark.parametrize(
        "name",
        [
            "other-episode-0.mp4",
            "rl-video2-episode-0.mp4",
            "rl-video-episode-0.mkv",
            "rl-video-notes.mp4",
        ],
    )
    def test_not_of_what_it_never_replaces(self, tmp_path: Path, name: str, recwarn: Any) -> None:
        (tmp_path / name).write_bytes(b"theirs")
        os.utime(tmp_path / name, (1, 1))
        RecordVideo(NumberedEnv(3), tmp_path).close()
        assert [str(warning.message) for warning in recwarn] == []

    @pytest.mark.parametrize("what", ["episode-7", "step-100", "env-3-episode-1", "episode-0-2"])
    def test_of_what_it_may_replace(self, tmp_path: Path, what: str) -> None:
        (tmp_path / f"a b[1]-{what}.mp4").write_bytes(b"earlier")
        os.utime(tmp_path / f"a b[1]-{what}.mp4", (1, 1))
        with pytest.warns(GymreelWarning, match="Overwriting existing videos"):
            RecordVideo(NumberedEnv(3), tmp_path, name_prefix="a b[1]").close()
