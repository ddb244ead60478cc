"""Gradients are compared with slopes: near enough for a loss that bends soon, and only what is surely wrong is told."""

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.doctor.facts.slope import wrong_slopes
from koubai.doctor.patient import Patient, Sample


class Scale(nn.Module):
    """Gives a number, the same for all samples."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(koubai.ones(1))

    def forward(self, x):
        return x * 0 + self.weight


class Doubled(koubai.autograd.Function):
    """Passes numbers on, and twice their gradient."""

    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def bends_soon(output, target):
    """Rises by 3 % with the number, but past a thousandth it falls a hundred times as fast."""
    moved = output.mean() - 1
    return 1 + 0.03 * moved - 3 * moved.sign() * nn.functional.relu(moved.abs() - 1e-3)


def twice(output, target):
    return 1 + 0.03 * Doubled.apply(output).mean()


@pytest.mark.parametrize(("loss", "wrong"), [(bends_soon, []), (twice, ["weight"])])
def test_what_is_wrong_at_every_distance(loss, wrong):
    model = Scale()
    x = koubai.tensor(np.zeros((8, 1), "f"))
    patient = Patient(model, loss, optim.SGD(model.parameters(), lr=0.1))
    found = list(wrong_slopes(patient, Sample((x,), x)))
    assert [name for name, _claimed, _measured in found] == wrong
    assert all(claimed == pytest.approx(2 * measured, rel=0.05) for _name, claimed, measured in found)
