"""Decompositions: the factors make the matrix again, gradients agree with numerical ones, and mistakes are named."""

from __future__ import annotations

import numpy as np
import pytest

import koubai
from koubai import check_gradients
from koubai.ops.op import ShapeError


def matrices(*shape: int, seed: int = 0) -> koubai.Tensor:
    """Normal numbers in float64."""
    return koubai.from_numpy(np.random.default_rng(seed).normal(size=shape))


def symmetric(x: koubai.Tensor) -> koubai.Tensor:
    """Return a symmetric positive-definite matrix made from `x`."""
    return x @ x.mT + koubai.eye(x.shape[-2], dtype=x.dtype)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
@pytest.mark.parametrize("full", [True, False])
def test_factors_make_the_matrix_again(shape: tuple[int, ...], full: bool) -> None:
    x = matrices(*shape)
    u, s, vh = koubai.linalg.svd(x, full_matrices=full)
    k = s.shape[-1]
    assert koubai.allclose((u[..., :k] * s.unsqueeze(-2)) @ vh[..., :k, :], x)
    q, r = koubai.linalg.qr(x, mode="complete" if full else "reduced")
    assert koubai.allclose(q @ r, x)
    assert koubai.allclose(q.mT @ q, koubai.eye(q.shape[-1], dtype=x.dtype))
    assert koubai.equal(r.triu(), r)


def test_symmetric_matrices() -> None:
    x = symmetric(matrices(2, 3, 3))
    values, vectors = koubai.linalg.eigh(x)
    assert koubai.allclose(x @ vectors, vectors * values.unsqueeze(-2))
    lower = koubai.linalg.cholesky(x)
    assert koubai.allclose(lower @ lower.mT, x)
    assert koubai.equal(koubai.linalg.cholesky(x, upper=True), lower.mT)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_gradients(shape: tuple[int, ...]) -> None:
    x = matrices(*shape)
    check_gradients(lambda t: koubai.linalg.svdvals(t), x, order=2)
    check_gradients(lambda t: koubai.linalg.svd(t, full_matrices=False)[0].abs(), x)
    check_gradients(lambda t: koubai.linalg.qr(t), x, order=2)
    check_gradients(lambda t: koubai.linalg.cholesky(symmetric(t)), x, order=2)
    check_gradients(lambda t: koubai.linalg.eigvalsh(symmetric(t[:2, :2])), x, order=2)
    check_gradients(lambda t: koubai.linalg.eigh(symmetric(t[:2, :2]))[1].abs(), x)


def test_equal_singular_values_do_no_harm_to_the_nuclear_norm() -> None:
    x = koubai.eye(3, requires_grad=True)
    (slope,) = koubai.grad(koubai.linalg.matrix_norm(x, "nuc"), x)
    assert koubai.allclose(slope, koubai.eye(3))


def test_they_trace() -> None:
    x = matrices(3, 2)
    for function in (koubai.linalg.svdvals, koubai.linalg.qr, lambda t: koubai.linalg.eigh(t.mT @ t)):
        for ours, replayed in zip(function(x), koubai.trace(function, x)(x)):
            assert koubai.equal(ours, replayed)


def test_mistakes() -> None:
    with pytest.raises(ShapeError, match=r"svd: float64\[3\] is no matrix"):
        koubai.linalg.svd(matrices(3))
    with pytest.raises(ShapeError, match=r"cholesky: float64\[2, 3\] must be square matrices"):
        koubai.trace(koubai.linalg.cholesky, matrices(2, 3))
    with pytest.raises(
        RuntimeError, match="is not positive-definite; adding a small multiple of the identity"
    ):
        koubai.linalg.cholesky(-koubai.eye(2))
    with pytest.raises(RuntimeError, match="mode must be 'reduced' or 'complete', got 'r'"):
        koubai.linalg.qr(matrices(2, 2), mode="r")
