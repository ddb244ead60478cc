"""Random numbers as NumPy arrays, drawn from a `koubai.Generator` and never from NumPy's global state."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.engine.random import Generator, rand, randint, randn, randperm


def derive_seed(seed: int, *path: object) -> int:
    """A seed that depends on nothing but `seed` and the path, such as ("order", epoch).

    Seeds of different paths are unrelated, so that what is drawn for one epoch, batch or purpose can be drawn
    again without drawing all that came before it.
    """
    digest = hashlib.blake2b(repr((int(seed), *path)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # 63 bits: a seed is a non-negative int64


def derived_generator(seed: int, *path: object) -> Generator:
    """A new generator with the seed `derive_seed(seed, *path)`."""
    return Generator().manual_seed(derive_seed(seed, *path))


def draw_seed(generator: Generator | None) -> int:
    """Draw a new seed from the generator (the default one if None)."""
    return int(randint(0, 2**53, (), generator=generator).item())


def permutation(count: int, generator: Generator | None) -> NDArray[np.int64]:
    """The numbers 0 to count - 1 in random order."""
    return np.asarray(randperm(count, generator=generator).numpy())


def uniform(
    shape: int | tuple[int, ...], generator: Generator | None, low: float = 0.0, high: float = 1.0
) -> NDArray[np.float64]:
    """Real numbers, evenly spread over [low, high)."""
    size = (shape,) if isinstance(shape, int) else shape
    numbers: NDArray[np.float64] = rand(size, generator=generator, dtype=np.float64).numpy()
    return low + (high - low) * numbers


def chance(count: int, probability: float, generator: Generator | None) -> NDArray[np.bool_]:
    """`count` yes-or-no decisions, yes with the given probability."""
    return uniform(count, generator) < probability


def positions(limits: NDArray[Any], generator: Generator | None) -> NDArray[np.int64]:
    """For each limit one whole number from 0 to limit - 1."""
    numbers: NDArray[np.float64] = np.floor(uniform(limits.shape, generator) * limits)
    return numbers.astype(np.int64)


def beta(a: float, b: float, generator: Generator | None) -> float:
    """One number from the Beta(a, b) distribution, as G(a) / (G(a) + G(b)) of two gamma variates.

    It is computed from their logarithms, because gamma variates of a tiny shape underflow.
    """
    gap = _log_gamma_variate(b, generator) - _log_gamma_variate(a, generator)
    return 0.0 if gap > 700 else 1.0 / (1.0 + math.exp(gap))  # exp overflows at 710


def _log_gamma_variate(shape: float, generator: Generator | None) -> float:
    """The log of a Gamma(shape, 1) variate (Marsaglia and Tsang, 2000, ACM TOMS 26(3), sections 2 and 6)."""
    if shape < 1:
        boost = math.log(1.0 - _scalar_uniform(generator)) / shape
        return _log_gamma_variate(shape + 1, generator) + boost
    d = shape - 1 / 3
    while True:
        normal = float(randn((), generator=generator, dtype=np.float64).item())
        v = (1 + normal / math.sqrt(9 * d)) ** 3
        # 1 - u lies in (0, 1], where the logarithm is finite
        if v > 0 and math.log(1.0 - _scalar_uniform(generator)) < normal**2 / 2 + d - d * v + d * math.log(v):
            return math.log(d * v)


def _scalar_uniform(generator: Generator | None) -> float:
    return float(uniform((), generator))
