"""What to say when a library that gymreel works with is not there."""

from __future__ import annotations

from gymreel.errors import MissingPackageError

__all__ = ["missing"]


def missing(library: str, extra: str, error: ImportError) -> MissingPackageError:
    """Make the error that names what to install.

    Args:
        library: Its name in words.
        extra: The extra of gymreel that brings it.
        error: What its import raised.
    """
    return MissingPackageError(
        f"gymreel.integrations.{extra} needs {library}, which could not be imported: "
        f"pip install 'gymreel[{extra}]'. The import said: {error}"
    )
