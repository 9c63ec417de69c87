"""The commands of ``python -m gymreel``.

The module of a command has a function ``add_parser``, which declares its arguments and the function
that runs it. ``diagnosis``, ``problems`` and ``trials`` belong to ``doctor``.
"""
