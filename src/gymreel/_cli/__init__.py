"""The commands of ``python -m gymreel``, one module each.

Each has ``add_parser``, which describes its arguments and names the function that does its work.
"""
