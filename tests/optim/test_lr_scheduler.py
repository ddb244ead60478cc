"""Schedules by their definitions, going on from saved state, warmup, and what is said about mistakes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai import optim
from koubai.optim import lr_scheduler
from koubai.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    warmup,
)


def sgd(lr: float = 1.0) -> optim.SGD:
    weight = koubai.ones(1, requires_grad=True)
    weight.grad = koubai.zeros(1)
    return optim.SGD([weight], lr=lr, momentum=0.9)


def rates(optimizer: Any, scheduler: Any, epochs: int, *metrics: float) -> list[float]:
    """Return the learning rates of this many epochs, beginning with the present."""
    seen = []
    for _ in range(epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*metrics)
    return seen


SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: StepLR(o, 3),
    "MultiStepLR": lambda o: MultiStepLR(o, [2, 5, 5]),
    "ConstantLR": lambda o: ConstantLR(o),
    "LinearLR": lambda o: LinearLR(o, total_iters=8),
    "ExponentialLR": lambda o: ExponentialLR(o, 0.8),
    "PolynomialLR": lambda o: PolynomialLR(o, 9, 2),
    "CosineAnnealingLR": lambda o: CosineAnnealingLR(o, 4, 0.01),
    "CosineAnnealingWarmRestarts": lambda o: CosineAnnealingWarmRestarts(o, 2, 2),
    "LambdaLR": lambda o: LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "MultiplicativeLR": lambda o: MultiplicativeLR(o, lambda epoch: 0.9),
    "CyclicLR": lambda o: CyclicLR(o, 0.1, 1.0, 3),
    "OneCycleLR": lambda o: OneCycleLR(o, 1.0, 20),
    "SequentialLR": lambda o: SequentialLR(o, [LinearLR(o), StepLR(o, 2)], [4]),
    "ChainedScheduler": lambda o: ChainedScheduler([ConstantLR(o), ExponentialLR(o, 0.9)]),
    "WarmupLR": lambda o: warmup(CosineAnnealingLR(o, 10), 4),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_goes_on_from_plain_data(name: str) -> None:
    optimizer = sgd()
    scheduler = SCHEDULES[name](optimizer)
    rates(optimizer, scheduler, 5)
    saved = json.loads(json.dumps(scheduler.state_dict()))
    options = json.loads(json.dumps(optimizer.state_dict()["param_groups"]))
    expected = rates(optimizer, scheduler, 10)

    other = sgd()
    resumed = SCHEDULES[name](other)
    resumed.load_state_dict(saved)
    other.load_state_dict({"state": {}, "param_groups": options})
    assert rates(other, resumed, 10) == expected


def test_the_plateau_schedule_goes_on_from_plain_data() -> None:
    metrics = [3.0, 2.0, 2.5, 2.4, 2.3, 2.2, 2.1, 2.2, 1.0, 1.1, 1.2, 1.3, 1.4]
    optimizer, other = sgd(), sgd()
    scheduler, resumed = (ReduceLROnPlateau(o, patience=1, cooldown=1) for o in (optimizer, other))
    for metric in metrics[:6]:
        scheduler.step(metric)
    resumed.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    other.param_groups[0]["lr"] = optimizer.param_groups[0]["lr"]
    for metric in metrics[6:]:
        scheduler.step(metric)
        resumed.step(metric)
        assert scheduler.get_last_lr() == resumed.get_last_lr()
    assert scheduler.get_last_lr()[0] < 0.01


def test_state_of_another_schedule_is_refused() -> None:
    scheduler = StepLR(sgd(), 3)
    with pytest.raises(ValueError, match="not that of a StepLR: it has no step_size"):
        scheduler.load_state_dict(ExponentialLR(sgd(), 0.5).state_dict())
    with pytest.raises(ValueError, match="2 parts, this WarmupLR has 1"):
        SCHEDULES["WarmupLR"](sgd()).load_state_dict(SCHEDULES["SequentialLR"](sgd()).state_dict())


# --- definitions --------------------------------------------------------------------------------------------

positive = st.floats(1e-3, 10.0)


@given(base=positive, length=st.integers(1, 30), floor=st.floats(0, 1e-3))
@settings(max_examples=20, deadline=None)
def test_cosine_annealing_is_a_cosine_for_ever(base: float, length: int, floor: float) -> None:
    optimizer = sgd(base)
    seen = rates(optimizer, CosineAnnealingLR(optimizer, length, floor), 4 * length + 3)
    expected = [floor + (base - floor) * (1 + math.cos(math.pi * t / length)) / 2 for t in range(len(seen))]
    np.testing.assert_allclose(seen, expected, rtol=1e-9, atol=1e-12)


@given(gamma=st.floats(0.01, 1.5), step_size=st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_steps_are_powers(gamma: float, step_size: int) -> None:
    optimizer = sgd()
    seen = rates(optimizer, StepLR(optimizer, step_size, gamma), 50)
    np.testing.assert_allclose(seen, [gamma ** (t // step_size) for t in range(50)], rtol=1e-12)


@given(first=st.integers(1, 5), growth=st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_warm_restarts_begin_at_the_top_every_time(first: int, growth: int) -> None:
    optimizer = sgd()
    seen = rates(optimizer, CosineAnnealingWarmRestarts(optimizer, first, growth), 60)
    starts, length = [0], first
    while starts[-1] + length < 60:
        starts.append(starts[-1] + length)
        length *= growth
    assert [epoch for epoch, rate in enumerate(seen) if rate == 1.0] == starts


def test_warm_restarts_take_fractions_of_an_epoch() -> None:
    optimizer = sgd()
    scheduler = CosineAnnealingWarmRestarts(optimizer, 4)
    optimizer.step()
    scheduler.step(4 + 1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    scheduler.step(2.5)
    assert optimizer.param_groups[0]["lr"] == pytest.approx((1 + math.cos(math.pi * 2.5 / 4)) / 2)


def test_a_schedule_can_jump() -> None:
    optimizer = sgd()
    scheduler = ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step(3)
    assert scheduler.get_last_lr() == [0.125]


def test_exponential_decay_ends_at_zero_without_a_fuss() -> None:
    optimizer = sgd()
    seen = rates(optimizer, ExponentialLR(optimizer, 1e-3), 150)
    assert seen[-1] == 0


def test_one_cycle_moves_momentum_against_the_rate() -> None:
    optimizer = sgd()
    scheduler = OneCycleLR(optimizer, max_lr=2.0, total_steps=20, base_momentum=0.8, max_momentum=0.9)
    seen = []
    for _ in range(19):
        seen.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        scheduler.step()
    by_rate = [momentum for _, momentum in sorted(seen[:6])]
    assert by_rate == sorted(by_rate, reverse=True)
    assert max(seen)[1] == pytest.approx(0.8)
    optimizer.step()
    scheduler.step()
    with pytest.raises(ValueError, match=r"Tried to step 21 times\. .* total steps is 20"):
        scheduler.step()


# --- warmup -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "WarmupLR"])
def test_warmup_leads_into_any_schedule(name: str) -> None:
    plain, warm = sgd(), sgd()
    expected = rates(plain, SCHEDULES[name](plain), 12)
    seen = rates(warm, warmup(SCHEDULES[name](warm), steps=5, start_factor=0.2), 17)
    np.testing.assert_allclose(seen[5:], expected, rtol=1e-12)
    np.testing.assert_allclose(seen[:5], [expected[0] * (0.2 + 0.8 * t / 5) for t in range(5)], rtol=1e-12)


def test_warmup_leads_into_a_plateau() -> None:
    optimizer = sgd()
    scheduler = warmup(ReduceLROnPlateau(optimizer, patience=0), steps=2, start_factor=0.5)
    assert rates(optimizer, scheduler, 6, 1.0) == pytest.approx([0.5, 0.75, 1.0, 1.0, 0.1, 0.01])


def test_warmup_may_stand_in_a_sequence() -> None:
    optimizer = sgd()
    parts = [warmup(ConstantLR(optimizer, 1.0), 2, 0.5), warmup(StepLR(optimizer, 2, 0.1), 2, 0.0)]
    seen = rates(optimizer, SequentialLR(optimizer, parts, [4]), 10)
    assert seen == pytest.approx([0.5, 0.75, 1, 1, 0, 0.5, 1, 1, 0.1, 0.1])


def test_sequences_may_be_nested() -> None:
    optimizer = sgd()
    inner = SequentialLR(
        optimizer, [LinearLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.5)], [2]
    )
    outer = SequentialLR(optimizer, [ConstantLR(optimizer, 0.1, 100), inner], [2])
    assert rates(optimizer, outer, 7) == pytest.approx([0.1, 0.1, 0.5, 0.75, 1.0, 0.5, 0.25])


# --- mistakes -----------------------------------------------------------------------------------------------

MISTAKES: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "not an optimizer": (lambda o: StepLR("adam", 3), TypeError, "str is not an Optimizer"),  # type: ignore[arg-type]
    "resumed without a beginning": (lambda o: StepLR(o, 3, last_epoch=4), KeyError, "initial_lr"),
    "constant factor": (lambda o: ConstantLR(o, 2.0), ValueError, "between 0 and 1"),
    "start factor": (lambda o: LinearLR(o, 0.0), ValueError, "greater than 0"),
    "functions": (lambda o: LambdaLR(o, [abs, abs]), ValueError, "Expected 1 lr_lambdas, but got 2"),
    "no function": (lambda o: MultiplicativeLR(o, 0.5), TypeError, "should be a function, but got float"),  # type: ignore[arg-type]
    "T_0": (lambda o: CosineAnnealingWarmRestarts(o, 0), ValueError, "positive integer T_0"),
    "cyclic mode": (lambda o: CyclicLR(o, 0.1, 1.0, mode="square"), ValueError, "mode is invalid"),  # type: ignore[arg-type]
    "max_lr": (lambda o: CyclicLR(o, 0.1, [1.0, 2.0]), ValueError, "max_lr has 2 values, param_groups has 1"),
    "total": (lambda o: OneCycleLR(o, 1.0), ValueError, "total_steps OR"),
    "total_steps": (lambda o: OneCycleLR(o, 1.0, total_steps=-5), ValueError, "positive integer total_steps"),
    "plateau in a sequence": (
        lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []),
        ValueError,
        "does not support `ReduceLROnPlateau`",
    ),
    "milestones": (
        lambda o: SequentialLR(o, [StepLR(o, 1)], [1]),
        ValueError,
        "got 1 milestones and 1 schedulers",
    ),
    "two optimizers": (
        lambda o: ChainedScheduler([StepLR(o, 1), StepLR(sgd(), 1)]),
        ValueError,
        "StepLR at index 1 belongs to another",
    ),
    "no schedules": (lambda o: ChainedScheduler([]), ValueError, "at least one scheduler"),
    "plateau factor": (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0"),
    "plateau mode": (lambda o: ReduceLROnPlateau(o, "best"), ValueError, "mode best is unknown"),  # type: ignore[arg-type]
    "warmup": (lambda o: warmup(StepLR(o, 1), 3, 2.0), ValueError, r"must be in \[0, 1\]"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind, match=message):
        mistake(sgd())


def test_momentum_cannot_be_cycled_where_there_is_none() -> None:
    optimizer = optim.Adagrad([koubai.ones(1, requires_grad=True)])
    with pytest.raises(ValueError, match="cycle_momentum"):
        CyclicLR(optimizer, 0.1, 1.0)


def test_stepping_before_the_optimizer_is_remarked() -> None:
    scheduler = StepLR(sgd(), 3)
    with pytest.warns(UserWarning, match="before optimizer.step"):
        scheduler.step()


def test_every_schedule_is_tested_here() -> None:
    kinds = set(lr_scheduler.__all__) - {"LRScheduler", "warmup", "ReduceLROnPlateau"}
    assert kinds == set(SCHEDULES)
