"""NaN, infinities, ties and bounds: values and subgradients are PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import koubai  # noqa: E402

from .expected import names  # noqa: E402

VALUES = np.array(
    [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 25.0, 1e-300, 1e300]
)
UNARY = names("""
    abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac
    isfinite isinf isnan isneginf isposinf lgamma log log10 log1p log2 logit nan_to_num neg positive rad2deg reciprocal
    relu round rsqrt sgn sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc logical_not
""")
BINARY = names("""
    add sub mul div pow maximum minimum fmax fmin atan2 hypot copysign remainder fmod floor_divide logaddexp logaddexp2
    xlogy eq ne lt le gt ge heaviside nextafter logical_and logical_or logical_xor clamp_min clamp_max
""")

# Where PyTorch's gradient is NaN or infinite and Koubai's is not, by intention:
SAFER = {
    "atan2": "at (0, 0) it is 0",
    "hypot": "at (0, 0) it is 0",
    "sqrt": "at 0 it is 0",
    "xlogy": "x = 0 passes none on to y",
    "copysign": "it is only ever 1, -1 or 0",
    "logit": "outside [0, 1] only the value is NaN",
    "pow": "a factor of 0 passes nothing on",
}


def gradients(function: Any, inputs: list[Any], library: Any) -> list[Any]:
    """Return the gradients of a function's sum, as arrays."""
    top = function(*inputs).sum()
    if not top.requires_grad:
        return []
    module = library if library is koubai else torch.autograd
    return [g.detach().numpy(force=True) for g in module.grad(top, inputs)]


def assert_same(name: str, ours: Any, theirs: Any, points: Any) -> None:
    ours, theirs = (
        np.clip(ours, -1e30, 1e30),
        np.clip(theirs, -1e30, 1e30),
    )  # beyond, PyTorch's are rounded infinities
    same = np.isclose(ours, theirs, rtol=1e-9, atol=1e-15, equal_nan=True)
    if name in SAFER:
        same |= ~(np.abs(theirs) < 1e30)
    assert same.all(), f"{name} at {points[~same][:5]}: {ours[~same][:5]} instead of {theirs[~same][:5]}"


@pytest.mark.parametrize("name", sorted(UNARY))
def test_unary(name: str) -> None:
    x, u = koubai.tensor(VALUES, requires_grad=True), torch.tensor(VALUES, requires_grad=True)
    mine, other = getattr(koubai, name)(x), getattr(torch, name)(u)
    assert_same(name, mine.detach().numpy(), other.detach().numpy(), VALUES)
    for g, h in zip(
        gradients(getattr(koubai, name), [x], koubai), gradients(getattr(torch, name), [u], torch)
    ):
        assert_same(name, g, h, VALUES)


@pytest.mark.parametrize("name", sorted(BINARY))
def test_binary(name: str) -> None:
    points = np.stack([grid.ravel() for grid in np.meshgrid(VALUES[:-2], VALUES[:-2])])
    ours = [koubai.tensor(p, requires_grad=True) for p in points]
    theirs = [torch.tensor(p, requires_grad=True) for p in points]
    mine, other = getattr(koubai, name)(*ours), getattr(torch, name)(*theirs)
    assert_same(name, mine.detach().numpy(), other.detach().numpy(), points.T)
    if name in ("nextafter", "heaviside", "floor_divide"):  # PyTorch has no gradient for them
        return
    pairs = zip(
        gradients(getattr(koubai, name), ours, koubai), gradients(getattr(torch, name), theirs, torch)
    )
    for g, h in pairs:
        assert_same(name, g, h, points.T)
