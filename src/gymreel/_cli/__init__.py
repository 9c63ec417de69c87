"""The commands of ``python -m gymreel``, one module each, and what they are made of.

Each has ``add_parser``, which describes its arguments and names the function that does its work.
"""
