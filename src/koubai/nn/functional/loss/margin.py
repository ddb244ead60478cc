"""Losses that only ask for an order or a distance: right above wrong, near below far, by a margin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.functional.activation import logsigmoid
from koubai.nn.functional.distance import pairwise_distance
from koubai.nn.functional.loss.checks import classes_fit, labels_exist, same_shape
from koubai.nn.functional.loss.classification import entries
from koubai.nn.functional.loss.reduction import reduced

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
    """max(x, 0) with slope 1 at 0, as PyTorch's losses of two inputs have it; `relu` has slope 0 there."""
    return koubai.clamp(x, min=0.0)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """max(0, -target · (input1 - input2) + margin).

    Args:
        input1: what should rank higher where the target is 1; any shape.
        input2: what should rank higher where the target is -1; of the same shape.
        target: 1 or -1, of the same shape.
        margin: by how much.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("margin_ranking_loss", input1=input1, input2=input2)
    same_shape("margin_ranking_loss", input1=input1, target=target)
    return reduced(_positive_part(-target * (input1 - input2) + margin), reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """The distance itself for target 1, max(0, margin - distance) for target -1.

    Args:
        input: distances, any shape.
        target: 1 or -1, of the same shape.
        margin: how far apart they should be for target -1.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("hinge_embedding_loss", input=input, target=target)
    far = koubai.where(target != 1, _positive_part(margin - input), 0.0)
    near = koubai.where(target != -1, input, 0.0)
    return reduced(far + near, reduction)


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target · input)), the logistic loss, without overflow.

    Args:
        input: scores, any shape.
        target: 1 or -1, of the same shape.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("soft_margin_loss", input=input, target=target)
    return reduced(-logsigmoid(target * input), reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Binary cross-entropy of scores for several labels at once, the mean over the labels.

    Args:
        input: scores, (..., C).
        target: 0 or 1, of the same shape.
        weight: of each label, broadcast.
        reduction: over the samples: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("multilabel_soft_margin_loss", input=input, target=target)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduced(koubai.mean(losses if weight is None else losses * weight, -1), reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Multi-class hinge loss: Σᵢ max(0, margin - x[target] + x[i])ᵖ / C over the others (Crammer and Singer 2001).

    Args:
        input: scores, (N, C) or (C,).
        target: class indices, (N,) or ().
        p: 1 or 2.
        margin: by how much the right class should lead.
        weight: of each class, (C,).
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if p is neither 1 nor 2, or the shapes do not fit.
        IndexError: if a target is not a class.
    """
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p is 1 or 2, got {p}")
    rows, target = _rows(input), target if input.ndim == 2 else target.reshape(-1)  # (N, C), (N,)
    classes_fit("multi_margin_loss", rows, target, 1)
    labels, classes = target.unsqueeze(1), rows.shape[1]
    labels_exist("multi_margin_loss", labels, classes)
    excess = koubai.relu(margin - rows.gather(1, labels) + rows)
    others = koubai.arange(classes, device=labels.device) != labels
    losses = koubai.where(others, excess if p == 1 else excess * excess, 0.0)
    if weight is not None:
        losses = losses * entries(weight, labels)
    return reduced((koubai.sum(losses, 1) / classes).reshape(input.shape[:-1]), reduction)


def _rows(x: Tensor) -> Tensor:
    """Return (N, C) as it is, one sample (C,) as (1, C), and one number as (1, 1)."""
    return x if x.ndim == 2 else x.reshape(1, -1)


def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Multi-label hinge loss: Σ max(0, 1 - (x[label] - x[other])) / C over all pairs of a label and another class.

    Args:
        input: scores, (N, C) or (C,).
        target: labels of the same shape, of which those before the first -1 count.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
        IndexError: if a label is not a class.
    """
    same_shape("multilabel_margin_loss", input=input, target=target)
    rows, labels = _rows(input), _rows(target)  # (N, C)
    classes = rows.shape[1]
    labels_exist("multilabel_margin_loss", labels, classes, ignore=-1)
    valid = koubai.cumsum(labels < 0, 1) == 0
    picked = koubai.where(valid, labels, 0)
    each = koubai.arange(classes, device=picked.device)
    is_label = ((picked.unsqueeze(2) == each) & valid.unsqueeze(2)).any(1)
    lead = rows.gather(1, picked).unsqueeze(2) - rows.unsqueeze(1)  # (N, label, other)
    pairs = valid.unsqueeze(2) & ~is_label.unsqueeze(1)
    losses = koubai.where(pairs, koubai.relu(1 - lead), 0.0)
    return reduced((koubai.sum(losses, (1, 2)) / classes).reshape(input.shape[:-1]), reduction)


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
    same_shape("cosine_embedding_loss", input1=input1, input2=input2)
    if target.shape != input1.shape[:-1]:
        raise ValueError(
            f"cosine_embedding_loss: inputs {list(input1.shape)} need targets of shape {list(input1.shape[:-1])}, got "
            f"{list(target.shape)}"
        )
    squares = [koubai.sum(x * x, -1) + 1e-12 for x in (input1, input2)]  # PyTorch's way around 0
    cosine = koubai.sum(input1 * input2, -1) / koubai.sqrt(squares[0] * squares[1])
    near = koubai.where(target == 1, 1 - cosine, 0.0)
    far = koubai.where(target == -1, _positive_part(cosine - margin), 0.0)
    return reduced(near + far, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
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

    Raises:
        ValueError: if the shapes differ, or the margin is not positive.
    """
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=partial(pairwise_distance, p=p, eps=eps),
        margin=margin,
        swap=swap,
        reduction=reduction,
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
    same_shape("triplet_margin_loss", anchor=anchor, positive=positive)
    same_shape("triplet_margin_loss", anchor=anchor, negative=negative)
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss: the margin is positive, got {margin}")
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = koubai.minimum(far, distance(positive, negative))
    return reduced(_positive_part(near - far + margin), reduction)
