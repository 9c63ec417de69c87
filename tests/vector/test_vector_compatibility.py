"""The vector RecordVideo beside Gymnasium's own: the same triggers, files, frames and states.

Where ours does something else on purpose, the test's name or a comment says so.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium.wrappers.vector
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import gymreel.wrappers.vector
from gymreel.triggers import always, at, never
from support.environments import NumberedEnv
from support.noted_clips import NotedClips, noting_clips
from support.vector_environments import (
    MODE_NAMES,
    MODES,
    act,
    numbers_by_cell,
    play,
    read_cells,
    sync,
)
from support.video_reader import names_in

Script = Callable[[Any], Iterator[Any]]
DISABLED, NEXT_STEP, SAME_STEP = (
    AutoresetMode.DISABLED,
    AutoresetMode.NEXT_STEP,
    AutoresetMode.SAME_STEP,
)
LENGTHS = (3, 5, 2, 4)
"""Four environments, because that is what both wrappers put into a square."""


@pytest.fixture
def noted_clips(monkeypatch: pytest.MonkeyPatch) -> NotedClips:
    return noting_clips(monkeypatch, read_cells)


def steps(num_steps: int) -> Script:
    """Take steps, and reset what nobody resets."""
    return lambda envs: play(envs, num_steps)


def with_resets(envs: Any) -> Iterator[Any]:
    """Reset all, and some, in the middle of episodes."""
    for masks in ([0, 1, 1, 0], [1, 0, 0, 0], None, [1, 1, 1, 1]):
        yield from play(envs, 2)
        mask = np.array(masks, bool) if masks else None
        envs.reset(options=None if mask is None else {"reset_mask": mask})
        yield


def by_hand(envs: Any) -> Iterator[None]:
    """Start and stop recordings by hand."""
    envs.reset()
    envs.start_recording("first")
    yield
    act(envs)
    yield
    envs.start_recording("second")
    yield
    act(envs)
    envs.stop_recording()
    yield
    envs.reset()
    envs.start_recording("third")
    act(envs)
    envs._capture_frame()
    yield


CASES: dict[str, tuple[Script, dict[str, Any]]] = {
    "default trigger": (steps(40), {}),
    "every episode": (steps(14), {"episode_trigger": lambda episode: True}),
    "some episodes": (steps(20), {"episode_trigger": lambda episode: episode % 2}),
    "some steps": (steps(17), {"step_trigger": lambda step: step % 4 == 1}),
    "both triggers": (
        steps(9),
        {"step_trigger": lambda step: step == 1, "episode_trigger": lambda episode: True},
    ),
    "fixed length": (
        steps(14),
        {"video_length": 5, "episode_trigger": lambda episode: episode in (0, 2)},
    ),
    "fixed length by steps": (
        steps(14),
        {"video_length": 2, "step_trigger": lambda step: step % 4 == 3},
    ),
    "overlap": (steps(12), {"video_length": 5, "step_trigger": lambda step: step % 3 == 0}),
    "first only": (
        steps(14),
        {"record_first_only": True, "episode_trigger": lambda episode: True},
    ),
    "resets": (with_resets, {"episode_trigger": lambda episode: True}),
    "resets, first only": (
        with_resets,
        {"episode_trigger": lambda episode: True, "record_first_only": True},
    ),
    "resets, fixed length": (
        with_resets,
        {"episode_trigger": lambda episode: episode == 1, "video_length": 4},
    ),
    "by hand": (by_hand, {"episode_trigger": lambda episode: False}),
    "no trigger": (steps(6), {"episode_trigger": False}),
    "names and rates": (steps(3), {"name_prefix": "a b", "fps": 12}),
    "not even reset": (lambda envs: iter(()), {}),
}
SKIPPED = "recorded_frames"


def state_of(envs: Any) -> dict[str, Any]:
    """Take what users read from a RecordVideo between two calls."""
    state = {
        name: getattr(envs, name)
        for name in (
            "autoreset_mode",
            "disable_logger",
            "record_first_only",
            "video_aspect_ratio",
            "frame_cols",
            "frame_rows",
            "frames_per_sec",
            "name_prefix",
            "_video_name",
            "video_length",
            "recording",
            "render_history",
            "step_id",
            "episode_id",
        )
    }
    return {
        **state,
        "has_autoreset": bool(envs.has_autoreset),
        SKIPPED: (len(envs.recorded_frames), bool(envs.recorded_frames)),
    }


def run(
    module: Any, folder: Path, script: Script, mode: AutoresetMode, arguments: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[tuple[str, int]], int]:
    """Run a script; note the states, what the triggers were asked, and how many warnings came."""
    asked: list[tuple[str, int]] = []

    def note(name: str) -> Any:
        trigger = arguments[name]

        def noting(number: int) -> bool:
            asked.append((name, number))
            return bool(trigger(number))

        return noting

    noting = {name: note(name) for name in arguments if "trigger" in name and arguments[name]}
    states = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        envs = module.RecordVideo(sync(*LENGTHS, mode=mode), str(folder), **arguments | noting)
        states.append(state_of(envs))
        for _ in script(envs):
            states.append(state_of(envs))
        envs.close()
        states.append(state_of(envs))
    return states, asked, len(caught)


@pytest.mark.parametrize("mode", [NEXT_STEP, DISABLED], ids=lambda mode: mode.name)
@pytest.mark.parametrize("name", CASES)
def test_same_files_frames_and_states(
    tmp_path: Path, noted_clips: NotedClips, name: str, mode: AutoresetMode
) -> None:
    script, arguments = CASES[name]
    theirs = run(gymnasium.wrappers.vector, tmp_path / "theirs", script, mode, arguments)
    ours = run(gymreel.wrappers.vector, tmp_path / "ours", script, mode, arguments)
    assert ours == theirs
    folder = tmp_path / "ours"
    videos = {path: numbers_by_cell(folder / path) for path in names_in(folder)}
    assert videos == noted_clips.videos


@pytest.mark.parametrize("name", sorted(CASES))
def test_same_in_same_step_mode_but_for_the_terminal_frame(
    tmp_path: Path, noted_clips: NotedClips, name: str
) -> None:
    # Gymnasium leaves out the last frame of each episode there, and says so at construction. With
    # a fixed length ours therefore ends a recording earlier, so only the triggers are compared.
    script, arguments = CASES[name]
    theirs = run(gymnasium.wrappers.vector, tmp_path / "theirs", script, SAME_STEP, arguments)
    ours = run(gymreel.wrappers.vector, tmp_path / "ours", script, SAME_STEP, arguments)
    assert ours[1:] == (theirs[1], theirs[2] - 1)
    folder = tmp_path / "ours"
    assert names_in(folder) == sorted(noted_clips.videos)
    if arguments.get("video_length"):
        return
    terminal = LENGTHS[0]
    for path, grids in noted_clips.videos.items():
        first_cells = [cells[0] for cells in grids]
        shown = [cells[0] for cells in numbers_by_cell(folder / path)]
        missing = [number for number in shown if number not in first_cells]
        assert [number for number in shown if number not in missing] == first_cells
        if script is not with_resets and script is not by_hand:
            assert all(number % (terminal + 1) == terminal for number in missing)
            assert len(missing) <= 1
    for our_state, their_state in zip(ours[0], theirs[0], strict=True):
        # Until the episode has ended, of which there may be one frame more.
        our_count, their_count = (state.pop(SKIPPED)[0] for state in (our_state, their_state))
        assert our_count - their_count in (0, 1)
        assert our_state == their_state


def test_a_partial_reset_of_others_does_not_hide_that_the_first_is_reset(tmp_path: Path) -> None:
    # There Gymnasium's forgets that environment 0 is about to be reset, and its episodes merge.
    envs = gymreel.wrappers.vector.RecordVideo(sync(2, 9), tmp_path / "v", episode_trigger=always)
    envs.reset()
    act(envs)
    act(envs)
    assert envs.has_autoreset
    envs.reset(options={"reset_mask": np.array([False, True])})
    assert envs.has_autoreset
    act(envs)
    assert envs.episode_id == 1
    envs.close()
    assert names_in(tmp_path / "v") == ["rl-video-episode-0.mp4", "rl-video-episode-1.mp4"]


def test_same_positional_parameters() -> None:
    theirs = inspect.signature(gymnasium.wrappers.vector.RecordVideo).parameters
    ours = inspect.signature(gymreel.wrappers.vector.RecordVideo).parameters
    positional = [key for key, each in ours.items() if each.kind != each.KEYWORD_ONLY]
    assert positional == list(theirs)
    for key, parameter in theirs.items():
        if key != "gc_trigger":  # As in the wrapper for single environments.
            assert ours[key].default == parameter.default, key


def test_every_attribute_is_there(tmp_path: Path, noted_clips: NotedClips) -> None:
    theirs, ours = (
        module.RecordVideo(sync(3), str(tmp_path / module.__name__))
        for module in (gymnasium.wrappers.vector, gymreel.wrappers.vector)
    )
    names = {name for name in (*dir(theirs), *theirs.__annotations__) if not name.startswith("_")}
    assert [name for name in names if not hasattr(ours, name)] == []
    assert ours.video_folder == str(tmp_path / gymreel.wrappers.vector.__name__)
    for name in ("_video_name", "_capture_frame", "env", "spec"):
        assert hasattr(ours, name)


@pytest.mark.parametrize("mode", MODES, ids=MODE_NAMES)
@pytest.mark.parametrize("layout", ["grid", "separate"])
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "copy"])
def test_a_copy_does_not_record_into_the_same_files(
    tmp_path: Path, mode: AutoresetMode, layout: Any, how: str
) -> None:
    from gymnasium.vector import SyncVectorEnv

    envs = gymreel.wrappers.vector.RecordVideo(
        SyncVectorEnv([lambda: NumberedEnv(9)] * 2, autoreset_mode=mode),
        tmp_path / "v",
        episode_trigger=always,
        layout=layout,
    )
    envs.env.env_fns = ()  # type: ignore[attr-defined]  # Lambdas do not pickle.
    envs.reset()
    act(envs)
    if how == "copy":
        twin = copy.copy(envs)
    else:
        twin = copy.deepcopy(envs) if how == "deepcopy" else pickle.loads(pickle.dumps(envs))
    assert (twin.recording, len(twin.recorded_frames)) == (False, 0)
    assert (twin.episode_id, twin.step_id) == (0, 0)
    if how == "copy":
        twin._settle_videos(wait=True)  # And no close(): they share their environments.
    else:
        act(twin)
        twin.close()
    act(envs)
    envs.close()
    names = names_in(tmp_path / "v")
    assert len(names) == (1 if layout == "grid" else 2)
    for name in names:
        assert [cells[0] for cells in numbers_by_cell(tmp_path / "v" / name)] == [0, 1, 2]


def test_the_constructors_arguments_are_kept(tmp_path: Path) -> None:
    envs = gymreel.wrappers.vector.RecordVideo(
        sync(3), tmp_path / "v", step_trigger=at({3}), layout="separate", envs=[0]
    )
    kept = envs._saved_kwargs
    parameters = inspect.signature(gymreel.wrappers.vector.RecordVideo).parameters
    assert set(kept) == set(parameters) - {"env"}
    envs.close()
    twin = gymreel.wrappers.vector.RecordVideo(sync(3), **kept)
    assert twin.step_trigger == at({3})
    twin.reset()
    twin.close()


def test_the_frame_rate_comes_from_the_metadata(tmp_path: Path) -> None:
    envs = gymreel.wrappers.vector.RecordVideo(
        sync(3, render_fps=50), tmp_path / "v", episode_trigger=never
    )
    assert envs.frames_per_sec == 50
