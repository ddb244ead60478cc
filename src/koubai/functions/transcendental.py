"""The error function's and the gamma function's families, element by element; `koubai.special` lists them too."""

from __future__ import annotations

import math

from koubai.engine.tensor import Tensor
from koubai.functions.operands import Operand, as_float, method, promote
from koubai.functions.rows import unary
from koubai.ops import elementwise as maps
from koubai.ops import special as ops

erf = unary(ops.erf, "the error function")
erfc = unary(ops.erfc, "one minus the error function, accurate in its tail,")
erfinv = unary(ops.erfinv, "the inverse of the error function")
lgamma = unary(ops.lgamma, "the logarithm of the absolute value of the gamma function")


@method(in_place=True)
def digamma(input: Tensor) -> Tensor:
    """Return the derivative of `lgamma`."""
    return ops.polygamma(as_float(input), n=0)  # type: ignore[no-any-return]


def polygamma(n: int, input: Tensor) -> Tensor:
    """Return the derivative of order `n + 1` of `lgamma`.

    Raises:
        RuntimeError: for negative `n`.
    """
    if n < 0:
        raise RuntimeError(f"polygamma: the order must be at least 0, got {n}")
    return ops.polygamma(as_float(input), n=n)  # type: ignore[no-any-return]


@method(names=("polygamma",), in_place=True)
def _polygamma_method(input: Tensor, n: int) -> Tensor:
    """Return the derivative of order `n + 1` of `lgamma`."""
    return polygamma(n, input)


def xlog1py(input: Operand, other: Operand) -> Tensor:
    """Return `input * log1p(other)`, and 0 where `input` is 0."""
    x, y = promote(input, other, to_float=True)
    return maps.where((x == 0) & ~maps.isnan(y), maps.zero(x), x * maps.log1p(y))  # type: ignore[no-any-return]


def entr(input: Tensor) -> Tensor:
    """Return the entropy -x log(x) of each element: 0 at 0, minus infinity below."""
    x = as_float(input)
    return maps.where(x < 0, maps.zero(x) - math.inf, -maps.xlogy(x, x))  # type: ignore[no-any-return]


def ndtr(input: Tensor) -> Tensor:
    """Return the probability that a standard normal number is below each element."""
    return ops.erfc(as_float(input) * -math.sqrt(0.5)) * 0.5  # type: ignore[no-any-return]


__all__ = ["digamma", "erf", "erfc", "erfinv", "lgamma", "polygamma"]
