"""The log on disks that are full, and of infos that are large: bounded, and said once."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gymreel import Episode, OutputError, read_episodes
from gymreel._episode_log import EpisodeLog
from gymreel.episodes import LOG_NAME
from gymreel.triggers import never
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes


class _ShortWrites:
    """Lets ``os.write`` take only so many bytes of each of its next calls, or fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *counts: int) -> None:
        self._counts = list(counts)
        self._write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, descriptor: int, data: bytes) -> int:
        if not self._counts:
            return self._write(descriptor, data)
        count = self._counts.pop(0)
        if count < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(descriptor, data[:count])


@pytest.mark.parametrize("counts", [(0,), (1,), (150,), (1, 1, 1), (300, 20), (500, 3), (1000,)])
def test_a_short_write_loses_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: tuple[int, ...]
) -> None:
    log = EpisodeLog(tmp_path)
    log.append([Episode(0)])
    _ShortWrites(monkeypatch, *counts)
    log.append([Episode(1), Episode(2), Episode(3)])
    log.append([Episode(4)])
    assert [episode.index for episode in read_episodes(tmp_path)] == [0, 1, 2, 3, 4]


def test_a_full_disk_is_said_once_and_half_a_line_is_not_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = RecordVideo(NumberedEnv(2), tmp_path, never, episode_log=True)
    run_episodes(env)
    other = EpisodeLog(tmp_path)
    other.append([Episode(70)])  # Has looked at the end of the file while that was whole.
    _ShortWrites(monkeypatch, 40, -1, -1)
    with pytest.warns(UserWarning, match="could not write the episode log: No space") as caught:
        run_episodes(env, 2)
    assert len(caught) == 1
    env.reset()
    other.append([Episode(71)])
    env.step(0)
    env.step(0)
    env.close()
    assert [episode.index for episode in read_episodes(tmp_path)] == [0, 70, 71, 3]


def test_a_line_that_is_never_taken_whole_ends_in_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ShortWrites(monkeypatch, *[3] * 1000)
    with pytest.raises(OutputError, match="only parts of lines"):
        EpisodeLog(tmp_path).append([Episode(0)])
    assert (tmp_path / LOG_NAME).stat().st_size < 100


def test_values_of_strange_classes_are_logged_as_what_they_are(tmp_path: Path) -> None:
    class Text(str):
        __slots__ = ()

        def __getitem__(self, key: object) -> Any:
            return [key]

    class Number(int):
        def bit_length(self) -> int:
            return 0

        def __repr__(self) -> str:
            return "one"

    class Failing(dict[str, Any]):
        def items(self) -> Any:
            raise RuntimeError

    info = {"text": Text("words"), Text("key"): 1, "one": Number(1), "many": Number(10**10_000)}
    log = EpisodeLog(tmp_path)
    log.append([Episode(0, info=info), Episode(1, info=Failing(a=1))])
    first, second = read_episodes(tmp_path)
    assert first.info == {"text": "words", "key": 1, "one": 1}
    assert second.info == {}


def test_an_info_without_end_costs_little_time_and_space(tmp_path: Path) -> None:
    class Endless(Mapping[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            return key

        def __len__(self) -> int:
            return 10**9

        def __iter__(self) -> Any:
            return itertools.count()

    deep: Any = "x"
    for _ in range(100_000):
        deep = {"deeper": deep}
    infos: list[Any] = [
        {f"key {i}": i for i in range(100_000)},
        {"is_success": True, **{f"key {i}": "x" * 10_000 for i in range(1_000)}},
        {"x" * 10**7: "y" * 10**7},
        {i: {j: {k: list(range(60)) for k in range(60)} for j in range(60)} for i in range(60)},
        Endless(),
        {"deep": deep},
        {"list": [[[[list(range(64))] * 64] * 64] * 64] * 64},
        {"int": 10**100_000, "bool": True},
    ]
    log = EpisodeLog(tmp_path)
    for info in infos:
        before = os.path.getsize(tmp_path / LOG_NAME) if (tmp_path / LOG_NAME).exists() else 0
        log.append([Episode(0, info=info)])
        assert os.path.getsize(tmp_path / LOG_NAME) - before < 20_000
    read = read_episodes(tmp_path)
    assert len(read) == len(infos)
    assert read[0].info["key 0"] == 0
    assert read[1].info["is_success"] is True
    assert read[-1].info == {"bool": True}
    while isinstance(deep, dict):  # One by one: Python frees nested ones recursively.
        deep = deep.pop("deeper")
