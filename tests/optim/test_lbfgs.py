"""LBFGS finds minima, keeps to its limits, and goes on from saved state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import koubai
from koubai import optim


def rosenbrock(x: koubai.Tensor) -> koubai.Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


class Problem:
    """A function to minimise, and how often it was computed."""

    def __init__(self, start: list[float], **options: Any) -> None:
        self.x = koubai.tensor(start, dtype=koubai.float64, requires_grad=True)
        self.optimizer = optim.LBFGS([self.x], **options)
        self.calls = 0

    def closure(self) -> koubai.Tensor:
        self.calls += 1
        self.optimizer.zero_grad()
        loss = rosenbrock(self.x)
        loss.backward()
        return loss

    def step(self) -> float:
        return float(self.optimizer.step(self.closure).item())


def test_the_line_search_finds_the_valley_of_rosenbrock() -> None:
    problem = Problem([-1.2, 1.0, -0.5], line_search_fn="strong_wolfe", max_iter=100)
    for _ in range(3):
        problem.step()
    np.testing.assert_allclose(problem.x.detach().numpy(), 1.0, rtol=1e-6)


def test_a_step_returns_the_loss_at_its_beginning() -> None:
    problem = Problem([-1.2, 1.0], line_search_fn="strong_wolfe")
    assert problem.step() == pytest.approx(24.2)


def test_a_step_keeps_to_its_limits() -> None:
    problem = Problem([-1.2, 1.0], lr=1e-4, max_iter=7, max_eval=5)
    problem.step()
    assert problem.calls == 5
    assert problem.optimizer.state[problem.x]["func_evals"] == 5  # type: ignore[comparison-overlap]


def test_nothing_moves_at_the_minimum() -> None:
    problem = Problem([1.0, 1.0])
    problem.step()
    assert problem.calls == 1
    np.testing.assert_array_equal(problem.x.detach().numpy(), 1.0)


def test_only_so_many_past_iterations_are_kept() -> None:
    problem = Problem([-1.2, 1.0, 0.3, 0.2], line_search_fn="strong_wolfe", history_size=3)
    problem.step()
    assert len(problem.optimizer.state[problem.x]["old_dirs"]) == 3


def test_a_loaded_optimizer_goes_on_bit_for_bit() -> None:
    problem = Problem([-1.2, 1.0], line_search_fn="strong_wolfe", max_iter=4)
    problem.step()
    resumed = Problem(problem.x.tolist(), max_iter=4)
    resumed.optimizer.load_state_dict(problem.optimizer.state_dict())
    for _ in range(3):
        assert problem.step() == resumed.step()
    assert problem.x.tolist() == resumed.x.tolist()


def test_a_parameter_that_the_loss_does_not_depend_on_stays() -> None:
    used, unused = koubai.ones(2, requires_grad=True), koubai.ones(3, requires_grad=True)
    optimizer = optim.LBFGS([("used", used), ("unused", unused)])

    def closure() -> koubai.Tensor:
        optimizer.zero_grad()
        loss = (used**2).sum()
        loss.backward()
        return loss

    with pytest.warns(UserWarning, match="no gradient reached: unused"):
        optimizer.step(closure)
    np.testing.assert_array_equal(unused.detach().numpy(), 1)
