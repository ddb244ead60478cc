"""Losses that contain the last layer: scores of many classes and their cross-entropy in one module."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.containers import ModuleList, Sequential
from koubai.nn.linear import Linear
from koubai.nn.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"]


class LinearCrossEntropyLoss(Module):
    """A Linear layer to the scores, and their CrossEntropyLoss.

    Args:
        in_features: length of the inputs.
        num_classes: number of classes, C.
        out_features: further dimensions (d1, ...) of the targets, each with scores of its own.
        bias: whether the scores have a bias.
        device: where its tensors live.
        dtype: of the layer's weight.
        reduction: "mean", "sum" or "none".
        weight: of each class, (C,).
        ignore_index: class indices with this value do not count; None stands for -100.
        label_smoothing: the part of the probability that is spread evenly over all classes, 0 to 1.
        options: accepted for PyTorch's sake: how to divide the work, without an influence on the result.

    Shape:
        input (N, in_features) or (in_features,); target class indices (N, d1, ...) or probabilities (N, C, d1, ...).
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: object = None,
    ) -> None:
        super().__init__()
        self.num_classes, self.out_features = num_classes, out_features
        self.linear = Linear(in_features, num_classes * math.prod(out_features), bias, device, dtype)
        self.register_buffer("weight", weight)
        self.reduction, self.ignore_index, self.label_smoothing = reduction, ignore_index, label_smoothing
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the scores and their loss."""
        scores = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*scores, -1),
            target,
            linear_bias=None if bias is None else bias.reshape(*scores),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        """The sizes and how the losses are reduced."""
        return (
            f"num_classes={self.num_classes}, out_features={self.out_features}, reduction={self.reduction!r}"
        )


class ASMoutput(NamedTuple):
    """What AdaptiveLogSoftmaxWithLoss returns.

    Attributes:
        output: the log-probability of each target, (N,).
        loss: their negative mean.
    """

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Cross-entropy over very many classes: frequent ones directly, rare ones in clusters (Grave et al. 2017).

    A cluster has one score in the head and a small net for its members. Here every cluster is computed for every
    sample, so that a traced program does not depend on the targets.

    Args:
        in_features: length of the inputs.
        n_classes: number of classes, sorted by how frequent they are.
        cutoffs: where the clusters begin.
        div_value: each next cluster works with this many times fewer features.
        head_bias: whether the scores of the frequent classes have a bias.
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        input (N, in_features) or (in_features,); target (N,) or (); output (N,) or (), and one number.

    Raises:
        ValueError: if the cutoffs are not ascending numbers from 1 to n_classes - 1.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        ends = list(cutoffs)
        if not ends or ends != sorted(set(ends)) or ends[0] <= 0 or ends[-1] > n_classes - 1:
            raise ValueError(f"cutoffs are ascending numbers from 1 to {n_classes - 1}, got {ends}")
        self.in_features, self.n_classes, self.div_value = in_features, n_classes, div_value
        self.cutoffs = [*ends, n_classes]
        self.n_clusters = len(ends)
        self.shortlist_size = ends[0]
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for cluster, (first, end) in enumerate(pairwise(self.cutoffs), start=1):
            hidden = int(in_features // div_value**cluster)
            narrow = Linear(in_features, hidden, False, device, dtype)
            self.tail.append(Sequential(narrow, Linear(hidden, end - first, False, device, dtype)))

    def reset_parameters(self) -> None:
        """Draw all weights anew, as Linear does."""
        for layer in self.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def log_prob(self, input: Tensor) -> Tensor:
        """Return the log-probabilities of all classes, (N, n_classes)."""
        head = F.log_softmax(self.head(input), -1)
        parts = [head[..., : self.shortlist_size]]
        for place, cluster in enumerate(self.tail, start=self.shortlist_size):
            parts.append(F.log_softmax(cluster(input), -1) + head[..., place : place + 1])
        return koubai.cat(parts, -1)

    def forward(self, input: Tensor, target: Tensor) -> ASMoutput:
        """Return the log-probability of each target, and their mean loss.

        Raises:
            ValueError: if the shapes do not fit.
            IndexError: if a target is not a class.
        """
        losses = F.nll_loss(self.log_prob(input), target, reduction="none")
        return ASMoutput(-losses, losses.mean())

    def predict(self, input: Tensor) -> Tensor:
        """Return the most probable class of each sample, (N,)."""
        return koubai.argmax(self.log_prob(input), -1)
