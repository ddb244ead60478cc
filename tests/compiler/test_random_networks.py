"""Networks of layers in any order train natively as they do eagerly, in any number of threads."""

from __future__ import annotations

import random

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.compiler.runtime import available, target
from koubai.nn import functional as F

if not available():
    pytest.skip("LLVM makes no code for this machine", allow_module_level=True)

LARGEST = 1 << 16  # elements of what a layer gives
PRECISIONS = ["float32", *(["bf16"] if target.current().has_bf16 else [])]

LAYERS = [
    *3 * [lambda c, rng: nn.Conv2d(c, rng.choice([8, 16, 33, 48]), 3, padding=rng.choice([0, 1, 2]))],
    lambda c, rng: nn.Conv2d(c, rng.choice([5, 8, 16, 32]), rng.choice([1, 2, 5]), stride=rng.choice([1, 2])),
    lambda c, rng: nn.Conv2d(c, 12, 3, padding=2, dilation=2),
    lambda c, rng: nn.Conv2d(c, 2 * c, 3, padding=1, groups=c, stride=rng.choice([1, 2])),
    lambda c, rng: nn.ConvTranspose2d(c, rng.choice([4, 9]), 3, stride=rng.choice([1, 2]), padding=1),
    *2 * [lambda c, rng: nn.MaxPool2d(2, ceil_mode=rng.random() < 0.5)],
    lambda c, rng: nn.MaxPool2d(rng.choice([(2, 1), (1, 2)])),
    lambda c, rng: nn.MaxPool2d(3, 2, 1),
    lambda c, rng: nn.AvgPool2d(2),
    lambda c, rng: nn.Upsample(scale_factor=2),
    lambda c, rng: nn.GroupNorm(1, c),
    lambda c, rng: nn.ReLU(),
    lambda c, rng: nn.Tanh(),
    lambda c, rng: nn.GELU(),
]


def network(rng):
    """Return a network, and a batch of images for it."""
    x = koubai.randn(rng.choice([1, 2, 4, 7]), rng.choice([1, 3, 8]), rng.randint(8, 24), rng.randint(8, 24))
    layers, y = list[nn.Module](), x
    for _ in range(rng.randint(4, 9)):
        layer = rng.choice(LAYERS)(y.shape[1], rng)
        if min(y.shape[2:]) >= 5 and (after := layer(y)).numel() <= LARGEST:
            layers, y = [*layers, layer], after
    if rng.random() < 0.5:  # the gradient of a mean is the same for all that it is of
        layers, y = [*layers, mean := nn.AdaptiveAvgPool2d(1)], mean(y)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(y[0].numel(), 5)), x


def losses(model, x, labels, compiled, precision):
    """Train for some steps, and return the loss of each."""
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step(x, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    train = koubai.compile(step, precision=precision) if compiled else step
    return [train(x, labels).item() for _ in range(3)]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("seed", range(40))
def test_a_network_of_any_layers_trains_the_same(seed, precision, monkeypatch):
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    monkeypatch.setenv("KOUBAI_CHECK", "1")
    rng, before = random.Random(seed), koubai.get_num_threads()
    koubai.manual_seed(seed)
    model, x = network(rng)
    labels = koubai.randint(0, 5, (len(x),))
    start = {name: value.clone() for name, value in model.state_dict().items()}
    koubai.set_num_threads(1 + seed % 3)
    try:
        found = losses(model, x, labels, True, precision)
        model.load_state_dict(start)
        wanted = losses(model, x, labels, False, precision)
    finally:
        koubai.set_num_threads(before)
    np.testing.assert_allclose(found, wanted, rtol=1e-3 if precision == "float32" else 0.1, atol=1e-4)
