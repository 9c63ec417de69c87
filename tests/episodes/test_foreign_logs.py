"""Logs and folders of strangers: what they say leads nowhere, costs little and is shown as data."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from gymreel import ConfigError, Episode, OutputError, VideoWriter, read_episodes, show
from gymreel._episode_log import EpisodeLog
from gymreel.episodes import LOG_NAME
from gymreel.triggers import always
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.frames import numbered

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
GOOD: dict[str, Any] = {
    "index": 1,
    "env_index": 0,
    "environment": "E-v0",
    "return_": 1.5,
    "length": 3,
    "seed": None,
    "terminated": True,
    "truncated": False,
    "interrupted": False,
    "step": 3,
    "name_prefix": "p",
    "path": None,
    "recorder": "host-1-0",
    "time": 1.0,
    "info": {},
}


def _video(path: Path) -> Path:
    with VideoWriter(path) as writer:
        writer.write(numbered(1))
    return path


def _write_log(folder: Path, *lines: str | bytes) -> None:
    folder.mkdir(exist_ok=True)
    data = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    (folder / LOG_NAME).write_bytes(data + b"\n")


def _line(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


@needs_links
def test_names_lead_nowhere_outside_the_folder(tmp_path: Path) -> None:
    outside = _video(tmp_path / "private" / "secret.mp4")
    folder = tmp_path / "v"
    inside = _video(folder / "sub" / "a.mp4")
    (folder / "link.mp4").symlink_to(outside)
    (folder / "near.mp4").symlink_to(inside)
    (folder / "out").symlink_to(outside.parent)
    (folder / "folder.mp4").mkdir()
    os.mkfifo(folder / "fifo.mp4")
    names = ["../private/secret.mp4", str(outside), "link.mp4", "near.mp4", "out/secret.mp4"]
    names += ["sub/../../private/secret.mp4", "sub/../sub/a.mp4", "./sub/a.mp4", "", ".", "..", "/"]
    names += ["folder.mp4", "fifo.mp4", "sub", "sub/", "sub//a.mp4", "\0", "a\0.mp4", "/" * 9999]
    _write_log(folder, *(_line(path=name) for name in names), _line(path="sub/a.mp4"))
    *others, last = read_episodes(folder)
    assert len(others) == len(names)
    assert [episode.path for episode in others] == [None] * len(names)
    assert last.path == inside
    gallery = show(folder)
    assert gallery.paths == [inside]
    html = gallery._repr_html_()
    assert "secret" not in html
    assert "link" not in html


@needs_links
def test_a_link_that_takes_the_place_of_a_video_is_not_embedded(tmp_path: Path) -> None:
    secret = tmp_path / "id_rsa"
    secret.write_bytes(b"secret")
    folder = tmp_path / "v"
    path = _video(folder / "a.mp4")
    gallery = show(folder)
    path.unlink()
    path.symlink_to(secret)
    for html in (gallery._repr_html_(), Episode(0, path=path)._repr_html_()):
        assert "there is no file" in html
        assert "c2VjcmV0" not in html  # The secret in base 64.


@needs_links
@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_log_that_is_no_regular_file_is_neither_read_nor_written(
    tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "v"
    folder.mkdir()
    target = tmp_path / "elsewhere.jsonl"
    target.write_text(_line() + "\n")
    if kind == "link":
        (folder / LOG_NAME).symlink_to(target)
    elif kind == "fifo":
        os.mkfifo(folder / LOG_NAME)
    else:
        (folder / LOG_NAME).mkdir()
    with pytest.raises(OutputError, match=rf"read the episode log.*{LOG_NAME}"):
        read_episodes(folder)
    with pytest.raises(OutputError, match=rf"write the episode log.*{LOG_NAME}"):
        EpisodeLog(folder).append([Episode(0)])
    assert target.read_text() == _line() + "\n"
    assert len(show(folder)) == 0


@needs_links
def test_a_prefix_does_not_lead_out_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder = tmp_path / "v"
    folder.mkdir()
    (folder / "ALE").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="through a symbolic link"):
        RecordVideo(NumberedEnv(2), folder, name_prefix="ALE/Pong")
    assert os.listdir(tmp_path / "elsewhere") == []
    # The folder itself may be one: that is who gives it asks for.
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with RecordVideo(NumberedEnv(2), tmp_path / "link", name_prefix="ALE/Pong") as env:
        run_episodes(env)
    assert os.listdir(tmp_path / "elsewhere" / "ALE") == ["Pong-episode-0.mp4"]


HOSTILE: list[str | bytes] = [
    "[" * 100_000,
    '{"index":' * 50_000,
    "{" + '"a":{' * 50_000,
    "null",
    "3",
    '"index"',
    "[]",
    "{}",
    "",
    " ",
    "\0",
    b"\xff\xfe",
    _line()[:-1],
    _line() + "}",
    _line() + "," + _line(),
    _line().replace("1.5", "NaN"),
    _line().replace("1.5", "1e999"),
    _line().replace("1.5", "-Infinity"),
    _line().replace("1.5", "9" * 400),
    _line().replace("1.5", "9" * 10_000),
    _line(return_="x"),
    _line(return_=True),
    _line(index=2**63),
    _line(index=-2),
    _line(index="1"),
    _line(index=1.5),
    _line(index=True),
    _line(index=None),
    _line(env_index=-1),
    _line(length=[3]),
    _line(length=10**30),
    _line(step={}),
    _line(terminated=1),
    _line(truncated=None),
    _line(environment=None),
    _line(name_prefix=["p"]),
    _line(info=[]),
    _line(info=None),
    _line(path=3),
    _line(path=["a.mp4"]),
    _line(recorder=None),
    json.dumps({key: value for key, value in GOOD.items() if key != "length"}),
    json.dumps({"path": [], "num_frames": 3, "num_bytes": 3, "recorder": "x"}),
    json.dumps({"path": "a.mp4", "num_frames": "x", "num_bytes": 3, "recorder": "x"}),
    json.dumps({"num_frames": 3}),
]


def test_hostile_lines_are_passed_over(tmp_path: Path) -> None:
    _write_log(tmp_path, _line(index=10), *HOSTILE, _line(index=11))
    episodes = read_episodes(tmp_path)
    assert [episode.index for episode in episodes] == [10, 11]
    for line in HOSTILE:  # Each alone, as it may be parsed in another way then.
        _write_log(tmp_path, line)
        assert read_episodes(tmp_path) == []
    assert {episode.describe() for episode in episodes} == {
        "episode 10, return 1.5, 3 steps",
        "episode 11, return 1.5, 3 steps",
    }


def test_strange_values_that_are_possible_come_back_as_data(tmp_path: Path) -> None:
    seeds = [0, 2**100, "x", [1], {"a": 1}, 1.5, False]
    twice = _line(index=3).replace("{", '{"index": 7, ', 1)
    _write_log(tmp_path, *(_line(seed=seed) for seed in seeds), twice, _line(info={"a": [{}]}))
    episodes = read_episodes(tmp_path)
    assert [episode.seed for episode in episodes[: len(seeds)]] == seeds
    assert episodes[-2].index == 3  # The last of two entries of one name, as everywhere.
    assert episodes[-1].info == {"a": [{}]}
    assert all(episode.describe() for episode in episodes)


def test_a_line_that_is_too_long_costs_no_memory_and_no_other_line(tmp_path: Path) -> None:
    _write_log(tmp_path, _line(index=1), _line(environment="x" * (40 * 2**20)), _line(index=2))
    tracemalloc.start()
    try:
        episodes = read_episodes(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [episode.index for episode in episodes] == [1, 2]
    assert peak < 12 * 2**20
    (tmp_path / LOG_NAME).write_bytes(b"x" * 3 * 2**20)
    assert read_episodes(tmp_path) == []


def test_logs_of_the_first_version_can_be_read(tmp_path: Path) -> None:
    path = _video(tmp_path / "rl-video-episode-0.mp4")
    _write_log(
        tmp_path,
        '{"episode": 0, "env": 2, "return": 3, "length": 4, "seed": 7, "terminated": false, '
        '"truncated": true, "step": 9, "video": "rl-video-episode-0.mp4", "environment": "E-v0", '
        '"name_prefix": "rl-video", "time": 1.000, "info": {"x": 1}}',
        _line(),
    )
    old, new = read_episodes(tmp_path)
    assert old == Episode(
        0,
        env_index=2,
        environment="E-v0",
        return_=3.0,
        length=4,
        seed=7,
        truncated=True,
        info={"x": 1},
        step=9,
        name_prefix="rl-video",
        path=path,
        num_bytes=path.stat().st_size,
    )
    assert (new.index, new.recorder) == (1, "host-1-0")


def test_a_video_that_was_replaced_has_no_number_of_frames(tmp_path: Path) -> None:
    with RecordVideo(NumberedEnv(4), tmp_path, always, episode_log=True) as env:
        run_episodes(env, 2)
    first, second = read_episodes(tmp_path)
    assert [first.num_frames, second.num_frames] == [5, 5]
    assert first.path is not None
    first.path.write_bytes(b"another")
    first, second = read_episodes(tmp_path)
    assert [first.num_frames, second.num_frames] == [0, 5]


def test_a_video_that_was_renamed_is_found_by_its_own_episode_alone(tmp_path: Path) -> None:
    outside = _video(tmp_path / "secret.mp4")
    folder = tmp_path / "v"
    folder.mkdir()
    new, other = _video(folder / "new.mp4"), _video(folder / "other.mp4")

    def renamed(**changes: Any) -> str:
        line = {"path": "new.mp4", "num_frames": 1, "num_bytes": new.stat().st_size}
        return json.dumps({**line, "recorder": "a", "recorded_as": "old.mp4", **changes})

    episodes = [_line(index=0, path="old.mp4", recorder=name) for name in "ab"]
    hostile: dict[str, list[Any]] = {
        "recorded_as": [None, 3, ["old.mp4"], {}, "", "\0", "../v/old.mp4"],
        "recorder": [None, 3, ["a"], "c"],
        "path": [None, 3, [], "", "\0", "../secret.mp4", str(outside)],
    }
    for name, values in hostile.items():
        for value in values:
            _write_log(folder, *episodes, renamed(**{name: value}))
            assert [each.path for each in read_episodes(folder)] == [None, None], (name, value)
    later = _line(index=1, path="other.mp4", recorder="c")
    _write_log(folder, *episodes, later, renamed(), renamed(path="other.mp4", recorder="b"))
    found = read_episodes(folder)
    assert [(each.path, each.num_frames) for each in found] == [(new, 1), (None, 0), (other, 0)]
    # One of the name that was planned is there, of a later recorder.
    _video(folder / "old.mp4")
    _write_log(folder, *episodes, renamed())
    assert [episode.path for episode in read_episodes(folder)] == [new, folder / "old.mp4"]
    _write_log(folder, episodes[0], renamed(path="gone.mp4"))
    assert [episode.path for episode in read_episodes(folder)] == [None]


def test_many_lines_take_little_time_and_memory(tmp_path: Path) -> None:
    count = 50_000
    _write_log(tmp_path, *(_line(index=i, step=i, path=f"e-{i}.mp4") for i in range(count)))
    base = time.process_time()
    for line in (tmp_path / LOG_NAME).read_bytes().splitlines():
        json.loads(line)
    parsing = time.process_time() - base
    tracemalloc.start()
    try:
        episodes = read_episodes(tmp_path)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(episodes) == count
    assert size < 280 * count
    del episodes
    begin = time.process_time()
    read_episodes(tmp_path)
    # Parsing the lines with nothing else is most of it. Gymreel 0.1 took five times as long.
    assert time.process_time() - begin < 3.5 * parsing


def test_a_video_file_is_shown_alone(tmp_path: Path) -> None:
    path = _video(tmp_path / "a.mp4")
    _video(tmp_path / "b.mp4")
    gallery = show(path)
    assert gallery.paths == [path]
    assert "data:video/mp4" in gallery._repr_html_()
    assert show(str(path)).num_videos == 1
    with pytest.raises(OutputError, match="No such file"):
        show(tmp_path / "c.mp4")
    if os.name != "nt":
        (tmp_path / "link.mp4").symlink_to(path)
        assert "data:video/mp4" in show(tmp_path / "link.mp4")._repr_html_()
