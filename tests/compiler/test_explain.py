"""What `koubai.compiler.explain` says of a step is readable, and complete, and costs the step nothing."""

from __future__ import annotations

import re

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.compiler import explain
from koubai.compiler.language.kernel import Contraction, Loops
from koubai.compiler.profile.roofline import roof
from koubai.compiler.profile.work import Work, work_of
from koubai.compiler.runtime import target


@pytest.fixture(autouse=True)
def threads():
    before = koubai.get_num_threads()
    yield
    koubai.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2])
def test_it_is_complete(workload, threads):
    koubai.set_num_threads(threads)
    function, arguments = workload
    step = koubai.compile(function)
    said = explain(step, *arguments, seconds=0.02)
    assert all(row.seconds > 0 for row in said.rows)
    assert len(said.rows) >= step.report.kernels
    assert {row.phase for row in said.rows} == set(range(len(said.phases)))
    assert said.slowest[0].seconds == max(row.seconds for row in said.rows)
    ops, fewer = re.search(r"(\d+) ops, (\d+) after simplification", str(said)).groups()
    assert int(fewer) <= int(ops)
    assert all(place.offset + place.bytes <= said.arena for place in said.places)
    for text in (str(said), said.text(full=True).split("\n\n", 2)[0]):
        assert max(map(len, text.splitlines())) <= 80


def test_it_can_be_read(small_step):
    koubai.set_num_threads(2)
    said = str(explain(koubai.compile(small_step[0]), *small_step[1], seconds=0.02))
    for words in (
        "GFLOP/s",
        "kernels in",
        "2 threads",
        "---- barrier",
        "product 7×24 over 20",
        "only if",
        "always",
    ):
        assert words in said
    assert re.search(r"\d+ ops, \d+ after simplification", said)


def test_the_step_does_not_notice(small_step):
    function, arguments = small_step
    step = koubai.compile(function)
    step(*arguments)
    state = [view.copy() for view in step.steps[0].executable.states]
    explain(step, seconds=0.02)
    explain(step, *arguments, seconds=0.02)
    assert len(step.steps) == 1
    for before, after in zip(state, step.steps[0].executable.states, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_step_taken_from_the_disk_is_explained_too(small_step, tmp_path, monkeypatch):
    monkeypatch.setenv("KOUBAI_CACHE", str(tmp_path))
    function, arguments = small_step
    koubai.compile(function)(*arguments)
    again = koubai.compile(function)
    again(*arguments)
    assert again.report.cached
    assert explain(again, *arguments, seconds=0.02).rows


def test_what_numpy_runs_is_timed():
    ordered = koubai.compile(lambda x: koubai.sort(x * 2).values + 1)
    said = explain(ordered, koubai.randn(1000), seconds=0.02)
    row = next(row for row in said.rows if "NumPy" in row.what)
    assert row.seconds > 0


def test_what_was_not_compiled_cannot_be_explained():
    with pytest.raises(RuntimeError, match="not compiled yet"):
        explain(koubai.compile(lambda x: x))
    peeking = koubai.compile(lambda x: x if x.sum().item() > 0 else -x)
    peeking(koubai.ones(3))
    with pytest.raises(RuntimeError, match="runs eagerly"):
        explain(peeking)


def test_work_is_counted():
    x, w = koubai.randn(8, 32), koubai.randn(16, 32)
    said = explain(koubai.compile(lambda x: koubai.relu(x @ w.T)), x, seconds=0.02)
    kernels = [kernel for phase in said.phases for kernel in phase.kernels]
    product = next(kernel for kernel in kernels if isinstance(kernel, Contraction))
    work = work_of(product)
    assert 2 * 8 * 16 * 32 <= work.flops <= 2 * 8 * 16 * 32 + 8 * 16 * 4
    assert work.bytes == 4 * (8 * 32 + 16 * 32 + 8 * 16)
    doubling = explain(koubai.compile(lambda x: x * 2), x, seconds=0.02).phases[0].kernels[0]
    assert isinstance(doubling, Loops)
    assert work_of(doubling) == Work(8 * 32, 2 * 4 * 8 * 32)


def test_the_roof_is_measured():
    limits = roof(target.host(), 1)
    assert limits.flops > 1e8
    assert all(speed > 1e8 for _, speed in limits.speeds)
    compute, memory = Work(10**9, 1), Work(1, 10**9)
    assert limits.seconds(compute) == 10**9 / limits.flops
    assert limits.seconds(memory) == 10**9 / limits.speeds[-1][1]


def test_the_report_counts_the_operations_that_are_run():
    koubai.manual_seed(0)
    a, b = koubai.randn(32, 48), koubai.randn(48, 64)
    product = koubai.compile(lambda a, b: a @ b)
    product(a, b)
    assert product.report.flops == 2 * 32 * 48 * 64

    q = koubai.randn(8, 4, 128, 16)
    attention = koubai.compile(lambda q: koubai.softmax(q @ q.transpose(-1, -2), dim=-1) @ q)
    attention(q)
    assert attention.report.flops == 2 * (2 * 8 * 4 * 128 * 128 * 16)

    lstm, x = nn.LSTM(8, 16), koubai.randn(5, 3, 8)
    with koubai.no_grad():
        recurrent = koubai.compile(lambda x: lstm(x)[0])
        recurrent(x)
    assert recurrent.report.flops == 2 * 5 * 3 * 64 * (8 + 16)


def test_winograd_takes_fewer_operations_than_the_formula_says():
    koubai.manual_seed(0)
    convolution, x = nn.Conv2d(64, 64, 3, padding=1), koubai.randn(4, 64, 32, 32)
    with koubai.no_grad():
        native = koubai.compile(convolution)
        native(x)
    plain = 2 * 4 * 32 * 32 * 64 * 64 * 9
    assert plain / 2.25 < native.report.flops < plain
