"""Loss layers: each is a function of `koubai.nn.functional` with its settings kept.

Mean squared error for numbers, cross-entropy for classes, binary cross-entropy with logits for yes/no.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import koubai
from koubai.nn.containers import Sequential
from koubai.nn.function_layer import FunctionLayer
from koubai.nn.functional import loss as F
from koubai.nn.linear import Linear
from koubai.nn.module import Module
from koubai.nn.containers import ModuleList
from koubai.tensor import Tensor

__all__ = [
    "AdaptiveLogSoftmaxWithLoss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "DiceLoss",
    "FocalLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "NTXentLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class Loss(FunctionLayer):
    """A loss: called with predictions and targets, it returns one number (or one for each with reduction="none")."""


class MSELoss(Loss):
    """Mean squared error; the shapes of prediction and target must be the same."""

    function = F.mse_loss
    reduction: str = "mean"


class L1Loss(Loss):
    """Mean absolute error."""

    function = F.l1_loss
    reduction: str = "mean"


class SmoothL1Loss(Loss):
    """Squared below beta, absolute above."""

    function = F.smooth_l1_loss
    reduction: str = "mean"
    beta: float = 1.0


class HuberLoss(Loss):
    """Squared below delta, absolute above: robust against outliers."""

    function = F.huber_loss
    reduction: str = "mean"
    delta: float = 1.0


class CrossEntropyLoss(Loss):
    """Cross-entropy of scores with class indices or probabilities. It contains the softmax: put none before it."""

    function = F.cross_entropy
    weight: Tensor | None = None
    ignore_index: int = -100
    reduction: str = "mean"
    label_smoothing: float = 0.0


class NLLLoss(Loss):
    """Negative log-likelihood, of what LogSoftmax returns."""

    function = F.nll_loss
    weight: Tensor | None = None
    ignore_index: int = -100
    reduction: str = "mean"


class BCELoss(Loss):
    """Binary cross-entropy of probabilities; BCEWithLogitsLoss is safer."""

    function = F.binary_cross_entropy
    weight: Tensor | None = None
    reduction: str = "mean"


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of scores, sigmoid included."""

    function = F.binary_cross_entropy_with_logits
    weight: Tensor | None = None
    reduction: str = "mean"
    pos_weight: Tensor | None = None


class KLDivLoss(Loss):
    """Kullback-Leibler divergence from log-probabilities; use reduction="batchmean"."""

    function = F.kl_div
    reduction: str = "mean"
    log_target: bool = False


class PoissonNLLLoss(Loss):
    """Negative log-likelihood of counts."""

    function = F.poisson_nll_loss
    log_input: bool = True
    full: bool = False
    eps: float = 1e-8
    reduction: str = "mean"


class GaussianNLLLoss(Loss):
    """Negative log-likelihood of normal numbers; called with (input, target, var)."""

    function = F.gaussian_nll_loss
    full: bool = False
    eps: float = 1e-6
    reduction: str = "mean"


class FocalLoss(Loss):
    """Cross-entropy in which easy samples count less, for strong imbalance."""

    function = F.focal_loss
    alpha: Any = None
    gamma: float = 2.0
    reduction: str = "mean"


class DiceLoss(Loss):
    """1 - Dice coefficient of probabilities and a mask, for segmentation."""

    function = F.dice_loss
    smooth: float = 1.0
    reduction: str = "mean"


class NTXentLoss(Loss):
    """SimCLR's contrastive loss of two views of the same samples."""

    function = F.nt_xent_loss
    temperature: float = 0.5
    reduction: str = "mean"


class MarginRankingLoss(Loss):
    """With target 1 the first input should rank above the second, with -1 below; called with (input1, input2, target)."""

    function = F.margin_ranking_loss
    margin: float = 0.0
    reduction: str = "mean"


class HingeEmbeddingLoss(Loss):
    """Distances: small for target 1, at least the margin for target -1."""

    function = F.hinge_embedding_loss
    margin: float = 1.0
    reduction: str = "mean"


class SoftMarginLoss(Loss):
    """Logistic loss for targets 1 and -1."""

    function = F.soft_margin_loss
    reduction: str = "mean"


class MultiLabelSoftMarginLoss(Loss):
    """Binary cross-entropy of scores for several labels at once."""

    function = F.multilabel_soft_margin_loss
    weight: Tensor | None = None
    reduction: str = "mean"


class MultiLabelMarginLoss(Loss):
    """Hinge loss for several labels at once."""

    function = F.multilabel_margin_loss
    reduction: str = "mean"


class MultiMarginLoss(Loss):
    """Hinge loss for classes."""

    function = F.multi_margin_loss
    p: int = 1
    margin: float = 1.0
    weight: Tensor | None = None
    reduction: str = "mean"


class CosineEmbeddingLoss(Loss):
    """Angles: small for target 1, large for target -1; called with (input1, input2, target)."""

    function = F.cosine_embedding_loss
    margin: float = 0.0
    reduction: str = "mean"


class TripletMarginLoss(Loss):
    """The positive nearer to the anchor than the negative, by a margin; called with (anchor, positive, negative)."""

    function = F.triplet_margin_loss
    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    reduction: str = "mean"


class TripletMarginWithDistanceLoss(Loss):
    """TripletMarginLoss with a distance function of your own."""

    function = F.triplet_margin_with_distance_loss
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None
    margin: float = 1.0
    swap: bool = False
    reduction: str = "mean"


class CTCLoss(Loss):
    """Likelihood of label sequences over all alignments; called with (log_probs, targets, input_lengths, target_lengths)."""

    function = F.ctc_loss
    blank: int = 0
    reduction: str = "mean"
    zero_infinity: bool = False


class AdaptiveLogSoftmaxWithLoss(Module):
    """Cross-entropy over very many classes: frequent ones at once, rare ones in clusters (Grave et al. 2017).

    Args:
        in_features: length of the inputs.
        n_classes: number of classes, sorted by how frequent they are.
        cutoffs: where the clusters begin.
        div_value: each next cluster works with this many times fewer features.
        head_bias: whether the scores of the frequent classes have a bias.
        dtype: of the weights.

    Shape:
        input: (N, in_features); target: (N,); output: (N,) log-probabilities of the targets, and the mean loss.

    Raises:
        ValueError: if the cutoffs are not ascending numbers below n_classes.
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
        self.n_clusters = len(self.cutoffs) - 1
        self.shortlist_size = self.cutoffs[0]
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, dtype=dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            hidden = int(in_features // div_value ** (i + 1))
            first = Linear(in_features, hidden, bias=False, dtype=dtype)
            self.tail.append(Sequential(first, Linear(hidden, high - low, bias=False, dtype=dtype)))

    def log_prob(self, input: Tensor) -> Tensor:
        """Return the log-probabilities of all classes, (N, n_classes)."""
        from koubai.nn.functional import log_softmax

        head = log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            at = self.shortlist_size + i
            parts.append(log_softmax(cluster(input), 1) + head[:, at : at + 1])
        return koubai.cat(parts, 1)  # type: ignore[no-any-return]

    def forward(self, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each target, and their mean loss."""
        from koubai.nn.functional import nll_loss

        one = input.ndim == 1
        losses = nll_loss(
            self.log_prob(input.unsqueeze(0) if one else input), target.reshape(-1), reduction="none"
        )
        return (-losses).reshape(target.shape), losses.mean()

    def predict(self, input: Tensor) -> Tensor:
        """Return the most probable class of each sample, (N,)."""
        return self.log_prob(input).argmax(1)  # type: ignore[no-any-return]
