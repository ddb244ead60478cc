"""Losses that contain the last layer: the same as layer and loss apart, and a distribution over all classes."""

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn import functional as F

from .agreement import check_layer, close, double


def labels(*shape, classes):
    return koubai.from_numpy(np.random.default_rng(0).integers(0, classes, shape))


def test_linear_cross_entropy_is_both_after_one_another():
    koubai.manual_seed(0)
    layer = nn.LinearCrossEntropyLoss(
        3, 4, bias=True, weight=koubai.tensor([0.1, 0.2, 0.3, 0.4]), label_smoothing=0.1
    ).double()
    x, t = double(5, 3), labels(5, classes=4)
    scores = F.linear(x, layer.linear.weight, layer.linear.bias)
    close(layer(x, t), F.cross_entropy(scores, t, layer.weight, label_smoothing=0.1).item())
    check_layer(layer, x, t)
    deep = nn.LinearCrossEntropyLoss(3, 4, out_features=(2,), dtype=koubai.float64)
    assert deep(x, labels(5, 2, classes=4)).shape == ()


def test_adaptive_softmax_is_a_distribution_over_all_classes():
    koubai.manual_seed(0)
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6], div_value=2.0).double()
    x, t = double(5, 8), labels(5, classes=10)
    assert [tuple(part[0].weight.shape) for part in layer.tail] == [(4, 8), (2, 8)]
    logs = layer.log_prob(x)
    close(logs.exp().sum(1), np.ones(5))
    output, loss = layer(x, t)
    close(output, logs.numpy(force=True)[np.arange(5), t.numpy()])
    close(loss, -output.numpy(force=True).mean())
    assert layer.predict(x).tolist() == logs.numpy(force=True).argmax(1).tolist()
    assert layer(x[0], t[0]).output.shape == ()
    check_layer(layer, x, t)
    with pytest.raises(ValueError, match="cutoffs are ascending numbers from 1 to 9, got"):
        nn.AdaptiveLogSoftmaxWithLoss(8, 10, [6, 3])
