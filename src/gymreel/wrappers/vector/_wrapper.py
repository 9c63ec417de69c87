"""Gymnasium's wrapper of vector environments, which has type parameters since Gymnasium 1.4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gymnasium.vector import VectorWrapper

__all__ = ["GenericVectorWrapper"]

if TYPE_CHECKING or VectorWrapper.__parameters__:
    GenericVectorWrapper = VectorWrapper
else:

    class GenericVectorWrapper(VectorWrapper):
        """``VectorWrapper`` that takes type parameters and ignores them."""

        def __class_getitem__(cls, parameters: Any) -> type:
            """Return the class itself."""
            return cls
