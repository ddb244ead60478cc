"""Linear systems, determinants, cross products and distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai import check_gradients, linalg

SETTINGS = settings(max_examples=20, deadline=None, derandomize=True)


def values(*shape: int, seed: int = 0) -> koubai.Tensor:
    """Normal numbers in float64."""
    return koubai.from_numpy(np.random.default_rng([seed, *shape]).normal(size=shape))


def invertible(*batch: int, size: int) -> koubai.Tensor:
    """Matrices far from singular."""
    return values(*batch, size, size) + 3 * koubai.eye(size, dtype=koubai.float64)


@SETTINGS
@given(st.integers(1, 4), st.integers(0, 3), st.sampled_from([(), (2,), (1,)]), st.sampled_from([(), (2,)]))
def test_solve_finds_what_was_multiplied(size, columns, left, right):
    a, x = invertible(*left, size=size), values(*right, size, columns)
    np.testing.assert_allclose(linalg.solve(a, a @ x).numpy(), (x + 0 * (a @ x)).numpy(), atol=1e-9)
    check_gradients(linalg.solve, a, values(*right, size, columns), order=2)


def test_solve_of_vectors_and_from_the_right():
    a, b = invertible(2, size=3), values(2, 3)
    x = linalg.solve(a, b)
    np.testing.assert_allclose((a @ x.unsqueeze(-1)).squeeze(-1).numpy(), b.numpy())
    x = linalg.solve(a, values(4, 3), left=False)
    np.testing.assert_allclose((x @ a).numpy(), values(4, 3).expand(2, 4, 3).numpy(), atol=1e-12)


@pytest.mark.parametrize(
    "function", [linalg.inv, linalg.det, koubai.logdet, lambda a: linalg.slogdet(a)[1], koubai.inverse]
)
def test_inverse_and_determinants_are_differentiable(function):
    check_gradients(function, invertible(2, size=3), order=2)


def test_inverse_and_determinants_are_numpys():
    a = invertible(2, size=3)
    np.testing.assert_allclose(linalg.inv(a).numpy(), np.linalg.inv(a.numpy()))
    np.testing.assert_allclose(linalg.det(a).numpy(), np.linalg.det(a.numpy()))
    for ours, theirs in zip(linalg.slogdet(a), np.linalg.slogdet(a.numpy())):
        np.testing.assert_allclose(ours.numpy(), theirs)
    np.testing.assert_allclose(linalg.matrix_power(a, -2).numpy(), np.linalg.matrix_power(a.numpy(), -2))
    assert koubai.logdet(-a[:, :1, :1]).isnan().all()


def test_a_singular_matrix_is_refused():
    singular = koubai.ones(2, 2)
    for attempt in (linalg.inv, lambda a: linalg.solve(a, a)):
        with pytest.raises(RuntimeError, match=r"float32\[2, 2\] is singular"):
            attempt(singular)
    with pytest.raises(RuntimeError, match="must be square"):
        linalg.det(values(2, 3))
    with pytest.raises(RuntimeError, match="the matrix has 3 rows"):
        linalg.solve(invertible(size=3), values(2, 2))


def test_cross_products_stand_upright():
    x, y = values(2, 3, 4), values(2, 3, 4, seed=1)
    z = koubai.cross(x, y)
    np.testing.assert_allclose(linalg.vecdot(x, z, dim=1).numpy(), 0, atol=1e-12)
    np.testing.assert_allclose(z.numpy(), np.cross(x.numpy(), y.numpy(), axis=1))
    check_gradients(koubai.cross, x, y, order=2)
    with pytest.raises(RuntimeError, match=r"cross: .* must have three elements"):
        linalg.cross(x, y)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 2.5, float("inf")])
def test_distances_of_all_pairs(p):
    x, y = values(2, 4, 3), values(5, 3, seed=1)
    differences = x.numpy()[:, :, None] - y.numpy()[None, None]
    np.testing.assert_allclose(
        koubai.cdist(x, y, p).numpy(), np.linalg.norm(differences, p, axis=-1) if p else 3
    )
    check_gradients(lambda x, y: koubai.cdist(x, y, p), x, y)


def test_equal_points_have_distance_and_gradient_zero():
    x = values(3, 2).requires_grad_()
    distances = koubai.cdist(x, x.detach())
    assert distances.diagonal().tolist() == [0, 0, 0]
    distances.diagonal().sum().backward()
    assert x.grad.tolist() == np.zeros((3, 2)).tolist()
    with pytest.raises(RuntimeError, match="points of the same dimension"):
        koubai.cdist(x, values(3, 4))
