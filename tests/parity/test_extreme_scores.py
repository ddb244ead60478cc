"""Activations, softmax and losses of huge, infinite and NaN numbers, and CTC of any lengths, do what PyTorch's do.

Where PyTorch gives NaN or infinity by accident, or rounds to float32, Koubai may be better; those places are listed.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as theirs  # noqa: E402

import koubai  # noqa: E402
from koubai.nn import functional as F  # noqa: E402

from .expected import names  # noqa: E402

INF, NAN = math.inf, math.nan
VALUES = np.array(
    [0.0, -0.0, 0.5, -0.5, 1, -1, 2, 3, -3, 6, -6, 20, -20, 100, -100, 750, -750, 1e4, -1e4, INF, -INF]
)
ROWS = np.array(list(itertools.product([0.0, 1.0, 1e4, -1e4, INF, -INF, NAN], repeat=3)))
ACTIVATIONS = names("""
    relu relu6 leaky_relu hardtanh elu celu selu gelu silu mish softplus logsigmoid tanh sigmoid hardsigmoid hardswish
    hardshrink softshrink tanhshrink softsign
""")


def values_and_gradients(library: Any, function: Any, arrays: list[Any], count: int) -> list[Any]:
    """Return the results, and the gradients of their sum by the first `count` arguments, as arrays."""
    inputs = [library.tensor(array) for array in arrays]
    for x in inputs[:count]:
        x.requires_grad_()
    result = function(*inputs)
    grad = koubai.grad if library is koubai else torch.autograd.grad
    return [x.detach().numpy() for x in (result, *grad(result.sum(), inputs[:count]))]


def compare(
    name: str, arrays: list[Any], count: int = 1, safer: bool = False, relative: float = 1e-9, **options: Any
) -> None:
    """Compare a function by name; with `safer`, PyTorch's NaN and infinities are not expected of Koubai."""
    mine, other = getattr(F, name), getattr(theirs, name)
    found = values_and_gradients(koubai, lambda *x: mine(*x, **options), arrays, count)
    wanted = values_and_gradients(torch, lambda *x: other(*x, **options), arrays, count)
    for ours, expected in zip(found, wanted, strict=True):
        same = np.isclose(ours, expected, rtol=relative, atol=1e-12, equal_nan=True)
        if safer:
            same |= ~np.isfinite(expected) & ~np.isnan(ours)
        assert same.all(), f"{name}: {ours[~same][:5]} instead of {expected[~same][:5]}"


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations(name: str) -> None:
    safer = name == "hardswish"  # NaN in PyTorch at -inf, 0 here
    compare(
        name, [VALUES], safer=safer, relative=1e-7 if name == "hardsigmoid" else 1e-9
    )  # PyTorch's 1/6 is float32
    nan = getattr(F, name)(koubai.tensor([NAN]))
    assert nan.isnan().all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax(name: str) -> None:
    weights = np.random.default_rng(0).standard_normal(ROWS.shape)
    found, wanted = (
        values_and_gradients(library, lambda x, w, f=function: f(x, -1) * w, [ROWS, weights], 1)
        for library, function in ((koubai, getattr(F, name)), (torch, getattr(theirs, name)))
    )
    for ours, expected in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_errors_of_any_size(name: str) -> None:
    compare(name, list(np.array(list(itertools.product(VALUES, VALUES))).T), 2, reduction="none")


@pytest.mark.parametrize(
    ("name", "targets", "options"),
    [
        ("binary_cross_entropy_with_logits", (0.0, 1.0, 0.3), {}),
        ("kl_div", (0.0, 1.0, 0.3), {}),
        ("poisson_nll_loss", (0.0, 1.0, 5.0), {"full": True}),
        ("soft_margin_loss", (1.0, -1.0), {}),  # overflows in PyTorch
        ("hinge_embedding_loss", (1.0, -1.0), {}),
    ],
)
def test_scores_of_any_size(name: str, targets: Any, options: dict[str, Any]) -> None:
    points = list(np.array(list(itertools.product(VALUES, targets))).T)
    compare(name, points, safer=name == "soft_margin_loss", reduction="none", **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [("cross_entropy", {}), ("cross_entropy", {"label_smoothing": 0.1}), ("nll_loss", {})],
)
def test_rows_of_scores_of_any_size(name: str, options: dict[str, Any]) -> None:
    compare(name, [ROWS, np.arange(len(ROWS)) % 3], reduction="none", **options)


SAMPLES = {
    "padded": (
        np.array([[1, 2, 1], [2, 2, 0], [0, 0, 0], [3, 0, 0], [1, 1, 1]]),
        [7, 5, 4, 2, 4],
        [3, 2, 0, 1, 3],
    ),
    "in a row": (np.array([1, 2, 1, 2, 2, 3, 1, 1, 1]), [7, 5, 4, 2, 7], [3, 2, 0, 1, 3]),
    "equal lengths": (np.array([[1, 2], [3, 3], [2, 1], [1, 3], [2, 2]]), [7] * 5, [2] * 5),
}


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_ctc(sample: str, reduction: str, zero_infinity: bool) -> None:
    targets, inputs, lengths = SAMPLES[sample]
    scores = np.random.default_rng(1).standard_normal((7, 5, 4)) * 3
    found, wanted = (
        values_and_gradients(
            library,
            lambda x, t, f=function: f(
                x.log_softmax(-1), t, inputs, lengths, reduction=reduction, zero_infinity=zero_infinity
            ),
            [scores, targets],
            1,
        )
        for library, function in ((koubai, F.ctc_loss), (torch, theirs.ctc_loss))
    )
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-9, atol=1e-12)
    finite = np.isfinite(wanted[1])  # PyTorch has NaN where an infinite loss is not replaced by 0
    np.testing.assert_allclose(found[1][finite], wanted[1][finite], rtol=1e-9, atol=1e-12)
    assert np.isfinite(found[1]).all()
