"""Threads do not meet between kernels in which each keeps to rows of its own, and do between all others."""

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
from koubai.compiler.llvm.own_rows import Apart, range_of, reach_of
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
    assert (batch, threads) != (32, 2) or len(loops) == 2


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
    reach, uneven = (reach_of([kernel], range_of(row, (0, n)), kernel.buffers) for n in (16, 15))
    assert Apart(placed.offsets).takes([(kernel, reach)]) == apart
    assert not Apart(placed.offsets).takes([(kernel, reach), (kernel, None)])
    assert not Apart(placed.offsets).takes([(kernel, reach), (kernel, uneven)])


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


# --- from layer to layer ----------------------------------------------------------------------------------------


class Blocks(nn.Module):
    """A network whose layers all leave the sequences of a batch apart."""

    def __init__(self, width):
        super().__init__()
        layers = [
            nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, "gelu", batch_first=True) for _ in range(2)
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def phases_of(function, *arguments):
    """Return the phases of a function as it is compiled here."""
    native = koubai.compile(function)
    native(*arguments)
    step = native.steps[-1]
    return build.build(step.program.graph, step.roles, step.target, step.threads).phases


@pytest.mark.parametrize("batch", [8, 7, 1])
def test_layers_train_as_they_do_eagerly(monkeypatch, threads, batch):
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    monkeypatch.setenv("KOUBAI_CHECK", "1")
    koubai.manual_seed(0)
    model, x = Blocks(32), koubai.randn(batch, 48, 32)

    def gradients(x):
        x = x.detach().requires_grad_()
        return koubai.autograd.grad(model(x).square().sum(), [x, *model.parameters()])

    native = koubai.compile(gradients)
    for _ in range(20):  # a race does not show each time
        found = native(x)
    for mine, wanted in zip(found, gradients(x), strict=True):
        np.testing.assert_allclose(mine.numpy(), wanted.numpy(), rtol=2e-3, atol=2e-3)


def test_threads_that_share_a_batch_do_not_meet_from_layer_to_layer():
    model, before = Blocks(128), koubai.get_num_threads()
    koubai.set_num_threads(2)
    try:
        phases = phases_of(model, koubai.randn(8, 64, 128))
    finally:
        koubai.set_num_threads(before)
    assert sum(phase.meets for phase in phases) <= 2 / 3 * len(phases)


def chain(read):
    """Return two phases: an array is made, and then another one of what `read` says of it."""
    rows, column = (Axis(32), Axis(32)), Axis(64)
    x, a, b = (
        Buffer(name, (32, 64), dtypes.float32, home)
        for name, home in (("x", Home.ARGUMENT), ("a", Home.SCRATCH), ("b", Home.SCRATCH))
    )

    def kernel(source, target, row, at):
        value = load(source, (at, Index.of(column)))
        store = Store(target, (Index.of(row), Index.of(column)), value)
        return Loops(target.name, (row, column), [Stage(stores=[store])])

    first, second = kernel(x, a, rows[0], Index.of(rows[0])), kernel(a, b, rows[1], read(Index.of(rows[1])))
    return [Phase([first]), Phase([second], meets=False)]


@pytest.mark.parametrize(
    ("read", "apart"),
    [(lambda row: row, True), (lambda row: row // 2 * 2, True), (lambda row: row * -1 + 31, False)],
)
def test_phases_between_which_threads_would_have_to_meet_are_found(read, apart):
    phases = chain(read)
    with nullcontext() if apart else pytest.raises(RaceError, match="do not meet"):
        check_races(phases, plan(phases, [], {}), current(), 2)
