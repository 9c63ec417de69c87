"""Episodes of vector environments as the log, the trackers, keep and on_saved are told of them."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorWrapper
from gymnasium.wrappers.vector import DictInfoToList

from gymreel import CallbackError, Episode, keep, read_episodes
from gymreel.triggers import always, at, never
from gymreel.wrappers import KeepTerminalFrame, RecordEpisodeStatistics
from gymreel.wrappers.vector import RecordEpisodeStatistics as VectorStatistics
from gymreel.wrappers.vector import RecordVideo
from gymreel.wrappers.vector._episode_arrays import info_of
from support.environments import NumberedEnv
from support.noting_tracker import NotingTracker
from support.vector_environments import (
    MODE_NAMES,
    MODES,
    NativeEnv,
    act,
    check_episodes,
    numbers_by_file,
    play,
    sync,
)
from support.video_reader import names_in, tags

pytestmark = pytest.mark.usefixtures("episode_logs")


class Telling(NumberedEnv):
    """Says in its infos which environment and step it is."""

    def __init__(self, number: int, length: int) -> None:
        super().__init__(length)
        self._number = number

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        observation, _, terminated, _, _ = super().step(action)
        info: dict[str, Any] = {
            "number": self._number,
            "score": np.float32(self._number + 0.5),
            "position": np.array([self._number, observation]),
            "nested": {"step": observation, "deep": {"is_last": terminated}},
            "name": f"environment {self._number}",
        }
        if terminated:
            info["is_success"] = self._number % 2 == 0
        if self._number == 1:
            info["only here"] = 1
        return observation, float(self._number), False, terminated, info


def telling(*lengths: int) -> list[Any]:
    return [functools.partial(Telling, i, length) for i, length in enumerate(lengths)]


def kept(number: int, length: int) -> Any:
    return KeepTerminalFrame(Telling(number, length))


@pytest.mark.parametrize("layout", ["grid", "separate"])
@pytest.mark.parametrize("make", [SyncVectorEnv, AsyncVectorEnv])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_infos_are_each_environments_own(
    tmp_path: Path, mode: AutoresetMode, make: Any, layout: Any
) -> None:
    noting = NotingTracker()
    saved: list[Episode] = []
    fns = [functools.partial(kept, i, length) for i, length in enumerate((2, 3, 2))]
    envs = RecordVideo(
        make(fns, autoreset_mode=mode),
        tmp_path / "v",
        episode_trigger=always,
        layout=layout,
        trackers=[noting],
        on_saved=saved.append,
    )
    for _ in play(envs, 6):
        pass
    envs.close()
    ended = [episode for episode in noting.episodes if episode.truncated]
    assert len(ended) >= 5
    for episode in ended:
        i = episode.env_index
        assert episode.return_ == i * episode.length
        assert episode.length == (2, 3, 2)[i]
        info = dict(episode.info)
        position = info.pop("position")
        assert position[0] == i
        assert info.pop("nested") == {"step": position[1], "deep": {"is_last": True}}
        assert info.pop("name") == f"environment {i}"
        assert info.pop("only here", 0) == (i == 1)
        assert info == {"number": i, "score": i + 0.5, "is_success": i % 2 == 0}
    for episode in saved:
        assert episode.path is not None
        assert episode.num_bytes == episode.path.stat().st_size
        if episode.truncated:
            assert episode.info["is_success"] == (episode.env_index % 2 == 0)
            if layout == "separate" or mode is not AutoresetMode.DISABLED:
                # A grid shows each reset of others as well, as Gymnasium's does.
                assert episode.num_frames == episode.length + 1
    assert {episode.env_index for episode in saved} == ({0} if layout == "grid" else {0, 1, 2})
    assert [(e.index, e.env_index) for e in noting.videos] == [
        (e.index, e.env_index) for e in saved
    ]


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
def test_the_log_has_every_episode_of_every_environment(
    tmp_path: Path, mode: AutoresetMode
) -> None:
    class Single(NumberedEnv):
        pass

    fns = [lambda length=length: RecordEpisodeStatistics(Single(length)) for length in (2, 3, 4)]
    envs = RecordVideo(
        VectorStatistics(SyncVectorEnv(fns, autoreset_mode=mode), stats_key="vector"),
        tmp_path / "v",
        episode_trigger=never,
    )
    envs.reset(seed=10)
    for _ in range(13):
        dones, _ = act(envs)
        if mode is AutoresetMode.DISABLED and dones.any():
            envs.reset(options={"reset_mask": dones}, seed=[None, 5, None])
    envs.close()
    log = read_episodes(tmp_path / "v")
    for i, length in enumerate((2, 3, 4)):
        mine = [episode for episode in log if episode.env_index == i]
        assert [episode.index for episode in mine] == list(range(len(mine)))
        assert {episode.environment for episode in mine} == {"Single"}
        complete = [episode for episode in mine if episode.terminated]
        assert len(complete) >= 2
        for episode in complete:
            assert episode.length == episode.return_ == episode.info["episode"]["l"] == length
        assert mine[0].seed == 10 + i
        later = {episode.seed for episode in mine[1:]}
        assert later == ({5} if mode is AutoresetMode.DISABLED and i == 1 else {None})
    steps = [episode.step for episode in log]
    assert steps == sorted(steps)
    assert steps[-1] == 13 * 3


def test_the_environment_is_named(tmp_path: Path) -> None:
    by_id = gym.make_vec("CartPole-v1", 2, "sync", render_mode="rgb_array")
    by_hand = SyncVectorEnv([lambda: gym.make("CartPole-v1", render_mode="rgb_array")])
    native = gym.make_vec(
        "CartPole-v1", 2, vectorization_mode="vector_entry_point", render_mode="rgb_array"
    )
    for number, base in enumerate((by_id, by_hand, native)):
        folder = tmp_path / f"{number}"
        envs: Any = RecordVideo(base, folder, episode_trigger=never)
        envs.reset()
        act(envs)
        envs.close()
        assert {episode.environment for episode in read_episodes(folder)} == {"CartPole-v1"}
    envs = RecordVideo(NativeEnv((2, 2)), tmp_path / "n", episode_trigger=never)
    envs.reset()
    act(envs)
    envs.close()
    assert {episode.environment for episode in read_episodes(tmp_path / "n")} == {"NativeEnv"}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (keep.best(2), [(2, 0), (2, 1)]),
        (keep.failures() & (lambda episode: episode.index < 2), [(1, 0), (1, 1)]),
        (lambda episode: episode.truncated and episode.env_index == 0, [(0, 0), (0, 1), (0, 2)]),
    ],
)
def test_keep_decides_over_all_environments(
    tmp_path: Path, policy: Any, expected: list[tuple[int, int]]
) -> None:
    envs = RecordVideo(
        SyncVectorEnv(telling(2, 3, 4), autoreset_mode=AutoresetMode.SAME_STEP),
        tmp_path / "v",
        episode_trigger=at(range(3)),
        layout="separate",
        keep=(lambda episode: episode.truncated) & policy if not callable(policy) else policy,
    )
    for _ in play(envs, 8):
        pass
    envs.close()
    names = [f"rl-video-env-{i}-episode-{k}.mp4" for i, k in expected]
    assert names_in(tmp_path / "v") == names


@pytest.mark.parametrize("on_error", ["warn", "raise"])
@pytest.mark.parametrize("argument", ["keep", "on_saved"])
def test_functions_that_raise_are_named_and_the_videos_stay(
    tmp_path: Path, argument: str, on_error: Any
) -> None:
    def fail(episode: Episode) -> bool:
        if episode.env_index == 1:
            raise LookupError("lost")
        return True

    arguments: dict[str, Any] = {argument: fail}
    envs = RecordVideo(
        sync(2, 2), tmp_path / "v", layout="separate", on_error=on_error, **arguments
    )
    for _ in play(envs, 2):
        pass
    message = rf"{argument} raised LookupError for episode 0 of environment 1"
    if on_error == "raise":
        with pytest.raises(CallbackError, match=message):
            envs.close()
    else:
        with pytest.warns(UserWarning, match=message) as caught:
            envs.close()
        assert len(caught) == 1
    assert list(numbers_by_file(tmp_path / "v").values()) == [[0, 1, 2], [0, 1, 2]]


def test_infos_in_a_list_are_understood(tmp_path: Path) -> None:
    noting = NotingTracker()
    base = DictInfoToList(SyncVectorEnv(telling(2, 3)))
    envs = RecordVideo(base, tmp_path / "v", episode_trigger=never, trackers=[noting])
    for _ in play(envs, 3):
        pass
    envs.close()
    assert [episode.info["number"] for episode in noting.episodes] == [0, 1]


def test_infos_of_any_shape_are_taken_apart() -> None:
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    reused = np.array([[1, 2], [3, 4]])
    infos: dict[Any, Any] = {
        "a": np.array([1, 2]),
        "_a": np.array([True, False]),
        "b": [5, 6],
        "_c": np.array([7, 8]),  # No mask: there is no "c".
        "d": np.array(3),  # For nobody in particular.
        "e": 4,
        "_e": 5,
        "f": {"g": np.array([9, 10]), "_g": np.array([False, True])},
        "final_obs": frames,
        "_final_obs": np.array([True, True]),
        "final_info": {"a": frames},
        "terminal_frame": frames,
        "h": reused,
        3: np.array([11, 12]),
    }
    first, second = (
        {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in i.items()
        }
        for i in (info_of(infos, 0), info_of(infos, 1))
    )
    assert first == {"a": 1, "b": 5, "_c": 7, "f": {}, "h": [1, 2], 3: 11}
    assert second == {"b": 6, "_c": 8, "f": {"g": 10}, "h": [3, 4], 3: 12}
    taken = info_of(infos, 0)
    taken_from_list: Any = info_of([{"h": reused[0]}], 0)
    reused[:] = 0
    assert taken["h"].tolist() == taken_from_list["h"].tolist() == [1, 2]
    listed: Any = [{"a": 1, "final_obs": frames}, {}]
    assert info_of(listed, 0) == {"a": 1}
    assert info_of(listed, 5) == info_of(None, 0) == {}
    assert isinstance(infos, Mapping)


@pytest.mark.parametrize("layout", ["grid", "separate"])
def test_a_log_that_is_closed_twice_has_each_once(tmp_path: Path, layout: Any) -> None:
    envs = RecordVideo(sync(9, 2), tmp_path / "v", layout=layout)
    for _ in play(envs, 2):
        pass
    assert not envs.has_autoreset
    envs.close()
    assert not envs.has_autoreset
    envs.close()
    told = [(e.env_index, e.length, e.terminated) for e in read_episodes(tmp_path / "v")]
    assert told == [(1, 2, True), (0, 2, False)]


@pytest.mark.parametrize("layout", ["grid", "separate"])
def test_numbers_go_on_from_an_episode_id_that_is_set(tmp_path: Path, layout: Any) -> None:
    # As where a training is resumed; Gymnasium's attribute can be set too.
    envs = RecordVideo(sync(2), tmp_path / "v", layout=layout, episode_trigger=always)
    envs.episode_id = 6
    for _ in play(envs, 3):
        pass
    assert envs.episode_id == 8
    envs.close()
    assert [name.rpartition("-")[2] for name in names_in(tmp_path / "v")] == ["7.mp4", "8.mp4"]
    assert [episode.index for episode in read_episodes(tmp_path / "v")] == [7, 8]


class Objectives(VectorWrapper):  # No generic before Gymnasium 1.4.
    """Gives several rewards for each environment, or things that are no numbers."""

    def __init__(self, env: Any, rewards: Any) -> None:
        super().__init__(env)
        self._rewards = rewards

    def step(self, actions: Any) -> Any:
        result = self.env.step(actions)
        return result[0], self._rewards, *result[2:]


@pytest.mark.parametrize("layout", ["grid", "separate"])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
@pytest.mark.parametrize(
    "rewards",
    [np.ones((2, 3)), np.ones((2, 2)), np.array([None, {}]), ["one", "two"]],
    ids=lambda rewards: str(getattr(rewards, "shape", "list")),
)
def test_rewards_that_have_no_sum_cost_no_step(
    tmp_path: Path, rewards: Any, mode: AutoresetMode, layout: Any
) -> None:
    base = Objectives(sync(2, 3, mode=mode), rewards)
    saved: list[Episode] = []
    envs = RecordVideo(
        base, tmp_path / "v", layout=layout, episode_trigger=always, on_saved=saved.append
    )
    for _ in play(envs, 3):
        pass
    envs.close()
    log = read_episodes(tmp_path / "v")
    assert {(each.env_index, each.length) for each in log} >= {(0, 2), (1, 3)}
    assert {each.return_ for each in (*log, *saved)} == {None}
    for name in names_in(tmp_path / "v"):
        found = tags(tmp_path / "v" / name)
        assert "return" not in found or found["steps"] == "0"


@pytest.mark.parametrize("layout", ["grid", "separate"])
@pytest.mark.parametrize("rewards", [np.ones((2, 1)), [np.ones(1), np.ones((1, 1))]])
def test_rewards_that_are_arrays_of_one_element_have_a_sum(
    tmp_path: Path, rewards: Any, layout: Any
) -> None:
    envs = RecordVideo(Objectives(sync(2, 3), rewards), tmp_path / "v", layout=layout)
    for _ in play(envs, 3):
        pass
    envs.close()
    ended = {(e.env_index, e.return_) for e in read_episodes(tmp_path / "v") if e.terminated}
    assert ended == {(0, 2.0), (1, 3.0)}


@pytest.mark.parametrize("layout", ["grid", "separate"])
@pytest.mark.parametrize("episode_log", [True, False])
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_a_video_that_starts_with_an_episodes_last_step_is_of_that_episode(
    tmp_path: Path, mode: AutoresetMode, episode_log: bool, layout: Any
) -> None:
    saved: list[Episode] = []
    envs = RecordVideo(
        SyncVectorEnv(telling(2, 9), autoreset_mode=mode),
        tmp_path / "v",
        layout=layout,
        step_trigger=lambda step: step == 1,
        episode_log=episode_log,
        on_saved=saved.append,
    )
    for _ in play(envs, 3):
        pass
    envs.close()
    episode = next(each for each in saved if each.env_index == 0)
    assert (episode.index, episode.length, episode.truncated) == (0, 2, True)
    assert episode.info["is_success"]
    assert episode.path is not None


@pytest.mark.parametrize("layout", ["grid", "separate"])
def test_a_video_of_an_episode_without_steps_is_of_that_episode(
    tmp_path: Path, layout: Any
) -> None:
    saved: list[Episode] = []
    envs = RecordVideo(
        sync(9, 9),
        tmp_path / "v",
        layout=layout,
        episode_trigger=always,
        on_saved=saved.append,
    )
    envs.reset(seed=3)
    envs.reset(seed=8)
    envs.close()
    assert [(each.index, each.seed) for each in saved if each.env_index == 0] == [(0, 3), (1, 8)]
    for episode in saved:
        assert episode.path is not None
        assert episode.path.stem.endswith(f"-episode-{episode.index}")
        assert (episode.length, episode.num_frames) == (0, 1)


@pytest.mark.parametrize("on_error", ["warn", "raise"])
@pytest.mark.parametrize("layout", ["grid", "separate"])
def test_videos_of_episodes_that_never_end_are_told_of_meanwhile(
    tmp_path: Path, layout: Any, on_error: Any
) -> None:
    saved: list[Episode] = []
    envs = RecordVideo(
        sync(10**6, 10**6),
        tmp_path / "v",
        layout=layout,
        step_trigger=lambda step: step % 4 == 0,
        video_length=1,
        keep=keep.last(2),
        on_saved=saved.append,
        report_when="complete",
        on_error=on_error,
    )
    envs.reset()
    for _ in range(20):
        act(envs)
        for writer in tuple(envs._folder.pending._videos):
            if not envs.recording:
                writer.close()  # As if encoding took no time.
    assert len(saved) >= (4 if layout == "grid" else 8)
    assert len(names_in(tmp_path / "v")) <= 4
    envs.close()
    assert len(names_in(tmp_path / "v")) == 2


@pytest.mark.parametrize("make", [SyncVectorEnv, AsyncVectorEnv])
def test_last_infos_in_a_list_are_those_of_the_episode(tmp_path: Path, make: Any) -> None:
    noting = NotingTracker()
    fns = [functools.partial(kept, i, length) for i, length in enumerate((2, 3))]
    base = DictInfoToList(make(fns, autoreset_mode=AutoresetMode.SAME_STEP))
    envs = RecordVideo(
        base, tmp_path / "v", layout="separate", episode_trigger=always, trackers=[noting]
    )
    for _ in play(envs, 3):
        pass
    envs.close()
    ended = [episode for episode in noting.episodes if episode.truncated]
    assert [episode.info["is_success"] for episode in ended] == [True, False]
    check_episodes(tmp_path / "v", [0, 1])


class Elsewhere:
    """Numbers that NumPy cannot take over as they are, such as a tensor's on a GPU."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def __getitem__(self, i: int) -> Any:
        return self._values[i]

    def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
        raise TypeError("use cpu() first")


class Moving(VectorWrapper):
    """Gives rewards and ends of episodes as something else than arrays."""

    def __init__(self, env: Any, move: Any) -> None:
        super().__init__(env)
        self._move = move

    def step(self, actions: Any) -> Any:
        observations, *others, infos = self.env.step(actions)
        return observations, *(self._move(other) for other in others), infos


@pytest.mark.parametrize("layout", ["grid", "separate"])
@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
@pytest.mark.parametrize("move", [Elsewhere, list, tuple])
def test_what_steps_give_need_be_no_arrays(
    tmp_path: Path, move: Any, mode: AutoresetMode, layout: Any
) -> None:
    envs = RecordVideo(Moving(sync(2, 3, mode=mode), move), tmp_path / "v", layout=layout)
    envs.reset()
    for step in range(3):
        envs.step(np.zeros(2, int))
        if mode is AutoresetMode.DISABLED and step == 1:
            envs.reset(options={"reset_mask": np.array([True, False])})
    envs.close()
    ended = [episode for episode in read_episodes(tmp_path / "v") if episode.terminated]
    assert [(e.env_index, e.length, e.return_) for e in ended] == [(0, 2, 2.0), (1, 3, 3.0)]


def test_functions_of_objects_that_cannot_be_copied(tmp_path: Path) -> None:
    class Trainer:
        def __init__(self) -> None:
            self.lock = threading.Lock()
            self.saved: list[int] = []

        def on_saved(self, episode: Episode) -> None:
            self.saved.append(episode.index)

    trainer = Trainer()
    envs = SyncVectorEnv([lambda: NumberedEnv(2)] * 2)
    with contextlib.closing(RecordVideo(envs, tmp_path / "v", on_saved=trainer.on_saved)) as env:
        env.reset()
        env.step(env.action_space.sample())
    assert trainer.saved == [0]
