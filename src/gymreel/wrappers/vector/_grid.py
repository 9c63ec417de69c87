"""One picture of many environments, for the frames of one video."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gymreel import _core, grid
from gymreel.errors import FrameError, GymreelError
from gymreel.wrappers.vector._rendering import Renderer

__all__ = ["Grid"]


class Grid:
    """Collects the frames of environments as the tiles of one picture.

    Attributes:
        instead: Frames by the environments' numbers, which the next picture shows in place of what
            these environments render by then.
    """

    def __init__(self, envs: Sequence[int], aspect_ratio: float, renderer: Renderer) -> None:
        """Show some environments.

        Args:
            envs: Numbers of the environments, in the order of the tiles.
            aspect_ratio: Width divided by height that the picture comes close to.
            renderer: Renders the environments.
        """
        self._envs = envs
        self._aspect_ratio = aspect_ratio
        self.renderer = renderer
        self.instead: dict[int, Any] = {}

    def render(self) -> list[Any]:
        """Return the tiles in a list that holds the only reference to each.

        Raises:
            FrameTypeError: Rendering failed, or returned something else than frames.
        """
        instead, self.instead = self.instead, {}
        show = self.renderer.render()
        for i, frame in instead.items():
            show.replace(i, frame)
        return show.take_all(self._envs)

    def arrange(self, tiles: list[Any]) -> tuple[int, int]:
        """Return the numbers of columns and rows for tiles of these sizes.

        Raises:
            FrameError: A tile is not a frame.
        """
        width, height = grid.cell_size(_core.tile_sizes(tiles))
        return grid.arrange(len(self._envs), width, height, self._aspect_ratio)

    def name_environments(self, error: GymreelError) -> GymreelError:
        """Return an error about a tile as one about the environment that is shown there."""
        if not isinstance(error, FrameError):
            return error

        def name(match: re.Match[str]) -> str:
            return f"environment {self._envs[int(match[1])]}"

        named = type(error)(re.sub(r"\btile (\d+)", name, str(error)))
        named.__cause__ = error.__cause__ or error
        return named
