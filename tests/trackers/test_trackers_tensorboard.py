"""TensorBoard's own reader finds the episodes' numbers and the bytes of their videos."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from gymreel import ConfigError, Episode, GymreelWarning
from gymreel.trackers import TensorBoard
from gymreel.triggers import always, at
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.frames import HEIGHT, WIDTH
from support.subprocesses import run_python
from support.video_reader import names_in

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def _read(folder: Path) -> Any:
    with warnings.catch_warnings():
        # Its stand-in for TensorFlow reads numpy's old names of types.
        warnings.simplefilter("ignore", DeprecationWarning)
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def _scalars(events: Any, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_scalars_and_gifs_are_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    tracker = TensorBoard(tmp_path / "runs" / "a")
    env = RecordVideo(
        NumberedEnv(4), folder, at({0, 2}), suffix=".gif", name_prefix="x", trackers=[tracker]
    )
    run_episodes(env, 3)
    env.close()
    tracker.close()
    events = _read(tmp_path / "runs" / "a")
    assert events.Tags()["scalars"] == ["episode/length", "episode/return"]
    assert _scalars(events, "episode/length") == [(4, 4.0), (8, 4.0), (12, 4.0)]
    assert _scalars(events, "episode/return") == [(4, 4.0), (8, 4.0), (12, 4.0)]
    assert events.Tags()["images"] == ["episode/video"]
    images = events.Images("episode/video")
    assert [image.step for image in images] == [4, 12]
    for image, number in zip(images, (0, 2), strict=True):
        assert (image.width, image.height) == (WIDTH, HEIGHT)
        assert image.encoded_image_string == (folder / f"x-episode-{number}.gif").read_bytes()


def test_other_containers_are_named_in_a_text_and_one_warning(tmp_path: Path) -> None:
    tracker = TensorBoard(str(tmp_path / "runs"), prefix="eval")
    env = RecordVideo(NumberedEnv(4), tmp_path / "v", always, trackers=[tracker])
    run_episodes(env, 2)
    with pytest.warns(
        GymreelWarning, match=r'plays no \.mp4 .*suffix="\.gif" to see them'
    ) as caught:
        env.close()
    assert [type(warning.message) for warning in caught] == [GymreelWarning]
    tracker.close()
    events = _read(tmp_path / "runs")
    assert events.Tags()["images"] == []
    texts = events.Tensors("eval/video/text_summary")
    assert [text.step for text in texts] == [4, 8]
    assert texts[1].tensor_proto.string_val[0].decode() == (
        f"episode 1, return 4, 4 steps: `{tmp_path / 'v' / 'rl-video-episode-1.mp4'}`"
    )
    metadata = events.SummaryMetadata("eval/video/text_summary")
    assert metadata.plugin_data.plugin_name == "text"


@pytest.mark.parametrize("package", ["tensorboardX", "torch.utils.tensorboard"])
def test_a_summary_writer_that_is_there_is_written_through(tmp_path: Path, package: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Inside those packages.
        module: Any = pytest.importorskip(package, reason=f"{package} is not installed")

    class Writer(module.SummaryWriter):  # type: ignore[misc]
        """One of the user's own."""

    with Writer(str(tmp_path / "runs")) as writer:
        tracker = TensorBoard(writer)
        for suffix in (".gif", ".mp4"):
            folder = tmp_path / suffix
            env = RecordVideo(NumberedEnv(3), folder, always, suffix=suffix, trackers=[tracker])
            run_episodes(env)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", GymreelWarning)
                env.close()
        tracker.close()
        writer.add_scalar("loss", 0.5, 3)  # It is the caller's to close.
    assert len(os.listdir(tmp_path / "runs")) == 1
    events = _read(tmp_path / "runs")
    assert _scalars(events, "episode/return") == [(3, 3.0), (3, 3.0)]
    (image,) = events.Images("episode/video")
    assert (image.step, image.width, image.height) == (3, WIDTH, HEIGHT)
    gif = (tmp_path / ".gif" / "rl-video-episode-0.gif").read_bytes()
    assert image.encoded_image_string == gif
    (text,) = events.Tensors("episode/video/text_summary")
    assert b"rl-video-episode-0.mp4" in text.tensor_proto.string_val[0]


def test_an_episode_without_a_return_has_a_length(tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    tracker.log_episode(Episode(0, length=7, step=9, return_=None, terminated=True))
    tracker.close()
    tracker.log_episode(Episode(1, length=8, step=20, return_=float("-inf"), terminated=True))
    tracker.close()
    events = _read(tmp_path)
    assert _scalars(events, "episode/length") == [(9, 7.0), (20, 8.0)]
    assert _scalars(events, "episode/return") == [(20, float("-inf"))]


def test_a_file_that_is_no_gif_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(b"not this")
    with pytest.raises(ValueError, match="not a GIF"):
        TensorBoard(tmp_path / "runs").log_video(Episode(0, path=path))


def test_copies_share_an_event_file_and_pickles_have_their_own(tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    assert copy.deepcopy([tracker])[0] is tracker
    other = pickle.loads(pickle.dumps(tracker))
    for step, each in enumerate((tracker, other)):
        each.log_episode(Episode(step, length=step, step=step, terminated=True))
        each.close()
    assert len(names_in(tmp_path)) == 2
    assert _scalars(_read(tmp_path), "episode/length") == [(0, 0.0), (1, 1.0)]


def test_nothing_is_lost_without_close(tmp_path: Path) -> None:
    script = """
        import sys
        from gymreel import Episode
        from gymreel.trackers import TensorBoard
        tracker = TensorBoard(sys.argv[1])
        for number in range(30):
            tracker.log_episode(Episode(number, step=number, terminated=True))
    """
    run_python(script, tmp_path / "runs")
    assert len(_read(tmp_path / "runs").Scalars("episode/length")) == 30


def _log_from_child(tracker: TensorBoard, first: int) -> None:
    for number in range(first, first + 30):
        tracker.log_episode(Episode(number, step=number, length=1, terminated=True))


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_children_write_event_files_of_their_own(tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    tracker.log_episode(Episode(0, step=0, terminated=True))
    child = multiprocessing.get_context("fork").Process(target=_log_from_child, args=(tracker, 100))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    tracker.log_episode(Episode(1, step=1, terminated=True))
    tracker.close()
    assert len(names_in(tmp_path)) == 2
    steps = [step for step, _ in _scalars(_read(tmp_path), "episode/length")]
    assert sorted(steps) == [0, 1, *range(100, 130)]


def test_the_folder_is_where_it_was_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tracker = TensorBoard("runs")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    tracker.log_episode(Episode(0, terminated=True))
    tracker.close()
    assert names_in(tmp_path / "elsewhere") == []
    assert len(names_in(tmp_path / "runs")) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"log_dir_or_writer": None}, "log_dir_or_writer=None must be a folder, or a Summary"),
        ({"log_dir_or_writer": "x", "prefix": ""}, "prefix='' must be the start of a name"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TensorBoard(**arguments)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        TensorBoard(tmp_path / "file" / "runs")


def test_the_wrapper_copies_with_its_tracker(tmp_path: Path) -> None:
    env: gym.Env[Any, Any] = RecordVideo(
        NumberedEnv(2), tmp_path / "v", at(set()), trackers=[TensorBoard(tmp_path / "runs")]
    )
    run_episodes(env)
    twin = copy.deepcopy(env)
    run_episodes(twin)
    assert len(names_in(tmp_path / "runs")) == 1
