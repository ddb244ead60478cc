"""Numerical differentiation: gradients from nothing but forward passes, slow and independent, to check the others by.

Central differences need two forward passes for each number that is varied, which is what backpropagation saves; a
check along one random direction needs two passes in all, however large the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.engine.backprop import grad
from koubai.engine.modes import enable_grad, no_grad
from koubai.engine.random import Generator, randn
from koubai.engine.tensor import Tensor

__all__ = [
    "GradientError",
    "check_gradients",
    "numerical_gradient",
]

TensorFunction = Callable[..., Any]


class GradientError(AssertionError):
    """A gradient differs from numerical differentiation."""


def numerical_gradient(
    function: TensorFunction, *inputs: Tensor, epsilon: float = 1e-6
) -> tuple[Tensor, ...]:
    """Return the gradient of a scalar function by central differences, (f(x + ε) - f(x - ε)) / 2ε for each element.

    It runs the function twice for every element of every input.

    Args:
        function: takes the inputs and returns a tensor of one element.
        inputs: floating tensors; float64 unless you can live with few correct digits.
        epsilon: how far each element is moved.

    Returns:
        one gradient for each input, of its shape.

    Example:
        >>> (slope,) = koubai.numerical_gradient(lambda x: (x**2).sum(), koubai.tensor([3.0], dtype=koubai.float64))
        >>> slope
        tensor([6.0000], dtype=koubai.float64)
    """
    values = [tensor.detach().numpy() for tensor in inputs]
    gradients = [np.zeros_like(value) for value in values]
    for position, value in enumerate(values):
        for index in np.ndindex(value.shape):
            moved = [_at(function, values, position, index, step) for step in (epsilon, -epsilon)]
            gradients[position][index] = (moved[0] - moved[1]) / (2 * epsilon)
    return tuple(Tensor(gradient) for gradient in gradients)


def _at(
    function: TensorFunction, values: Sequence[Any], position: int, index: tuple[int, ...], step: float
) -> float:
    """Return the function's value with one element of one input moved by `step`."""
    changed = values[position].copy()
    changed[index] += step
    with no_grad():
        result = function(*[Tensor(changed if at == position else value) for at, value in enumerate(values)])
    return float(result.item())


def check_gradients(
    function: TensorFunction,
    *inputs: Any,
    full: bool = False,
    order: int = 1,
    epsilon: float = 1e-6,
    tolerance: float = 1e-5,
    directions: int = 2,
    seed: int = 0,
) -> None:
    """Compare the gradients of `function` with numerical differentiation.

    By default along a few random directions, which costs two forward passes each whatever the size; with `full`,
    element by element. Points where the function has a kink or a tie have no gradient to compare with: avoid them.

    Args:
        function: takes the inputs and returns a tensor or several.
        inputs: those of float64 are checked; others (indices, numbers) are passed on.
        full: check every element and name the worst.
        order: 2 also checks the gradients of the gradients.
        epsilon: how far the inputs are moved.
        tolerance: the largest error, relative to the gradient's size (absolute below 1).
        directions: how many random directions.
        seed: of the directions.

    Raises:
        GradientError: naming the input, both values and the error.
        TypeError: if no input is float64.
    """
    positions = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.dtype == dtypes.float64]
    if not positions:
        raise TypeError(
            "check_gradients() needs float64 inputs: in float32 the differences drown in rounding"
        )
    generator = Generator().manual_seed(seed)
    scalar = _scalar_function(function, inputs, positions, generator)
    points = [inputs[position].detach() for position in positions]
    _check_once(scalar, points, positions, full, epsilon, tolerance, directions, generator, "gradient")
    if order > 1:
        slope = _directional(scalar, points, generator)
        _check_once(
            slope,
            points,
            positions,
            full,
            epsilon,
            tolerance,
            directions,
            generator,
            "gradient of the gradient",
        )


def _scalar_function(
    function: TensorFunction, inputs: Sequence[Any], positions: Sequence[int], generator: Generator
) -> TensorFunction:
    """Return the function of the checked inputs whose result is projected on fixed random weights."""
    weights: list[Tensor] = []

    def scalar(*points: Tensor) -> Tensor:
        arguments = list(inputs)
        for position, point in zip(positions, points):
            arguments[position] = point
        outputs = function(*arguments)
        floats = [o for o in (outputs if isinstance(outputs, tuple | list) else [outputs]) if _is_float(o)]
        if not weights:
            weights.extend(randn(o.shape, dtype=dtypes.float64, generator=generator) for o in floats)
        terms = [(output * weight).sum() for output, weight in zip(floats, weights)]
        total: Tensor = sum(terms[1:], terms[0])
        return total

    return scalar


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and dtypes.is_floating(value.dtype)


def _directional(scalar: TensorFunction, points: Sequence[Tensor], generator: Generator) -> TensorFunction:
    """Return the function that gives the slope of `scalar` along a fixed random direction, itself differentiable."""
    direction = [randn(p.shape, dtype=p.dtype, generator=generator) for p in points]

    def slope(*at: Tensor) -> Tensor:
        with enable_grad():
            leaves = [x if x.requires_grad else x.detach().clone().requires_grad_() for x in at]
            gradients = grad(
                scalar(*leaves), leaves, create_graph=True, allow_unused=True, materialize_grads=True
            )
            terms = [(g * d).sum() for g, d in zip(gradients, direction) if g is not None]
            total: Tensor = sum(terms[1:], terms[0])
            return total

    return slope


def _check_once(
    scalar: TensorFunction,
    points: Sequence[Tensor],
    positions: Sequence[int],
    full: bool,
    epsilon: float,
    tolerance: float,
    directions: int,
    generator: Generator,
    what: str,
) -> None:
    leaves = [point.clone().requires_grad_() for point in points]
    value = scalar(*leaves)
    if value.requires_grad:
        found = grad(value, leaves, allow_unused=True, materialize_grads=True)
    else:
        found = tuple(leaf.detach().zeros_like() for leaf in leaves)
    if full:
        for position, ours, theirs in zip(
            positions, found, numerical_gradient(scalar, *points, epsilon=epsilon)
        ):
            _compare(ours, theirs, f"{what} of input {position}", tolerance)
        return
    for _ in range(directions):
        steps = [randn(point.shape, dtype=point.dtype, generator=generator) for point in points]
        ours = sum([(g * step).sum() for g, step in zip(found, steps) if g is not None], Tensor(np.zeros(())))
        ahead, behind = (
            scalar(*[point + sign * epsilon * step for point, step in zip(points, steps)]).detach()
            for sign in (1, -1)
        )
        _compare(ours, (ahead - behind) / (2 * epsilon), f"{what} along a random direction", tolerance)


def _compare(ours: Any, theirs: Any, what: str, tolerance: float) -> None:
    """Raise GradientError where two gradients differ by more than the tolerance."""
    a, b = np.atleast_1d(ours.detach().numpy()), np.atleast_1d(theirs.detach().numpy())
    error = np.abs(a - b) / np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    error = np.where(np.isnan(error), np.inf, error)
    if error.size and error.max() > tolerance:
        worst = np.unravel_index(np.argmax(error), error.shape)
        raise GradientError(
            f"the {what} differs at {tuple(map(int, worst))}: computed {a[worst]:.9g}, by numerical differentiation "
            f"{b[worst]:.9g}, relative error {error[worst]:.2g} (tolerance {tolerance:.2g})"
        )
