"""One recording after the other: names, files, failures, and who is told of what.

Nothing here knows an environment library: ``wrappers`` and ``integrations`` are built on this.
"""
