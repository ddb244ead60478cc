"""Losses for one class out of several: cross-entropy, computed so that no logarithm of a small number is taken."""

from __future__ import annotations

import koubai
from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.nn.functional.linear import linear
from koubai.nn.functional.loss.checks import classes_fit, labels_exist
from koubai.nn.functional.loss.reduction import reduced

__all__ = ["cross_entropy", "linear_cross_entropy", "nll_loss"]


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of scores ("logits") with classes, -log(softmax(input)[target]), safe against overflow.

    Gradient: softmax(input) minus the one-hot target, which is large where the prediction is wrong.

    Args:
        input: scores, (N, C), (C,) or (N, C, d1, ...). No softmax before it.
        target: class indices, (N,), () or (N, d1, ...); or probabilities, floating numbers of the input's shape.
        weight: of each class, (C,).
        ignore_index: class indices with this value do not count.
        reduction: "mean" (for class indices divided by their weights), "sum" or "none".
        label_smoothing: the part of the probability that is spread evenly over all classes, 0 to 1 (Szegedy et al.
            2016).

    Returns:
        one number; with "none" one for each sample, of the class indices' shape.

    Raises:
        ValueError: if the shapes do not fit, or label_smoothing is no fraction.
        IndexError: if a target is not a class.

    Example:
        >>> koubai.nn.functional.cross_entropy(koubai.tensor([[2.0, 0.0]]), koubai.tensor([0]))
        tensor(0.1269)
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is between 0 and 1, got {label_smoothing}")
    logs = koubai.log_softmax(input, _class_dim(input))
    if target.shape == input.shape and dtypes.is_floating(target.dtype):
        return _with_probabilities(logs, target, weight, reduction, label_smoothing)
    losses, weights = _of_targets("cross_entropy", logs, target, weight, ignore_index)
    if label_smoothing:
        even = _of_all_classes(logs, weight, target.long() != ignore_index) / logs.shape[_class_dim(logs)]
        losses = losses * (1 - label_smoothing) + even * label_smoothing
    return _weighted_mean(losses, weights) if reduction == "mean" else reduced(losses, reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of classes, -input[target].

    Args:
        input: log-probabilities, (N, C), (C,) or (N, C, d1, ...), such as `log_softmax` gives.
        target: class indices, (N,), () or (N, d1, ...).
        weight: of each class, (C,).
        ignore_index: targets with this value do not count.
        reduction: "mean" (divided by the targets' weights), "sum" or "none".

    Raises:
        ValueError: if the shapes do not fit.
        IndexError: if a target is not a class.
    """
    losses, weights = _of_targets("nll_loss", input, target, weight, ignore_index)
    return _weighted_mean(losses, weights) if reduction == "mean" else reduced(losses, reduction)


def _class_dim(input: Tensor) -> int:
    return 0 if input.ndim <= 1 else 1


def _of_targets(
    loss: str, logs: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """Return the loss of each target and its weight, both 0 for those that do not count."""
    dim = _class_dim(logs)
    classes = logs.shape[dim] if logs.ndim else 1
    classes_fit(loss, logs, target, dim)
    labels_exist(loss, target, classes, ignore_index)
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"{loss}: weight has shape {list(weight.shape)}, but there are {classes} classes")
    target = target.long()
    counted = target != ignore_index
    labels = koubai.where(counted, target, 0)
    losses = -koubai.gather(logs, dim, labels.unsqueeze(dim)).squeeze(dim)
    weights = counted.to(logs.dtype)
    if weight is not None:
        weights = koubai.where(counted, entries(weight, labels), 0.0)
        losses = losses * weights
    return koubai.where(counted, losses, 0.0), weights


def entries(values: Tensor, labels: Tensor) -> Tensor:
    """Return values[labels], for labels of any shape."""
    found: Tensor = values.gather(0, labels.reshape(-1)).reshape(labels.shape)
    return found


def _weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of losses that are already multiplied by their weights."""
    return koubai.sum(losses) / koubai.sum(weights)


def _of_all_classes(logs: Tensor, weight: Tensor | None, counted: Tensor) -> Tensor:
    """Return the sum over all classes of what each would cost, 0 for targets that do not count."""
    return koubai.where(counted, -koubai.sum(_times(logs, weight), _class_dim(logs)), 0.0)


def _times(logs: Tensor, weight: Tensor | None) -> Tensor:
    """Multiply by the class weights."""
    return logs if weight is None else logs * weight.reshape(-1, *[1] * (logs.ndim - 1 - _class_dim(logs)))


def _with_probabilities(
    logs: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    """Cross-entropy with probabilities, (N, C, ...); "mean" is over all but the classes."""
    dim = _class_dim(logs)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / logs.shape[dim]
    return reduced(-koubai.sum(_times(logs * target, weight), dim), reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: object = None,
) -> Tensor:
    """`cross_entropy` of input · linear_weightᵀ + linear_bias, the last layer and the loss in one.

    Args:
        input: (N, in_features) or (in_features,).
        linear_weight: (C, in_features), or (C, d1, ..., in_features) for targets with more dimensions.
        target: class indices (N, d1, ...), or probabilities (N, C, d1, ...).
        linear_bias: (C, d1, ...).
        weight: of each class, (C,).
        reduction: "mean", "sum" or "none".
        ignore_index: class indices with this value do not count; None stands for -100.
        label_smoothing: as in `cross_entropy`.
        options: accepted for PyTorch's sake: how to divide the work, without an influence on the result.

    Raises:
        RuntimeError: if the sizes do not fit.
        ValueError: as `cross_entropy`.
        IndexError: if a target is not a class.
    """
    *outputs, features = linear_weight.shape
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    scores = linear(input, linear_weight.reshape(-1, features), bias)
    return cross_entropy(
        scores.reshape(*input.shape[:-1], *outputs),
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
