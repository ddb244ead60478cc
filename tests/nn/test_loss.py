"""Losses are their formulas, differentiable twice, and safe for extreme numbers."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn import functional as F

from .agreement import check, close, double

INF = math.inf


def labels(*shape, classes=4, seed=0):
    return koubai.from_numpy(np.random.default_rng(seed).integers(0, classes, shape))


def signs(*shape):
    return koubai.from_numpy(np.where(np.random.default_rng(5).random(shape) < 0.5, -1.0, 1.0))


def fractions(*shape, seed=0):
    return koubai.from_numpy(np.random.default_rng([9, seed]).uniform(0.05, 0.95, shape))


def log_softmax(x, axis=1):
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def picked(x, t):
    """x[n, t[n], ...] for scores (N, C, ...)."""
    return np.take_along_axis(x, np.expand_dims(t, 1), 1).squeeze(1)


def norm(x, axis=-1):
    return np.sqrt((x * x).sum(axis))


def gaussian(x, t, v):
    return 0.5 * (np.log(v) + (x - t) ** 2 / v)


def multi_margin(x, t):
    terms = np.maximum(1.5 - picked(x, t)[:, None] + x, 0) ** 2
    terms[np.arange(len(t)), t] = 0
    return terms.sum(1) / x.shape[1]


def multilabel_margin(x, t):
    losses = []
    for row, wanted in zip(x, t):
        own = list(wanted[: [*wanted, -1].index(-1)])
        others = [c for c in range(len(row)) if c not in own]
        losses.append(sum(max(0, 1 - row[a] + row[b]) for a in own for b in others) / len(row))
    return np.array(losses)


def triplet(a, p, n):
    def distance(x, y):
        return (np.abs(x - y + 1e-6) ** 3).sum(-1) ** (1 / 3)

    return np.maximum(distance(a, p) - np.minimum(distance(a, n), distance(p, n)) + 2.0, 0)


def cosine(a, b):
    return (a * b).sum(-1) / norm(a) / norm(b)


# layer, inputs, formula of the losses one by one
LOSSES = {
    "MSE": (nn.MSELoss, [double(3, 4), double(3, 4, seed=1)], lambda x, t: (x - t) ** 2),
    "L1": (nn.L1Loss, [double(3, 4), double(3, 4, seed=1)], lambda x, t: np.abs(x - t)),
    "SmoothL1": (
        lambda **k: nn.SmoothL1Loss(beta=0.7, **k),
        [double(3, 4), double(3, 4, seed=1)],
        lambda x, t: np.where(np.abs(x - t) < 0.7, (x - t) ** 2 / 1.4, np.abs(x - t) - 0.35),
    ),
    "Huber": (
        lambda **k: nn.HuberLoss(delta=0.7, **k),
        [double(3, 4), double(3, 4, seed=1)],
        lambda x, t: np.where(np.abs(x - t) < 0.7, (x - t) ** 2 / 2, 0.7 * (np.abs(x - t) - 0.35)),
    ),
    "CrossEntropy": (nn.CrossEntropyLoss, [double(5, 4), labels(5)], lambda x, t: -picked(log_softmax(x), t)),
    "CrossEntropy of an image": (
        nn.CrossEntropyLoss,
        [double(2, 4, 3, 2), labels(2, 3, 2)],
        lambda x, t: -picked(log_softmax(x), t),
    ),
    "CrossEntropy with probabilities": (
        nn.CrossEntropyLoss,
        [double(5, 4), fractions(5, 4)],
        lambda x, t: -(t * log_softmax(x)).sum(1),
    ),
    "NLL": (nn.NLLLoss, [double(5, 4), labels(5)], lambda x, t: -picked(x, t)),
    "BCE": (
        nn.BCELoss,
        [fractions(5, 4), fractions(5, 4, seed=1)],
        lambda x, t: -t * np.log(x) - (1 - t) * np.log(1 - x),
    ),
    "BCEWithLogits": (
        lambda **k: nn.BCEWithLogitsLoss(pos_weight=fractions(4), **k),
        [double(5, 4), fractions(5, 4)],
        lambda x, t: -fractions(4).numpy() * t * np.log(sigmoid(x)) - (1 - t) * np.log(sigmoid(-x)),
    ),
    "KLDiv": (nn.KLDivLoss, [double(3, 4), fractions(3, 4)], lambda x, t: t * (np.log(t) - x)),
    "KLDiv of logarithms": (
        lambda **k: nn.KLDivLoss(log_target=True, **k),
        [double(3, 4), double(3, 4, seed=1)],
        lambda x, t: np.exp(t) * (t - x),
    ),
    "PoissonNLL": (
        lambda **k: nn.PoissonNLLLoss(full=True, **k),
        [double(4), koubai.tensor([0.0, 1.0, 2.0, 9.0], dtype=koubai.float64)],
        lambda x, t: (
            np.exp(x)
            - t * x
            + np.where(t > 1, t * np.log(t + (t == 0)) - t + 0.5 * np.log(2 * np.pi * t + (t == 0)), 0)
        ),
    ),
    "PoissonNLL of counts": (
        lambda **k: nn.PoissonNLLLoss(log_input=False, eps=0.1, **k),
        [fractions(4), labels(4)],
        lambda x, t: x - t * np.log(x + 0.1),
    ),
    "GaussianNLL": (nn.GaussianNLLLoss, [double(3, 4), double(3, 4, seed=1), fractions(3, 4)], gaussian),
    "GaussianNLL of one variance": (
        lambda **k: nn.GaussianNLLLoss(full=True, **k),
        [double(3, 4), double(3, 4, seed=1), fractions(3)],
        lambda x, t, v: gaussian(x, t, v[:, None]) + 0.5 * np.log(2 * np.pi),
    ),
    "Focal": (
        lambda **k: nn.FocalLoss(alpha=[0.1, 0.2, 0.3, 0.4], gamma=1.5, **k),
        [double(5, 4), labels(5)],
        lambda x, t: (
            -np.array([0.1, 0.2, 0.3, 0.4])[t]
            * (1 - np.exp(picked(log_softmax(x), t))) ** 1.5
            * picked(log_softmax(x), t)
        ),
    ),
    "Focal for yes and no": (
        lambda **k: nn.FocalLoss(alpha=0.25, **k),
        [double(6), (signs(6) + 1) / 2],
        lambda x, t: np.where(
            t == 1,
            -0.25 * (1 - sigmoid(x)) ** 2 * np.log(sigmoid(x)),
            -0.75 * sigmoid(x) ** 2 * np.log(1 - sigmoid(x)),
        ),
    ),
    "Dice": (
        lambda **k: nn.DiceLoss(smooth=0.5, **k),
        [fractions(3, 2, 4), (signs(3, 2, 4) + 1) / 2],
        lambda x, t: 1 - (2 * (x * t).sum((1, 2)) + 0.5) / (x.sum((1, 2)) + t.sum((1, 2)) + 0.5),
    ),
    "MarginRanking": (
        lambda **k: nn.MarginRankingLoss(margin=0.5, **k),
        [double(6), double(6, seed=1), signs(6)],
        lambda a, b, t: np.maximum(-t * (a - b) + 0.5, 0),
    ),
    "HingeEmbedding": (
        nn.HingeEmbeddingLoss,
        [double(6), signs(6)],
        lambda x, t: np.where(t == 1, x, np.maximum(1 - x, 0)),
    ),
    "SoftMargin": (nn.SoftMarginLoss, [double(6), signs(6)], lambda x, t: np.log(1 + np.exp(-t * x))),
    "MultiLabelSoftMargin": (
        nn.MultiLabelSoftMarginLoss,
        [double(3, 4), fractions(3, 4)],
        lambda x, t: -(t * np.log(sigmoid(x)) + (1 - t) * np.log(sigmoid(-x))).mean(1),
    ),
    "MultiMargin": (
        lambda **k: nn.MultiMarginLoss(p=2, margin=1.5, **k),
        [double(5, 4), labels(5)],
        multi_margin,
    ),
    "MultiLabelMargin": (
        nn.MultiLabelMarginLoss,
        [double(3, 4), koubai.tensor([[3, 0, -1, 1], [-1, 0, 1, 2], [0, 1, 2, 3]])],
        multilabel_margin,
    ),
    "CosineEmbedding": (
        lambda **k: nn.CosineEmbeddingLoss(margin=0.1, **k),
        [double(6, 3), double(6, 3, seed=1), signs(6)],
        lambda a, b, t: np.where(t == 1, 1 - cosine(a, b), np.maximum(cosine(a, b) - 0.1, 0)),
    ),
    "TripletMargin": (
        lambda **k: nn.TripletMarginLoss(margin=2.0, p=3, swap=True, **k),
        [double(4, 3), double(4, 3, seed=1), double(4, 3, seed=2)],
        triplet,
    ),
    "TripletMargin with a distance": (
        lambda **k: nn.TripletMarginWithDistanceLoss(
            distance_function=lambda x, y: (x - y).square().sum(-1), **k
        ),
        [double(4, 3), double(4, 3, seed=1), double(4, 3, seed=2)],
        lambda a, p, n: np.maximum(((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 1, 0),
    ),
}
# where the targets begin that must stay as they are: 1 or -1, or at a jump
CONSTANT = {"HingeEmbedding": 1, "CosineEmbedding": 2, "MarginRanking": 2, "PoissonNLL": 1}


@pytest.fixture(params=LOSSES)
def case(request):
    return request.param, *LOSSES[request.param]


def test_values_and_reductions(case):
    _, make, inputs, formula = case
    expected = formula(*(x.numpy() for x in inputs))
    close(make(reduction="none")(*inputs), expected)
    close(make(reduction="sum")(*inputs), expected.sum())
    close(make()(*inputs), expected.mean())
    with pytest.raises(ValueError, match="reduction is 'mean', 'sum' or 'none', got 'average'"):
        make(reduction="average")(*inputs)


def test_gradients_to_second_order_and_replay(case):
    name, make, inputs, _ = case
    given = list(inputs)
    targets = given[CONSTANT.get(name, len(given)) :]
    check(lambda *x: make()(*x, *targets), *given[: len(given) - len(targets)])


def test_an_empty_batch_has_no_mean_and_no_sum(case):
    _, make, inputs, _ = case
    empty = [x[:0] for x in inputs]
    assert make(reduction="sum")(*empty).item() == 0
    assert make(reduction="none")(*empty).numel() == 0
    assert math.isnan(make()(*empty).item())


def test_float32_stays_float32(case):
    _, make, inputs, _ = case
    single = [x.float() if x.is_floating_point() else x for x in inputs]
    layer = make()
    if any(buffer.dtype == koubai.float64 for buffer in layer.buffers()):
        layer.float()
    assert layer(*single).dtype == koubai.float32


# --- cross-entropy


@pytest.mark.parametrize("shape", [(6, 4), (2, 4, 3)])
def test_weights_ignored_labels_and_smoothing(shape):
    x, t, w = double(*shape), labels(shape[0], *shape[2:]), fractions(4)
    t[0] = 2
    logs, target, weight = log_softmax(x.numpy()), t.numpy().copy(), w.numpy()
    counted = target != 2
    own = -weight[target] * picked(logs, target)
    even = -(weight.reshape(4, *[1] * (len(shape) - 2)) * logs).sum(1) / 4
    losses = np.where(counted, 0.9 * own + 0.1 * even, 0)
    settings = {"ignore_index": 2, "label_smoothing": 0.1}
    close(F.cross_entropy(x, t, w, reduction="none", **settings), losses)
    close(F.cross_entropy(x, t, w, **settings), losses.sum() / weight[target][counted].sum())
    check(lambda x: F.cross_entropy(x, t, w, **settings), x)


def test_probabilities_with_weights_and_smoothing():
    x, t, w = double(5, 4), fractions(5, 4), fractions(4)
    smooth = 0.8 * t.numpy() + 0.2 / 4
    expected = -(w.numpy() * smooth * log_softmax(x.numpy())).sum(1)
    close(F.cross_entropy(x, t, w, label_smoothing=0.2), expected.mean())
    check(lambda x, t: F.cross_entropy(x, t, w, label_smoothing=0.2), x, t)


def test_one_sample_without_a_batch():
    x = double(4)
    expected = -log_softmax(x.numpy(), 0)[2]
    close(F.cross_entropy(x, koubai.tensor(2)), expected)
    close(F.multi_margin_loss(x, koubai.tensor([2])), F.multi_margin_loss(x[None], koubai.tensor([2])).item())
    assert F.nll_loss(x, koubai.tensor(2), reduction="none").shape == ()


def test_nothing_counted_gives_nan_and_no_gradient():
    x = double(2, 3).requires_grad_()
    loss = F.cross_entropy(x, koubai.tensor([-100, -100]), reduction="sum")
    loss.backward()
    assert loss.item() == 0
    assert not x.grad.any()
    assert math.isnan(F.cross_entropy(x, koubai.tensor([-100, -100])).item())


def test_narrow_labels_are_read():
    x, t = double(3, 4), labels(3)
    for smoothing in (0.0, 0.1):
        narrow = F.cross_entropy(x, t.to(koubai.uint8), label_smoothing=smoothing)
        assert narrow.equal(F.cross_entropy(x, t, label_smoothing=smoothing))


def test_cross_entropy_of_extreme_scores():
    scores = koubai.tensor([[1e4, 0.0], [-1e4, 1e4], [INF, 0.0], [-INF, 0.0]], dtype=koubai.float64)
    target = koubai.tensor([0, 0, 1, 1])
    assert F.cross_entropy(scores, target, reduction="none").tolist()[:2] == [0, 2e4]
    assert F.cross_entropy(scores[3:], target[3:]).item() == 0
    x = scores[:2].detach().requires_grad_()
    F.cross_entropy(x, target[:2], reduction="sum").backward()
    assert x.grad.tolist() == [[0, 0], [-1, 1]]


def test_settings_of_cross_entropy_are_checked():
    with pytest.raises(ValueError, match=r"label_smoothing is between 0 and 1, got 1\.5"):
        F.cross_entropy(double(2, 3), labels(2), label_smoothing=1.5)
    with pytest.raises(ValueError, match=r"weight has shape \[2\], but there are 3 classes"):
        F.cross_entropy(double(2, 3), labels(2, classes=3), koubai.ones(2))


def test_weights_are_buffers():
    loss = nn.CrossEntropyLoss(weight=fractions(3))
    assert list(loss.state_dict()) == ["weight"]
    assert loss.float().weight.dtype == koubai.float32
    assert "weight" not in repr(loss)
    assert not nn.CrossEntropyLoss().state_dict()
    assert nn.CrossEntropyLoss().weight is None


# --- the others


def test_binary_cross_entropy_at_the_ends():
    x = koubai.tensor([0.0, 0.0, 1.0, 1.0], requires_grad=True)
    losses = F.binary_cross_entropy(x, koubai.tensor([0.0, 1.0, 0.0, 1.0]), reduction="none")
    assert losses.tolist() == [0, 100, 100, 0]
    losses.sum().backward()
    assert x.grad.isfinite().all()
    for wrong in (1.5, -0.1, math.nan):
        with pytest.raises(RuntimeError, match="probabilities between 0 and 1; for scores use"):
            F.binary_cross_entropy(koubai.tensor([wrong]), koubai.tensor([1.0]))


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (F.binary_cross_entropy_with_logits, 0.0),
        (F.soft_margin_loss, -1.0),
        (F.multilabel_soft_margin_loss, 0.0),
    ],
)
def test_logistic_losses_of_huge_scores(loss, target):
    x = koubai.tensor([[1e4], [-1e4]], requires_grad=True)
    losses = loss(x, koubai.full((2, 1), target), reduction="none")
    losses.sum().backward()
    assert losses.flatten().tolist() == [1e4, 0]
    assert x.grad.flatten().tolist() == [1, 0]


@pytest.mark.parametrize("loss", [F.smooth_l1_loss, F.huber_loss])
def test_losses_with_arms_take_infinite_errors(loss):
    x = koubai.tensor([INF, -INF, 1e300, 0.0], dtype=koubai.float64, requires_grad=True)
    loss(x, koubai.zeros_like(x), reduction="sum").backward()
    assert x.grad.tolist() == [1, -1, 1, 0]


def test_weighted_means():
    x, t, w = double(3, 4), double(3, 4, seed=1), fractions(3, 4)
    error = x.numpy() - t.numpy()
    close(F.mse_loss(x, t, weight=w), (w.numpy() * error**2).sum() / w.numpy().sum())
    close(F.l1_loss(x, t, "sum", w), (w.numpy() * np.abs(error)).sum())
    close(F.huber_loss(x, t, delta=9.0, weight=w), (w.numpy() * error**2 / 2).mean())
    with pytest.raises(ValueError, match=r"losses has shape \[3, 4\] and weight \[4\]"):
        F.mse_loss(x, t, weight=w[0])


def test_kl_divergence_of_the_batch():
    x, t = double(3, 4), fractions(3, 4)
    close(F.kl_div(x, t, "batchmean"), (t.numpy() * (np.log(t.numpy()) - x.numpy())).sum() / 3)
    zero = koubai.zeros(3, 4, requires_grad=True)
    F.kl_div(x.float(), zero, "sum").backward()
    assert zero.grad.isfinite().all()


def test_gaussian_variances():
    x, t = double(3, 4), double(3, 4, seed=1)
    assert F.gaussian_nll_loss(x, t, 2.0).equal(F.gaussian_nll_loss(x, t, koubai.full_like(x, 2.0)))
    assert F.gaussian_nll_loss(x, x, koubai.zeros(3, 4)).isfinite()
    with pytest.raises(ValueError, match=r"var has shape \[2\], the input \[3, 4\]"):
        F.gaussian_nll_loss(x, t, koubai.ones(2))
    with pytest.raises(ValueError, match="negative entry"):
        F.gaussian_nll_loss(x, t, -koubai.ones(3, 4))


def test_focal_loss_without_focus_is_cross_entropy():
    x, t = double(5, 4), labels(5)
    close(F.focal_loss(x, t, gamma=0.0), F.cross_entropy(x, t).item())
    certain = koubai.tensor([[1e4, 0.0]], requires_grad=True)
    F.focal_loss(certain, koubai.tensor([0]), gamma=0.5).backward()
    assert not certain.grad.any()


def test_dice_of_a_perfect_and_an_empty_mask():
    mask = koubai.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert F.dice_loss(mask, mask, reduction="none").tolist() == [0, 0]
    with pytest.raises(ValueError, match="for one sample use unsqueeze"):
        F.dice_loss(mask[0], mask[0])


def test_cosine_of_zero_vectors_has_a_finite_gradient():
    zero = koubai.zeros(2, 3, requires_grad=True)
    F.cosine_embedding_loss(zero, koubai.zeros(2, 3), koubai.tensor([1.0, -1.0])).backward()
    assert zero.grad.isfinite().all()
    with pytest.raises(ValueError, match=r"need targets of shape \[2\]"):
        F.cosine_embedding_loss(zero, zero, koubai.ones(2, 1))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: F.smooth_l1_loss(x, x, beta=-1.0), RuntimeError, "beta is not negative"),
        (lambda x: F.huber_loss(x, x, delta=0.0), RuntimeError, "delta is positive"),
        (lambda x: F.multi_margin_loss(x, labels(2), p=3), ValueError, "p is 1 or 2, got 3"),
        (lambda x: F.triplet_margin_loss(x, x, x, margin=0.0), ValueError, "margin is positive"),
        (lambda x: F.multilabel_margin_loss(x, labels(2, 3) + 2), IndexError, "is not a class"),
    ],
)
def test_mistakes(call, error, match):
    with pytest.raises(error, match=match):
        call(double(2, 3))


def test_no_smoothing_region_is_l1():
    x, t = double(3), double(3, seed=1)
    assert F.smooth_l1_loss(x, t, beta=0.0).equal(F.l1_loss(x, t))
