"""Loss layers: each is the function of its name in `koubai.nn.functional`, which says what the shapes are.

Mean squared error for numbers, cross-entropy for classes, binary cross-entropy with logits for yes/no. Called with
predictions and targets, a layer returns one number: the mean (reduction="mean", the default) or the sum ("sum") of the
losses, or with "none" the losses themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.function_layer import FunctionLayer

__all__ = [
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


class MSELoss(FunctionLayer):
    """Mean squared error; the shapes of prediction and target must be the same.

    Args:
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.mse_loss
    reduction: str = "mean"


class L1Loss(FunctionLayer):
    """Mean absolute error; outliers weigh less than in MSELoss.

    Args:
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.l1_loss
    reduction: str = "mean"


class SmoothL1Loss(FunctionLayer):
    """Squared below beta, absolute above.

    Args:
        reduction: of the losses: "mean", "sum" or "none".
        beta: where the parabola ends.
    """

    function = F.smooth_l1_loss
    reduction: str = "mean"
    beta: float = 1.0


class HuberLoss(FunctionLayer):
    """Squared below delta, absolute above: robust against outliers.

    Args:
        reduction: of the losses: "mean", "sum" or "none".
        delta: where the parabola ends.
    """

    function = F.huber_loss
    reduction: str = "mean"
    delta: float = 1.0


class CrossEntropyLoss(FunctionLayer):
    """Cross-entropy of scores with class indices or probabilities. It contains the softmax: put none before it.

    Args:
        weight: of each class, (C,).
        ignore_index: class indices with this value do not count.
        reduction: of the losses: "mean", "sum" or "none".
        label_smoothing: the part of the probability that is spread evenly over all classes, 0 to 1.
    """

    function = F.cross_entropy
    weight: Tensor | None = None
    ignore_index: int = -100
    reduction: str = "mean"
    label_smoothing: float = 0.0


class NLLLoss(FunctionLayer):
    """Negative log-likelihood of classes, of what LogSoftmax returns.

    Args:
        weight: of each class, (C,).
        ignore_index: targets with this value do not count.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.nll_loss
    weight: Tensor | None = None
    ignore_index: int = -100
    reduction: str = "mean"


class BCELoss(FunctionLayer):
    """Binary cross-entropy of probabilities; BCEWithLogitsLoss is safer.

    Args:
        weight: of each element, broadcast.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.binary_cross_entropy
    weight: Tensor | None = None
    reduction: str = "mean"


class BCEWithLogitsLoss(FunctionLayer):
    """Binary cross-entropy of scores, sigmoid included.

    Args:
        weight: of each element, broadcast.
        reduction: of the losses: "mean", "sum" or "none".
        pos_weight: of the positive part: above 1 raises recall.
    """

    function = F.binary_cross_entropy_with_logits
    weight: Tensor | None = None
    reduction: str = "mean"
    pos_weight: Tensor | None = None


class KLDivLoss(FunctionLayer):
    """Kullback-Leibler divergence from log-probabilities.

    Args:
        reduction: "batchmean" is the divergence itself; "mean" also divides by the classes; "sum", "none".
        log_target: whether the target is given as logarithms.
    """

    function = F.kl_div
    reduction: str = "mean"
    log_target: bool = False


class PoissonNLLLoss(FunctionLayer):
    """Negative log-likelihood of counts.

    Args:
        log_input: whether the input is the logarithm of the expected count.
        full: add Stirling's approximation of log(target!).
        eps: added to the input before its logarithm is taken.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.poisson_nll_loss
    log_input: bool = True
    full: bool = False
    eps: float = 1e-8
    reduction: str = "mean"


class GaussianNLLLoss(FunctionLayer):
    """Negative log-likelihood of normal numbers; called with (input, target, var).

    Args:
        full: add the constant log(2π)/2.
        eps: the variances are at least this.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.gaussian_nll_loss
    full: bool = False
    eps: float = 1e-6
    reduction: str = "mean"


class FocalLoss(FunctionLayer):
    """Cross-entropy in which easy samples count less, for strong imbalance (Lin et al. 2017).

    Args:
        alpha: for classes, weights (C,); for yes/no, the weight of yes.
        gamma: how much less; 0 gives the plain cross-entropy.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.focal_loss
    alpha: Tensor | Sequence[float] | float | None = None
    gamma: float = 2.0
    reduction: str = "mean"


class DiceLoss(FunctionLayer):
    """1 - Dice coefficient of probabilities and a mask, for segmentation (Milletari et al. 2016).

    Args:
        smooth: added above and below, so that empty masks have a value.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.dice_loss
    smooth: float = 1.0
    reduction: str = "mean"


class NTXentLoss(FunctionLayer):
    """SimCLR's contrastive loss of two views of the same samples (Chen et al. 2020).

    Args:
        temperature: divides the similarities.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.nt_xent_loss
    temperature: float = 0.5
    reduction: str = "mean"


class MarginRankingLoss(FunctionLayer):
    """With target 1 the first input should rank above the second, with -1 below; called with (input1, input2, target).

    Args:
        margin: by how much.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.margin_ranking_loss
    margin: float = 0.0
    reduction: str = "mean"


class HingeEmbeddingLoss(FunctionLayer):
    """Distances: small for target 1, at least the margin for target -1.

    Args:
        margin: how far apart they should be for target -1.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.hinge_embedding_loss
    margin: float = 1.0
    reduction: str = "mean"


class SoftMarginLoss(FunctionLayer):
    """Logistic loss for targets 1 and -1.

    Args:
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.soft_margin_loss
    reduction: str = "mean"


class MultiLabelSoftMarginLoss(FunctionLayer):
    """Binary cross-entropy of scores for several labels at once.

    Args:
        weight: of each label.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.multilabel_soft_margin_loss
    weight: Tensor | None = None
    reduction: str = "mean"


class MultiLabelMarginLoss(FunctionLayer):
    """Hinge loss for several labels at once.

    Args:
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.multilabel_margin_loss
    reduction: str = "mean"


class MultiMarginLoss(FunctionLayer):
    """Hinge loss for classes.

    Args:
        p: 1 or 2, the power.
        margin: by how much the right class should lead.
        weight: of each class, (C,).
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.multi_margin_loss
    p: int = 1
    margin: float = 1.0
    weight: Tensor | None = None
    reduction: str = "mean"


class CosineEmbeddingLoss(FunctionLayer):
    """Angles: small for target 1, large for target -1; called with (input1, input2, target).

    Args:
        margin: the cosine that is small enough for target -1.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.cosine_embedding_loss
    margin: float = 0.0
    reduction: str = "mean"


class TripletMarginLoss(FunctionLayer):
    """The positive nearer to the anchor than the negative; called with (anchor, positive, negative).

    Args:
        margin: by how much.
        p: of the norm that measures distance.
        eps: added to the differences.
        swap: take the nearer of anchor and positive to the negative.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.triplet_margin_loss
    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    reduction: str = "mean"


class TripletMarginWithDistanceLoss(FunctionLayer):
    """TripletMarginLoss with a distance function of your own.

    Args:
        distance_function: the Euclidean distance by default.
        margin: by how much.
        swap: take the nearer of anchor and positive to the negative.
        reduction: of the losses: "mean", "sum" or "none".
    """

    function = F.triplet_margin_with_distance_loss
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None
    margin: float = 1.0
    swap: bool = False
    reduction: str = "mean"


class CTCLoss(FunctionLayer):
    """Likelihood of label sequences over all alignments.

    Called with (log_probs, targets, input_lengths, target_lengths).

    Args:
        blank: the class of "no label".
        reduction: "mean" divides each loss by its target's length first; "sum" or "none".
        zero_infinity: take 0 for targets that do not fit into their inputs, instead of infinity.
    """

    function = F.ctc_loss
    blank: int = 0
    reduction: str = "mean"
    zero_infinity: bool = False
