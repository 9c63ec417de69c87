"""``Episode``: the record of one episode."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gymreel._html import text_html, video_html

__all__ = ["LOG_NAME", "Episode"]

LOG_NAME = "episodes.jsonl"
"""Name of the episode log in a folder of videos."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode that has ended, and its video if it was recorded.

    A recording with ``step_trigger`` or ``video_length`` need not begin and end with an episode.
    Its ``Episode`` is the one in which it ended, as far as that had come.

    Attributes:
        index: Number of the episode in its environment, from 0.
        env_index: Number of the environment, from 0.
        environment: Id of the environment in the registry, or else the name of its class.
        return_: Sum of the rewards; None if they cannot be summed.
        length: Number of steps.
        seed: Seed of the reset at its start, if one was given.
        terminated: Whether the environment reported with the last step that the episode is over.
        truncated: Whether the environment or a wrapper cut the episode off with the last step.
        info: The ``info`` of the last step.
        step: Number of steps of all environments together, up to the end of the episode.
        name_prefix: The ``name_prefix`` of the recorder.
        path: The video; None if there is none or it is gone.
        num_frames: Number of frames in the video; 0 if unknown.
        num_bytes: Size of the video, once it is complete.
        recorder: Identifies the recorder as ``host-process-number``; ``""`` in logs of gymreel 0.1.
    """

    index: int
    env_index: int = 0
    environment: str = ""
    return_: float | None = None
    length: int = 0
    seed: int | None = None
    terminated: bool = False
    truncated: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    step: int = 0
    name_prefix: str = ""
    path: Path | None = None
    num_frames: int = 0
    num_bytes: int = 0
    recorder: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether the episode was neither terminated nor truncated.

        ``close()`` or an early ``reset()`` ended it, or its recording ended before it did. Its
        length and return are those up to then.
        """
        return not (self.terminated or self.truncated)

    def with_video(self, path: Path, num_frames: int, num_bytes: int) -> Episode:
        """Return the same episode with its complete video."""
        return dataclasses.replace(self, path=path, num_frames=num_frames, num_bytes=num_bytes)

    def describe(self) -> str:
        """Return which episode this is and how it went, in a few words.

        >>> Episode(7, return_=200.0, length=200).describe()
        'episode 7, return 200, 200 steps'
        """
        words = [f"episode {self.index}"]
        if self.env_index:
            words.append(f"environment {self.env_index}")
        if self.return_ is not None:
            words.append(f"return {self.return_:g}")
        words.append(f"{self.length} step" + "s" * (self.length != 1))
        return ", ".join(words)

    def _repr_html_(self) -> str:
        """Return the episode, with its video, as HTML for a notebook."""
        if self.path is None:
            return text_html(f"{self.describe()}: no video")
        return video_html(self.path, caption=self.describe())
