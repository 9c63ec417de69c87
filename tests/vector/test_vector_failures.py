"""The vector RecordVideo with bad arguments, bad frames, and environments that fail or die."""

from __future__ import annotations

import functools
import os
import re
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from gymreel import ConfigError, FrameError, GymreelError, OutputError, read_episodes
from gymreel.triggers import always, never
from gymreel.wrappers.vector import RecordVideo
from support.environments import NumberedEnv
from support.frames import solid
from support.subprocesses import run_python
from support.vector_environments import (
    MODE_NAMES,
    MODES,
    NativeEnv,
    act,
    check_episodes,
    numbers_by_cell,
    numbers_by_file,
    play,
    sync,
)
from support.video_reader import names_in

pytestmark = pytest.mark.usefixtures("episode_logs")


def fail() -> None:
    raise LookupError("no window")


class Failing(NumberedEnv):
    """Raises at a step, or ends its process."""

    def __init__(self, at_step: int, error: type[Exception] | None) -> None:
        super().__init__(100)
        self._at_step = at_step
        self._error = error

    def step(self, action: int) -> Any:
        if self.num_states == self._at_step:
            if self._error is None:
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                raise self._error("lost")
        return super().step(action)


BAD_ARGUMENTS: list[tuple[str, dict[str, Any]]] = [
    *[
        (r"envs=.*numbers, from 0 to 1", {"envs": envs})
        for envs in ([], [2], [-1], [0, 0], ["0"], 1, [0.0], "01", [True, False], [None])
    ],
    (r"envs=\[0\] and record_first_only=True", {"envs": [0], "record_first_only": True}),
    *[
        (r"video_aspect_ratio=.* must be a width and a height", {"video_aspect_ratio": ratio})
        for ratio in (
            (0, 1),
            (1, 0),
            (-1, -1),
            (-1, 1),
            (1, float("nan")),
            (float("inf"), 1),
            (1, 2, 3),
            1.5,
            "ab",
            None,
            (10**400, 1),
            (np.array([1, 2]), 1),
        )
    ],
    ("layout='rows'", {"layout": "rows"}),
    ("video_length=-1", {"video_length": -1}),
    ("on_error='ignore'", {"on_error": "ignore"}),
    ("keep=3", {"keep": 3}),
]


class TestArguments:
    @pytest.mark.parametrize(("message", "arguments"), BAD_ARGUMENTS)
    def test_bad_ones_are_named(
        self, tmp_path: Path, message: str, arguments: dict[str, Any]
    ) -> None:
        with pytest.raises(ConfigError, match=message):
            RecordVideo(sync(2, 2), tmp_path / "v", **arguments)
        assert not (tmp_path / "v").exists()

    @pytest.mark.parametrize("mode", [None, "human", "ansi", "rgb_array_list", "depth_array_list"])
    def test_render_modes_without_images_are_refused(
        self, tmp_path: Path, mode: str | None
    ) -> None:
        with pytest.raises(ConfigError, match="render_mode"):
            RecordVideo(sync(2, render_mode=mode), tmp_path / "v")
        assert not (tmp_path / "v").exists()

    def test_lists_of_frames_by_make_vec_are_refused(self, tmp_path: Path) -> None:
        envs = gym.make_vec("CartPole-v1", 2, "sync", render_mode="rgb_array_list")
        with pytest.raises(ConfigError, match="make it with render_mode='rgb_array'"):
            RecordVideo(envs, tmp_path / "v")

    def test_a_single_environment_is_shown_the_way(self, tmp_path: Path) -> None:
        single: Any = NumberedEnv()
        with pytest.raises(ConfigError, match=r"take gymreel\.wrappers\.RecordVideo") as caught:
            RecordVideo(single, tmp_path / "v")
        assert isinstance(caught.value, TypeError)  # As Gymnasium raises.

    @pytest.mark.parametrize("mode", ["next", 3])
    def test_no_autoreset_mode(self, tmp_path: Path, mode: Any) -> None:
        with pytest.raises(ConfigError, match="autoreset_mode"):
            RecordVideo(NativeEnv((2,), mode), tmp_path / "v")

    def test_an_autoreset_mode_that_is_not_said_is_warned_of(self, tmp_path: Path) -> None:
        with pytest.warns(UserWarning, match="does not say in its metadata"):
            envs = RecordVideo(NativeEnv((2,), None), tmp_path / "v")
        assert envs.autoreset_mode is AutoresetMode.NEXT_STEP


BAD_FRAMES: list[tuple[str, Any]] = [
    (r"render\(\) gave NoneType instead of a numpy array", None),
    (r"render\(\) raised LookupError: no window", fail),
    ("48 x 128", np.zeros((48, 128, 3), np.uint8)),
    ("float64", np.full((48, 64, 3), 0.5)),
    ("uint8|shape|ndim|axes", np.zeros(3, np.uint8)),
]


class TestFrames:
    @pytest.mark.parametrize("on_error", ["warn", "raise"])
    @pytest.mark.parametrize(("message", "frame"), BAD_FRAMES)
    @pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
    def test_a_bad_one_costs_one_video_and_the_others_go_on(
        self, tmp_path: Path, mode: AutoresetMode, message: str, frame: Any, on_error: Any
    ) -> None:
        fns: list[Callable[[], NumberedEnv]] = [
            lambda: NumberedEnv(3),
            lambda: NumberedEnv(2, frames={1: frame}),
            lambda: NumberedEnv(4),
        ]
        envs = RecordVideo(
            SyncVectorEnv(fns, autoreset_mode=mode),
            tmp_path / "v",
            layout="separate",
            episode_trigger=always,
            on_error=on_error,
        )
        envs.reset()
        if on_error == "raise":
            with pytest.raises(FrameError, match=f"environment 1: .*({message})"):
                act(envs)
        else:
            with pytest.warns(
                UserWarning, match=rf"env-1-episode-0\.mp4: environment 1: .*({message})"
            ) as caught:
                act(envs)
            assert len(caught) == 1
        act(envs)
        if mode is AutoresetMode.DISABLED:
            envs.reset(options={"reset_mask": np.array([False, True, False])})
        act(envs)
        envs.close()
        videos = numbers_by_file(tmp_path / "v")
        assert videos["rl-video-env-0-episode-0.mp4"] == [0, 1, 2, 3]
        assert videos["rl-video-env-1-episode-0.mp4"] == [0]
        assert videos["rl-video-env-1-episode-1.mp4"][0] == 3
        assert videos["rl-video-env-2-episode-0.mp4"] == [0, 1, 2, 3]

    @pytest.mark.parametrize("on_error", ["warn", "raise"])
    @pytest.mark.parametrize(("message", "frame"), BAD_FRAMES)
    @pytest.mark.parametrize("number", [1, 2])
    @pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
    def test_a_bad_one_ends_the_grid_and_the_next_is_recorded(
        self,
        tmp_path: Path,
        mode: AutoresetMode,
        number: int,
        message: str,
        frame: Any,
        on_error: Any,
    ) -> None:
        # Number 2 is the last frame of an episode.
        fns = [lambda: NumberedEnv(2), lambda: NumberedEnv(2, frames={number: frame})]
        envs = RecordVideo(
            SyncVectorEnv(fns, autoreset_mode=mode),
            tmp_path / "v",
            envs=[0, 1],
            episode_trigger=always,
            on_error=on_error,
        )
        said: list[str] = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            envs.reset()
            for _ in range(4):
                try:
                    act(envs)
                except GymreelError as error:
                    said.append(str(error))
            envs.close()
        said += [str(warning.message) for warning in caught]
        assert len(said) == 1
        assert "environment 1" in said[0]
        assert "tile 1" not in said[0]
        assert len(caught) == (on_error == "warn")
        videos = {name: numbers_by_cell(tmp_path / "v" / name) for name in names_in(tmp_path / "v")}
        assert [cells[0] for cells in videos["rl-video-episode-0.mp4"]] == list(range(number))
        assert videos["rl-video-episode-1.mp4"][0] == [3, 3]
        assert envs.episode_id == (2 if mode is AutoresetMode.SAME_STEP else 1)

    @pytest.mark.parametrize(
        ("message", "rendered"),
        [
            ("got 1 frame$", [solid((0, 0, 0))]),
            ("got 3 frames", [solid((0, 0, 0))] * 3),
            (r"got an array of shape \(48, 64, 3\)", solid((0, 0, 0))),
            (r"got an array of shape \(3, 48, 64, 3\)", np.zeros((3, 48, 64, 3), np.uint8)),
            ("got dict", {}),
            ("got NoneType", lambda: None),
            ("raised LookupError: no window", fail),
        ],
    )
    @pytest.mark.parametrize("layout", ["grid", "separate"])
    def test_not_one_for_each_environment(
        self, tmp_path: Path, layout: Any, message: str, rendered: Any
    ) -> None:
        env = NativeEnv((9, 9))
        envs = RecordVideo(env, tmp_path / "v", layout=layout)
        envs.reset()
        env.rendered = rendered
        with pytest.warns(UserWarning, match="Recording stopped: rl-video-") as caught:
            act(envs)
        assert len(caught) == 1
        text = str(caught[0].message).removesuffix("\x1b[0m")
        assert re.search(message, text)
        assert not envs.recording
        act(envs)
        envs.close()
        assert [len(numbers_by_cell(path)) for path in (tmp_path / "v").glob("*.mp4")] == (
            [1] if layout == "grid" else [1, 1]
        )

    def test_files_that_cannot_be_opened_cost_only_themselves(self, tmp_path: Path) -> None:
        for on_error in ("warn", "raise"):
            folder = tmp_path / on_error
            (folder / "rl-video-env-1-episode-0.mp4").mkdir(parents=True)
            envs = RecordVideo(sync(9, 9, 9), folder, layout="separate", on_error=on_error)
            if on_error == "raise":
                with pytest.raises(OutputError, match="env-1"):
                    envs.reset()
            else:
                with pytest.warns(UserWarning, match="env-1-episode-0: could not"):
                    envs.reset()
            act(envs)
            envs.close()
            (folder / "rl-video-env-1-episode-0.mp4").rmdir()
            assert numbers_by_file(folder) == {
                f"rl-video-env-{i}-episode-0.mp4": [0, 1] for i in (0, 2)
            }


@pytest.mark.filterwarnings("ignore:.*ERROR")  # So Gymnasium says what happened in a worker.
class TestEnvironmentsThatFail:
    @pytest.mark.parametrize("layout", ["grid", "separate"])
    @pytest.mark.parametrize("make", [SyncVectorEnv, AsyncVectorEnv])
    def test_a_step_that_raises_loses_nothing_that_was_recorded(
        self, tmp_path: Path, make: Any, layout: Any
    ) -> None:
        fns = [lambda: NumberedEnv(9), lambda: Failing(4, LookupError)]
        envs = RecordVideo(make(fns), tmp_path / "v", layout=layout)
        with pytest.raises(LookupError, match="lost"):
            for _ in play(envs, 9):
                pass
        envs.close(**({"terminate": True} if make is AsyncVectorEnv else {}))
        for name in names_in(tmp_path / "v"):
            assert [cells[0] for cells in numbers_by_cell(tmp_path / "v" / name)] == [0, 1, 2, 3]
        assert {episode.length for episode in read_episodes(tmp_path / "v")} == {3}

    @pytest.mark.parametrize("layout", ["grid", "separate"])
    def test_a_worker_that_dies_loses_nothing_that_was_recorded(
        self, tmp_path: Path, layout: Any
    ) -> None:
        fns: list[Any] = [
            functools.partial(NumberedEnv, 9),
            functools.partial(Failing, 4, None),
        ]
        envs = RecordVideo(AsyncVectorEnv(fns), tmp_path / "v", layout=layout)
        with pytest.raises((EOFError, OSError)):
            for _ in play(envs, 9):
                pass
        # Without terminate, Gymnasium's close() waits for answers to the step, forever.
        with pytest.warns(UserWarning, match="pending call"):
            envs.close(terminate=True)
        for name in names_in(tmp_path / "v"):
            assert [cells[0] for cells in numbers_by_cell(tmp_path / "v" / name)] == [0, 1, 2, 3]

    @pytest.mark.parametrize("layout", ["grid", "separate"])
    def test_a_worker_whose_render_raises(self, tmp_path: Path, layout: Any) -> None:
        fns = [lambda: NumberedEnv(9), lambda: NumberedEnv(9, frames={2: fail})]
        envs = RecordVideo(AsyncVectorEnv(fns), tmp_path / "v", layout=layout)
        envs.reset()
        act(envs)
        with pytest.warns(
            UserWarning, match=r"render\(\) of the vector environment raised LookupError: no window"
        ):
            act(envs)
        envs.close(terminate=True)
        for name in names_in(tmp_path / "v"):
            assert [cells[0] for cells in numbers_by_cell(tmp_path / "v" / name)] == [0, 1]

    @pytest.mark.parametrize("layout", ["grid", "separate"])
    def test_closing_that_fails_loses_no_video(self, tmp_path: Path, layout: Any) -> None:
        envs = RecordVideo(sync(9, close_error=LookupError("x")), tmp_path / "v", layout=layout)
        envs.reset()
        with pytest.raises(LookupError):
            envs.close()
        envs.unwrapped.closed = True  # Before 1.4 Gymnasium closes what is dropped once more.
        assert len(names_in(tmp_path / "v")) == 1

    @pytest.mark.parametrize("layout", ["grid", "separate"])
    @pytest.mark.parametrize("ending", ["del envs", "pass", "raise LookupError('lost')"])
    def test_forgetting_to_close_loses_no_video(
        self, tmp_path: Path, layout: str, ending: str
    ) -> None:
        script = f"""
            import sys
            from support.vector_environments import act, sync
            from gymreel.wrappers.vector import RecordVideo

            envs = RecordVideo(sync(9, 9), sys.argv[1], layout="{layout}")
            envs.reset()
            act(envs)
            {ending}
        """
        finished = run_python(script, tmp_path / "v", check=False)
        assert "Warning" not in finished.stderr
        for name in names_in(tmp_path / "v"):
            assert [cells[0] for cells in numbers_by_cell(tmp_path / "v" / name)] == [0, 1]
        assert len(names_in(tmp_path / "v")) == (1 if layout == "grid" else 2)


@pytest.mark.parametrize("how", ["step", "episode"])
def test_a_start_that_is_refused_costs_no_other_video_its_frame(tmp_path: Path, how: str) -> None:
    (tmp_path / "v" / f"rl-video-env-0-{how}-1.mp4").mkdir(parents=True)
    triggers: dict[str, Any] = {f"{how}_trigger": lambda number: number == 1}
    envs = RecordVideo(sync(1, 1), tmp_path / "v", layout="separate", on_error="raise", **triggers)
    envs.reset()
    act(envs)
    with pytest.raises(OutputError, match=f"env-0-{how}-1"):
        act(envs)
    envs.close()
    (tmp_path / "v" / f"rl-video-env-0-{how}-1.mp4").rmdir()
    assert numbers_by_file(tmp_path / "v") == {f"rl-video-env-1-{how}-1.mp4": [2]}


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_grid_that_cannot_start_hides_no_step_from_the_trigger(
    tmp_path: Path, mode: AutoresetMode
) -> None:
    (tmp_path / "v" / "rl-video-episode-1.mp4").mkdir(parents=True)
    asked: list[int] = []
    envs = RecordVideo(
        sync(1, 1, mode=mode),
        tmp_path / "v",
        on_error="raise",
        episode_trigger=lambda episode: episode == 1,
        step_trigger=lambda step: asked.append(step) or step in (0, 1),  # type: ignore[func-returns-value]
    )
    envs.reset()
    refused = 0
    for _ in range(3):
        try:
            act(envs)
        except OutputError:
            refused += 1
    assert (asked, refused) == ([0, 1, 2], 1)
    envs.close()


def test_environments_render_no_last_frames_for_a_recorder_that_is_gone(tmp_path: Path) -> None:
    rendered: list[int] = []

    class Noting(NumberedEnv):
        def render(self) -> Any:
            rendered.append(self.num_states)
            return super().render()

    base = SyncVectorEnv([lambda: Noting(2)], autoreset_mode=AutoresetMode.SAME_STEP)
    envs = RecordVideo(base, tmp_path / "v")
    envs.reset()
    act(envs)
    del envs
    rendered.clear()
    for _ in range(4):
        act(base)
    assert rendered == []


@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_thousand_recorders_of_one_vector_environment(tmp_path: Path, how: str) -> None:
    base = sync(2, 3, mode=AutoresetMode.SAME_STEP)
    before = list(base.envs)
    envs: Any = None
    for _ in range(1000):
        envs = RecordVideo(base, tmp_path / "v", episode_trigger=never, episode_log=False)
        if how == "close":
            envs._terminal.detach()  # As close() does, which closes the environments too.
    del envs
    assert base.envs == before
    envs = RecordVideo(base, tmp_path / "w", episode_trigger=always, layout="separate")
    envs.reset()
    for _ in range(3):
        act(envs)
    envs.close()
    assert base.envs == before
    assert check_episodes(tmp_path / "w", range(2)) == 4


def test_recorders_of_one_vector_environment_let_go_one_by_one(tmp_path: Path) -> None:
    base = sync(2, 3, mode=AutoresetMode.SAME_STEP)
    before = list(base.envs)
    outer = RecordVideo(
        RecordVideo(base, tmp_path / "inner", episode_trigger=always, layout="separate"),
        tmp_path / "outer",
        envs=[1],
    )
    base.envs[0] = gym.wrappers.OrderEnforcing(base.envs[0])
    outer.reset()
    for _ in range(6):
        act(outer)
    outer.close()
    assert [env.unwrapped for env in base.envs] == before
    assert isinstance(base.envs[0], gym.wrappers.OrderEnforcing)
    assert base.envs[0].env is before[0]
    assert base.envs[1] is before[1]
    check_episodes(tmp_path / "inner", range(2))
    assert [
        cells[0] for cells in numbers_by_cell(tmp_path / "outer" / "rl-video-episode-0.mp4")
    ] == [0, 1, 2, 3]


@pytest.mark.parametrize("seed", ["abc", [1], [1.5, None, 3], {"a": 1}, object()])
def test_a_seed_that_only_the_environment_understands_costs_no_reset(
    tmp_path: Path, seed: Any
) -> None:
    envs = RecordVideo(NativeEnv((2, 2)), tmp_path / "v")
    envs.reset(seed=seed)
    act(envs)
    act(envs)
    envs.close()
    assert {episode.seed for episode in read_episodes(tmp_path / "v")} == {None}
