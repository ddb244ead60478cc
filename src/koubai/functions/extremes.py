"""The largest and smallest elements along dimensions, and where they stand.

Where several are equally large, `amax`, `amin` and `max()` of a whole tensor share the gradient among them; `max(dim)`
gives it to the element whose index it returns, the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from koubai.engine.tensor import Tensor
from koubai.functions.bounds import maximum, minimum
from koubai.functions.gathering import as_line, flat, gather
from koubai.functions.operands import Dims, method, normalize_dim, normalize_dims
from koubai.functions.sorting import Ordered, names_its_result
from koubai.ops import reduce as ops
from koubai.ops.op import Op


class Range(NamedTuple):
    """The smallest and the largest elements."""

    min: Tensor
    max: Tensor


def _extreme(name: str, op: Op, which: str) -> Callable[..., Tensor]:
    def function(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
        result: Tensor = op(input, dims=normalize_dims(dim, input.ndim), keepdim=keepdim)
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Return the {which} element over the dimensions `dim` (all by default).

    Elements that are equally {"large" if op is ops.amax else "small"} share the gradient. NaN counts as both.
    """
    return method(function)


amax = _extreme("amax", ops.amax, "largest")
amin = _extreme("amin", ops.amin, "smallest")


@method
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Range:
    """Return the smallest and the largest element, of the whole tensor or along `dim`."""
    return Range(amin(input, dim, keepdim), amax(input, dim, keepdim))


def _position(name: str, op: Op, which: str) -> Callable[..., Tensor]:
    def function(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        if dim is None:
            place: Tensor = op(flat(input), dim=0, keepdim=False)
            return place.reshape((1,) * input.ndim) if keepdim else place
        found: Tensor = op(as_line(input), dim=normalize_dim(dim, input.ndim), keepdim=keepdim)
        return found if input.ndim else found.reshape(())

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Return where the {which} element stands along `dim`, or in the flattened tensor.

    Of several the first counts; NaN counts as {which}.
    """
    return method(function)


argmax = _position("argmax", ops.argmax, "largest")
argmin = _position("argmin", ops.argmin, "smallest")


def _with_position(
    name: str, whole: Callable[..., Tensor], position: Callable[..., Tensor], pairwise: Any, which: str
) -> Callable[..., Any]:
    def function(
        input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None
    ) -> Any:
        if other is not None or isinstance(dim, Tensor):
            return pairwise(input, dim if other is None else other)
        if dim is None:
            return whole(input)
        at, line = normalize_dim(dim, input.ndim), as_line(input)
        indices = position(line, at, keepdim=True)
        found = Ordered(gather(line, at, indices), indices)
        return found if keepdim and input.ndim else Ordered(*(tensor.squeeze(at) for tensor in found))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Return the {which} element: of a whole tensor, along a dimension, or of two tensors.

    Args:
        input: any tensor.
        dim: a dimension: then the result is a pair (values, indices), of the first {which} elements along it and
            where they stand. A tensor here means `other`.
        keepdim: keep the reduced dimension with length 1.
        other: a second tensor: then the result is the {which} of both, element by element.
    """
    return method(names_its_result(function))


max = _with_position("max", amax, argmax, maximum, "largest")
min = _with_position("min", amin, argmin, minimum, "smallest")

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]
