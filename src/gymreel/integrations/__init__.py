"""Recorders for other libraries' environments, one module each.

``gymreel.integrations.sb3`` is for Stable-Baselines3 and ``gymreel.integrations.pettingzoo`` for
PettingZoo. Each imports its library when it is imported itself.
"""

from typing import TYPE_CHECKING

from gymreel._lazy import import_when_asked

if TYPE_CHECKING:
    from gymreel.integrations import pettingzoo as pettingzoo
    from gymreel.integrations import sb3 as sb3
else:
    __getattr__ = import_when_asked(__name__, "pettingzoo", "sb3")
