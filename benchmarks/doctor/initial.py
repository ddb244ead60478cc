"""First weights as Keras draws them: every initialiser is a function of the shape and a generator.

`initial("he_normal", (inputs, units), rng)`; numbers may follow in brackets, as in "uniform(-0.05,0.05)".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["INITIALISERS", "initial", "split"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, int]  # (inputs, units)
Generator = np.random.Generator
Initialiser = Callable[..., Array]

TRUNCATED = 0.87962566103423978  # standard deviation of a normal cut off at two of its deviations


def initial(text: str, shape: Shape, rng: Generator) -> Array:
    """Return weights `(inputs, units)`."""
    name, numbers = split(text)
    return INITIALISERS[name](shape, rng, *numbers).astype(np.float32)


def split(text: str) -> tuple[str, list[float]]:
    """Return the name of an initialiser and the numbers in its brackets."""
    match = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text)
    if match is None:
        return text, []
    numbers = [part.split("=")[-1] for part in (match[2] or "").split(",") if part.strip()]
    return match[1].lower(), [float(number) for number in numbers]


def _uniform(shape: Shape, rng: Generator, low: float = -0.05, high: float = 0.05) -> Array:
    return rng.uniform(low, high, shape)


def _normal(shape: Shape, rng: Generator, mean: float = 0.0, deviation: float = 0.05) -> Array:
    return rng.normal(mean, deviation, shape)


def _truncated_normal(shape: Shape, rng: Generator, mean: float = 0.0, deviation: float = 0.05) -> Array:
    """Draw again what lies more than two deviations away."""
    values = rng.standard_normal(shape)
    while (far := np.abs(values) > 2).any():
        values[far] = rng.standard_normal(int(far.sum()))
    return mean + deviation * values


def _constant(shape: Shape, rng: Generator, value: float = 0.0) -> Array:
    return np.full(shape, value)


def _orthogonal(shape: Shape, rng: Generator, gain: float = 1.0) -> Array:
    """Saxe et al., "Exact solutions to the nonlinear dynamics of learning" (2013)."""
    tall = (max(shape), min(shape))
    q, r = np.linalg.qr(rng.standard_normal(tall))
    q = q * np.sign(np.diag(r))
    return gain * (q if shape == tall else q.T)


def _identity(shape: Shape, rng: Generator, gain: float = 1.0) -> Array:
    return gain * np.eye(*shape)


def _scaled_uniform(scale: float, fan: Callable[[Shape], float]) -> Initialiser:
    """Uniform with variance `scale / fan`."""

    def draw(shape: Shape, rng: Generator) -> Array:
        limit = np.sqrt(3 * scale / fan(shape))
        return rng.uniform(-limit, limit, shape)

    return draw


def _scaled_normal(scale: float, fan: Callable[[Shape], float]) -> Initialiser:
    """Truncated normal with variance `scale / fan`."""

    def draw(shape: Shape, rng: Generator) -> Array:
        return _truncated_normal(shape, rng, 0.0, np.sqrt(scale / fan(shape)) / TRUNCATED)

    return draw


def _fan_in(shape: Shape) -> float:
    return shape[0]


def _fan_mean(shape: Shape) -> float:
    return sum(shape) / 2


INITIALISERS: dict[str, Initialiser] = {
    "glorot_uniform": _scaled_uniform(1, _fan_mean),
    "glorot_normal": _scaled_normal(1, _fan_mean),
    "xavier_uniform": _scaled_uniform(1, _fan_mean),
    "xavier_normal": _scaled_normal(1, _fan_mean),
    "he_uniform": _scaled_uniform(2, _fan_in),
    "he_normal": _scaled_normal(2, _fan_in),
    "kaiming_uniform": _scaled_uniform(2, _fan_in),
    "kaiming_normal": _scaled_normal(2, _fan_in),
    "lecun_uniform": _scaled_uniform(1, _fan_in),
    "lecun_normal": _scaled_normal(1, _fan_in),
    "uniform": _uniform,
    "random_uniform": _uniform,
    "normal": _normal,
    "random_normal": _normal,
    "truncated_normal": _truncated_normal,
    "zeros": _constant,
    "zero": _constant,
    "ones": lambda shape, rng: _constant(shape, rng, 1.0),
    "one": lambda shape, rng: _constant(shape, rng, 1.0),
    "constant": _constant,
    "orthogonal": _orthogonal,
    "identity": _identity,
}
