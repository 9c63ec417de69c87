"""RecordVideo: what is in the files, and what subclasses and list modes see."""

from __future__ import annotations

import os
import re
import weakref
from fractions import Fraction
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import RenderCollection

from gymreel.errors import (
    ConfigError,
    GymreelError,
)
from gymreel.triggers import always, at, never
from gymreel.wrappers import RecordVideo
from support.environments import NumberedEnv, numbered_frame, read_number, run_episodes
from support.frames import needs_x264
from support.video_reader import count_frames, names_in, numbers_in, probe, tags

FIRST = "rl-video-episode-0.mp4"
SECOND = "rl-video-episode-1.mp4"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name a folder that does not exist yet."""
    return tmp_path / "videos"


class TestWhatIsInTheFiles:
    def test_every_frame_of_every_episode(self, folder: Path) -> None:
        with RecordVideo(NumberedEnv(40), str(folder), always) as env:
            run_episodes(env, 3)
        assert names_in(folder) == [f"rl-video-episode-{number}.mp4" for number in range(3)]
        for number in range(3):
            assert numbers_in(folder / f"rl-video-episode-{number}.mp4") == list(
                range(41 * number, 41 * number + 41)
            )

    def test_fixed_length_counts_steps_so_one_frame_more(self, folder: Path) -> None:
        with RecordVideo(NumberedEnv(4), folder, at({0}), video_length=9) as env:
            run_episodes(env, 4)
        assert numbers_in(folder / FIRST) == list(range(10))

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm", ".gif"])
    def test_every_container(self, folder: Path, suffix: str) -> None:
        with RecordVideo(NumberedEnv(3), folder, always, suffix=suffix) as env:
            run_episodes(env)
        assert numbers_in(folder / f"rl-video-episode-0{suffix}") == [0, 1, 2, 3]

    @pytest.mark.parametrize(
        ("metadata", "fps", "expected"),
        [
            ({"render_fps": 50}, None, Fraction(50)),
            ({"render_fps": 50}, 12.5, Fraction(25, 2)),
            ({"render_fps": None}, None, Fraction(30)),
            ({"render_fps": None}, Fraction(30000, 1001), Fraction(30000, 1001)),
            ({"render_fps": np.int64(15)}, None, Fraction(15)),
        ],
    )
    def test_frame_rate(
        self, folder: Path, metadata: dict[str, Any], fps: Any, expected: Fraction
    ) -> None:
        with RecordVideo(NumberedEnv(5, **metadata), folder, fps=fps) as env:
            run_episodes(env)
        (stream,) = probe(folder / FIRST)["streams"]
        assert Fraction(stream["avg_frame_rate"]) == expected
        assert float(stream["duration"]) == pytest.approx(6 / expected, abs=1e-3)

    def test_metadata_without_a_frame_rate(self, folder: Path) -> None:
        base = NumberedEnv(1)
        del base.metadata["render_fps"]
        with RecordVideo(base, folder) as env:
            assert env.frames_per_sec == 30

    def test_frame_rate_can_be_changed_between_recordings(self, folder: Path) -> None:
        with RecordVideo(NumberedEnv(2), folder, always) as env:
            run_episodes(env)
            env.frames_per_sec = 10
            with pytest.raises(ConfigError, match="fps=0"):
                env.frames_per_sec = 0
            assert env.frames_per_sec == 10
            run_episodes(env)
        for name, rate in ((FIRST, "30/1"), (SECOND, "10/1")):
            assert probe(folder / name)["streams"][0]["avg_frame_rate"] == rate

    @needs_x264
    def test_encoder_arguments_arrive(self, folder: Path) -> None:
        arguments: dict[str, Any] = {
            "codec": "libx264",
            "preset": "ultrafast",
            "pixel_format": "yuv444p",
            "options": {"g": "2"},
            "copy": True,
            "max_pending_bytes": 10**6,
            "on_full": "block",
        }
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        for crf in (3, 30):
            base = NumberedEnv(5, frames=dict.fromkeys(range(6), noise))
            with RecordVideo(base, folder / str(crf), crf=crf, **arguments) as env:
                run_episodes(env)
        (stream,) = probe(folder / "3" / FIRST)["streams"]
        assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv444p")
        sizes = [(folder / str(crf) / FIRST).stat().st_size for crf in (3, 30)]
        assert sizes[0] > 2 * sizes[1]

    def test_odd_sizes_keep_their_pixels(self, folder: Path) -> None:
        with RecordVideo(NumberedEnv(2, size=(65, 77)), folder) as env:
            run_episodes(env)
        assert numbers_in(folder / FIRST) == [0, 1, 2]

    def test_metadata_says_where_the_video_is_from(self, folder: Path) -> None:
        env = RecordVideo(gym.make("CartPole-v1", render_mode="rgb_array"), folder, always, fps=9)
        env.reset(seed=42)
        env.reset()
        env.close()
        first, second = tags(folder / FIRST), tags(folder / SECOND)
        assert first["title"] == "rl-video-episode-0"
        assert first["environment"] == "CartPole-v1"
        assert (first["episode"], first["seed"], first["name_prefix"]) == ("0", "42", "rl-video")
        assert re.fullmatch(r"gymreel \d.*", first["encoded_by"])
        assert second["episode"] == "1"
        assert "seed" not in second

    def test_environment_without_a_spec_is_known_by_its_class(self, folder: Path) -> None:
        with RecordVideo(NumberedEnv(2), folder) as env:
            run_episodes(env)
        assert tags(folder / FIRST)["environment"] == "NumberedEnv"

    def test_a_per_cent_sign_in_a_path_is_one(self, tmp_path: Path) -> None:
        folder = tmp_path / "100%s"
        folder.mkdir()
        (folder / "50%d-episode-0.mp4").write_bytes(b"of an earlier run")
        os.utime(folder / "50%d-episode-0.mp4", (1, 1))
        with pytest.warns(UserWarning, match="Overwriting existing videos at .*100%s"):
            env = RecordVideo(NumberedEnv(2), folder, name_prefix="50%d")
        run_episodes(env)
        env.close()
        assert names_in(folder) == ["50%d-episode-0.mp4"]


class TestMemory:
    def test_environment_that_paints_into_one_buffer(self, folder: Path) -> None:
        with RecordVideo(NumberedEnv(60, reuse_buffer=True), folder) as env:
            run_episodes(env)
        assert numbers_in(folder / FIRST) == list(range(61))

    def test_fresh_frames_are_borrowed_and_others_copied(self, folder: Path) -> None:
        for reuse_buffer, counts in ((False, (4, 0)), (True, (0, 4))):
            base = NumberedEnv(5, size=(1080, 1920), reuse_buffer=reuse_buffer)
            env = RecordVideo(base, folder / str(reuse_buffer))
            env.reset()
            for _ in range(3):
                env.step(0)
            stats = env.recorded_frames.stats
            assert (stats.num_borrowed, stats.num_copied) == counts
            env.close()
            assert count_frames(folder / str(reuse_buffer) / FIRST) == 4

    def test_frames_are_not_held(self, folder: Path) -> None:
        frames = []

        class Watched(NumberedEnv):
            def render(self) -> Any:
                frame = super().render()
                frames.append(weakref.ref(frame))
                return frame

        env = RecordVideo(Watched(100), folder, copy=True)
        run_episodes(env)
        assert len(env.recorded_frames) == len(frames) == 101
        assert [frame for frame in frames if frame() is not None] == []
        env.close()


class TestRecordedFrames:
    def test_counts_and_is_true_or_false(self, folder: Path) -> None:
        env = RecordVideo(NumberedEnv(9), folder)
        assert len(env.recorded_frames) == 0
        assert not env.recorded_frames
        assert "not recording" in repr(env.recorded_frames)
        env.reset()
        env.step(0)
        assert len(env.recorded_frames) == 2
        assert env.recorded_frames
        assert repr(env.recorded_frames).startswith("<2 recorded frames, in ")
        env.close()
        assert not env.recorded_frames

    def test_takes_frames_as_a_list_does(self, folder: Path) -> None:
        with RecordVideo(NumberedEnv(9), folder) as env:
            env.reset()
            env.recorded_frames.append(numbered_frame(100))
            env.recorded_frames += [numbered_frame(101), numbered_frame(102)]
            env.recorded_frames.extend(numbered_frame(number) for number in (103, 104))
            env.step(0)
            assert len(env.recorded_frames) == 7
        assert numbers_in(folder / FIRST) == [0, 100, 101, 102, 103, 104, 1]

    def test_says_that_it_cannot_give_frames_back(self, folder: Path) -> None:
        with RecordVideo(NumberedEnv(9), folder) as env:
            env.reset()
            with pytest.raises(TypeError, match="holds no frames"):
                list(env.recorded_frames)
            with pytest.raises(TypeError, match="holds no frames"):
                env.recorded_frames[0]
            with pytest.raises(AttributeError, match="cannot be replaced"):
                env.recorded_frames = []  # type: ignore[assignment]
            env.step(0)
        assert numbers_in(folder / FIRST) == [0, 1]

    def test_nothing_to_take_frames_while_not_recording(self, folder: Path) -> None:
        with RecordVideo(NumberedEnv(9), folder, never) as env:
            env.reset()
            # RuntimeError is what it is; Gymnasium's RecordVideo fails an assert there.
            for error in (RuntimeError, AssertionError, GymreelError):
                with pytest.raises(error):
                    env.recorded_frames.append(numbered_frame(0))
                with pytest.raises(error):
                    env._capture_frame()
                with pytest.raises(error):
                    env.stop_recording()
        assert names_in(folder) == []


class TestSubclasses:
    def test_appending_in_capture_frame(self, folder: Path) -> None:
        class Doubled(RecordVideo[Any, Any]):
            def _capture_frame(self) -> None:
                frame = self.env.render()
                assert isinstance(frame, np.ndarray)
                self.recorded_frames.append(frame)
                self.recorded_frames.append(numbered_frame(read_number(frame) + 100))

        with Doubled(NumberedEnv(3), folder, always, video_length=5) as env:
            run_episodes(env)
        assert numbers_in(folder / FIRST) == [0, 100, 1, 101, 2, 102]

    def test_extending_capture_frame(self, folder: Path) -> None:
        class Counting(RecordVideo[Any, Any]):
            num_captured = 0

            def _capture_frame(self) -> None:
                super()._capture_frame()
                self.num_captured += 1

        with Counting(NumberedEnv(3), folder) as env:
            run_episodes(env)
            assert env.num_captured == 4
        assert numbers_in(folder / FIRST) == [0, 1, 2, 3]

    def test_overriding_start_and_stop(self, folder: Path) -> None:
        class Titled(RecordVideo[Any, Any]):
            names: list[str | None]

            def start_recording(self, video_name: str) -> None:
                super().start_recording(f"{video_name}-titled")
                self.recorded_frames.append(numbered_frame(999))

            def stop_recording(self) -> None:
                self.names = [*getattr(self, "names", []), self._video_name]
                super().stop_recording()
                assert self._video_name is None

        with Titled(NumberedEnv(2), folder, always) as env:
            run_episodes(env, 2)
        names = ["rl-video-episode-0-titled", "rl-video-episode-1-titled"]
        assert env.names == names
        assert numbers_in(folder / f"{names[0]}.mp4") == [999, 0, 1, 2]
        assert numbers_in(folder / f"{names[1]}.mp4") == [999, 3, 4, 5]

    def test_stop_recording_is_called_for_a_failed_recording_too(self, folder: Path) -> None:
        class Balanced(RecordVideo[Any, Any]):
            balance = 0

            def start_recording(self, video_name: str) -> None:
                self.balance += 1
                super().start_recording(video_name)

            def stop_recording(self) -> None:
                self.balance -= 1
                # And it must not matter that this one forgets to call the method it overrides.

        env = Balanced(NumberedEnv(4, frames={2: None}), folder)
        with pytest.warns(UserWarning, match="Recording stopped"):
            run_episodes(env)
        assert (env.balance, env.recording) == (0, False)
        env.close()
        assert numbers_in(folder / FIRST) == [0, 1]


def numbers_rendered(env: gym.Env[Any, Any]) -> list[int]:
    """Render in a list mode and read the numbers."""
    frames: Any = env.render()
    return [read_number(frame) for frame in frames]


class TestListMode:
    def test_recording_gives_the_frames_back(self, folder: Path) -> None:
        with RecordVideo(RenderCollection(NumberedEnv(9)), folder) as env:
            env.reset()
            for _ in range(4):
                env.step(0)
            assert numbers_rendered(env) == [0, 1, 2, 3, 4]
            assert numbers_rendered(env) == []
            env.step(0)
            assert numbers_rendered(env) == [5]
        assert numbers_in(folder / FIRST) == [0, 1, 2, 3, 4, 5]

    def test_nothing_rendered_is_a_warning(self, folder: Path) -> None:
        with RecordVideo(RenderCollection(NumberedEnv(9)), folder) as env:
            env.reset()
            with pytest.warns(UserWarning, match="No frame was captured"):
                env._capture_frame()
            env.step(0)
        assert numbers_in(folder / FIRST) == [0, 1]
