"""What a Gymnasium before 1.4 does otherwise than the one that gymreel's recorders are beside."""

from __future__ import annotations

import gymnasium
import pytest
from gymnasium.vector import AutoresetMode

__all__ = ["BEFORE_1_4", "refusal_by_gymnasium", "skip_wrong_statistics"]

BEFORE_1_4 = tuple(map(int, gymnasium.__version__.split(".")[:2])) < (1, 4)


def refusal_by_gymnasium(error: type[Exception]) -> type[Exception]:
    """Return what Gymnasium raises where it raises ``error`` since 1.4."""
    return AssertionError if BEFORE_1_4 else error


def skip_wrong_statistics(mode: AutoresetMode) -> None:
    """Skip what compares with Gymnasium's statistics where they were wrong before 1.4.

    In ``SAME_STEP`` the first step of each later episode was missing there.
    """
    if BEFORE_1_4 and mode is AutoresetMode.SAME_STEP:
        pytest.skip("Gymnasium counts a step too few in SAME_STEP before 1.4")
