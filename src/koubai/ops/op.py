"""What a primitive op is: a name, a forward on arrays, a shape rule, and one gradient formula per input.

A formula is a plain function, and the names of its arguments say what it needs: `g` is the gradient that arrives at
the result, `out` the result, an input's name that input's value, `x_like` only the shape and dtype of the input `x`,
and any attribute its value. What no formula names is never kept for the backward pass.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from koubai.arrays import NUMPY, Array, library_of, together
from koubai.dtypes import DType

Shape = tuple[int, ...]
Formula = Callable[..., Any]


class ShapeError(RuntimeError):
    """Operands whose shapes or dtypes do not fit the op."""


class DataDependentError(RuntimeError):
    """A traced program asked for a value, or a shape that depends on values; it can only run eagerly."""


class Kind(Enum):
    """What sort of work an op is; the compiler lowers by kind, not op by op."""

    MAP = "map"  # element by element, with broadcasting
    MOVEMENT = "movement"  # an index map only
    REDUCE = "reduce"
    CONTRACTION = "contraction"  # products summed over strided windows
    GATHER = "gather"  # reads or writes at indices that are data
    SCAN = "scan"  # a loop over time
    RANDOM = "random"
    OPAQUE = "opaque"


class Symbol:
    """A value that is not there yet: only its shape and dtype are known. Symbols are told apart by identity."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Shape, dtype: DType) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True, eq=False)
class Gradient:
    """A gradient formula, and what it needs: read once from the names of its arguments."""

    formula: Formula
    needs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needs", tuple(inspect.signature(self.formula).parameters))


class Saving(NamedTuple):
    """What an op keeps for backward, when some of its inputs require gradients.

    Attributes:
        differentiated: for each input, whether a gradient will be computed for it.
        inputs: the positions of the inputs whose values are kept.
        outputs: whether the results' values are kept.
    """

    differentiated: tuple[bool, ...]
    inputs: tuple[int, ...]
    outputs: bool


class Op:
    """A primitive op. Called with tensors and attributes, it runs (or is recorded, while tracing) and returns tensors.

    Args:
        name: as it appears in messages and graphs.
        kind: the sort of work.
        forward: `forward(xp, *inputs, **attributes)` on arrays; its positional arguments after the namespace `xp` name
            the inputs, its keyword-only arguments the attributes. Returns one array, or a tuple for several outputs.
        infer: `infer(*symbols, **attributes)`, the shape and dtype of the result as a Symbol (or a tuple of them).
            Raises ShapeError when the inputs do not fit.
        assign: for a view: `assign(x, value, **attributes)` is `x` with the viewed part replaced by `value`.
        gradients: per differentiable input, the formula of its gradient.

    Attributes:
        is_formula: whether gradients rest on nothing but what a recipe holds, and so are alike where that is.
    """

    is_formula = True

    def __init__(
        self,
        name: str,
        kind: Kind,
        forward: Callable[..., Any],
        infer: Callable[..., Any],
        assign: Formula | None = None,
        **gradients: Formula,
    ) -> None:
        self.name = name
        self.kind = kind
        self.forward = forward
        self.infer = infer
        self.assign = assign
        self.inputs, self.variadic, self.attributes = _signature(forward)
        self.gradients: Mapping[str, Gradient] = {
            name: Gradient(formula) for name, formula in gradients.items()
        }
        self._savings: dict[tuple[bool, ...], Saving | None] = {}
        self.call: Callable[..., Any] | None = (
            None  # how tensors call it, where that is more than applying it
        )

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        """Apply the op to tensors."""
        if self.call is not None:
            return self.call(*inputs, **attributes)
        return type(inputs[0]).apply(self, inputs, attributes)

    def run(self, operands: tuple[Array, ...], attributes: Mapping[str, Any]) -> tuple[Array, ...]:
        """Compute the op on arrays, where they live, and return the arrays of all its results.

        Raises:
            RuntimeError: if they live on different devices.
        """
        library = library_of(operands)
        xp = library.namespace
        if library is not NUMPY:
            brought, number = together(self.name, library, operands)
            with library.on(number):
                result = self.forward(xp, *brought, **attributes)
                return tuple([xp.asarray(a) for a in (result if isinstance(result, tuple) else (result,))])
        result = self.forward(xp, *operands, **attributes)
        if isinstance(result, tuple):
            return tuple(xp.asarray(array) for array in result)
        return (xp.asarray(result),)

    def input_name(self, position: int) -> str:
        """Return the name of the input at `position`; all inputs of a variadic op share one name."""
        return self.inputs[min(position, len(self.inputs) - 1)]

    def saving(self, required: tuple[bool, ...]) -> Saving | None:
        """Return what is kept when the inputs that are `required` want gradients; None if no gradient will flow."""
        if required not in self._savings:
            self._savings[required] = self._plan_saving(required)
        return self._savings[required]

    def _plan_saving(self, required: tuple[bool, ...]) -> Saving | None:
        names = [self.input_name(position) for position in range(len(required))]
        differentiated = tuple(wanted and name in self.gradients for wanted, name in zip(required, names))
        if not any(differentiated):
            return None
        flowing = [name for name, flows in zip(names, differentiated) if flows]
        needs = {need for name in flowing for need in self.gradients[name].needs}
        kept = tuple(position for position, name in enumerate(names) if name in needs)
        return Saving(differentiated, kept, "out" in needs)

    def pull_back(
        self, recipe: Any, gradients: Sequence[Any], positions: Sequence[int], create_graph: bool
    ) -> list[Any]:
        """Apply the formulas of the inputs at `positions`; `recipe` has what they need."""
        pulled: list[Any] = [None] * len(recipe.inputs)
        for position in positions:
            gradient = self.gradients[self.input_name(position)]
            result = gradient.formula(**{n: self._argument(recipe, n, gradients) for n in gradient.needs})
            if self.variadic and position >= len(self.inputs) - 1:
                pulled[len(self.inputs) - 1 :] = result
                break
            pulled[position] = result
        return pulled

    def _argument(self, recipe: Any, name: str, gradients: Sequence[Any]) -> Any:
        """Return what an argument name of a formula stands for."""
        if name == "g":
            return gradients[0] if len(gradients) == 1 else tuple(gradients)
        if name == "out":
            outputs = tuple(recipe.output(index) for index in range(len(recipe.outputs)))
            return outputs[0] if len(outputs) == 1 else outputs
        if name in recipe.attributes:
            return recipe.attributes[name]
        plain = name.removesuffix("_like")
        first = self.inputs.index(plain)
        last = len(recipe.inputs) if self.variadic and first == len(self.inputs) - 1 else first + 1
        look = recipe.inputs.__getitem__ if name != plain else recipe.input
        several = tuple(look(position) for position in range(first, last))
        return several if self.variadic and first == len(self.inputs) - 1 else several[0]

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def _signature(forward: Callable[..., Any]) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """Return (names of the inputs, whether the last is variadic, names of the attributes) of a forward."""
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    inputs = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
    attributes = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    return inputs, any(p.kind is p.VAR_POSITIONAL for p in parameters), attributes


def describe(symbols: Sequence[Any]) -> str:
    """Write operands as `float32[3, 4] and int64[2]`, for messages."""
    return " and ".join(f"{s.dtype}{list(s.shape)}" for s in symbols) or "no operands"


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the common shape of `shapes` by NumPy's broadcasting.

    Raises:
        ShapeError: naming the first dimension that does not fit.
    """
    different = {*map(tuple, shapes)}
    different.discard(())
    if len(different) <= 1:  # the usual case: tensors of one shape, and numbers
        return different.pop() if different else ()
    ndim = max(map(len, different))
    result = [1] * ndim
    for shape in shapes:
        offset = ndim - len(shape)
        for axis, length in enumerate(shape, offset):
            if length != 1 and result[axis] not in (1, length):
                raise ShapeError(
                    f"shapes {' and '.join(str(list(s)) for s in shapes)} do not broadcast: dimension {axis - ndim} "
                    f"is {result[axis]} in one and {length} in another; sizes must be equal or 1"
                )
            if length != 1:
                result[axis] = length
    return tuple(result)


def map_rule(*inputs: Symbol, **_: Any) -> Symbol:
    """Shape rule of element-by-element ops: shapes broadcast, the dtype is the inputs' common one."""
    return Symbol(broadcast_shapes(*[x.shape for x in inputs]), inputs[0].dtype)


def same_rule(x: Symbol, **_: Any) -> Symbol:
    """Shape rule of ops whose result looks like their first input."""
    return Symbol(x.shape, x.dtype)


__all__ = [
    "Array",
    "DataDependentError",
    "Gradient",
    "Kind",
    "Op",
    "Shape",
    "ShapeError",
    "Symbol",
    "broadcast_shapes",
    "describe",
    "map_rule",
    "same_rule",
]
