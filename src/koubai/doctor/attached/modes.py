"""Layers that do something else in training than in evaluation: dropout, and those with batch statistics."""

from __future__ import annotations

from typing import Any

__all__ = ["two_faced"]

_DROPOUT = ("Dropout", "AlphaDropout", "FeatureAlphaDropout")
_NORMALISED = ("BatchNorm", "SyncBatchNorm", "LazyBatchNorm")


def two_faced(model: Any) -> list[Any]:
    """Return the layers of a model whose output depends on the mode."""
    return [layer for layer in model.modules() if _is(layer, _NORMALISED) or _drops(layer)]


def _is(layer: Any, kinds: tuple[str, ...]) -> bool:
    return type(layer).__name__.startswith(kinds)


def _drops(layer: Any) -> bool:
    """Whether it is dropout that drops anything, or has some inside, as recurrent layers may."""
    share = getattr(layer, "p" if _is(layer, _DROPOUT) else "dropout", 0)
    return isinstance(share, int | float) and share > 0
