"""Reductions and running results: values against NumPy, traced replays, gradients, ties, zeros, NaN, and mistakes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import koubai
from koubai import check_gradients
from koubai.ops.op import ShapeError

from .agreement import SETTINGS, check, numbers

REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "amax": np.max,
    "amin": np.min,
    "nansum": np.nansum,
    "nanmean": np.nanmean,
    "var": lambda x, axis, keepdims: np.var(x, axis=axis, ddof=0, keepdims=keepdims),
    "std": lambda x, axis, keepdims: np.std(x, axis=axis, ddof=0, keepdims=keepdims),
    "logsumexp": lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)),
}


@st.composite
def reduced(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, ...], bool]:
    """An array, some of its axes, and whether to keep them."""
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
    axes = draw(
        st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, unique_by=lambda a: a % len(shape))
    )
    return numbers(*shape, seed=draw(st.integers(0, 9))), tuple(axes), draw(st.booleans())


@pytest.mark.parametrize("name", REDUCTIONS)
@SETTINGS
@given(reduced())
def test_over_any_axes(name: str, case: tuple[np.ndarray, tuple[int, ...], bool]) -> None:
    x, axes, keepdim = case
    options = {"correction": 0} if name in ("var", "std") else {}
    function = getattr(koubai, name)
    expected = REDUCTIONS[name](x, axis=axes, keepdims=keepdim)
    result = function(koubai.from_numpy(x), axes, keepdim=keepdim, **options)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
    assert result.shape == expected.shape
    spread = name in ("var", "std") and math.prod(x.shape[a] for a in axes) == 1  # nothing to differentiate
    if not spread:
        check_gradients(lambda t: function(t, axes, keepdim=keepdim, **options), koubai.from_numpy(x))


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_running_sums_and_products(name: str, dim: int) -> None:
    x = numbers(2, 4, 3)
    check(lambda t: getattr(koubai, name)(t, dim), getattr(np, name)(x, axis=dim), x)


def test_gradients_to_second_order() -> None:
    x = koubai.from_numpy(numbers(2, 4))
    for function in (
        lambda t: t.prod(1),
        lambda t: t.cumprod(1),
        lambda t: t.logsumexp(1),
        lambda t: t.logcumsumexp(1),
        lambda t: t.std(1),
        lambda t: t.var(),
        lambda t: t.norm(),
        lambda t: koubai.linalg.vector_norm(t, 3),
        lambda t: koubai.linalg.matrix_norm(t, "nuc"),
        lambda t: t.max(1).values,
        lambda t: t.cummax(1).values,
        lambda t: t.quantile(0.3, dim=1),
        lambda t: koubai.linalg.svd(t, full_matrices=False)[1],
    ):
        check_gradients(function, x, order=2)


def test_a_product_with_zeros_has_the_gradient_of_the_others() -> None:
    for values, expected in (
        ([2.0, 3.0, 4.0], [12.0, 8.0, 6.0]),
        ([2.0, 0.0, 4.0], [0.0, 8.0, 0.0]),
        ([0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
    ):
        x = koubai.tensor(values, dtype=koubai.float64, requires_grad=True)
        (slope,) = koubai.grad(x.prod(), x)
        assert slope.tolist() == expected
        check_gradients(lambda t: t.prod(), x, order=2, full=True)
        check_gradients(lambda t: t.cumprod(0), x, order=2, full=True)


def test_tied_extremes_share_the_gradient_or_give_it_to_the_first() -> None:
    x = koubai.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], requires_grad=True)
    (shared,) = koubai.grad(x.amax(1).sum(), x)
    assert shared.tolist() == [[0.0, 0.5, 0.5], pytest.approx([1 / 3] * 3)]
    (whole,) = koubai.grad(x.max(), x)
    assert whole.tolist() == [[0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]
    values, indices = x.max(1)
    assert (values.tolist(), indices.tolist()) == ([3.0, 2.0], [1, 0])
    (first,) = koubai.grad(values.sum(), x)
    assert first.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]


def test_the_three_forms_of_max_and_min() -> None:
    x, y = koubai.tensor([[4.0, 1.0], [0.0, 3.0]]), koubai.tensor([2.0, 2.0])
    assert (x.max().item(), x.min().item()) == (4.0, 0.0)
    found = koubai.min(x, 0, keepdim=True)
    assert (found.values.tolist(), found.indices.tolist()) == ([[0.0, 1.0]], [[1, 0]])
    assert koubai.max(x, y).tolist() == [[4.0, 2.0], [2.0, 3.0]]
    assert koubai.min(x, other=y).tolist() == [[2.0, 1.0], [0.0, 2.0]]
    assert [t.tolist() for t in koubai.aminmax(x, dim=1)] == [[1.0, 0.0], [4.0, 3.0]]
    assert (x.argmax().item(), x.argmin(dim=1).tolist()) == (0, [1, 0])


def test_nan_is_the_extreme_and_the_sum() -> None:
    x = koubai.tensor([1.0, math.nan, 3.0])
    assert all(math.isnan(v.item()) for v in (x.sum(), x.max(), x.min(), x.amax(), x.mean(), x.std()))
    assert (x.argmax().item(), x.max(0).indices.item()) == (1, 1)
    assert (x.nansum().item(), x.nanmean().item()) == (4.0, 2.0)
    assert x.cummax(0).indices.tolist() == [0, 1, 1]


def test_logsumexp_of_infinities() -> None:
    inf = math.inf
    rows = koubai.tensor([[-inf, -inf], [inf, 0.0], [1000.0, 1000.0]])
    assert koubai.logsumexp(rows, 1).tolist() == [-inf, inf, pytest.approx(1000 + math.log(2))]
    running = koubai.logcumsumexp(koubai.tensor([-inf, 0.0, 0.0]), 0)
    assert running.tolist() == [-inf, 0.0, pytest.approx(math.log(2))]


def test_no_spread_and_no_length_have_slope_zero() -> None:
    same = koubai.tensor([2.0, 2.0, 2.0], requires_grad=True)
    assert koubai.grad(same.std(), same)[0].tolist() == [0.0, 0.0, 0.0]
    nothing = koubai.zeros(3, requires_grad=True)
    for order in (0.5, 1, 1.5, 2, 3, math.inf):
        assert koubai.grad(koubai.linalg.norm(nothing, order), nothing)[0].tolist() == [0.0, 0.0, 0.0]


def test_norms() -> None:
    x = koubai.tensor([[3.0, 0.0], [-4.0, 0.0]])
    orders = {0: 2.0, 1: 7.0, 2: 5.0, 3: 91 ** (1 / 3), math.inf: 4.0, -math.inf: 0.0}
    for order, expected in orders.items():
        assert koubai.linalg.vector_norm(x, order).item() == pytest.approx(expected)
    matrix = {"fro": 5.0, "nuc": 5.0, 1: 7.0, -1: 0.0, 2: 5.0, -2: 0.0, math.inf: 4.0, -math.inf: 3.0}
    for order, expected in matrix.items():
        assert koubai.linalg.matrix_norm(x, order).item() == pytest.approx(expected, abs=1e-6)
    assert koubai.norm(x, dim=0).tolist() == [5.0, 0.0]
    assert koubai.dist(x, koubai.zeros(2, 2), 1).item() == 7.0
    assert koubai.renorm(x, 2, 0, 2.0).tolist() == [[pytest.approx(2.0), 0.0], [pytest.approx(-2.0), 0.0]]


@pytest.mark.parametrize("count", [5, 6])
def test_quantiles(count: int) -> None:
    x = numbers(3, count)
    for method in ("linear", "lower", "higher", "midpoint", "nearest"):
        for q in (0.0, 0.3, 0.5, 1.0):
            ours = koubai.quantile(koubai.from_numpy(x), q, dim=1, interpolation=method)
            np.testing.assert_allclose(ours, np.quantile(x, q, axis=1, method=method))
    several = koubai.quantile(koubai.from_numpy(x), koubai.tensor([0.2, 0.9], dtype=koubai.float64), dim=1)
    np.testing.assert_allclose(several, np.quantile(x, [0.2, 0.9], axis=1))
    assert koubai.nanquantile(koubai.tensor([1.0, math.nan, 3.0]), 0.5).item() == 2.0
    assert math.isnan(koubai.quantile(koubai.tensor([1.0, math.nan, 3.0]), 0.5).item())


def test_mode_counts() -> None:
    found = koubai.tensor([[1, 2, 2, 1], [3, 3, 1, 0]]).mode()
    assert (found.values.tolist(), found.indices.tolist()) == ([1, 3], [3, 1])


def test_covariances_and_counts_in_bins() -> None:
    x = numbers(3, 5)
    ours = koubai.from_numpy(x)
    np.testing.assert_allclose(koubai.cov(ours), np.cov(x), rtol=1e-12)
    np.testing.assert_allclose(koubai.corrcoef(ours), np.corrcoef(x), rtol=1e-12)
    assert koubai.cov(ours[0]).item() == pytest.approx(np.var(x[0], ddof=1))
    np.testing.assert_array_equal(koubai.histc(ours, bins=4), np.histogram(x, 4)[0])
    assert koubai.histc(koubai.tensor([0.0, 1.0, 5.0]), bins=2, min=0, max=2).tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="needs at least one bin and min <= max, got 0 bins"):
        koubai.histc(ours, bins=0)


def test_differences_of_neighbours() -> None:
    x = numbers(2, 5)
    check(lambda t: koubai.diff(t), np.diff(x), x)
    check(lambda t: koubai.diff(t, 2, 0), np.diff(x, 2, 0), x)
    assert koubai.diff(koubai.tensor([1, 4]), prepend=koubai.tensor([0])).tolist() == [1, 3]


def test_truth_and_counts() -> None:
    x = koubai.tensor([[0.0, 2.0], [0.0, math.nan]])
    assert (koubai.any(x).item(), koubai.all(x).item()) == (True, False)
    assert koubai.all(x, 0).tolist() == [False, True]
    assert koubai.any(koubai.zeros(0, 2), 0).tolist() == [False, False]
    assert koubai.count_nonzero(x, 0).tolist() == [0, 2]
    assert koubai.any(koubai.tensor([0, 3], dtype=koubai.uint8)).dtype == koubai.uint8


def test_types_of_sums() -> None:
    assert koubai.tensor([True, True]).sum().dtype == koubai.int64
    assert koubai.ones(2, dtype=koubai.int8).cumsum(0).dtype == koubai.int64
    assert koubai.ones(2, dtype=koubai.float16).sum().dtype == koubai.float16
    assert koubai.ones(2).sum(dtype=koubai.float64).dtype == koubai.float64


def test_empty_reductions() -> None:
    empty = koubai.zeros(0, 3)
    assert (empty.sum().item(), empty.prod().item()) == (0.0, 1.0)
    assert empty.sum(0).tolist() == [0.0, 0.0, 0.0]
    assert math.isnan(empty.mean().item())
    assert empty.cumsum(0).shape == (0, 3)
    with pytest.raises(ShapeError, match=r"amax: float32\[0, 3\] is empty along dimensions \[0\]"):
        empty.amax(0)


def test_mistakes() -> None:
    x = koubai.ones(2, 3)
    with pytest.raises(
        IndexError, match="dimension 2 is out of range: a tensor with 2 dimensions has -2 to 1"
    ):
        x.sum(2)
    with pytest.raises(RuntimeError, match="a dimension is named twice"):
        x.sum((0, -2))
    for name in ("mean", "var", "std"):
        with pytest.raises(RuntimeError, match=rf"{name}\(\) of int64 is not defined; convert first"):
            getattr(koubai.tensor([1, 2]), name)()
    with pytest.raises(RuntimeError, match="there is no order 'max'"):
        koubai.linalg.matrix_norm(x, "max")
    with pytest.raises(RuntimeError, match="interpolation must be one of"):
        koubai.quantile(x, 0.5, interpolation="cubic")


def test_variances() -> None:
    x = koubai.tensor([[1.0, 2.0, 4.0]])
    assert koubai.var(x).item() == pytest.approx(7 / 3)
    assert koubai.var(x, False).item() == pytest.approx(14 / 9)
    assert koubai.var(x, 1, unbiased=False).tolist() == pytest.approx([14 / 9])
    assert koubai.std(x, 1, correction=2).tolist() == pytest.approx([math.sqrt(14 / 3)])
    spread, middle = koubai.var_mean(x, 1, keepdim=True)
    assert (spread.shape, middle.tolist()) == ((1, 1), [[pytest.approx(7 / 3)]])
    assert math.isnan(koubai.tensor([1.0]).var().item())
