"""Losses for classes: cross-entropy in its forms, computed from scores so that no logarithm of a small number is taken."""

from __future__ import annotations

from typing import Any

import koubai
from koubai import dtypes
from koubai.nn.functional.activation import logsigmoid
from koubai.nn.functional.softmaxes import log_softmax
from koubai.nn.functional.loss.reduction import reduced, same_shape
from koubai.ops.op import Symbol
from koubai.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dice_loss",
    "focal_loss",
    "kl_div",
    "nll_loss",
]


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of scores ("logits") with classes, -log(softmax(input)[target]), safe against overflow.

    Args:
        input: scores, (N, C), (C,) or (N, C, d1, ...). No softmax before it.
        target: class indices, (N,), () or (N, d1, ...); or probabilities of the input's shape.
        weight: of each class, (C,).
        ignore_index: targets with this value do not count.
        reduction: "mean" (weighted), "sum" or "none".
        label_smoothing: the part of the probability that is spread evenly over all classes, 0 to 1 (Szegedy 2016).

    Raises:
        ValueError: if the shapes do not fit, or label_smoothing is no fraction.
        IndexError: if a target is not a class.

    Example:
        >>> koubai.nn.functional.cross_entropy(koubai.tensor([[2.0, 0.0]]), koubai.tensor([0]))
        tensor(0.1269)
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is between 0 and 1, got {label_smoothing}")
    logs = log_softmax(input, _class_dim(input))
    if target.shape == input.shape and dtypes.is_floating(target.dtype):
        return _soft_targets(logs, target, weight, reduction, label_smoothing)
    hard = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing == 0:
        return hard
    even = _smoothing(logs, target, weight, ignore_index, reduction)
    return hard * (1 - label_smoothing) + even * (label_smoothing / logs.shape[_class_dim(logs)])


def _class_dim(input: Tensor) -> int:
    return 0 if input.ndim == 1 else 1


def _soft_targets(
    logs: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    """Cross-entropy with probabilities."""
    dim = _class_dim(logs)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / logs.shape[dim]
    weighted = logs * target if weight is None else logs * target * _along(weight, dim, logs.ndim)
    losses = -weighted.sum(dim)
    if reduction == "mean":
        return losses.sum() / max(losses.numel(), 1) if losses.ndim else losses  # type: ignore[no-any-return]
    return reduced(losses, reduction)


def _along(weight: Tensor, dim: int, ndim: int) -> Tensor:
    """Return the class weights in a shape that goes with the classes' dimension."""
    return weight.reshape(*(-1 if axis == dim else 1 for axis in range(ndim)))  # type: ignore[no-any-return]


def _smoothing(
    logs: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Tensor:
    """The part of label smoothing: the sum over all classes of their losses."""
    dim = _class_dim(logs)
    counted = target != ignore_index
    losses = -(logs if weight is None else logs * _along(weight, dim, logs.ndim)).sum(dim)
    losses = koubai.where(counted, losses, 0.0)
    if reduction == "mean":
        return losses.sum() / _total_weight(target, counted, weight, logs)
    return reduced(losses, reduction)


def _total_weight(target: Tensor, counted: Tensor, weight: Tensor | None, logs: Tensor) -> Tensor:
    if weight is None:
        return counted.to(logs.dtype).sum()  # type: ignore[no-any-return]
    picked = weight.gather(0, koubai.where(counted, target, 0).reshape(-1)).reshape(target.shape)
    return koubai.where(counted, picked, 0.0).sum()  # type: ignore[no-any-return]


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of classes, -input[target], from log-probabilities. Arguments as `cross_entropy`."""
    dim = _class_dim(input)
    _check_classes(input, target, weight, ignore_index, dim)
    target = target.to(dtypes.int64)
    counted = target != ignore_index
    picked = koubai.where(counted, target, 0).unsqueeze(dim)  # (N, 1, d1, ...)
    losses = -input.gather(dim, picked).squeeze(dim)
    if weight is not None:
        losses = losses * weight.gather(0, picked.reshape(-1)).reshape(target.shape)
    losses = koubai.where(counted, losses, 0.0)
    if reduction == "mean":
        return losses.sum() / _total_weight(target, counted, weight, input)
    return reduced(losses, reduction)


def _check_classes(input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, dim: int) -> None:
    """Refuse targets that do not fit the scores."""
    classes = input.shape[dim] if input.ndim else 0
    expected = (*input.shape[:dim], *input.shape[dim + 1 :])
    if input.ndim == 0 or target.shape != expected:
        raise ValueError(
            f"cross_entropy: scores {list(input.shape)} need class indices of shape {list(expected)} "
            f"(or probabilities of the scores' shape), got {target.dtype}{list(target.shape)}"
        )
    if dtypes.is_floating(target.dtype):
        raise ValueError(f"cross_entropy: class indices must be integers, got {target.dtype}; use target.long()")
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"cross_entropy: weight has shape {list(weight.shape)}, but there are {classes} classes")
    if isinstance(target.payload, Symbol):
        return
    labels = target.detach().numpy()
    wrong = labels[(labels != ignore_index) & ((labels < 0) | (labels >= classes))]
    if wrong.size:
        raise IndexError(
            f"cross_entropy: target {int(wrong.flat[0])} is not a class: the input has {classes} classes, "
            f"so labels go from 0 to {classes - 1}"
        )


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """-target·log(input) - (1 - target)·log(1 - input) for probabilities; logarithms are cut off at -100.

    `binary_cross_entropy_with_logits` is safer: it takes scores, before the sigmoid.

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if an input is no probability.
    """
    same_shape("binary_cross_entropy", input, target)
    if not isinstance(input.payload, Symbol) and bool(((input < 0) | (input > 1)).any()):
        raise RuntimeError(
            "binary_cross_entropy: the inputs must be probabilities between 0 and 1; for scores use "
            "binary_cross_entropy_with_logits"
        )
    losses = _bounded_entropy(input, target.to(input.dtype))
    return reduced(losses if weight is None else losses * weight, reduction)


def _bce_gradient(g: Tensor, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The slope (x - t) / (x(1 - x)), its denominator at least 1e-12."""
    logs, others = x.log().clamp(min=-100.0), (1 - x).log().clamp(min=-100.0)
    return g * (x - t) / (x * (1 - x)).clamp(min=1e-12), g * (others - logs)


@koubai.composite(_bce_gradient)
def _bounded_entropy(x: Tensor, t: Tensor) -> Tensor:
    logs, others = x.log().clamp(min=-100.0), (1 - x).log().clamp(min=-100.0)
    return -(t * logs + (1 - t) * others)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of scores, sigmoid included, safe against overflow.

    Args:
        input: scores, any shape.
        target: probabilities, of the same shape.
        weight: of each element, broadcast.
        reduction: "mean", "sum" or "none".
        pos_weight: of the positive part, broadcast over the last dimensions: above 1 raises recall.

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("binary_cross_entropy_with_logits", input, target)
    logs = logsigmoid(input)
    positive = 1.0 if pos_weight is None else (pos_weight - 1) * target + 1
    losses = (1 - target) * input - positive * logs
    return reduced(losses if weight is None else losses * weight, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence, target · (log(target) - input), from log-probabilities.

    Args:
        input: log-probabilities, any shape.
        target: probabilities (log-probabilities with log_target=True), of the same shape.
        reduction: "batchmean" is the divergence itself; "mean" also divides by the number of classes; "sum", "none".
        log_target: whether the target is given as logarithms.

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("kl_div", input, target)
    losses = target.exp() * (target - input) if log_target else koubai.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return losses.sum() / (input.shape[0] if input.ndim else 1)  # type: ignore[no-any-return]
    return reduced(losses, reduction)


def focal_loss(
    input: Tensor, target: Tensor, alpha: Any = None, gamma: float = 2.0, reduction: str = "mean"
) -> Tensor:
    """Cross-entropy times (1 - p)^γ, so that easy samples count less (Lin et al. 2017, "Focal Loss").

    Args:
        input: scores, (N, C, ...), for classes; or of the target's shape, for yes/no targets.
        target: class indices, (N, ...); or 0/1 of the input's shape.
        alpha: for classes, weights (C,); for yes/no, the weight of yes (no has 1 - alpha).
        gamma: 0 gives the plain cross-entropy.
        reduction: "mean", "sum" or "none".
    """
    if input.shape == target.shape:
        entropy = binary_cross_entropy_with_logits(input, target.to(input.dtype), reduction="none")
        weight = None if alpha is None else alpha * target + (1 - alpha) * (1 - target)
    else:
        entropy = nll_loss(log_softmax(input, _class_dim(input)), target, reduction="none")
        weight = None if alpha is None else koubai.as_tensor(alpha, dtype=input.dtype)[target]
    hardness = (1 - (-entropy).exp()).clamp(min=0.0)
    losses = entropy if gamma == 0 else hardness**gamma * entropy
    return reduced(losses if weight is None else losses * weight, reduction)


def dice_loss(input: Tensor, target: Tensor, smooth: float = 1.0, reduction: str = "mean") -> Tensor:
    """1 - 2·|A∩B| / (|A| + |B|) for each sample, of probabilities and a mask (Milletari et al. 2016, with |A| not squared).

    Args:
        input: probabilities, (N, ...).
        target: 0 or 1, of the same shape.
        smooth: added above and below, so that empty masks have a value.
        reduction: over the samples: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
    """
    same_shape("dice_loss", input, target)
    first, second = input.reshape(input.shape[0], -1), target.to(input.dtype).reshape(input.shape[0], -1)
    overlap = (first * second).sum(1)
    return reduced(1 - (2 * overlap + smooth) / (first.sum(1) + second.sum(1) + smooth), reduction)
