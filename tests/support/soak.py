"""The long versions of tests, which ``pytest --soak`` runs; see ``make soak``."""

from __future__ import annotations

from typing import TypeVar

import pytest

__all__ = ["choose", "is_soak", "soak_only"]

T = TypeVar("T")

is_soak = False
"""Whether pytest was started with ``--soak``. Set by ``conftest.py`` before tests are collected."""

soak_only = pytest.mark.soak_only
"""Marks a test that is skipped without ``--soak``."""


def choose(*, short: T, soak: T) -> T:
    """Return ``soak`` with ``--soak`` and ``short`` without it."""
    return soak if is_soak else short
