"""Makes functions, and methods of `Tensor`, out of table rows: a name, an op, and what it means in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from koubai.engine.tensor import Tensor
from koubai.functions.operands import Operand, as_float, method, promote, to_tensor
from koubai.ops.op import Op

Unary = Callable[[Operand], Tensor]
Binary = Callable[[Operand, Operand], Tensor]


def unary(op: Op, meaning: str, *names: str, to_float: bool = True, in_place: bool = True) -> Unary:
    """Make the function of one tensor that applies `op`.

    Args:
        op: the op.
        meaning: what it returns, in words.
        names: the names of the methods, first the function's own; by default the op's.
        to_float: convert integers to the default floating type first; else they keep their type.
        in_place: make the methods that end in `_` as well.
    """
    convert = as_float if to_float else to_tensor

    def function(input: Operand) -> Tensor:
        result: Tensor = op(convert(input))
        return result

    how = "integers are converted to the default floating type" if to_float else "integers keep their type"
    return _finish(function, names or (op.name,), f"Return {meaning} of each element; {how}.", in_place)  # type: ignore[no-any-return]


def binary(op: Op, meaning: str, *names: str, to_float: bool = False, in_place: bool = True) -> Binary:
    """Make the function of two broadcast operands that promotes them and applies `op`; arguments as for `unary`."""

    def function(input: Operand, other: Operand) -> Tensor:
        result: Tensor = op(*promote(input, other, to_float=to_float))
        return result

    return _finish(function, names or (op.name,), f"Return {meaning}, element by element.", in_place)  # type: ignore[no-any-return]


def _finish(function: Any, names: Sequence[str], doc: str, in_place: bool) -> Any:
    """Name and document a made function, and attach it to `Tensor`."""
    function.__name__ = function.__qualname__ = names[0]
    function.__doc__ = doc
    return method(names=names, in_place=in_place)(function)
