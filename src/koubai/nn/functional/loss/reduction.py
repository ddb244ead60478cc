"""What all losses share: the reduction to one number, and the refusal of shapes that would broadcast."""

from __future__ import annotations

from koubai.tensor import Tensor


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """Return the mean or the sum of the losses, or the losses themselves for "none".

    Raises:
        ValueError: if `reduction` is none of the three.
    """
    if reduction == "mean":
        return losses.mean()  # type: ignore[no-any-return]
    if reduction == "sum":
        return losses.sum()  # type: ignore[no-any-return]
    if reduction == "none":
        return losses
    raise ValueError(f"reduction is 'mean', 'sum' or 'none', got {reduction!r}")


def same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Refuse a prediction and a target of different shapes.

    Subtracted, (N, 1) and (N,) would become (N, N): every prediction compared with every target, a loss that falls
    and means nothing.

    Raises:
        ValueError: naming both shapes and the likely fix.
    """
    if input.shape == target.shape:
        return
    fix = "give both the same shape"
    if input.shape == (*target.shape, 1):
        fix = "use input.squeeze(-1), or target.unsqueeze(-1)"
    elif target.shape == (*input.shape, 1):
        fix = "use target.squeeze(-1), or input.unsqueeze(-1)"
    raise ValueError(
        f"{name}: the input has shape {list(input.shape)} and the target {list(target.shape)}; {fix} (they are not "
        "broadcast, because that would compare every prediction with every target)"
    )
