"""Modules that patch the Python programs which a patched program starts.

``gymreel.patch(children=True)`` puts this folder in front of ``PYTHONPATH``, so each such program
imports ``sitecustomize`` from it. The rest of gymreel is imported only if the program imports
Gymnasium.
"""
