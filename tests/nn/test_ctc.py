"""CTC is the likelihood summed over every alignment, with the gradient that follows, for any mixture of lengths."""

import itertools
import math

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn import functional as F

from .agreement import check, close, double


def merged(path, blank):
    """The labels that a path of one class per step stands for."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def by_enumeration(probabilities, target, blank=0):
    """Negative log-likelihood of the target by adding up the paths (T, C) that stand for it."""
    steps, classes = probabilities.shape
    total = sum(
        math.prod(probabilities[t, c] for t, c in enumerate(path))
        for path in itertools.product(range(classes), repeat=steps)
        if merged(path, blank) == tuple(target)
    )
    return -math.log(total) if total else math.inf


def scores(steps=4, samples=1, classes=3, seed=0):
    return double(steps, samples, classes, seed=seed).log_softmax(-1)


@pytest.mark.parametrize("target", [[], [1], [1, 2], [1, 1], [2, 1, 2], [1, 1, 1], [1, 2, 1, 2]])
def test_a_tiny_case_by_enumeration(target):
    logs = scores()
    expected = by_enumeration(np.exp(logs.numpy()[:, 0]), target)
    given = koubai.tensor([target], dtype=koubai.int64).reshape(1, -1)
    close(F.ctc_loss(logs, given, [4], [len(target)], reduction="none"), [expected])


def test_the_blank_may_be_any_class():
    logs = scores()
    expected = by_enumeration(np.exp(logs.numpy()[:, 0]), [0, 1], blank=2)
    close(F.ctc_loss(logs, koubai.tensor([[0, 1]]), [4], [2], blank=2, reduction="sum"), expected)


TARGETS = koubai.tensor([[1, 2, 1], [2, 2, 0], [0, 0, 0], [1, 0, 0]])
INPUTS, LENGTHS = [5, 4, 3, 2], [3, 2, 0, 1]


def test_samples_of_different_lengths_are_each_their_own():
    logs = scores(5, 4)
    expected = [
        by_enumeration(np.exp(logs.numpy()[:time, n]), TARGETS[n, :size].tolist())
        for n, (time, size) in enumerate(zip(INPUTS, LENGTHS))
    ]
    close(F.ctc_loss(logs, TARGETS, INPUTS, LENGTHS, reduction="none"), expected)
    close(F.ctc_loss(logs, TARGETS, INPUTS, LENGTHS, reduction="sum"), sum(expected))
    mean = np.mean([loss / max(size, 1) for loss, size in zip(expected, LENGTHS)])
    close(nn.CTCLoss()(logs, TARGETS, INPUTS, LENGTHS), mean)


def test_targets_one_after_the_other():
    logs = scores(5, 4)
    flat = koubai.tensor([1, 2, 1, 2, 2, 1])
    padded = F.ctc_loss(logs, TARGETS, INPUTS, LENGTHS, reduction="none")
    assert F.ctc_loss(logs, flat, INPUTS, LENGTHS, reduction="none").equal(padded)
    none = koubai.zeros(0, dtype=koubai.int64)
    close(F.ctc_loss(logs[:2], none, [2, 1, 0, 2], [0] * 4, reduction="none")[2], 0)


def test_lengths_as_tensors_and_what_stands_behind_a_target_does_not_matter():
    logs = scores(5, 4)
    noisy = koubai.where(koubai.arange(3) < koubai.tensor(LENGTHS).unsqueeze(1), TARGETS, -7)
    found = F.ctc_loss(logs, noisy, koubai.tensor(INPUTS), koubai.tensor(LENGTHS), reduction="none")
    assert found.equal(F.ctc_loss(logs, TARGETS, INPUTS, LENGTHS, reduction="none"))


def test_one_sample_without_a_batch():
    logs, target = scores(), koubai.tensor([1, 2])
    loss = F.ctc_loss(logs[:, 0], target, koubai.tensor(4), koubai.tensor(2), reduction="none")
    assert loss.shape == ()
    close(loss, F.ctc_loss(logs, target[None], [4], [2], reduction="sum").item())


def test_gradients_to_second_order_and_replay():
    def loss(x, targets, inputs, lengths):
        return F.ctc_loss(x.log_softmax(-1), targets, inputs, lengths)

    check(loss, double(5, 4, 3), TARGETS, koubai.tensor(INPUTS), koubai.tensor(LENGTHS))


def test_the_gradient_of_log_probabilities_is_numerical_too():
    check(lambda logs: F.ctc_loss(logs, TARGETS, INPUTS, LENGTHS, reduction="none"), scores(5, 4))


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_a_target_that_does_not_fit(zero_infinity):
    x = double(3, 2, 3).requires_grad_()
    targets = koubai.tensor([[1, 1, 2], [1, 2, 1]])  # the first needs 4 steps: a blank between equal labels
    losses = F.ctc_loss(
        x.log_softmax(-1), targets, [3, 3], [3, 3], reduction="none", zero_infinity=zero_infinity
    )
    assert losses[0].item() == (0 if zero_infinity else math.inf)
    assert losses[1].isfinite()
    losses.sum().backward()
    assert not x.grad[:, 0].any()
    assert x.grad[:, 1].isfinite().all()
    assert x.grad[:, 1].any()


def test_certain_predictions_are_finite():
    x = koubai.full((4, 1, 3), -1e4, dtype=koubai.float64)
    x[0, 0, 1] = x[1, 0, 1] = x[2, 0, 0] = x[3, 0, 2] = 0.0
    x.requires_grad_()
    loss = F.ctc_loss(x, koubai.tensor([[1, 2]]), [4], [2])
    loss.backward()
    assert loss.item() == 0
    assert x.grad.isfinite().all()


def test_a_long_sequence_does_not_underflow():
    logs = koubai.zeros(2000, 1, 5).log_softmax(-1).requires_grad_()
    loss = F.ctc_loss(logs, koubai.ones(1, 300, dtype=koubai.int64), [2000], [300])
    loss.backward()
    assert loss.isfinite()
    assert logs.grad.isfinite().all()


@pytest.mark.parametrize(
    ("targets", "inputs", "lengths", "settings", "error", "match"),
    [
        ([[1, 2]], [5], [2], {}, RuntimeError, r"input_lengths are 0 to 4, .* got \[5\]"),
        ([[1, 2]], [4], [3], {}, RuntimeError, r"targets \[1, 2\] do not hold .* target_lengths \[3\]"),
        ([1, 2], [4], [3], {}, RuntimeError, r"targets \[2\] do not hold"),
        ([[1, 2]], [4], [-1], {}, RuntimeError, r"do not hold sequences of target_lengths \[-1\]"),
        (
            [[1, 2]],
            [4, 4],
            [2],
            {},
            RuntimeError,
            "hold 1 samples, which need as many lengths; got 2 input_lengths",
        ),
        ([[1, 3]], [4], [2], {}, IndexError, "target 3 is not a class: the input has 3 classes"),
        ([[1, 2]], [4], [2], {"blank": 3}, RuntimeError, "blank 3 is not a class: log_probs have 3 classes"),
        ([[1, 2]], [4], [2], {"reduction": "all"}, ValueError, "'mean', 'sum' or 'none', got 'all'"),
    ],
)
def test_mistakes(targets, inputs, lengths, settings, error, match):
    with pytest.raises(error, match=match):
        F.ctc_loss(scores(), koubai.tensor(targets), inputs, lengths, **settings)
