"""Decoding finds the best path, or the labels that are best over all their alignments."""

import itertools
import math

import numpy as np
import pytest

import koubai
from koubai.nn import functional as F

from .agreement import check_replay, double


def merged(path, blank=0):
    return [label for label, _ in itertools.groupby(path) if label != blank]


def by_enumeration(probabilities, blank=0):
    """The probability of every label sequence, by adding up the paths of (T, C) that stand for it."""
    totals = {}
    for path in itertools.product(range(probabilities.shape[1]), repeat=len(probabilities)):
        labels = tuple(merged(path, blank))
        weight = math.prod(probabilities[t, c] for t, c in enumerate(path))
        totals[labels] = totals.get(labels, 0) + weight
    return totals


def scores(steps, samples, classes=4, seed=0):
    return (2 * double(steps, samples, classes, seed=seed)).log_softmax(-1)


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_greedy_takes_the_best_path(seed, blank):
    logs, lengths = scores(12, 5, 3, seed), [12, 7, 1, 0, 9]
    labels, counts = F.ctc_greedy_decode(logs, lengths, blank)
    assert labels.shape == (5, 12)
    for n, length in enumerate(lengths):
        expected = merged(logs[:length, n].argmax(-1).tolist(), blank)
        assert labels[n, : counts[n]].tolist() == expected
        assert (labels[n, counts[n] :] == blank).all()
    single, count = F.ctc_greedy_decode(logs[:, 0], blank=blank)
    assert single.equal(labels[0])
    assert count.equal(counts[0])


def test_greedy_replays_and_compiles():
    check_replay(F.ctc_greedy_decode, scores(6, 3), koubai.tensor([6, 2, 4]))


def test_greedy_gives_targets_as_the_loss_takes_them():
    logs = scores(8, 3)
    labels, counts = F.ctc_greedy_decode(logs)
    assert F.ctc_loss(logs, labels, [8] * 3, counts).isfinite()


@pytest.mark.parametrize("blank", [0, 1])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_wide_beam_is_exact(seed, blank):
    logs = scores(5, 1, 3, seed)
    totals = by_enumeration(np.exp(logs[:, 0].numpy()), blank)
    (found,) = F.ctc_beam_decode(logs, beam_width=1000, blank=blank)
    assert {tuple(labels): p for labels, p in found} == pytest.approx(
        {labels: math.log(p) for labels, p in totals.items()}
    )
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
    for labels, p in found[:3]:  # the loss is minus the same number
        if labels:
            loss = F.ctc_loss(logs, koubai.tensor([labels]), [5], [len(labels)], blank, "sum")
            assert loss.item() == pytest.approx(-p)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_beam_is_never_worse_than_the_best_path(seed):
    logs, lengths = scores(20, 4, 5, seed), [20, 11, 3, 0]
    labels, counts = F.ctc_greedy_decode(logs, lengths)
    for n, hypotheses in enumerate(F.ctc_beam_decode(logs, lengths, beam_width=8)):
        assert len(hypotheses) <= 8
        greedy = F.ctc_loss(logs[:, n], labels[n], [lengths[n]], [counts[n].item()], reduction="sum")
        best = hypotheses[0]
        target = koubai.tensor(best.labels or [0])
        exact = F.ctc_loss(logs[:, n], target, [lengths[n]], [len(best.labels)], reduction="sum")
        assert exact.item() <= greedy.item() + 1e-9
        assert best.log_probability <= -exact.item() + 1e-9


def test_alignments_add_up_where_the_best_path_is_blank():
    logs = koubai.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    assert F.ctc_greedy_decode(logs)[1].item() == 0
    ((labels, p), *_) = F.ctc_beam_decode(logs)[0]
    assert labels == [1]
    assert math.exp(p) == pytest.approx(0.64)


def test_a_language_model_decides_between_equal_labels():
    logs = koubai.zeros(3, 1, 3).log_softmax(-1)
    wanted = [2, 1]

    def score(before, label):
        right = len(before) < 2 and label == wanted[len(before)] and list(before) == wanted[: len(before)]
        return 3.0 if right else -5.0

    assert F.ctc_beam_decode(logs, score=score)[0][0].labels == wanted


def test_impossible_classes_and_mistakes():
    logs = koubai.tensor([[1.0, 0.0], [1.0, 0.0]]).log()
    assert F.ctc_beam_decode(logs) == [[([], 0.0)]]
    with pytest.raises(ValueError, match="beam_width must be positive, got 0"):
        F.ctc_beam_decode(logs, beam_width=0)
    for decode in (F.ctc_greedy_decode, F.ctc_beam_decode):
        with pytest.raises(RuntimeError, match=r"expected \(T, N, C\) or \(T, C\), got \[2\]"):
            decode(logs[0])
