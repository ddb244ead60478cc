"""Python's operators on tensors: `x + y`, `2 - x`, `x += y`, `x < y`, `abs(x)` and so on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koubai.engine.tensor import Tensor
from koubai.functions import arithmetic, comparison, logic, rounding
from koubai.functions.products import matmul

_OPERANDS = (Tensor, int, float)
_BINARY: dict[str, Callable[..., Tensor]] = {
    "add": arithmetic.add,
    "sub": arithmetic.sub,
    "mul": arithmetic.mul,
    "truediv": arithmetic.div,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "pow": arithmetic.pow,
    "matmul": matmul,
    "and": logic.bitwise_and,
    "or": logic.bitwise_or,
    "xor": logic.bitwise_xor,
    "lshift": logic.bitwise_left_shift,
    "rshift": logic.bitwise_right_shift,
}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_UNARY: dict[str, Callable[..., Tensor]] = {
    "neg": arithmetic.neg,
    "pos": arithmetic.positive,
    "abs": arithmetic.abs,
    "invert": logic.bitwise_not,
}


def _operator(function: Callable[..., Tensor], reflected: bool = False) -> Callable[..., Any]:
    """Return the operator method of `function`; it leaves operands that cannot be tensors to their own class."""

    def operate(self: Tensor, other: Any) -> Any:
        if not isinstance(other, _OPERANDS) and not hasattr(other, "__array__"):
            return NotImplemented
        return function(other, self) if reflected else function(self, other)

    return operate


for _name, _function in _BINARY.items():
    setattr(Tensor, f"__{_name}__", _operator(_function))
    setattr(Tensor, f"__r{_name}__", _operator(_function, reflected=True))
    if hasattr(Tensor, f"{_function.__name__}_"):
        setattr(Tensor, f"__i{_name}__", getattr(Tensor, f"{_function.__name__}_"))
for _name in _COMPARISONS:
    setattr(Tensor, f"__{_name}__", _operator(getattr(comparison, _name)))
for _name, _function in _UNARY.items():
    setattr(Tensor, f"__{_name}__", _function)


def _round(self: Tensor, ndigits: int = 0) -> Tensor:
    """Return `round(x, ndigits)`."""
    return rounding.round(self, decimals=ndigits)


Tensor.__round__ = _round  # type: ignore[attr-defined]
Tensor.__rdiv__ = Tensor.__rtruediv__  # type: ignore[attr-defined]
