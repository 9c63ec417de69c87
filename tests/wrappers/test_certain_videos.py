"""Which videos are told of, and when: those that stay, of episodes that were real."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import SyncVectorEnv

from gymreel import ConfigError, Episode, GymreelWarning, keep, read_episodes, triggers
from gymreel.keep import KeepPolicy
from gymreel.trackers import TensorBoard, Tracker, WandB
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo
from gymreel.wrappers.vector import RecordVideo as VectorRecordVideo
from support.environments import NumberedEnv, run_episodes
from support.noting_tracker import NotingTracker
from support.subprocesses import run_python
from support.vector_environments import act
from support.video_reader import names_in


class _Returns(NumberedEnv):
    """Episodes of two steps with these returns."""

    def __init__(self, returns: Sequence[Any]) -> None:
        super().__init__(2)
        self._returns = iter(returns)

    def step(self, action: int) -> tuple[int, Any, bool, bool, dict[str, Any]]:
        observation, _, terminated, truncated, info = super().step(action)
        return observation, next(self._returns) if terminated else 0.0, terminated, truncated, info


def _complete(env: Any) -> None:
    """Wait for the recordings that have ended, as if encoding took no time, and ask about them."""
    for writer in tuple(env.get_wrapper_attr("_folder").pending._videos):
        writer.close()
    env.get_wrapper_attr("_settle_videos")()


RETURNS = [1.0, 5.0, 3.0, 9.0, 2.0]


@pytest.mark.parametrize(
    ("policy", "may_revoke", "kept"),
    [
        (None, False, [0, 1, 2, 3, 4]),
        (lambda episode: episode.index % 2 == 1, False, [1, 3]),
        (keep.failures(below=4), False, [0, 2, 4]),
        (keep.failures(below=4) | (lambda episode: episode.index == 1), False, [0, 1, 2, 4]),
        (keep.best(1), True, [3]),
        (keep.worst(1), True, [0]),
        (keep.last(2), True, [3, 4]),
        (keep.disk_budget(10**9), True, [0, 1, 2, 3, 4]),
        (keep.failures(below=4) | keep.best(1), True, [0, 2, 3, 4]),
        (keep.failures(below=4) & keep.last(1), True, [4]),
    ],
)
@pytest.mark.parametrize("report_when", ["certain", "complete"])
def test_videos_are_told_of_when_it_is_certain_that_they_stay(
    tmp_path: Path, policy: Any, may_revoke: bool, kept: list[int], report_when: Any
) -> None:
    saved: list[Episode] = []
    notes = NotingTracker()
    env = RecordVideo(
        _Returns(RETURNS),
        tmp_path / "v",
        always,
        keep=policy,
        on_saved=saved.append,
        trackers=[notes],
        report_when=report_when,
    )
    for _ in RETURNS:
        run_episodes(env)
        env.stop_recording()
        _complete(env)
    before = [episode.index for episode in saved]
    env.close()
    after = [episode.index for episode in saved]
    assert notes.videos == saved
    assert names_in(tmp_path / "v") == [f"rl-video-episode-{index}.mp4" for index in kept]
    if not may_revoke:
        assert before == after == kept
    elif report_when == "certain":
        assert (before, after) == ([], kept)
    else:
        assert before == after
        assert set(kept) <= set(after)
    env.close()
    assert [episode.index for episode in saved] == after


def test_policies_of_ones_own_may_revoke_unless_they_say_otherwise(tmp_path: Path) -> None:
    class Mine(KeepPolicy):
        def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
            return episodes

    class Certain(Mine):
        may_revoke = False

    for policy, count in ((Mine(), 0), (Certain(), 1)):
        saved: list[Episode] = []
        with RecordVideo(
            _Returns(RETURNS), tmp_path / str(count), always, keep=policy, on_saved=saved.append
        ) as env:
            run_episodes(env)
            env.stop_recording()
            _complete(env)
            assert len(saved) == count
        assert len(saved) == 1


@pytest.mark.parametrize("report_when", ["certain", "complete"])
@pytest.mark.parametrize("policy", [keep.best(1), keep.last(1)], ids=repr)
def test_what_stayed_at_close_stays(tmp_path: Path, policy: KeepPolicy, report_when: Any) -> None:
    saved: list[int] = []
    env = RecordVideo(
        _Returns([1.0, 5.0, 3.0, 9.0]),
        tmp_path / "v",
        always,
        keep=policy,
        on_saved=lambda episode: saved.append(episode.index),
        report_when=report_when,
    )
    kept: list[str] = []
    for _ in range(2):
        run_episodes(env, 2)
        env.stop_recording()
        env.close()
        assert set(kept) < set(names_in(tmp_path / "v"))
        kept = names_in(tmp_path / "v")
    assert kept == ["rl-video-episode-1.mp4", "rl-video-episode-3.mp4"]
    if report_when == "certain":
        assert saved == [1, 3]


def test_what_is_called_at_close_may_close(tmp_path: Path) -> None:
    saved: list[int] = []

    def on_saved(episode: Episode) -> None:
        saved.append(episode.index)
        env.close()

    env = RecordVideo(
        _Returns(RETURNS), tmp_path / "v", always, keep=keep.last(3), on_saved=on_saved
    )
    run_episodes(env, 5)
    env.close()
    assert sorted(saved) == [2, 3, 4]


def _cut_off(env: Any) -> None:
    env.reset()
    env.step(0)


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (keep.best(1), [1]),
        (keep.worst(1), [0]),
        (keep.worst(1, interrupted=True), [2]),
        (keep.best(9), [0, 1]),
        (keep.failures(below=4), [0]),
        (keep.failures(below=4, interrupted=True), [0, 2, 3]),
        (keep.failures(), []),
        (keep.last(1), [3]),
        (keep.worst(1) | keep.last(1), [0, 3]),
        (lambda episode: episode.interrupted, [2, 3]),
    ],
)
def test_episodes_that_were_cut_off_are_no_real_ones(
    tmp_path: Path, policy: Any, kept: list[int]
) -> None:
    class Env(_Returns):
        def step(self, action: int) -> tuple[int, Any, bool, bool, dict[str, Any]]:
            *others, _ = super().step(action)
            return (*others, {"is_success": True} if others[2] else {})

    env = RecordVideo(Env(RETURNS), tmp_path / "v", always, keep=policy)
    run_episodes(env, 2)
    _cut_off(env)
    _cut_off(env)
    env.close()
    assert names_in(tmp_path / "v") == [f"rl-video-episode-{index}.mp4" for index in kept]
    episodes = read_episodes(tmp_path / "v")
    assert [episode.interrupted for episode in episodes] == [False, False, True, True]
    assert [episode.index for episode in episodes if episode.path is not None] == kept
    assert [(episode.length, episode.return_) for episode in episodes[2:]] == [(1, 0.0)] * 2


@pytest.mark.parametrize("layout", ["grid", "separate"])
def test_vector_environments_that_are_closed_leave_no_failures(tmp_path: Path, layout: Any) -> None:
    notes = NotingTracker()
    envs = VectorRecordVideo(
        SyncVectorEnv([lambda: NumberedEnv(3)] * 2),
        tmp_path / "v",
        layout=layout,
        episode_trigger=always,
        keep=keep.failures(below=10),
        trackers=[notes],
    )
    envs.reset()
    for _ in range(6):  # Three steps, the reset, and two of the next episode.
        act(envs)
    envs.close()
    ended = [episode for episode in notes.episodes if not episode.interrupted]
    assert [(episode.index, episode.length) for episode in ended] == [(0, 3), (0, 3)]
    assert {e.length for e in notes.episodes if e.interrupted} == {2}
    assert {name.rpartition("-")[2] for name in names_in(tmp_path / "v")} == {"0.mp4"}


def test_curves_are_of_whole_episodes_unless_asked_for(tmp_path: Path) -> None:
    class Log:
        def __init__(self) -> None:
            self.points: list[float] = []

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            if tag.endswith("return"):
                self.points.append(value)

        def add_text(self, *arguments: Any) -> None:
            raise AssertionError

        def flush(self) -> None:
            raise AssertionError

    logs = Log(), Log()
    trackers = [TensorBoard(logs[0]), TensorBoard(logs[1], interrupted=True)]
    with RecordVideo(_Returns(RETURNS), tmp_path / "v", triggers.never, trackers=trackers) as env:
        run_episodes(env, 2)
        _cut_off(env)
    assert [log.points for log in logs] == [[1.0, 5.0], [1.0, 5.0, 0.0]]


@pytest.mark.parametrize(
    "make", [lambda flag: TensorBoard("runs", interrupted=flag), lambda f: WandB(interrupted=f)]
)
def test_bad_flags_of_trackers_are_named(make: Callable[[Any], Tracker]) -> None:
    with pytest.raises(ConfigError, match="interrupted='no' must be True or False"):
        make("no")


def test_a_policy_that_keeps_no_clips_is_told_of(tmp_path: Path) -> None:
    def record(folder: str, policy: KeepPolicy) -> None:
        env = RecordVideo(
            NumberedEnv(9),
            tmp_path / folder,
            step_trigger=triggers.at({1}),
            video_length=3,
            keep=policy,
        )
        run_episodes(env)
        env.close()

    with pytest.warns(GymreelWarning, match=r"keep=best\(1\) keeps no recording that ends before"):
        record("a", keep.best(1))
    record("b", keep.best(1, interrupted=True))
    record("c", keep.best(1) | keep.last(1))
    assert [names_in(tmp_path / name) for name in "abc"] == [
        [],
        ["rl-video-step-1.mp4"],
        ["rl-video-step-1.mp4"],
    ]


class _OneElement:
    """A number in a class that NumPy and Python do not know, such as a tensor's."""

    def __init__(self, value: float) -> None:
        self._value = value

    def __float__(self) -> float:
        return self._value


@pytest.mark.parametrize(
    "wrap", [np.float32, lambda x: np.array([x]), lambda x: np.array([[x]]), _OneElement]
)
def test_rewards_of_one_element_have_a_return(tmp_path: Path, wrap: Callable[[float], Any]) -> None:
    env = RecordVideo(
        _Returns([wrap(18.0), wrap(29.0), wrap(7.0)]), tmp_path / "v", always, keep=keep.best(1)
    )
    run_episodes(env, 3)
    env.close()
    assert names_in(tmp_path / "v") == ["rl-video-episode-1.mp4"]
    assert [episode.return_ for episode in read_episodes(tmp_path / "v")] == [18.0, 29.0, 7.0]


@pytest.mark.parametrize("make", [keep.best, keep.worst])
@pytest.mark.parametrize("unknown", ["5", np.zeros(2), None, 1j, float("nan")])
def test_returns_that_are_not_known_come_last_and_that_is_said_once(
    tmp_path: Path, make: Callable[[int], KeepPolicy], unknown: Any
) -> None:
    def record() -> None:
        env = RecordVideo(
            _Returns([unknown, 29.0, unknown, 31.0]), tmp_path / "v", always, keep=make(2)
        )
        run_episodes(env, 4)
        env.close()

    with pytest.warns(GymreelWarning, match=r"\(2\) cannot rank episode 0") as caught:
        record()
    assert len(caught) == 1
    assert names_in(tmp_path / "v") == ["rl-video-episode-1.mp4", "rl-video-episode-3.mp4"]


class _Agent:
    """What cannot be copied, as it holds a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.saved: list[int] = []

    def should(self, count: int) -> bool:
        return count == 2

    def good(self, episode: Episode) -> bool:
        return episode.index == 1

    def on_saved(self, episode: Episode) -> None:
        self.saved.append(episode.index)


def test_methods_in_combinations_are_not_copied(tmp_path: Path) -> None:
    agent = _Agent()
    trigger = triggers.first(2) | agent.should
    policy = keep.last(1) | agent.good
    assert copy.deepcopy(trigger) is trigger
    env = RecordVideo(
        gym.make("CartPole-v1", render_mode="rgb_array"),
        tmp_path / "v",
        ~(~trigger),
        keep=policy,
        on_saved=agent.on_saved,
    )
    assert gym.Wrapper(env).spec is not None
    copy.deepcopy(env).close()
    run_episodes(env, 4)
    env.close()
    assert agent.saved == [1, 2]


def test_a_copy_removes_nothing_of_the_original(tmp_path: Path) -> None:
    # What a policy has seen is its recorder's own, also where recorders share the policy.
    policy = keep.last(1)
    env = RecordVideo(_Returns(RETURNS), tmp_path / "v", always, keep=policy)
    run_episodes(env, 2)
    env.stop_recording()
    _complete(env)
    twin = copy.deepcopy(env)
    twin.name_prefix = "twin"
    run_episodes(twin)
    other = RecordVideo(_Returns(RETURNS), tmp_path / "w", always, keep=policy)
    run_episodes(other)
    for each in (twin, other):
        each.close()
    assert names_in(tmp_path / "v") == ["rl-video-episode-1.mp4", "twin-episode-2.mp4"]
    env.close()
    assert names_in(tmp_path / "v") == ["rl-video-episode-1.mp4", "twin-episode-2.mp4"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_removes_and_tells_of_nothing_of_its_parents(tmp_path: Path) -> None:
    script = """
        import os, sys
        from support.environments import NumberedEnv, run_episodes
        from gymreel import keep
        from gymreel.triggers import always
        from gymreel.wrappers import RecordVideo

        def tell(episode):
            print("parent" if os.getpid() == parent else "child", episode.index, flush=True)

        parent = os.getpid()
        env = RecordVideo(NumberedEnv(2), sys.argv[1], always, keep=keep.last(1), on_saved=tell)
        run_episodes(env, 2)
        env.reset()
        pid = os.fork()
        if pid == 0:
            env.name_prefix = "child"
            run_episodes(env, 3)
            env.close()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        env.close()
    """
    folder = tmp_path / "v"
    output = run_python(script, folder, "-W", "ignore::DeprecationWarning").stdout
    assert output.split("\n")[:2] == ["child 5", "parent 2"]
    assert names_in(folder) == ["child-episode-5.mp4", "rl-video-episode-2.mp4"]
    by_recorder: dict[str, list[int]] = {}
    for episode in read_episodes(folder):
        by_recorder.setdefault(episode.recorder, []).append(episode.index)
    assert list(by_recorder.values()) == [[0, 1, 2], [2, 3, 4, 5]]


POLICIES = [
    keep.best(3) | keep.last(1),
    (keep.worst(2, interrupted=True) | keep.failures(below=1.5)) & keep.disk_budget(10**6),
    keep.failures("won", interrupted=True),
    keep.best(1) & keep.last(2) | keep.worst(1),
]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_a_spec_with_a_policy_is_json(tmp_path: Path, policy: KeepPolicy) -> None:
    env = RecordVideo(gym.make("CartPole-v1", render_mode="rgb_array"), tmp_path / "v", keep=policy)
    assert env.spec is not None
    spec = EnvSpec.from_json(env.spec.to_json())
    again = spec.additional_wrappers[-1].kwargs
    assert again is not None
    assert again["keep"] == repr(policy)
    made = gym.make(spec)
    assert repr(made.get_wrapper_attr("_folder").reports._keep) == repr(policy)
    made.close()
    env.close()


@pytest.mark.parametrize(
    "text",
    ["", "best", "best()", "best(3) + last(1)", "best(x)", "print(1)", "best(3).choose", "(" * 999],
)
def test_text_that_is_no_policy_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"keep=.* must be a policy of gymreel\.keep, such as"):
        RecordVideo(NumberedEnv(2), tmp_path / "v", keep=text)
