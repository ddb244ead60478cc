"""No schedule lets a thread see what another one writes; and a schedule that does is found."""

from __future__ import annotations

import itertools

import pytest

import koubai
from koubai import dtypes
from koubai.compiler.build import build
from koubai.compiler.checking.races import RaceError, check_races
from koubai.compiler.language.buffer import Buffer, Home
from koubai.compiler.language.expression import constant, load, register
from koubai.compiler.language.index import Axis, Index, Position
from koubai.compiler.language.kernel import Contraction, Loops, Repeat, Scatter, Stage, Store
from koubai.compiler.runtime.target import current
from koubai.compiler.schedule.memory import Plan, plan
from koubai.compiler.schedule.phases import Gate, Phase

from .differential import traced

F32, BOOL = dtypes.float32, dtypes.bool_


def blueprint_of(function, arguments, threads):
    step = traced(function, arguments)
    return build(step.program.graph, step.roles, current(), threads)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_schedules_are_safe(workload, threads):
    blueprint = blueprint_of(*workload, threads)
    check_races(blueprint.phases, blueprint.plan, current(), threads)


def test_a_missing_barrier_is_found(workload):
    blueprint = blueprint_of(*workload, 2)
    for number in range(len(blueprint.phases) - 1):
        first, second = blueprint.phases[number : number + 2]
        if first.is_host or second.is_host:
            continue
        joined = Phase([*first.kernels, *second.kernels], first.gate or second.gate)
        phases = [*blueprint.phases[:number], joined, *blueprint.phases[number + 2 :]]
        with pytest.raises(RaceError):
            check_races(phases, blueprint.plan, current(), 2)


def test_a_swap_of_dependent_phases_is_found(small_step):
    blueprint = blueprint_of(*small_step, 2)
    for number in range(len(blueprint.phases) - 1):
        phases = list(blueprint.phases)
        phases[number], phases[number + 1] = phases[number + 1], phases[number]
        with pytest.raises(RaceError):
            check_races(phases, blueprint.plan, current(), 2)


def test_buffers_in_one_place_are_found(small_step):
    blueprint = blueprint_of(*small_step, 2)
    states = blueprint.states
    blueprint.plan.offsets[states[0]] = blueprint.plan.offsets[states[1]]
    with pytest.raises(RaceError, match="same memory"):
        check_races(blueprint.phases, blueprint.plan, current(), 2)


# --- by hand


def check(*phases, threads=2):
    phases = [p if isinstance(p, Phase) else Phase(list(p)) for p in phases]
    check_races(phases, plan(phases, [], {}), current(), threads)


def at(*indices):
    return tuple(map(Index.of, indices))


def one(buffer, size=64, value=None, place=None):
    i = Axis(size)
    value = value(i) if value else constant(1.0, F32)
    return Loops(buffer.name, (i,), [Stage(stores=[Store(buffer, at(place(i) if place else i), value)])])


def test_kernels_of_a_phase_leave_each_other_alone():
    a, b = Buffer("a", (64,), F32), Buffer("b", (64,), F32)
    reader = one(b, value=lambda i: load(a, at(i)))
    check([one(a)], [reader])
    with pytest.raises(RaceError, match=r"b in phase 0 reads a|a writes a"):
        check([one(a), reader])
    with pytest.raises(RaceError, match="a writes a"):
        check([one(a), one(a)])


def test_pieces_do_not_write_the_same_element():
    a = Buffer("a", (64,), F32)
    with pytest.raises(RaceError, match="two pieces write"):
        check([one(a, 64, place=lambda i: Index.of(i) // 32)])


def test_pieces_do_not_read_what_others_write():
    a = Buffer("a", (65,), F32, border=0.0)
    check([one(a, value=lambda i: load(a, at(i)))])
    with pytest.raises(RaceError, match="another one writes"):
        check([one(a, value=lambda i: load(a, at(Index.of(i) + 1)))])


def test_what_is_read_at_a_position_that_is_data_may_be_anywhere_in_a_row():
    a, index = Buffer("a", (65, 8), F32), Buffer("i", (65,), dtypes.int64, border=0)
    row, column = Axis(65), Axis(8)

    def rows(read):
        spot = Index.of(Position(load(index, at(row)), 8))
        stages = [
            Stage((column,), stores=[Store(a, at(row, column), constant(0.0, F32))]),
            Stage(stores=[Store(Buffer("b", (65,), F32), at(row), load(a, (read, spot)))]),
        ]
        return Loops("rows", (row,), stages)

    check([rows(Index.of(row))])
    with pytest.raises(RaceError, match="another one writes"):
        check([rows(Index((), 3))])


def test_nothing_is_written_outside_of_a_buffer():
    with pytest.raises(RaceError, match="not in a dimension"):
        check([one(Buffer("a", (64,), F32), 65)])
    a, i = Buffer("a", (64,), F32), Axis(65)
    alone = Loops("alone", (), [Stage((i,), stores=[Store(a, at(i), constant(0.0, F32))])])
    with pytest.raises(RaceError, match="not in a dimension"):
        check([alone])


def test_threads_share_only_lanes_of_a_scatter():
    target, index = Buffer("a", (8, 64), F32, border=0.0), Buffer("i", (5,), dtypes.int64, border=0)
    p, lane = Axis(5), Axis(64)
    spot = Index.of(Position(load(index, at(p)), 8))
    good = Scatter("s", target, (p,), (lane,), (spot, Index.of(lane)), "add", constant(1.0, F32))
    check([good])
    bad = Scatter("s", target, (lane,), (p,), (spot, Index.of(lane)), "add", constant(1.0, F32))
    with pytest.raises(RaceError, match="two threads"):
        check([bad])


def test_flags_are_there_before_the_gate():
    flag = Buffer("flag", (), BOOL, border=True)
    writer = Loops("flag", (), [Stage(stores=[Store(flag, (), constant(True, BOOL))])])
    check([writer], Phase([one(Buffer("a", (64,), F32))], Gate([flag])))
    with pytest.raises(RaceError, match="asked for before"):
        check(Phase([writer], Gate([flag])))


def test_the_plan_must_fit():
    a = Buffer("a", (64,), F32)
    with pytest.raises(RaceError, match="does not lie in the arena"):
        check_races([Phase([one(a)])], Plan({a: 64}, 128, 64), current(), 1)


def test_the_environment_switches_the_check_on(small_step, monkeypatch):
    monkeypatch.setenv("KOUBAI_CHECK", "1")
    seen = itertools.count()
    monkeypatch.setattr("koubai.compiler.build.check_races", lambda *_: next(seen))
    blueprint_of(*small_step, 2)
    assert next(seen) == 1


def carried(time, place):
    """A product in a loop over time: it reads row `time % 2` of a carried value, and writes row `place`."""
    value, weight = Buffer("carry", (2, 16, 16), F32), Buffer("weight", (16, 16), F32, home=Home.ARGUMENT)
    row, column, depth = Axis(16), Axis(16), Axis(16)
    left = load(value, (Index.of(time) % 2, Index.of(row), Index.of(depth)))
    right = load(weight, (Index.of(depth), Index.of(column)))
    total = register("p", F32)
    store = Store(value, (place, Index.of(row), Index.of(column)), total)
    product = Contraction("p", (row, column), column, (depth,), left, right, total, [store])
    i, j, k = Axis(2), Axis(16), Axis(16)
    first = Loops("first", (i, j, k), [Stage(stores=[Store(value, at(i, j, k), constant(0.0, F32))])])
    return [first], [Repeat("loop", time, False, [product], [Phase([product])])]


def test_a_value_carried_through_time_may_lie_in_two_places():
    time = Axis(5)
    check(*carried(time, (Index.of(time) + 1) % 2))


def test_a_product_does_not_overwrite_its_own_factor():
    time = Axis(5)
    with pytest.raises(RaceError, match="overwrites its own factor"):
        check(*carried(time, Index.of(time) % 2))


@pytest.mark.parametrize("layer", [koubai.nn.RNN, koubai.nn.LSTM])
@pytest.mark.parametrize("steps", [1, 3])
def test_recurrent_layers_are_safe(layer, steps):
    model = layer(5, 17)
    blueprint = blueprint_of(lambda x: model(x)[0].sum(), [koubai.randn(steps, 2, 5)], 2)
    check_races(blueprint.phases, blueprint.plan, current(), 2)
