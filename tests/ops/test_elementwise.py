"""Element by element: values against NumPy, traced replays, gradients to second order, kinks, and mistakes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import koubai
from koubai import check_gradients
from koubai.ops.op import ShapeError

from .agreement import SETTINGS, check

# name: NumPy's function, and where it is smooth
UNARY = {
    "abs": (np.abs, (0.1, 2)),
    "acos": (np.arccos, (-0.9, 0.9)),
    "acosh": (np.arccosh, (1.1, 3)),
    "asin": (np.arcsin, (-0.9, 0.9)),
    "asinh": (np.arcsinh, (-2, 2)),
    "atan": (np.arctan, (-2, 2)),
    "atanh": (np.arctanh, (-0.9, 0.9)),
    "ceil": (np.ceil, (0.1, 0.9)),
    "cos": (np.cos, (-3, 3)),
    "cosh": (np.cosh, (-2, 2)),
    "deg2rad": (np.deg2rad, (-90, 90)),
    "exp": (np.exp, (-2, 2)),
    "exp2": (np.exp2, (-2, 2)),
    "expm1": (np.expm1, (-2, 2)),
    "floor": (np.floor, (0.1, 0.9)),
    "frac": (lambda x: x - np.trunc(x), (0.1, 0.9)),
    "log": (np.log, (0.2, 3)),
    "log10": (np.log10, (0.2, 3)),
    "log1p": (np.log1p, (-0.8, 3)),
    "log2": (np.log2, (0.2, 3)),
    "logit": (lambda x: np.log(x) - np.log1p(-x), (0.1, 0.9)),
    "neg": (np.negative, (-2, 2)),
    "rad2deg": (np.rad2deg, (-3, 3)),
    "reciprocal": (np.reciprocal, (0.2, 3)),
    "relu": (lambda x: np.maximum(x, 0), (0.1, 3)),
    "round": (np.rint, (0.6, 1.4)),
    "rsqrt": (lambda x: 1 / np.sqrt(x), (0.2, 3)),
    "sign": (np.sign, (0.1, 3)),
    "sin": (np.sin, (-3, 3)),
    "sinh": (np.sinh, (-2, 2)),
    "sqrt": (np.sqrt, (0.2, 3)),
    "square": (np.square, (-2, 2)),
    "tan": (np.tan, (-1, 1)),
    "tanh": (np.tanh, (-2, 2)),
    "trunc": (np.trunc, (0.1, 0.9)),
}
BINARY = {
    "add": np.add,
    "atan2": np.arctan2,
    "copysign": np.copysign,
    "div": np.divide,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "hypot": np.hypot,
    "logaddexp": np.logaddexp,
    "logaddexp2": np.logaddexp2,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mul": np.multiply,
    "pow": np.power,
    "sub": np.subtract,
    "xlogy": lambda x, y: x * np.log(y),
}
COMPARISONS = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater}


def between(low: float, high: float, *shape: int, seed: int = 0) -> np.ndarray:
    """Different numbers within bounds, in float64."""
    return np.random.default_rng(seed).uniform(low, high, size=shape)


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_tensor(name: str) -> None:
    reference, (low, high) = UNARY[name]
    x = between(low, high, 2, 3)
    check(getattr(koubai, name), reference(x), x)
    check_gradients(getattr(koubai, name), koubai.from_numpy(x), order=2)
    np.testing.assert_array_equal(getattr(koubai.from_numpy(x), name)(), reference(x))  # the method
    cell = koubai.from_numpy(x)
    assert getattr(cell, f"{name}_")() is cell  # in place
    np.testing.assert_array_equal(cell, reference(x))


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_tensors(name: str) -> None:
    x, y = between(0.3, 2, 2, 1, 3), between(0.3, 2, 4, 1, seed=1)
    check(getattr(koubai, name), BINARY[name](x, y), x, y)
    check_gradients(getattr(koubai, name), koubai.from_numpy(x), koubai.from_numpy(y), order=2)


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name: str) -> None:
    x, y = np.array([1.0, 2.0, np.nan]), np.array([[1.0], [2.0]])
    check(getattr(koubai, name), COMPARISONS[name](x, y), x, y, gradients=False)


shapes = arrays.mutually_broadcastable_shapes(num_shapes=3, max_dims=4, max_side=3)


@SETTINGS
@given(shapes, st.integers(0, 100))
def test_broadcasting_is_undone_in_the_gradients(shapes: arrays.BroadcastableShapes, seed: int) -> None:
    first, second, third = (
        between(0.5, 2, *shape, seed=seed + i) for i, shape in enumerate(shapes.input_shapes)
    )
    check(lambda x, y, z: x * y + z / y, first * second + third / second, first, second, third)
    tensors = [koubai.from_numpy(a).requires_grad_() for a in (first, second, third)]
    result = tensors[0] * tensors[1] - tensors[2]
    assert result.shape == shapes.result_shape
    result.sum().backward()
    assert [t.grad.shape for t in tensors] == list(shapes.input_shapes)


@SETTINGS
@given(st.data())
def test_operators_agree_with_numpy(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.int64, np.float64]))
    element = st.integers(1, 9) if dtype is np.int64 else st.floats(0.5, 4)
    x, y = (data.draw(arrays.arrays(dtype, (3,), elements=element)) for _ in range(2))
    a, b = koubai.from_numpy(x), koubai.from_numpy(y)
    pairs = [(a + b, x + y), (a - b, x - y), (a * b, x * y), (a // b, x // y), (a % b, x % y), (-a, -x)]
    pairs += [(2 + a, 2 + x), (2 - a, 2 - x), (2 * a, 2 * x), (2 // a, 2 // x), (7 % a, 7 % x), (a**2, x**2)]
    pairs += [
        (a < b, x < y),
        (a >= 2, x >= 2),
        (2 - a > 0, 2 - x > 0),
        (a == b, x == y),
        (a != b, x != y),
        (abs(-a), x),
    ]
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs, strict=True)


def test_operators_on_bits_and_truth() -> None:
    x, y = koubai.tensor([6, 3]), koubai.tensor([3, 5])
    results = [x & y, x | y, x ^ y, ~x, x << 1, x >> 1, 1 | x, True & (x > 4)]
    expected = [[2, 1], [7, 7], [5, 6], [-7, -4], [12, 6], [3, 1], [7, 3], [True, False]]
    assert [r.tolist() for r in results] == expected
    assert koubai.logical_xor(x > 4, y > 4).tolist() == [True, True]
    assert koubai.logical_not(koubai.tensor([0.0, 2.0])).tolist() == [True, False]


def test_in_place_operators_keep_the_cell() -> None:
    x = koubai.tensor([4.0, 9.0])
    view, cell = x[:1], x
    x += 1
    x *= 2
    x -= 4
    x /= 2
    x **= 2
    x //= 3
    x %= 10
    assert x is cell
    assert (x.tolist(), view.tolist()) == ([3.0, 1.0], [3.0])


def test_round_and_decimals() -> None:
    x = koubai.tensor([0.5, 1.5, 2.5, -1.25])
    assert koubai.round(x).tolist() == [0.0, 2.0, 2.0, -1.0]
    assert round(koubai.tensor([1.25, 33.5]), 1).tolist() == pytest.approx([1.2, 33.5])
    assert koubai.round(koubai.tensor([1234.0]), decimals=-2).tolist() == [1200.0]
    assert koubai.floor(koubai.tensor([3, 4])).dtype == koubai.int64


def test_division_modes() -> None:
    x, y = koubai.tensor([7, -7]), koubai.tensor([2, 2])
    assert koubai.div(x, y).dtype == koubai.float32
    assert koubai.div(x, y, rounding_mode="trunc").tolist() == [3, -3]
    assert koubai.div(x, y, rounding_mode="floor").tolist() == [3, -4]
    assert (x % y).tolist() == [1, 1]
    assert koubai.fmod(x, y).tolist() == [1, -1]
    with pytest.raises(RuntimeError, match="rounding_mode must be None, 'trunc' or 'floor', got 'up'"):
        koubai.div(x, y, rounding_mode="up")


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_an_integer_divided_by_zero_is_refused(name: str) -> None:
    with pytest.raises(RuntimeError, match="an integer is divided by 0"):
        getattr(koubai, name)(koubai.tensor([1, 2]), koubai.tensor([1, 0]))


def test_integers_to_negative_powers() -> None:
    assert koubai.pow(koubai.tensor([2, 1, -1, 0]), koubai.tensor([-1, -2, -3, -1])).tolist() == [0, 1, -1, 0]
    with pytest.raises(RuntimeError, match="convert to floating point first"):
        koubai.tensor([2]) ** -1


# --- where no derivative exists


def slope(function, x: float, y: float | None = None) -> list[float]:
    """Return the derivative of a function of one or two numbers."""
    points = [koubai.tensor(v, dtype=koubai.float64, requires_grad=True) for v in (x, y) if v is not None]
    return [g.item() for g in koubai.grad(function(*points), points)]


def test_subgradients_at_kinks() -> None:
    assert slope(koubai.abs, 0.0) == [0.0]
    assert slope(koubai.relu, 0.0) == [0.0]
    assert slope(koubai.sign, 0.0) == [0.0]
    assert slope(koubai.maximum, 1.0, 1.0) == [0.5, 0.5]
    assert slope(koubai.minimum, 1.0, 1.0) == [0.5, 0.5]
    assert slope(koubai.fmax, 1.0, 1.0) == [1.0, 0.0]
    assert slope(koubai.fmax, math.nan, 1.0) == [0.0, 1.0]
    assert slope(lambda x: x.clamp(0.0, 1.0), 0.0) == [1.0]
    assert slope(lambda x: x.clamp(0.0, 1.0), 1.0) == [1.0]
    assert slope(lambda x: x.clamp(0.0, 1.0), 1.5) == [0.0]
    assert slope(koubai.atan2, 0.0, 0.0) == [0.0, 0.0]
    assert slope(koubai.hypot, 0.0, 0.0) == [0.0, 0.0]
    assert slope(koubai.sinc, 0.0) == [0.0]
    assert slope(lambda x: x**2, 0.0) == [0.0]
    assert slope(lambda x: x**0, 0.0) == [0.0]
    assert slope(koubai.sqrt, 0.0) == [0.0]
    assert slope(lambda x: (x * x).sum().sqrt(), 0.0) == [0.0]


@pytest.mark.parametrize(
    "name", ["log", "sqrt", "rsqrt", "reciprocal", "acos", "acosh", "atanh", "log1p", "erfinv"]
)
def test_the_branch_of_where_not_taken_poisons_nothing(name: str) -> None:
    x = koubai.tensor([-2.0, 0.0, 1.0, 2.0], requires_grad=True)
    koubai.where(x > 5, getattr(koubai, name)(x), x * 3).sum().backward()
    assert x.grad.tolist() == [3.0] * 4


def test_where_chooses_also_among_numbers() -> None:
    condition = koubai.tensor([True, False])
    assert koubai.where(condition, 1.5, koubai.tensor([2.0, 3.0])).tolist() == [1.5, 3.0]
    assert koubai.tensor([1, 2]).where(condition, 0).tolist() == [1, 0]
    assert [i.tolist() for i in koubai.where(koubai.tensor([[0, 3], [4, 0]]) > 0)] == [[0, 1], [1, 0]]
    with pytest.raises(ShapeError, match="condition to be a boolean tensor"):
        koubai.trace(lambda c: koubai.where(c, 1.0, 2.0), koubai.ones(2))


def test_nan_and_infinities() -> None:
    x = koubai.tensor([math.nan, math.inf, -math.inf, 1.0], requires_grad=True)
    cleaned = koubai.nan_to_num(x, nan=5.0, posinf=7.0)
    assert cleaned.tolist() == [5.0, 7.0, -float(np.finfo(np.float32).max), 1.0]
    cleaned.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert math.isnan(koubai.relu(x)[0].item())
    assert koubai.isfinite(x).tolist() == [False, False, False, True]
    assert koubai.isposinf(x).tolist() == [False, True, False, False]
    assert koubai.isneginf(x).tolist() == [False, False, True, False]


def test_closeness() -> None:
    x = koubai.tensor([1.0, math.nan, math.inf])
    y = koubai.tensor([1.0 + 1e-9, math.nan, math.inf])
    assert koubai.isclose(x, y).tolist() == [True, False, True]
    assert koubai.allclose(x, y, equal_nan=True)
    assert not koubai.allclose(x, y)
    assert koubai.equal(koubai.tensor([1, 2]), koubai.tensor([1, 2]))
    assert not koubai.equal(koubai.tensor([1, 2]), koubai.tensor([[1, 2]]))


def test_membership() -> None:
    x = koubai.tensor([[1, 2], [3, 4]])
    assert koubai.isin(x, koubai.tensor([2, 3])).tolist() == [[False, True], [True, False]]
    assert koubai.isin(x, 4, invert=True).tolist() == [[True, True], [True, False]]


def test_clamping() -> None:
    x, low = (
        koubai.tensor([-1.0, 0.5, 3.0], requires_grad=True),
        koubai.tensor([0.0, 1.0, 0.0], requires_grad=True),
    )
    result = koubai.clamp(x, low, 2.0)
    assert result.tolist() == [0.0, 1.0, 2.0]
    result.sum().backward()
    assert (x.grad.tolist(), low.grad.tolist()) == ([0.0, 0.0, 0.0], [1.0, 1.0, 0.0])
    assert koubai.clip(koubai.tensor([1, 5]), max=2).tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="clamp needs min, max or both"):
        x.clamp()


def test_mistakes_name_the_op_and_the_operands() -> None:
    with pytest.raises(
        ShapeError, match=r"add: shapes \[2, 3\] and \[2\] do not broadcast: dimension -1 is 3"
    ):
        koubai.ones(2, 3) + koubai.ones(2)
    with pytest.raises(RuntimeError, match=r"sub does not accept bool\[1\] and bool\[1\]"):
        koubai.tensor([True]) - koubai.tensor([False])
    with pytest.raises(RuntimeError, match=r"cannot be scaled by 0\.5; convert it to floating point first"):
        koubai.add(koubai.tensor([1]), koubai.tensor([2]), alpha=0.5)
    with pytest.raises(TypeError, match="unsupported operand"):
        koubai.ones(2) + "one"
    with pytest.raises(RuntimeError, match="add_: a result of shape"):
        koubai.ones(2).add_(koubai.ones(3, 2))


def test_sums_with_factors() -> None:
    x, y, z = koubai.tensor([1.0, 2.0]), koubai.tensor([3.0, 4.0]), koubai.tensor([2.0, 8.0])
    assert koubai.add(x, y, alpha=2).tolist() == [7.0, 10.0]
    assert koubai.rsub(x, y, alpha=2).tolist() == [1.0, 0.0]
    assert koubai.addcmul(x, y, z, value=0.5).tolist() == [4.0, 18.0]
    assert koubai.addcdiv(x, y, z, value=2).tolist() == [4.0, 3.0]
    assert koubai.lerp(x, y, 0.25).tolist() == [1.5, 2.5]
    assert koubai.heaviside(koubai.tensor([-1.0, 0.0, 2.0]), koubai.tensor(0.5)).tolist() == [0.0, 0.5, 1.0]
