"""Kernels that go through the same large array slice by slice do all of their work, whatever the slices are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import koubai
from koubai import dtypes, nn, optim
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.llvm import contraction_choice, driver
from koubai.compiler.runtime.target import current
from koubai.compiler.schedule.abreast import abreast
from koubai.nn import functional as F

WORDS, WIDTH, HIDDEN = 23, 24, 72


@pytest.fixture
def slices(monkeypatch):
    """Give the processor a cache of 16 KB, and collect in how many slices groups of kernels run.

    No product copies its left side, as it does where vectors are short: for that it would need all of it.
    """
    found = []

    def noted(*given):
        groups = abreast(*given)
        found.extend((len(g.kernels), g.slices) for g in groups if len(g.kernels) > 1)
        return groups

    monkeypatch.setenv("KOUBAI_CACHE", "off")
    monkeypatch.setattr(driver, "abreast", noted)
    monkeypatch.setattr("koubai.compiler.compiled.current", lambda: replace(current(), level2=1 << 14))
    monkeypatch.setattr(contraction_choice, "_PACK_PANELS", 1 << 20)
    contraction_choice.tiling.cache_clear()
    yield found
    contraction_choice.tiling.cache_clear()


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.lstm = nn.LSTM(WIDTH, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, WORDS)

    def forward(self, x):
        return self.out(self.lstm(self.embedding(x))[0])


def trained(compiled):
    """Return the losses and the parameters of five steps."""
    koubai.manual_seed(3)
    model = Language()
    optimizer = optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    x = koubai.randint(0, WORDS, (9, 40))

    def step(x):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[:, :-1]).reshape(-1, WORDS), x[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        return loss

    step = koubai.compile(step) if compiled else step
    return [step(x).item() for _ in range(5)], [p.detach().numpy() for p in model.parameters()]


def test_a_step_in_slices_trains_as_it_does_eagerly(slices, threads):
    losses, parameters = trained(compiled=True)
    assert threads == 1 or any(number > 2 for _, number in slices)
    wanted, others = trained(compiled=False)
    np.testing.assert_allclose(losses, wanted, rtol=2e-6)
    for mine, other in zip(parameters, others):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=2e-6)


def array(*shape):
    return Buffer("array", shape, dtypes.float32)


def test_only_those_run_abreast_that_divide_a_large_array_alike():
    large, small = array(100, 100), array(10, 10)
    kernels = [
        ("a", {large: 1, small: 0}),
        ("b", {large: 1}),
        ("other way", {large: 0, small: 0}),
        ("needs all", {large: None}),
        ("c", {small: None, large: 1}),
    ]
    groups = abreast(kernels, near=15_000)
    assert [(g.kernels, g.slices) for g in groups] == [
        (["a", "b", "c"], 3),
        (["other way"], 1),
        (["needs all"], 1),
    ]
    assert all(len(g.kernels) == 1 for g in abreast(kernels, near=40_000))
