"""Which videos stay is decided after the episode, and on_saved is told of those."""

from __future__ import annotations

import copy
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gymreel import (
    CallbackError,
    ConfigError,
    Episode,
    OutputError,
    VideoWriter,
    keep,
    read_episodes,
)
from gymreel._recording.pending_videos import PendingVideos
from gymreel._recording.reports import Reports
from gymreel.keep import KeepPolicy
from gymreel.trackers import Tracker
from gymreel.triggers import always, at
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv
from support.frames import numbered
from support.noting_tracker import NotingTracker
from support.video_reader import names_in, numbers_in


class _Scored(NumberedEnv):
    """Episodes of two steps, of which the second returns the next score."""

    def __init__(self, scores: Sequence[Any], key: str = "is_success") -> None:
        super().__init__(2)
        self._scores = iter(scores)
        self._key = key

    def step(self, action: int) -> tuple[int, Any, bool, bool, dict[str, Any]]:
        observation, _, terminated, truncated, info = super().step(action)
        if not (terminated or truncated):
            return observation, 0.0, terminated, truncated, info
        score = next(self._scores)
        return observation, score, terminated, truncated, {**info, self._key: score > 0}


def _play(env: Any, num_episodes: int) -> None:
    for _ in range(num_episodes):
        env.reset()
        env.step(0)
        env.step(0)


def _kept(folder: Path) -> list[int]:
    """Return the numbers of the episodes whose videos are there; each must play."""
    names = names_in(folder)
    for name in names:
        assert len(numbers_in(folder / name)) == 3
    return sorted(int(name.removesuffix(".mp4").rpartition("-")[2]) for name in names)


SCORES = [3.0, -1.0, 7.0, 7.0, 0.0, 5.0, -4.0, 1.0]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (keep.best(3), [2, 3, 5]),
        (keep.best(1), [2]),
        (keep.worst(2), [1, 6]),
        (keep.last(2), [6, 7]),
        (keep.failures(), [1, 4, 6]),
        (keep.failures(below=0.5), [1, 4, 6]),
        (keep.failures(below=-2), [6]),
        (lambda episode: episode.return_ > 4, [2, 3, 5]),
        (lambda episode: episode.index % 2, [1, 3, 5, 7]),
        (keep.best(1) | keep.last(2), [2, 6, 7]),
        (keep.last(3) & keep.best(1), [5]),
        (keep.best(2) | keep.worst(1) | (lambda episode: episode.index == 0), [0, 2, 3, 6]),
        ((lambda episode: episode.index == 0) | keep.last(1), [0, 7]),
        ((lambda episode: episode.index < 6) & keep.last(2), [4, 5]),
        (keep.failures() & keep.last(1), [6]),
        (lambda episode: False, []),
        (keep.disk_budget(10**9), list(range(8))),
        (keep.disk_budget(1), []),
    ],
)
def test_videos_that_are_not_kept_are_gone(
    tmp_path: Path, policy: Any, expected: list[int]
) -> None:
    folder = tmp_path / "v"
    saved: list[Episode] = []
    env = RecordVideo(_Scored(SCORES), folder, always, keep=policy, on_saved=saved.append)
    _play(env, len(SCORES))
    env.close()
    assert _kept(folder) == expected
    assert set(expected) <= {episode.index for episode in saved}
    log = read_episodes(folder)
    assert [episode.return_ for episode in log] == SCORES
    assert [episode.index for episode in log if episode.path is not None] == expected


def test_a_disk_budget_keeps_the_latest_that_fit(tmp_path: Path) -> None:
    sizes = []
    with RecordVideo(
        _Scored(SCORES), tmp_path / "a", always, on_saved=lambda e: sizes.append(e.num_bytes)
    ) as env:
        _play(env, 6)
    with RecordVideo(
        _Scored(SCORES), tmp_path / "b", always, keep=keep.disk_budget(sum(sizes[-3:]))
    ) as env:
        _play(env, 6)
    total = sum((tmp_path / "b" / name).stat().st_size for name in names_in(tmp_path / "b"))
    assert total <= sum(sizes[-3:])
    assert _kept(tmp_path / "b") == [3, 4, 5]


def test_a_video_over_the_whole_budget_takes_no_other_along() -> None:
    policy = keep.disk_budget(10)
    episodes = [Episode(i, num_bytes=size) for i, size in enumerate((4, 5, 11))]
    assert sorted(episode.index for episode in policy.choose(episodes)) == [0, 1]
    episodes = [*episodes[:2], Episode(3, num_bytes=3)]
    assert sorted(episode.index for episode in policy.choose(episodes)) == [1, 3]


def test_on_saved_is_told_once_by_the_caller_when_the_file_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    told: list[tuple[Episode, list[int], threading.Thread]] = []

    def on_saved(episode: Episode) -> None:
        assert episode.path is not None
        told.append((episode, numbers_in(episode.path), threading.current_thread()))
        assert episode.path.stat().st_size == episode.num_bytes

    env = RecordVideo(_Scored(SCORES), folder, at({0, 2}), name_prefix="eval", on_saved=on_saved)
    for seed in range(4):
        env.reset(seed=seed)
        env.step(0)
        env.step(0)
    env.close()
    env.close()
    assert {thread for *_, thread in told} == {threading.main_thread()}
    assert [numbers for _, numbers, _ in told] == [[0, 1, 2], [6, 7, 8]]
    episodes = [episode for episode, *_ in told]
    assert [(e.index, e.return_, e.length, e.seed, e.num_frames) for e in episodes] == [
        (0, 3.0, 2, 0, 3),
        (2, 7.0, 2, 2, 3),
    ]
    assert [e.path for e in episodes] == [folder / f"eval-episode-{i}.mp4" for i in (0, 2)]
    assert [e.info["is_success"] for e in episodes] == [True, True]
    assert all(e.terminated or e.truncated for e in episodes)


def test_a_stretch_of_steps_comes_with_the_episode_in_which_it_ended(tmp_path: Path) -> None:
    saved: list[Episode] = []
    env = RecordVideo(
        _Scored(SCORES), tmp_path / "v", step_trigger=at({1}), video_length=2, on_saved=saved.append
    )
    _play(env, 4)
    env.close()
    (episode,) = saved
    assert episode.path == tmp_path / "v" / "rl-video-step-1.mp4"
    assert (episode.index, episode.length, episode.terminated or episode.truncated) == (1, 1, False)


@pytest.mark.parametrize("name", ["keep", "on_saved"])
@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_a_function_that_raises_is_told_of_and_recording_goes_on(
    tmp_path: Path, name: str, on_error: Any
) -> None:
    def fail(episode: Episode) -> bool:
        if episode.index == 1:
            raise ValueError("no such luck: 100 %")
        return True

    folder = tmp_path / "v"
    env = RecordVideo(_Scored(SCORES), folder, always, on_error=on_error, **{name: fail})  # type: ignore[arg-type]
    _play(env, 3)
    words = rf"{name} raised ValueError for episode 1 of environment 0 .*: no such luck: 100 %"
    if on_error == "warn":
        with pytest.warns(UserWarning, match=words) as caught:
            env.close()
        assert len(caught) == 1
    else:
        with pytest.raises(CallbackError, match=words) as raised:
            env.close()
        assert isinstance(raised.value.__cause__, ValueError)
        env.close()
    assert _kept(folder) == [0, 1, 2]


def test_failures_needs_something_to_tell_them_by(tmp_path: Path) -> None:
    env = RecordVideo(_Scored([1.0], key="won"), tmp_path / "v", always, keep=keep.failures())
    _play(env, 1)
    with pytest.warns(UserWarning, match=r"no 'is_success' .*\['won'\].*failures\(below="):
        env.close()
    assert _kept(tmp_path / "v") == [0]


def test_failures_by_another_entry(tmp_path: Path) -> None:
    policy = keep.failures("won")
    with RecordVideo(_Scored([1.0, -1.0], key="won"), tmp_path / "v", always, keep=policy) as env:
        _play(env, 2)
    assert _kept(tmp_path / "v") == [1]


def test_a_video_that_is_gone_already_is_no_failure(tmp_path: Path) -> None:
    env = RecordVideo(
        _Scored(SCORES),
        tmp_path / "v",
        always,
        keep=keep.last(1),
        on_saved=lambda episode: os.unlink(str(episode.path)),
    )
    _play(env, 4)
    env.close()
    assert names_in(tmp_path / "v") == []


def test_a_video_that_took_the_place_of_another_is_not_removed_for_it(tmp_path: Path) -> None:
    # The older of two recordings of one name is slower to finish: its file is never there.
    path = tmp_path / "same.mp4"
    saved: list[Episode] = []
    reports = Reports(tmp_path, keep=lambda e: e.index == 1, on_saved=saved.append)
    pending = PendingVideos(reports)
    older, newer = VideoWriter(path), VideoWriter(path)
    for number, writer in enumerate((older, newer)):
        pending.add(writer)
        writer.write(numbered(number + 7))
    pending.ended(newer, Episode(1))
    newer.close()
    assert numbers_in(path) == [8]
    pending.report()
    pending.ended(older, Episode(0))
    pending.report(wait=True)
    assert numbers_in(path) == [8]
    assert [(episode.index, episode.path) for episode in saved] == [(1, path)]


def test_a_kept_video_is_not_removed_once_another_may_have_its_place(tmp_path: Path) -> None:
    path = tmp_path / "same.mp4"
    pending = PendingVideos(Reports(tmp_path, keep=keep.best(1)))

    def record(name: str, number: int, return_: float) -> VideoWriter:
        writer = VideoWriter(tmp_path / name)
        pending.add(writer)
        writer.write(numbered(number))
        pending.ended(writer, Episode(number, return_=return_, terminated=True))
        writer.close()
        return writer

    record("same.mp4", 1, 1.0)
    pending.report()
    record("other.mp4", 2, 2.0)
    record("same.mp4", 3, 3.0)
    pending.report()  # The second is better than the first, whose place the third has taken.
    assert names_in(tmp_path) == ["same.mp4"]
    assert numbers_in(path) == [3]


def test_a_video_that_cannot_be_renamed_is_told_of_under_the_name_that_it_has(
    tmp_path: Path,
) -> None:
    saved: list[Episode] = []
    pending = PendingVideos(Reports(tmp_path, on_saved=saved.append))
    paths = [tmp_path / "first.mp4", tmp_path / "second.mp4"]

    def refuse(*_: object) -> Path:
        raise OutputError(13, "name the video", "Permission denied", "other.mp4")

    for number, path in enumerate(paths):
        writer = VideoWriter(path)
        pending.add(writer)
        pending.rename(writer, refuse)
        writer.write(numbered(number))
        pending.ended(writer, Episode(number))
        writer.close()
    failures = [f"{about}{error}" for about, error in pending.report()]
    assert len(failures) == len(paths)
    assert all("keeps its name: could not name the video" in failure for failure in failures)
    assert [episode.path for episode in saved] == paths
    assert len(pending) == 0


def test_on_saved_may_close_the_environment(tmp_path: Path) -> None:
    saved: list[int] = []

    def on_saved(episode: Episode) -> None:
        saved.append(episode.index)
        env.close()

    env = RecordVideo(_Scored(SCORES), tmp_path / "v", always, on_saved=on_saved)
    _play(env, 3)
    env.close()
    assert sorted(saved) == [0, 1, 2]
    assert _kept(tmp_path / "v") == [0, 1, 2]


def test_a_policy_of_ones_own(tmp_path: Path) -> None:
    class EachSecond(KeepPolicy):
        def choose(self, episodes: Sequence[Episode]) -> Sequence[Episode]:
            return [episode for episode in episodes if episode.index % 2 == 0]

    with RecordVideo(
        _Scored(SCORES), tmp_path / "v", always, keep=EachSecond() & keep.best(2)
    ) as env:
        _play(env, len(SCORES))
    assert _kept(tmp_path / "v") == [0, 2]


@pytest.mark.parametrize("make_twin", [copy.copy, copy.deepcopy])
def test_a_copy_keeps_and_tells_on_its_own(tmp_path: Path, make_twin: Callable[[Any], Any]) -> None:
    env = RecordVideo(_Scored([1.0]), tmp_path / "v", always, keep=keep.best(1))
    env.reset()
    env.step(0)
    twin = make_twin(env.get_wrapper_attr("_folder").reports)
    assert twin.take_failures() == []
    env.step(0)
    env.close()
    assert len(read_episodes(tmp_path / "v")) == 1


class _Notes(NotingTracker):
    def log_video(self, episode: Episode) -> None:
        super().log_video(episode)
        if episode.index == 3:
            raise RuntimeError("no connection")


def test_trackers_hear_of_all_episodes_and_of_the_videos_that_stay(tmp_path: Path) -> None:
    notes, others = _Notes(), _Notes()
    env = RecordVideo(
        _Scored(SCORES),
        tmp_path / "v",
        at({1, 3, 4}),
        keep=lambda episode: episode.index > 1,
        trackers=[notes, others],
        episode_log=False,
    )
    _play(env, 6)
    with pytest.warns(UserWarning, match="log_video raised RuntimeError for episode 3") as caught:
        env.close()
    assert len(caught) == 2  # One for each.
    for tracker in (notes, others):
        assert [episode.return_ for episode in tracker.episodes] == SCORES[:6]
        assert [episode.index for episode in tracker.videos] == [3, 4]
        assert all(episode.num_frames == 3 for episode in tracker.videos)
    assert names_in(tmp_path) == ["v"]


def test_a_tracker_that_fails_each_time_is_told_of_once(tmp_path: Path) -> None:
    class Offline(Tracker):
        def log_episode(self, episode: Episode) -> None:
            reason = "offline" if episode.index < 4 else "refused"
            raise ConnectionError(f"{reason} (request {episode.index} on {object()!r})")

    notes = _Notes()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with RecordVideo(
            _Scored(SCORES), tmp_path / "v", at({0}), trackers=[Offline(), notes]
        ) as env:
            _play(env, 7)
    first, second = (str(warning.message) for warning in caught)
    assert "ConnectionError for episode 0 of environment 0" in first
    assert "ConnectionError for episode 4 of environment 0" in second
    assert len(notes.episodes) == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"keep": 3}, r"keep=3 must be a policy .*keep\.best\(3\)"),
        ({"on_saved": "print"}, "on_saved='print' must be a function"),
        ({"trackers": ["wandb"]}, r"trackers=\['wandb'\] must be a list of trackers"),
        ({"trackers": Tracker()}, "must be a list of trackers"),
    ],
)
def test_bad_arguments_are_named(tmp_path: Path, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RecordVideo(NumberedEnv(2), tmp_path / "v", **arguments)


@pytest.mark.parametrize("make", [keep.best, keep.worst, keep.last, keep.disk_budget])
@pytest.mark.parametrize("count", [0, -1, 1.5, True, None, "3"])
def test_bad_counts_are_named(make: Callable[[Any], KeepPolicy], count: Any) -> None:
    with pytest.raises(ConfigError, match=f"={count!r} must be a whole number from 1 to"):
        make(count)


def test_a_bad_bound_is_named() -> None:
    with pytest.raises(ConfigError, match="below='low' must be a number"):
        keep.failures(below="low")  # type: ignore[arg-type]


def test_an_episode_pickles() -> None:
    episode = Episode(3, return_=1.5, path=Path("a.mp4"), info={"x": 1})
    assert pickle.loads(pickle.dumps(episode)) == episode
