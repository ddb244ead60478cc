"""Losses that only ask for an order or a distance: right above wrong, near below far, by a margin."""

from __future__ import annotations

from collections.abc import Callable

import koubai
from koubai.nn.functional.activation import logsigmoid, softplus
from koubai.nn.functional.loss.reduction import reduced, same_shape
from koubai.tensor import Tensor

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def _positive_part(x: Tensor) -> Tensor:
    return koubai.relu(x)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """max(0, -target · (input1 - input2) + margin): with target 1, input1 should rank above input2.

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("margin_ranking_loss", input1, input2)
    same_shape("margin_ranking_loss", input1, target)
    # PyTorch's clamp keeps the whole slope at the joint
    return reduced((-target * (input1 - input2) + margin).clamp(min=0.0), reduction)


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """The distance itself for target 1, max(0, margin - distance) for target -1.

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("hinge_embedding_loss", input, target)
    far = koubai.where(target != 1, (margin - input).clamp(min=0.0), 0.0)
    near = koubai.where(target != -1, input, 0.0)
    return reduced(far + near, reduction)


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target · input)) for targets 1 and -1.

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("soft_margin_loss", input, target)
    return reduced(softplus(-target * input, threshold=700.0), reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Binary cross-entropy of scores for several labels at once, the mean over the labels.

    Args:
        input: scores, (..., C).
        target: 0 or 1, of the same shape.
        weight: of each label.
        reduction: over the samples: "mean", "sum" or "none".
    """
    same_shape("multilabel_soft_margin_loss", input, target)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduced((losses if weight is None else losses * weight).mean(-1), reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Multi-class hinge loss: Σᵢ max(0, margin - x[target] + x[i])ᵖ / C over the other classes (Crammer and Singer 2001).

    Args:
        input: scores, (N, C) or (C,).
        target: class indices, (N,) or ().
        p: 1 or 2.
        margin: by how much the right class should lead.
        weight: of each class, (C,).
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if p is neither 1 nor 2.
    """
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p is 1 or 2, got {p}")
    rows = input.reshape(-1, input.shape[-1])  # (N, C)
    labels = target.reshape(-1, 1)
    right = rows.gather(1, labels)
    excess = _positive_part(margin - right + rows)
    others = koubai.arange(rows.shape[1]) != labels
    losses = koubai.where(others, excess if p == 1 else excess * excess, 0.0)
    if weight is not None:
        losses = losses * weight.gather(0, labels.reshape(-1)).reshape(-1, 1)
    losses = losses.sum(1) / rows.shape[1]
    return reduced(losses if input.ndim > 1 else losses.reshape(()), reduction)


def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Multi-label hinge loss: Σ max(0, 1 - (x[label] - x[other])) / C over all pairs of a label and another class.

    Args:
        input: scores, (N, C) or (C,).
        target: labels of the same shape, of which those before the first -1 count.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("multilabel_margin_loss", input, target)
    rows, labels = input.reshape(-1, input.shape[-1]), target.reshape(-1, input.shape[-1])  # (N, C)
    valid = (labels < 0).to(koubai.int64).cumsum(1) == 0
    picked = koubai.where(valid, labels, 0)
    classes = koubai.arange(rows.shape[1])
    is_label = ((picked.unsqueeze(2) == classes) & valid.unsqueeze(2)).any(1)  # (N, C)
    lead = rows.gather(1, picked).unsqueeze(2) - rows.unsqueeze(1)  # (N, label, other)
    pairs = valid.unsqueeze(2) & is_label.logical_not().unsqueeze(1)
    losses = koubai.where(pairs, _positive_part(1 - lead), 0.0).sum(2).sum(1) / rows.shape[1]
    return reduced(losses if input.ndim > 1 else losses.reshape(()), reduction)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """1 - cos for target 1, max(0, cos - margin) for target -1.

    Args:
        input1: (N, D) or (D,).
        input2: of the same shape.
        target: 1 or -1, (N,) or ().
        margin: -1 to 1.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes do not fit.
    """
    same_shape("cosine_embedding_loss", input1, input2)
    if target.shape != input1.shape[:-1]:
        raise ValueError(
            f"cosine_embedding_loss: inputs {list(input1.shape)} need targets of shape {list(input1.shape[:-1])}, "
            f"got {list(target.shape)}"
        )
    tiny = 1e-12  # PyTorch's
    sizes = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = (input1 * input2).sum(-1) / sizes.sqrt()
    near = koubai.where(target == 1, 1 - cosine, 0.0)
    far = koubai.where(target == -1, (cosine - margin).clamp(min=0.0), 0.0)
    return reduced(near + far, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) (Balntas et al. 2016).

    Args:
        anchor: (N, D) or (D,).
        positive: what should be near; of the same shape.
        negative: what should be far; of the same shape.
        margin: by how much.
        p: of the norm that measures distance.
        eps: added to the differences.
        swap: take the nearer of anchor and positive to the negative.
        reduction: "mean", "sum" or "none".
    """
    from koubai.nn.functional import pairwise_distance

    def distance(first: Tensor, second: Tensor) -> Tensor:
        return pairwise_distance(first, second, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of your own, by default the Euclidean one."""
    from koubai.nn.functional import pairwise_distance

    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = koubai.minimum(far, distance(positive, negative))
    return reduced((near - far + margin).clamp(min=0.0), reduction)
