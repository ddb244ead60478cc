"""The comparison of the first run with eager: it lets rounding pass, and nothing else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.compiler.llvm import maps, winograd_transforms, winograd_weights
from koubai.compiler.runtime import available
from koubai.nn import functional as F

if not available():
    pytest.skip("LLVM makes no code for this machine", allow_module_level=True)

ADAPTIVE = {
    "Adam": optim.Adam,
    "AdamW": optim.AdamW,
    "RMSprop": optim.RMSprop,
    "Adagrad": optim.Adagrad,
    "Lion": optim.Lion,
    "Rprop": optim.Rprop,
}
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9),
    **ADAPTIVE,
}


@pytest.fixture(autouse=True)
def nothing_is_on_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("KOUBAI_CACHE", str(tmp_path))


def network(width):
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * width, 10),
    )


def train_once(make, width=16, seed=0):
    """Compile a step of a small network on images with many zeros, run it, and return it."""
    koubai.manual_seed(seed)
    model = network(width)
    optimizer = make(model.parameters())

    @koubai.compile
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    step(koubai.randn(32, 1, 8, 8).relu(), koubai.randint(0, 10, (32,)))
    return step


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ADAPTIVE)
def test_zeros_that_come_out_as_rounding_noise_are_not_wrong(name, seed):
    step = train_once(ADAPTIVE[name], seed=seed)
    assert step.report.verified
    assert not step.report.cached


def scaled(factor):
    """Return a transform to taps whose result is multiplied by something."""

    def transform(w, sums):
        taps = winograd_transforms.to_taps(w, sums)
        return [[w.binary("fmul", a, w.constant(factor, a.dtype, a.lanes)) for a in row] for row in taps]

    return transform


def turned(w, sums):
    """A transform to taps that gives them in the wrong order."""
    return winograd_transforms.to_taps(w, sums)[::-1]


WRONG = {"a little too large": scaled(1.001), "of the wrong sign": scaled(-1), "turned": turned}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_gradient_is_refused(name, wrong, monkeypatch):
    monkeypatch.setattr(winograd_weights, "weights_pay", lambda *_: True)
    monkeypatch.setattr(winograd_weights, "to_taps", WRONG[wrong])
    with pytest.raises(RuntimeError, match=r"is wrong: .* wrong is convolution_weight, in kernel p[\d.]+"):
        train_once(OPTIMIZERS[name])


@pytest.mark.parametrize(
    ("name", "threads"), [("Adam", 1), ("AdamW", 3), ("RMSprop", 2), ("Adagrad", 3)], indirect=["threads"]
)
def test_a_rule_that_is_a_little_wrong_is_refused(name, threads, monkeypatch):
    sqrt = maps._TABLE["sqrt"]
    wrong = dataclasses.replace(sqrt, write=lambda x: sqrt.write(x) * 1.0001)
    monkeypatch.setitem(maps._TABLE, "sqrt", wrong)
    with pytest.raises(
        RuntimeError, match=r"the first op whose result is wrong is sqrt, in kernel \w+ \(.*sqrt"
    ):
        train_once(ADAPTIVE[name])


@pytest.mark.parametrize("off", [6, 1000])
def test_a_rare_tie_may_fall_the_other_way_if_rounding_can_move_it(off, monkeypatch):
    eps = 2**-23
    sub = maps._TABLE["sub"]
    wrong = dataclasses.replace(sub, write=lambda x, y: sub.write(x, y) - off * eps)  # a sum in another order
    monkeypatch.setitem(maps._TABLE, "sub", wrong)
    x = koubai.linspace(2, 3, 1000)
    x[0] = 1 + (off - 1) * eps
    weight = nn.Parameter(koubai.ones(1000))

    @koubai.compile
    def step(x):
        (x * weight - 1).relu().sum().backward()
        gradient, weight.grad = weight.grad, None
        return gradient

    if off == 6:
        assert step(x)[0].item() == 0
        assert step.report.verified
    else:
        with pytest.raises(RuntimeError, match="the compiled step is wrong"):
            step(x)


@pytest.mark.parametrize("off", [6, 1000])
def test_a_tie_that_no_change_of_the_inputs_meets_may_fall_the_other_way(off, monkeypatch):
    """Whole numbers have no last bits to change, and 0 has none either: only rounding behind the ops decides."""
    sub = maps._TABLE["sub"]
    wrong = dataclasses.replace(sub, write=lambda x, y: sub.write(x, y) - off * 2**-23)
    monkeypatch.setitem(maps._TABLE, "sub", wrong)
    numbers = koubai.arange(2, 1002)
    threshold = float(np.float32(np.log(500)) - np.float32((off - 2) * 2**-23))
    bias = nn.Parameter(koubai.zeros(1000))

    @koubai.compile
    def step(numbers):
        (numbers.float().log() - threshold + bias).relu().sum().backward()
        gradient, bias.grad = bias.grad, None
        return gradient

    if off == 6:
        assert step(numbers)[498].item() == 0
        assert step.report.verified
    else:
        with pytest.raises(RuntimeError, match="the compiled step is wrong"):
            step(numbers)
