"""Threads do not meet within a loop over time in which each keeps to rows of its own, and do in all others."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

import koubai
from koubai import dtypes, nn
from koubai.compiler import build
from koubai.compiler.checking.races import RaceError, check_races
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import load
from koubai.compiler.language.index import Axis, Index, Position
from koubai.compiler.language.kernel import Loops, Repeat, Stage, Store
from koubai.compiler.llvm.own_rows import Part, keep_apart, rows_of
from koubai.compiler.runtime.target import current
from koubai.compiler.schedule.memory import plan
from koubai.compiler.schedule.phases import Phase


@pytest.fixture
def loops(monkeypatch):
    """Collect the loops in which threads do not meet."""
    found = []

    def checked(*given):
        found.extend(given[-1])
        check_races(*given)

    monkeypatch.setenv("KOUBAI_CACHE", "off")
    monkeypatch.setattr(build, "check_races", checked)
    return found


@pytest.mark.parametrize("batch", [32, 33, 7])
@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent_layers_train_as_they_do_eagerly(loops, threads, layer, batch):
    koubai.manual_seed(0)
    model, x = layer(24, 128), koubai.randn(9, batch, 24)

    def gradients(x):
        x = x.detach().requires_grad_()
        return koubai.autograd.grad(model(x)[0].square().sum(), [x, *model.parameters()])

    native = koubai.compile(gradients)
    for _ in range(20):  # a race does not show each time
        found = native(x)
    for mine, wanted in zip(found, gradients(x), strict=True):
        np.testing.assert_allclose(mine.numpy(), wanted.numpy(), rtol=1e-3, atol=1e-4)
    assert (batch, threads) != (32, 2) or len(loops) == (2 if layer is nn.LSTM else 1)


def loop_of(read, at=Index.of):
    """Return a loop over time that makes a row of some at the time before, and what is there at the beginning."""
    time, row, column = Axis(5), Axis(32), Axis(64)
    state = Buffer("state", (6, 32, 64), dtypes.float32)
    value = load(state, (Index.of(time), read(Index.of(row)), at(column)))
    store = Store(state, (Index.of(time) + 1, Index.of(row), Index.of(column)), value)
    kernel = Loops("next", (row, column), [Stage(stores=[store])])
    start = Store(
        state,
        (Index(), Index.of(row), Index.of(column)),
        load(Buffer("x", (), dtypes.float32, Home.ARGUMENT), ()),
    )
    first = Phase([Loops("first", (row, column), [Stage(stores=[start])])])
    return kernel, row, Repeat("loop", time, False, [kernel], [Phase([kernel])]), first


@pytest.mark.parametrize(
    ("read", "apart"),
    [(lambda row: row, True), (lambda row: row * -1 + 31, False), (lambda row: (row + 1) % 32, False)],
)
def test_only_who_keeps_to_own_rows_need_not_wait(read, apart):
    kernel, row, loop, first = loop_of(read)
    placed = plan([first, Phase([loop])], [], {})
    rows = rows_of(kernel, Part(row, (0, 16)), kernel.buffers)
    assert keep_apart([(kernel, rows)], placed.offsets) == apart
    assert not keep_apart([(kernel, rows), (kernel, None)], placed.offsets)
    assert not keep_apart(
        [(kernel, rows), (kernel, rows_of(kernel, Part(row, (0, 15)), kernel.buffers))], placed.offsets
    )


@pytest.mark.parametrize("read", [lambda row: row * -1 + 31, lambda row: (row + 1) % 32])
def test_a_loop_in_which_threads_would_have_to_meet_is_found(read):
    _, _, loop, _ = loop_of(read)
    placed = plan([Phase([loop])], [], {})
    checks = {}
    for name, apart in (("meeting", ()), ("apart", [loop])):
        try:
            check_races([Phase([loop])], placed, current(), 2, apart)
        except RaceError as error:
            checks[name] = str(error)
    assert "do not meet" in checks["apart"]
    assert "do not meet" not in checks.get("meeting", "")


def test_columns_may_be_read_where_data_say_and_rows_may_not():
    chosen = load(Buffer("chosen", (), dtypes.int64, Home.ARGUMENT), ())
    for loop, first, apart in (
        (*loop_of(lambda row: row, lambda column: Index.of(Position(chosen, 64)))[2:], True),
        (*loop_of(lambda row: row + Position(chosen, 2))[2:], False),
    ):
        phases = [first, Phase([loop])]
        with nullcontext() if apart else pytest.raises(RaceError, match="do not meet"):
            check_races(phases, plan(phases, [], {}), current(), 2, [loop])
