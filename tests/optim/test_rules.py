"""Update rules as formulas: against independent ones in NumPy, and what their papers promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai import optim
from koubai.optim.muon import orthogonalise
from koubai.optim.rule import Scalars

Array = np.ndarray[Any, Any]


def trained(make: Any, start: Array, gradients: list[Array]) -> Array:
    """Return the parameter after one step per gradient."""
    parameter = koubai.tensor(start, requires_grad=True)
    optimizer = make([parameter])
    for gradient in gradients:
        parameter.grad = koubai.tensor(gradient)
        optimizer.step()
    return np.array(parameter.detach().numpy())


def random_run(shape: tuple[int, ...], steps: int = 10, seed: int = 0) -> tuple[Array, list[Array]]:
    random = np.random.default_rng(seed)
    return random.normal(size=shape), [random.normal(size=shape) for _ in range(steps)]


def test_lion_is_its_papers_program() -> None:
    start, gradients = random_run((4, 3))
    w, m = start.copy(), np.zeros_like(start)
    for g in gradients:
        update = np.sign(0.95 * m + 0.05 * g)
        m = 0.98 * m + 0.02 * g
        w = w - 0.01 * (update + 0.3 * w)
    ours = trained(lambda p: optim.Lion(p, lr=0.01, betas=(0.95, 0.98), weight_decay=0.3), start, gradients)
    np.testing.assert_allclose(ours, w, rtol=1e-12)


def test_lamb_is_its_papers_algorithm() -> None:
    start, gradients = random_run((4, 3))
    w, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.99 * v + 0.01 * g**2
        r = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-6) + 0.02 * w
        w = w - 0.1 * np.linalg.norm(w) / np.linalg.norm(r) * r
    ours = trained(lambda p: optim.LAMB(p, lr=0.1, betas=(0.9, 0.99), weight_decay=0.02), start, gradients)
    np.testing.assert_allclose(ours, w, rtol=1e-12)


def test_lamb_moves_zeros_and_stands_still_without_a_gradient() -> None:
    moved = trained(optim.LAMB, np.zeros(3), [np.ones(3)])
    np.testing.assert_allclose(moved, -1e-3, rtol=1e-4)
    np.testing.assert_array_equal(trained(optim.LAMB, np.ones(3), [np.zeros(3)]), np.ones(3))


# --- the two forms of momentum ------------------------------------------------------------------------------


def momentum_run(form: Any, rates: list[float], **options: Any) -> Array:
    start, gradients = random_run((3,), len(rates))
    parameter = koubai.tensor(start, requires_grad=True)
    optimizer = optim.SGD([parameter], lr=rates[0], momentum=0.9, form=form, **options)
    for gradient, rate in zip(gradients, rates):
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = koubai.tensor(gradient)
        optimizer.step()
    return np.array(parameter.detach().numpy())


@pytest.mark.parametrize("options", [{}, {"nesterov": True}, {"dampening": 0.4}, {"weight_decay": 0.1}])
def test_classical_momentum_is_pytorchs_at_a_constant_rate(options: dict[str, Any]) -> None:
    classical, pytorch = (momentum_run(form, [0.1] * 12, **options) for form in ("classical", "pytorch"))
    np.testing.assert_allclose(classical, pytorch, rtol=1e-12)


def test_the_forms_of_momentum_part_ways_when_the_rate_changes() -> None:
    classical, pytorch = (momentum_run(form, [0.1] * 6 + [0.01] * 6) for form in ("classical", "pytorch"))
    assert not np.allclose(classical, pytorch, rtol=1e-3)


def test_classical_momentum_is_the_textbooks() -> None:
    rates = [0.1, 0.1, 0.05, 0.2]
    w, gradients = random_run((3,), 4)
    v = np.zeros(3)
    for g, rate in zip(gradients, rates):
        v = 0.9 * v - rate * g
        w = w + v
    np.testing.assert_allclose(momentum_run("classical", rates), w, rtol=1e-12)


# --- penalties ----------------------------------------------------------------------------------------------


def test_l1_adds_the_sign_and_nothing_at_zero() -> None:
    start = np.array([2.0, -3.0, 0.0])
    moved = trained(lambda p: optim.SGD(p, lr=0.1, l1=0.5), start, [np.zeros(3)])
    np.testing.assert_allclose(moved, [1.95, -2.95, 0.0])


DECAYING = [
    optim.SGD,
    optim.Adagrad,
    optim.Adadelta,
    optim.RMSprop,
    optim.Adam,
    optim.Adamax,
    optim.NAdam,
    optim.RAdam,
]


@pytest.mark.parametrize("kind", DECAYING)
def test_decoupled_decay_shrinks_by_the_rate_whatever_the_gradient(kind: Any) -> None:
    start, gradients = random_run((5,), 1)
    options = {"lr": 0.1, "weight_decay": 0.2, "decoupled_weight_decay": True}
    plain = trained(lambda p: kind(p, lr=0.1), start, gradients)
    decayed = trained(lambda p: kind(p, **options), start, gradients)
    np.testing.assert_allclose(decayed, plain - 0.1 * 0.2 * start, rtol=1e-12)


def test_adamw_is_adam_with_decoupled_decay() -> None:
    start, gradients = random_run((5,))
    adam = trained(lambda p: optim.Adam(p, weight_decay=0.01, decoupled_weight_decay=True), start, gradients)
    np.testing.assert_array_equal(trained(optim.AdamW, start, gradients), adam)


# --- properties ---------------------------------------------------------------------------------------------

SIMPLE = [
    optim.SGD,
    optim.Adagrad,
    optim.Adadelta,
    optim.RMSprop,
    optim.Adam,
    optim.AdamW,
    optim.Adamax,
    optim.NAdam,
    optim.RAdam,
    optim.Rprop,
    optim.ASGD,
    optim.Lion,
    optim.LAMB,
    optim.Adafactor,
    optim.Muon,
]
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("kind", SIMPLE)
@given(seed=seeds)
@settings(max_examples=5, deadline=None)
def test_maximising_is_minimising_the_negative(kind: Any, seed: int) -> None:
    start, gradients = random_run((3, 2), 4, seed)
    up = trained(lambda p: kind(p, maximize=True), start, gradients)
    np.testing.assert_array_equal(up, trained(kind, start, [-g for g in gradients]))


@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_parameters_and_state_keep_their_type(kind: Any, dtype: Any) -> None:
    for shape in [(3, 2)] if kind is optim.Muon else [(3, 2), (4,), ()]:
        parameter = koubai.tensor(np.ones(shape, dtype), requires_grad=True)
        optimizer = kind([parameter])
        for _ in range(2):
            parameter.grad = koubai.tensor(np.ones(shape, dtype))
            optimizer.step()
        assert parameter.dtype == dtype
        assert all(v.dtype == dtype or v.ndim == 0 for v in optimizer.state[parameter].values())


@pytest.mark.parametrize("kind", SIMPLE)
def test_every_rule_finds_the_bottom_of_a_bowl(kind: Any) -> None:
    target = koubai.tensor([[1.0, -2.0], [0.5, 1.5]])
    parameter = koubai.zeros(2, 2, requires_grad=True)
    rate = {optim.Adadelta: 30.0, optim.Adagrad: 0.5, optim.Adafactor: 0.5}
    options = {"weight_decay": 0} if kind in (optim.Muon, optim.AdamW) else {}
    optimizer = kind([parameter], lr=rate.get(kind, 0.1), **options)
    scheduler = optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=300)
    for _ in range(300):
        optimizer.zero_grad()
        loss = ((parameter - target) ** 2).sum()
        loss.backward()
        optimizer.step()
        scheduler.step()
    assert loss.item() < 1e-2


@given(seed=seeds, rows=st.integers(1, 6), columns=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_orthogonalising_brings_singular_values_near_one(seed: int, rows: int, columns: int) -> None:
    u, s, v = np.linalg.svd(np.random.default_rng(seed).normal(size=(rows, columns)), full_matrices=False)
    matrix = koubai.tensor((u * np.maximum(s, 0.1 * s[0])) @ v)
    result = orthogonalise(matrix, (3.4445, -4.775, 2.0315), 10, 1e-7).numpy()
    values = np.linalg.svd(result, compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_a_rule_is_a_pure_function_that_can_be_differentiated_through() -> None:
    start = koubai.tensor([1.0, 2.0], dtype=koubai.float64, requires_grad=True)
    scalars = Scalars(lr=0.1, momentum=0, dampening=0, weight_decay=0.5, nesterov=False, form="pytorch")
    updated, state = optim.SGD.rule(start, start**2, {}, scalars)
    updated.sum().backward()
    np.testing.assert_allclose(start.grad.numpy(), 1 - 0.1 * (2 * start.detach().numpy() + 0.5))
    assert state == {}


def test_large_squares_do_not_make_nan() -> None:
    gradients = [np.full(2, 1e30, np.float32)] * 3  # the squares are infinite in float32
    for kind in (optim.Adam, optim.RMSprop, optim.Adagrad):
        assert np.isfinite(trained(kind, np.ones(2, np.float32), gradients)).all()
