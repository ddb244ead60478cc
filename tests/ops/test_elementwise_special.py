"""The error function's and the gamma function's families: accuracy against Python's `math`, identities, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest

import koubai
from koubai import check_gradients

EULER = 0.5772156649015329


def relative_error(ours: koubai.Tensor, theirs: list[float]) -> float:
    """Return the largest relative error."""
    expected = np.array(theirs)
    return float(np.max(np.abs(ours.numpy() - expected) / np.maximum(np.abs(expected), 1e-300)))


@pytest.mark.parametrize(
    ("name", "points", "tolerance"),
    [
        ("erf", [-6.0, -2.0, -0.47, -0.1, 1e-300, 1e-8, 0.3, 0.4687, 0.469, 1.0, 3.9, 4.1, 30.0], 1e-15),
        ("erfc", [-6.0, -1.0, -0.46, 0.0, 0.46, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 26.0], 1e-13),
        (
            "lgamma",
            [1e-300, 1e-5, 0.3, 0.5, 0.9, 1.1, 1.6, 1.9, 2.2, 2.6, 5.0, 9.9, 10.1, 100.0, 1e10],
            2e-14,
        ),
        ("lgamma", [-0.3, -1.5, -4.3, -20.1], 1e-13),
    ],
)
def test_accuracy(name: str, points: list[float], tolerance: float) -> None:
    x = koubai.tensor(points, dtype=koubai.float64)
    assert relative_error(getattr(koubai, name)(x), [getattr(math, name)(p) for p in points]) < tolerance


@pytest.mark.parametrize("dtype", [koubai.float16, koubai.float32])
def test_narrow_types_keep_their_type_and_precision(dtype: np.dtype) -> None:
    points = [-2.0, -0.25, 0.5, 1.0, 3.5]
    for name in ("erf", "erfc"):
        result = getattr(koubai, name)(koubai.tensor(points, dtype=dtype))
        assert result.dtype == dtype
        expected = [getattr(math, name)(p) for p in points]
        np.testing.assert_allclose(result, expected, rtol=20 * float(koubai.finfo(dtype).eps), atol=1e-7)


def test_the_inverse_error_function() -> None:
    x = koubai.linspace(-0.999999, 0.999999, 1001, dtype=koubai.float64)
    assert koubai.allclose(koubai.erf(koubai.erfinv(x)), x, rtol=1e-14, atol=0)
    ends = koubai.erfinv(koubai.tensor([-1.0, 0.0, 1.0, 1.5])).tolist()
    assert ends[:3] == [-math.inf, 0.0, math.inf]
    assert math.isnan(ends[3])


def test_known_values_of_polygamma() -> None:
    def at(n: int, x: float) -> float:
        return koubai.polygamma(n, koubai.tensor(x, dtype=koubai.float64)).item()

    assert at(0, 1.0) == pytest.approx(-EULER, rel=1e-14)
    assert at(0, 0.5) == pytest.approx(-EULER - 2 * math.log(2), rel=1e-14)
    assert at(1, 1.0) == pytest.approx(math.pi**2 / 6, rel=1e-14)
    assert at(1, 0.5) == pytest.approx(math.pi**2 / 2, rel=1e-14)
    assert at(3, 1.0) == pytest.approx(math.pi**4 / 15, rel=1e-14)
    assert at(0, -0.5) == pytest.approx(at(0, 0.5) + 2, rel=1e-13)  # psi(x + 1) = psi(x) + 1 / x
    assert math.isnan(at(0, -3.0))
    with pytest.raises(RuntimeError, match="the order must be at least 0, got -1"):
        at(-1, 1.0)


@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv", "lgamma", "digamma"])
def test_gradients_to_second_order(name: str) -> None:
    x = koubai.tensor([-0.7, -0.3, 0.2, 0.8], dtype=koubai.float64)
    check_gradients(getattr(koubai, name), x, order=2, full=True)
    program = koubai.trace(getattr(koubai, name), x)
    assert koubai.equal(program(x), getattr(koubai, name)(x))


def test_the_namespace() -> None:
    x = koubai.tensor([0.2, 0.8])
    assert koubai.special.expit(koubai.special.logit(x)).tolist() == pytest.approx(x.tolist())
    assert koubai.special.entr(koubai.tensor([0.0, 1.0, -1.0])).tolist() == [0.0, 0.0, -math.inf]
    assert koubai.special.ndtr(koubai.tensor([0.0, 1.959964])).tolist() == pytest.approx([0.5, 0.975])
    assert koubai.special.xlog1py(
        koubai.tensor([0.0, 2.0]), koubai.tensor([-1.0, 1.0])
    ).tolist() == pytest.approx([0.0, 2 * math.log(2)])
