"""Arithmetic on tensors, element by element, and its operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koubai.functions.operands import Operand, as_float, method, promote
from koubai.ops import elementwise as ops
from koubai.ops.contraction import matmul as matmul_op
from koubai.tensor import Tensor


@method(names=("add",), in_place=True)
def add(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """Return `input + alpha * other`."""
    x, y = promote(input, other if alpha == 1 else mul(other, alpha))
    return ops.add(x, y)


@method(names=("sub", "subtract"), in_place=True)
def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """Return `input - alpha * other`."""
    x, y = promote(input, other if alpha == 1 else mul(other, alpha))
    return ops.sub(x, y)


@method(names=("mul", "multiply"), in_place=True)
def mul(input: Operand, other: Operand) -> Tensor:
    """Return the product, element by element."""
    return ops.mul(*promote(input, other))


@method(names=("div", "divide", "true_divide"), in_place=True)
def div(input: Operand, other: Operand) -> Tensor:
    """Return the quotient; integers divide to the default floating type."""
    return ops.div(*promote(input, other, to_float=True))


@method(names=("pow",), in_place=True)
def pow(input: Operand, exponent: Operand) -> Tensor:
    """Return `input` to the power `exponent`."""
    if not isinstance(exponent, Tensor) and exponent == 2 and isinstance(input, Tensor):
        return ops.mul(input, input)
    return ops.pow_(*promote(input, exponent))


@method(names=("neg", "negative"), in_place=True)
def neg(input: Tensor) -> Tensor:
    """Return `-input`."""
    return ops.neg(input)


def _unary(name: str, op: Any, meaning: str, in_place: bool = True) -> Callable[[Operand], Tensor]:
    """Make the function of one floating tensor that applies `op`."""

    def function(input: Operand) -> Tensor:
        return op(as_float(input))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Return {meaning} of each element; integers are converted to the default floating type."
    return method(function, in_place=in_place)


exp = _unary("exp", ops.exp, "e to the power")
log = _unary("log", ops.log, "the natural logarithm")
sqrt = _unary("sqrt", ops.sqrt, "the square root")
tanh = _unary("tanh", ops.tanh, "the hyperbolic tangent")
sigmoid = _unary("sigmoid", ops.sigmoid, "1 / (1 + exp(-x))")
sin = _unary("sin", ops.sin, "the sine")
cos = _unary("cos", ops.cos, "the cosine")


@method(in_place=True)
def relu(input: Tensor) -> Tensor:
    """Return the larger of each element and 0; the subgradient at 0 is 0."""
    return ops.relu(input)


@method(names=("maximum",))
def maximum(input: Operand, other: Operand) -> Tensor:
    """Return the larger of both, element by element; NaN if either is NaN."""
    return ops.maximum(*promote(input, other))


@method(names=("minimum",))
def minimum(input: Operand, other: Operand) -> Tensor:
    """Return the smaller of both, element by element; NaN if either is NaN."""
    return ops.minimum(*promote(input, other))


def _comparison(op: Any) -> Callable[[Operand, Operand], Tensor]:
    def compare(input: Operand, other: Operand) -> Tensor:
        return op(*promote(input, other))

    compare.__name__ = compare.__qualname__ = op.name
    return method(compare)


eq, ne, lt, le, gt, ge = map(_comparison, (ops.eq, ops.ne, ops.lt, ops.le, ops.gt, ops.ge))


@method
def where(condition: Tensor, input: Operand, other: Operand) -> Tensor:
    """Return `input` where the condition holds, else `other`."""
    return ops.where(condition, *promote(input, other))


@method
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product."""
    return matmul_op(*promote(input, other))


def _reflected(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda self, other: function(other, self)


_BINARY = {"add": add, "sub": sub, "mul": mul, "truediv": div, "pow": pow, "matmul": matmul}
for _name, _function in _BINARY.items():
    setattr(Tensor, f"__{_name}__", _function)
    setattr(Tensor, f"__r{_name}__", _reflected(_function))
for _name in ("add", "sub", "mul"):
    setattr(Tensor, f"__i{_name}__", getattr(Tensor, f"{_name}_"))
Tensor.__itruediv__ = Tensor.div_  # type: ignore[attr-defined]
Tensor.__neg__ = neg  # type: ignore[method-assign]
for _name, _function in {"eq": eq, "ne": ne, "lt": lt, "le": le, "gt": gt, "ge": ge}.items():
    setattr(Tensor, f"__{_name}__", _function)
Tensor.__and__ = lambda self, other: ops.bitwise_and(*promote(self, other))  # type: ignore[method-assign]
