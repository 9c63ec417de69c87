"""One file for each environment: every frame of every episode once, in every autoreset mode."""

from __future__ import annotations

import functools
import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics as TheirStatistics

from gymreel import ConfigError, read_episodes
from gymreel.triggers import always, at, never
from gymreel.wrappers import KeepTerminalFrame
from gymreel.wrappers.vector import RecordEpisodeStatistics, RecordVideo
from support.environments import NumberedEnv
from support.vector_environments import (
    MODE_NAMES,
    MODES,
    NativeEnv,
    RandomLengths,
    act,
    check_episodes,
    numbers_by_file,
    play,
    sync,
)
from support.video_reader import names_in, tags

pytestmark = pytest.mark.usefixtures("episode_logs")


def separate(env: Any, folder: Path, **arguments: Any) -> RecordVideo[Any, Any]:
    """Record each environment by itself, every episode unless told otherwise."""
    if "step_trigger" not in arguments:
        arguments.setdefault("episode_trigger", always)
    return RecordVideo(env, folder, layout="separate", **arguments)


def kept(seed: int) -> Any:
    """Make an environment that keeps its terminal frame."""
    return KeepTerminalFrame(RandomLengths(seed))


class TestEveryFrameOnce:
    @pytest.mark.parametrize("seed", [None, 1, 2])
    @pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
    def test_in_one_process(self, tmp_path: Path, mode: AutoresetMode, seed: int | None) -> None:
        fns = [functools.partial(RandomLengths, number) for number in range(4)]
        envs = separate(SyncVectorEnv(fns, autoreset_mode=mode), tmp_path / "v")
        for _ in play(envs, 25, seed=seed):
            pass
        envs.close()
        assert check_episodes(tmp_path / "v", range(4)) > 20

    @pytest.mark.parametrize("seed", [None, 3])
    @pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
    def test_in_other_processes(
        self, tmp_path: Path, mode: AutoresetMode, seed: int | None
    ) -> None:
        fns = [functools.partial(kept, number) for number in range(2)]
        envs = separate(AsyncVectorEnv(fns, autoreset_mode=mode), tmp_path / "v")
        for _ in play(envs, 25, seed=seed):
            pass
        envs.close()
        assert check_episodes(tmp_path / "v", range(2)) > 10

    @pytest.mark.parametrize("context", ["spawn", "forkserver"])
    def test_in_processes_that_are_not_forked(self, tmp_path: Path, context: str) -> None:
        fns = [functools.partial(kept, number) for number in range(2)]
        envs = separate(
            AsyncVectorEnv(fns, context=context, autoreset_mode=AutoresetMode.SAME_STEP),
            tmp_path / "v",
        )
        for _ in play(envs, 12):
            pass
        envs.close()
        assert check_episodes(tmp_path / "v", range(2)) > 5

    @pytest.mark.parametrize("seed", [None, 5])
    @pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
    def test_of_an_array(self, tmp_path: Path, mode: AutoresetMode, seed: int | None) -> None:
        envs = separate(NativeEnv((3, 1, 5), mode), tmp_path / "v")
        for _ in play(envs, 20, seed=seed):
            pass
        envs.close()
        assert check_episodes(tmp_path / "v", range(3)) > 10

    @pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
    def test_of_one_environment_whose_episodes_have_one_step(
        self, tmp_path: Path, mode: AutoresetMode
    ) -> None:
        envs = separate(sync(1, mode=mode), tmp_path / "v")
        for _ in play(envs, 5):
            pass
        envs.close()
        assert check_episodes(tmp_path / "v", [0]) == (3 if mode is AutoresetMode.NEXT_STEP else 6)

    @pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
    def test_under_and_over_statistics(self, tmp_path: Path, mode: AutoresetMode) -> None:
        for name, statistics in (("ours", RecordEpisodeStatistics), ("theirs", TheirStatistics)):
            inside = separate(statistics(sync(3, 2, mode=mode)), tmp_path / f"{name}-inside")
            around = statistics(separate(sync(3, 2, mode=mode), tmp_path / f"{name}-around"))
            for envs in (inside, around):
                for _ in play(envs, 9):
                    pass
                envs.close()
            assert numbers_by_file(tmp_path / f"{name}-inside") == numbers_by_file(
                tmp_path / f"{name}-around"
            )
            check_episodes(tmp_path / f"{name}-inside", [0, 1])
            assert list(inside.env.length_queue) == list(around.length_queue)  # type: ignore[attr-defined]

    def test_by_two_wrappers_at_once(self, tmp_path: Path) -> None:
        inner = RecordVideo(
            sync(3, 2, mode=AutoresetMode.SAME_STEP), tmp_path / "grid", episode_trigger=always
        )
        envs = separate(inner, tmp_path / "v")
        for _ in play(envs, 9):
            pass
        envs.close()
        check_episodes(tmp_path / "v", [0, 1])
        assert len(names_in(tmp_path / "grid")) == 4


class TestWhatIsRecorded:
    def test_some_environments(self, tmp_path: Path) -> None:
        envs = separate(sync(2, 3, 4), tmp_path / "v", envs=np.array([2, 0]))
        for _ in play(envs, 10):
            pass
        envs.close()
        videos = numbers_by_file(tmp_path / "v")
        assert {name.split("-")[3] for name in videos} == {"0", "2"}
        assert videos["rl-video-env-2-episode-1.mp4"] == [5, 6, 7, 8, 9]
        # The log has all.
        assert {episode.env_index for episode in read_episodes(tmp_path / "v")} == {0, 1, 2}

    def test_nothing_is_rendered_that_is_not_recorded(self, tmp_path: Path) -> None:
        def refuse() -> None:
            pytest.fail("was rendered")

        frames = dict.fromkeys(range(100), refuse)
        envs = SyncVectorEnv(
            [lambda: NumberedEnv(3), lambda: NumberedEnv(2, frames=frames)],
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
        wrapped = separate(envs, tmp_path / "v", envs=[0], episode_trigger=at({1}))
        for _ in play(wrapped, 12):
            pass
        wrapped.close()
        assert numbers_by_file(tmp_path / "v") == {"rl-video-env-0-episode-1.mp4": [4, 5, 6, 7]}

    def test_record_first_only_is_the_first(self, tmp_path: Path) -> None:
        envs = separate(sync(2, 2), tmp_path / "v", record_first_only=True)
        envs.reset()
        envs.close()
        assert names_in(tmp_path / "v") == ["rl-video-env-0-episode-0.mp4"]

    def test_step_trigger_starts_all(self, tmp_path: Path) -> None:
        envs = separate(sync(3, 9), tmp_path / "v", step_trigger=at({1, 6}), video_length=3)
        for _ in play(envs, 9):
            pass
        envs.close()
        assert numbers_by_file(tmp_path / "v") == {
            "rl-video-env-0-step-1.mp4": [2, 3, 4, 5],
            "rl-video-env-0-step-6.mp4": [7, 8, 9],
            "rl-video-env-1-step-1.mp4": [2, 3, 4, 5],
            "rl-video-env-1-step-6.mp4": [7, 8, 9],
        }

    def test_by_hand(self, tmp_path: Path) -> None:
        envs = separate(sync(9, 9), tmp_path / "v", episode_trigger=never)
        envs.reset()
        envs.start_recording("mine")
        assert envs.recording
        act(envs)
        act(envs)
        envs.start_recording("rl-video-other")
        envs._capture_frame()
        envs.stop_recording()
        assert not envs.recording
        with pytest.raises(AssertionError, match="nothing is being recorded"):
            envs.stop_recording()
        with pytest.raises(AssertionError, match="nothing is being recorded"):
            envs._capture_frame()
        envs.start_recording("empty")
        with pytest.warns(UserWarning, match=r"environment \d as there were zero frames") as caught:
            envs.stop_recording()
        assert len(caught) == 2
        envs.close()
        assert numbers_by_file(tmp_path / "v") == {
            **{f"mine-env-{i}.mp4": [1, 2] for i in (0, 1)},
            **{f"rl-video-env-{i}-other.mp4": [2] for i in (0, 1)},
        }

    def test_reset_between_episodes_starts_nothing_twice(self, tmp_path: Path) -> None:
        envs = separate(sync(9, 9), tmp_path / "v")
        envs.reset()
        envs.reset(options={"reset_mask": np.array([False, True])})
        act(envs)
        envs.close()
        assert numbers_by_file(tmp_path / "v") == {
            "rl-video-env-0-episode-0.mp4": [0, 1],
            "rl-video-env-1-episode-0.mp4": [0],
            "rl-video-env-1-episode-1.mp4": [1, 2],
        }

    @pytest.mark.parametrize("context", [None, "spawn"])
    def test_environments_that_wait_for_their_reset_are_not_recorded(
        self, tmp_path: Path, context: str | None
    ) -> None:
        # Workers do not mind being stepped after an episode's end, and go on with the numbers.
        fns = [functools.partial(NumberedEnv, 2), functools.partial(NumberedEnv, 5)]
        envs = separate(
            AsyncVectorEnv(fns, context=context, autoreset_mode=AutoresetMode.DISABLED),
            tmp_path / "v",
        )
        envs.reset()
        for _ in range(5):
            act(envs)
        envs.reset()
        envs.close()
        assert numbers_by_file(tmp_path / "v") == {
            "rl-video-env-0-episode-0.mp4": [0, 1, 2],
            "rl-video-env-0-episode-1.mp4": [6],
            "rl-video-env-1-episode-0.mp4": [0, 1, 2, 3, 4, 5],
            "rl-video-env-1-episode-1.mp4": [6],
        }
        first = next(each for each in read_episodes(tmp_path / "v") if each.env_index == 0)
        assert (first.length, first.return_) == (2, 2.0)

    def test_metadata(self, tmp_path: Path) -> None:
        envs = separate(sync(2, 3), tmp_path / "v")
        for _ in play(envs, 5, seed=None):
            pass
        envs.reset(seed=[7, None])
        envs.close()
        found = tags(tmp_path / "v" / "rl-video-env-1-episode-0.mp4")
        assert (found["steps"], found["return"], found["episode"]) == ("3", "3", "0")
        assert found["title"] == "rl-video-env-1-episode-0"
        assert found["environment"] == "NumberedEnv"
        assert "seed" not in found
        assert tags(tmp_path / "v" / "rl-video-env-0-episode-2.mp4")["seed"] == "7"


class TestTerminalFrames:
    def test_who_cannot_give_them_is_told_the_way_out_once(self, tmp_path: Path) -> None:
        fns = [functools.partial(NumberedEnv, 2), functools.partial(NumberedEnv, 2)]
        envs = separate(AsyncVectorEnv(fns, autoreset_mode=AutoresetMode.SAME_STEP), tmp_path / "v")
        with pytest.warns(UserWarning, match="KeepTerminalFrame") as caught:
            for _ in play(envs, 5):
                pass
        assert len(caught) == 1
        assert "environment 0" in str(caught[0].message)
        envs.close()
        assert numbers_by_file(tmp_path / "v")["rl-video-env-0-episode-0.mp4"] == [0, 1]

    def test_frames_of_different_sizes_end_in_one_step(self, tmp_path: Path) -> None:
        fns = [
            lambda size=size: KeepTerminalFrame(NumberedEnv(2, size=size))
            for size in ((48, 64), (64, 80))
        ]
        envs = separate(SyncVectorEnv(fns, autoreset_mode=AutoresetMode.SAME_STEP), tmp_path / "v")
        for _ in play(envs, 5):
            pass
        envs.close()
        check_episodes(tmp_path / "v", [0, 1])

    @pytest.mark.parametrize("wrap", [lambda env: env, KeepTerminalFrame])
    def test_one_that_raises_costs_its_own_video_and_no_step(
        self, tmp_path: Path, wrap: Any
    ) -> None:
        def fail() -> None:
            raise LookupError("no window")

        fns = [lambda: wrap(NumberedEnv(2, frames={2: fail})), lambda: wrap(NumberedEnv(2))]
        envs = separate(SyncVectorEnv(fns, autoreset_mode=AutoresetMode.SAME_STEP), tmp_path / "v")
        with pytest.warns(
            UserWarning,
            match=r"env-0-episode-0\.mp4: environment 0: render\(\) raised LookupError: no window",
        ) as caught:
            for _ in play(envs, 5):
                pass
        assert len(caught) == 1
        envs.close()
        videos = numbers_by_file(tmp_path / "v")
        assert videos.pop("rl-video-env-0-episode-0.mp4") == [0, 1]
        assert videos["rl-video-env-0-episode-1.mp4"] == [3, 4, 5]
        assert videos["rl-video-env-1-episode-0.mp4"] == [0, 1, 2]

    def test_the_environments_still_look_like_themselves(self, tmp_path: Path) -> None:
        import gymnasium as gym

        base = SyncVectorEnv(
            [lambda: gym.make("CartPole-v1", render_mode="rgb_array")],
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
        specs = [env.spec for env in base.envs]
        envs = separate(base, tmp_path / "v", envs=[0])
        assert [env.spec for env in base.envs] == specs
        base.set_attr("gravity", 3.0)
        assert base.get_attr("gravity") == (3.0,)
        assert base.envs[0].unwrapped.gravity == 3.0  # type: ignore[attr-defined]
        envs.close()


@pytest.mark.parametrize("layout", ["grid", "separate"])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_dropping_the_wrapper_completes_the_videos_at_once(
    tmp_path: Path, mode: AutoresetMode, layout: Any
) -> None:
    envs: Any = RecordVideo(sync(9, 9, mode=mode), tmp_path / "v", layout=layout)
    envs.reset()
    act(envs)
    gone = weakref.ref(envs)
    gc.disable()
    try:
        del envs
        assert gone() is None  # No cycle.
    finally:
        gc.enable()


@pytest.mark.parametrize("layout", ["Grid", None, 1])
def test_other_layouts_are_refused(tmp_path: Path, layout: Any) -> None:
    with pytest.raises(ConfigError, match="layout="):
        RecordVideo(sync(2), tmp_path / "v", layout=layout)
    assert not (tmp_path / "v").exists()
