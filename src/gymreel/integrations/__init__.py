"""Recorders for other libraries' environments, one module each.

``gymreel.integrations.sb3`` is for Stable-Baselines3 and ``gymreel.integrations.pettingzoo`` for
PettingZoo. Each imports its library when it is imported itself.
"""
