"""Divides a number that a network gives among its inputs: gradient × input, integrated gradients, SmoothGrad.

Each method takes a function from points (N, ...) to one number for each of them (N,), in which no point has a say in
another's number, so that the gradient of the sum holds the gradient of every sample.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import koubai
from koubai.engine.random import Generator
from koubai.engine.tensor import Tensor
from koubai.i18n import _

__all__ = ["Scores", "gradient_times_input", "gradients", "integrated_gradients", "smooth_grad"]

Scores = Callable[[Tensor], Tensor]
"""From points (N, ...) to a number for each (N,)."""


def gradients(scores: Scores, points: Tensor) -> Tensor:
    """The gradient of each point's number with respect to that point, zero where it has no influence.

    Args:
        scores: the numbers of points.
        points: (N, ...), float32 or float64.

    Returns:
        as the points.
    """
    leaf = points.detach().requires_grad_()
    total = scores(leaf).sum()
    if not total.requires_grad:  # the numbers do not depend on the points at all
        return leaf.detach() * 0
    (found,) = koubai.grad(total, leaf, allow_unused=True, materialize_grads=True)
    assert isinstance(found, Tensor)
    return found


def gradient_times_input(scores: Scores, points: Tensor, baseline: Tensor) -> Tensor:
    """∂f/∂xᵢ · (xᵢ − bᵢ): what f would lose to first order if the input went to the baseline.

    With the baseline 0 this is gradient × input as Shrikumar et al. 2016 (arXiv:1605.01713) compare with.

    Args:
        scores: the numbers f of points.
        points: (N, ...).
        baseline: of a shape that broadcasts to the points'.

    Returns:
        as the points.
    """
    return gradients(scores, points) * (points - baseline)


def integrated_gradients(scores: Scores, points: Tensor, baseline: Tensor, steps: int = 50) -> Tensor:
    """(xᵢ − bᵢ) · ∫₀¹ ∂f/∂xᵢ(b + α(x − b)) dα, equation 1 of Sundararajan, Taly and Yan 2017 (arXiv:1703.01365).

    The influences of a sample sum up to f(x) − f(b) but for the error of the integral, which is taken by Gauss and
    Legendre's rule: exact where the gradient is a polynomial of degree 2·steps − 1 along the way.

    Args:
        scores: the numbers f of points.
        points: (N, ...).
        baseline: where the way to each point begins; of a shape that broadcasts to the points'.
        steps: places on the way at which the gradient is taken, at least 1.

    Returns:
        as the points.

    Raises:
        ValueError: steps is less than 1.
    """
    _at_least_one("steps", steps)
    way = points - baseline
    mean: Tensor = koubai.zeros_like(points)
    for place, weight in zip(*np.polynomial.legendre.leggauss(steps), strict=True):  # on −1 to 1
        share = float(1 + place) / 2
        mean = mean + gradients(scores, baseline + way * share) * (float(weight) / 2)
    return way * mean


def smooth_grad(
    scores: Scores,
    points: Tensor,
    samples: int = 50,
    noise: float = 0.1,
    generator: Generator | None = None,
) -> Tensor:
    """The mean gradient of noisy copies of each point, SmoothGrad of Smilkov et al. 2017 (arXiv:1706.03825).

    Args:
        scores: the numbers of points.
        points: (N, ...).
        samples: copies of each point, at least 1.
        noise: standard deviation of the normal noise as a share of each point's range, largest minus smallest value,
            as in the paper.
        generator: where the noise comes from; None for one that starts from 0.

    Returns:
        as the points.

    Raises:
        ValueError: samples is less than 1, or noise is negative.
    """
    _at_least_one("samples", samples)
    if not noise >= 0:
        raise ValueError(_("noise must be at least 0; it was given {value}.").format(value=noise))
    drawn_from = Generator().manual_seed(0) if generator is None else generator
    spread = _ranges(points) * noise
    total: Tensor = koubai.zeros_like(points)
    for _sample in range(samples):
        total = total + gradients(scores, points + spread * koubai.randn_like(points, generator=drawn_from))
    return total / samples


def _ranges(points: Tensor) -> Tensor:
    """Largest minus smallest value of each point, (N, 1, ...)."""
    rows = points.detach().reshape(len(points), -1)
    return (rows.amax(1) - rows.amin(1)).reshape(-1, *[1] * (points.ndim - 1))


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(_("{name} must be at least 1; it was given {value}.").format(name=name, value=value))
