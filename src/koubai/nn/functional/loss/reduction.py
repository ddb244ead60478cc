"""What all losses share in the end: the reduction to one number."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """Return the mean or the sum of the losses, or the losses themselves for "none"; the mean of none is NaN.

    Raises:
        ValueError: if `reduction` is none of the three.
    """
    if reduction == "mean":
        return koubai.mean(losses)
    if reduction == "sum":
        return koubai.sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"reduction is 'mean', 'sum' or 'none', got {reduction!r}")
