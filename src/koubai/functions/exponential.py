"""Powers of e, 2 and 10, logarithms, square roots, and the logistic function, element by element."""

from __future__ import annotations

from koubai.engine.tensor import Tensor
from koubai.functions.operands import as_float, method, promote
from koubai.functions.rows import binary, unary
from koubai.ops import elementwise as ops

exp = unary(ops.exp, "e to the power")
exp2 = unary(ops.exp2, "2 to the power")
expm1 = unary(ops.expm1, "exp(x) - 1, accurate near 0,")
log = unary(ops.log, "the natural logarithm")
log2 = unary(ops.log2, "the logarithm to base 2")
log10 = unary(ops.log10, "the logarithm to base 10")
log1p = unary(ops.log1p, "log(1 + x), accurate near 0,")
sqrt = unary(ops.sqrt, "the square root (its slope at 0, which is infinite, is taken as 0)")
rsqrt = unary(ops.rsqrt, "one over the square root")
sigmoid = unary(ops.sigmoid, "1 / (1 + exp(-x))")
logaddexp = binary(ops.logaddexp, "log(exp(x) + exp(y)) without overflow", in_place=False)
logaddexp2 = binary(ops.logaddexp2, "log2(2**x + 2**y) without overflow", in_place=False)
xlogy = binary(ops.xlogy, "x * log(y), and 0 where x is 0", to_float=True)


@method(in_place=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """Return log(x / (1 - x)), the inverse of the sigmoid.

    Args:
        input: probabilities.
        eps: if given, they are clamped to [eps, 1 - eps] first; else those outside [0, 1] give NaN.
    """
    x = as_float(input)
    if eps is not None:
        x = ops.clamp(*promote(x, eps, 1 - eps))
    return ops.log(x) - ops.log1p(-x)  # type: ignore[no-any-return]


__all__ = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logit",
    "rsqrt",
    "sigmoid",
    "sqrt",
    "xlogy",
]
