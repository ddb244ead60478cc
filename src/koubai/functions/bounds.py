"""The larger or smaller of two, and clamping between bounds, element by element."""

from __future__ import annotations

from koubai.engine.tensor import Tensor
from koubai.functions.operands import Operand, method, promote
from koubai.functions.rows import binary
from koubai.ops import elementwise as ops

maximum = binary(ops.maximum, "the larger of both (NaN if either is)", in_place=False)
minimum = binary(ops.minimum, "the smaller of both (NaN if either is)", in_place=False)
fmax = binary(ops.fmax, "the larger of both (NaN only if both are)", in_place=False)
fmin = binary(ops.fmin, "the smaller of both (NaN only if both are)", in_place=False)


@method(names=("clamp", "clip"), in_place=True)
def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Return each element, or the bound that it lies beyond; at a bound all of the gradient passes.

    Args:
        input: any tensor.
        min: the lower bound, a number or a tensor; None for no bound.
        max: the upper bound, which decides where it is below `min`.

    Raises:
        RuntimeError: if neither bound is given.
    """
    if min is not None and max is not None:
        return ops.clamp(*promote(input, min, max))  # type: ignore[no-any-return]
    if min is not None:
        return ops.clamp_min(*promote(input, min))  # type: ignore[no-any-return]
    if max is not None:
        return ops.clamp_max(*promote(input, max))  # type: ignore[no-any-return]
    raise RuntimeError("clamp needs min, max or both")


clip = clamp


@method(in_place=True)
def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """Return each element, but at least `min`."""
    return clamp(input, min=min)


@method(in_place=True)
def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """Return each element, but at most `max`."""
    return clamp(input, max=max)


@method(in_place=True)
def relu(input: Tensor) -> Tensor:
    """Return the larger of each element and 0; the subgradient at 0 is 0."""
    return ops.relu(input)  # type: ignore[no-any-return]


__all__ = ["clamp", "clamp_max", "clamp_min", "clip", "fmax", "fmin", "maximum", "minimum", "relu"]
