"""What notebooks show: the HTML is parsed, and the videos in it are compared with the files."""

from __future__ import annotations

import base64
import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import gymreel
from gymreel import ConfigError, Episode, OutputError, Recording, VideoWriter, read_episodes, show
from gymreel._html import MAX_EMBEDDED_BYTES, video_html
from gymreel.triggers import always, at
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, run_episodes
from support.frames import needs_x264, numbered

pytestmark = pytest.mark.usefixtures("episode_logs")


class _Page(HTMLParser):
    """The tags of a piece of HTML, which must be balanced, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.media: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("figure", "figcaption", "img", "p", "video")
        if tag in ("img", "video"):
            self.media.append((tag, dict(attrs)))
        if tag != "img":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def sources(self) -> list[str]:
        return [str(attributes["src"]) for _, attributes in self.media]


def _html(value: Any) -> _Page:
    return _Page(value._repr_html_())


def _decoded(source: str, media_type: str) -> bytes:
    head, _, data = source.partition(",")
    assert head == f"data:{media_type};base64"
    return base64.b64decode(data, validate=True)


def _record(path: Path) -> Recording:
    with VideoWriter(path) as writer:
        for number in range(5):
            writer.write(numbered(number))
    return writer.close()


@needs_x264
@pytest.mark.parametrize(
    ("suffix", "tag", "media_type"),
    [
        (".mp4", "video", "video/mp4"),
        (".m4v", "video", "video/mp4"),
        (".webm", "video", "video/webm"),
        (".mov", "video", "video/quicktime"),
        (".gif", "img", "image/gif"),
    ],
)
def test_a_recording_shows_its_file(tmp_path: Path, suffix: str, tag: str, media_type: str) -> None:
    recording = _record(tmp_path / f"a{suffix}")
    page = _html(recording)
    ((shown, attributes),) = page.media
    assert shown == tag
    assert _decoded(str(attributes["src"]), media_type) == recording.path.read_bytes()
    assert page.text == [f"a{suffix}"]
    assert ("controls" in attributes) == (tag == "video")


def test_what_no_browser_plays_is_named(tmp_path: Path) -> None:
    recording = _record(tmp_path / "a.mkv")
    page = _html(recording)
    assert page.media == []
    assert page.text == [
        f"a.mkv: {recording.path} ({recording.num_bytes} bytes; browsers play no .mkv files)"
    ]
    text = _Page(video_html(_record(tmp_path / "a.mp4").path, codec="mpeg4")).text
    assert "browsers play no mpeg4" in text[0]


def test_a_recording_without_a_file_is_text(tmp_path: Path) -> None:
    recording = _record(tmp_path / "a.mp4")
    recording.path.unlink()
    page = _html(recording)
    assert page.media == []
    assert page.text == [f"a.mp4: there is no file {recording.path}"]


def test_names_are_escaped(tmp_path: Path) -> None:
    name = "<b onload='x'>\"&amp;.gif"
    recording = _record(tmp_path / name)
    page = _html(recording)
    ((_, attributes),) = page.media
    assert attributes["alt"] == name
    assert page.text == [name]
    assert "<b" not in recording._repr_html_()
    recording.path.unlink()
    assert _html(recording).text == [f"{name}: there is no file {recording.path}"]


def test_a_large_file_is_referred_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a:b #1"
    recording = _record(folder / "50% ü'.mp4")
    monkeypatch.chdir(tmp_path)
    with open(recording.path, "r+b") as file:
        file.truncate(MAX_EMBEDDED_BYTES)
    assert _html(recording).sources[0].startswith("data:")
    with open(recording.path, "r+b") as file:
        file.truncate(MAX_EMBEDDED_BYTES + 1)
    (source,) = _html(recording).sources
    assert source.startswith("./a%3Ab%20%231/50%25%20")
    assert unquote(source) == "./a:b #1/50% ü'.mp4"
    monkeypatch.chdir(folder)
    assert unquote(_html(recording).sources[0]) == "./50% ü'.mp4"


def test_an_episode_shows_its_video_or_says_that_there_is_none(tmp_path: Path) -> None:
    with RecordVideo(NumberedEnv(4), tmp_path / "v", at({1})) as env:
        run_episodes(env, 2)
    without, recorded = read_episodes(tmp_path / "v")
    page = _html(without)
    assert (page.media, page.text) == ([], ["episode 0, return 4, 4 steps: no video"])
    page = _html(recorded)
    assert recorded.path is not None
    assert _decoded(page.sources[0], "video/mp4") == recorded.path.read_bytes()
    assert page.text == ["episode 1, return 4, 4 steps"]
    assert _html(Episode(0, env_index=3, length=1)).text == [
        "episode 0, environment 3, 1 step: no video"
    ]


def test_a_folder_is_shown_by_its_log(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    with RecordVideo(NumberedEnv(4), folder, at({0, 2, 9, 10})) as env:
        run_episodes(env, 12)
    (folder / "rl-video-episode-0.mp4").unlink()
    gallery = show(folder)
    assert gallery.paths == [folder / f"rl-video-episode-{number}.mp4" for number in (2, 9, 10)]
    assert len(gallery) == gallery.num_videos == 3
    page = _html(gallery)
    assert [_decoded(source, "video/mp4") for source in page.sources] == [
        path.read_bytes() for path in gallery.paths
    ]
    captions = [f"episode {number}, return 4, 4 steps" for number in (2, 9, 10)]
    assert page.text == [f"3 videos in {folder}", *captions]
    assert repr(gallery).splitlines() == [
        f"3 videos in {folder}",
        *(f"  rl-video-episode-{number}.mp4: {captions[i]}" for i, number in enumerate((2, 9, 10))),
    ]


def test_what_the_log_does_not_name_is_shown_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    with RecordVideo(
        NumberedEnv(9), folder, step_trigger=lambda step: step in (1, 7), video_length=3
    ) as env:
        run_episodes(env, 1)
    for number, name in enumerate(["rl-video-step-1", "rl-video-step-7"]):
        os.utime(folder / f"{name}.mp4", (number, number))
    os.utime(_record(folder / "other.mp4").path, (0.5, 0.5))
    # The first clip has ended before its episode, and has no line in the log.
    assert _html(show(folder)).text[1:] == [
        "rl-video-step-1.mp4",
        "other.mp4",
        "episode 0, return 9, 9 steps",
    ]


def test_a_folder_without_a_log_is_shown_by_its_files(tmp_path: Path) -> None:
    for number, name in enumerate(["c.mp4", "a.gif", "b.mkv"]):
        os.utime(_record(tmp_path / name).path, (number, number))
    (tmp_path / ".d.mp4.partial").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.mp4").mkdir()
    gallery = show(str(tmp_path), max_videos=2)
    assert [path.name for path in gallery.paths] == ["a.gif", "b.mkv"]
    page = _html(gallery)
    assert page.text[0] == f"3 videos (the latest 2 are shown) in {tmp_path}"
    assert _decoded(page.sources[0], "image/gif") == (tmp_path / "a.gif").read_bytes()


def test_without_embedding_files_are_referred_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _record(tmp_path / "v" / "a.mp4")
    monkeypatch.chdir(tmp_path)
    assert _html(show("v", embed=False)).sources == ["./v/a.mp4"]


def test_the_latest_are_embedded_where_not_all_can_be(tmp_path: Path) -> None:
    with RecordVideo(NumberedEnv(4), tmp_path / "v", always, name_prefix="x") as env:
        run_episodes(env, 5)
    for path in (tmp_path / "v").glob("*.mp4"):
        with open(path, "r+b") as file:
            file.truncate(MAX_EMBEDDED_BYTES)
    sources = _html(show(tmp_path / "v")).sources
    assert [source.startswith("data:") for source in sources] == [False, True, True, True, True]


def test_an_empty_folder_is_shown_as_that(tmp_path: Path) -> None:
    assert _html(show(tmp_path)).text == [f"0 videos in {tmp_path}"]


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"could not show .*No such file.*nothing") as raised:
        show(tmp_path / "nothing")
    assert isinstance(raised.value, OSError)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Not a directory"):
        show(tmp_path / "file")
    for number in (0, True, 2.5):
        with pytest.raises(ConfigError, match=f"max_videos={number!r} must be a whole number"):
            show(tmp_path, max_videos=number)  # type: ignore[arg-type]


def test_ipython_shows_it(tmp_path: Path) -> None:
    formatters = pytest.importorskip("IPython.core.formatters", reason="IPython is not installed")
    recording = _record(tmp_path / "a.gif")
    for value in (recording, gymreel.show(tmp_path), Episode(0, path=recording.path)):
        bundle, _ = formatters.DisplayFormatter().format(value)
        assert bundle["text/html"] == value._repr_html_()
        assert bundle["text/plain"] == repr(value)
