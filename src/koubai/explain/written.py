"""Runs graphs of ops on formulas instead of numbers: every element of an array is an `Expression`.

The ops' own forwards do it, with a stand-in for NumPy that builds formulas where NumPy would compute. So whatever the
engine can move, multiply and add up can be written out, and nothing is said twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from koubai.explain import expression as e
from koubai.explain import pooling
from koubai.explain.expression import NotWritten, Term
from koubai.i18n import _
from koubai.ops import elementwise, special, window
from koubai.ops.graph import Graph, Node
from koubai.ops.op import Kind, Op, Symbol

__all__ = ["Elements", "elements", "run"]

Elements = Any  # an array of dtype object whose elements are formulas

# How NumPy's functions build formulas, by their names there and the number of their operands.
_ONE: dict[str, Callable[[Term], Term]] = {
    "negative": e.negative,
    "invert": e.opposite,
    "isnan": lambda x: False,  # a worksheet is about finite numbers
    "isinf": lambda x: False,
    "isfinite": lambda x: True,
    "arcsin": e.unary("asin"),
    "arccos": e.unary("acos"),
    "arctan": e.unary("atan"),
    "arcsinh": e.unary("asinh"),
    "arccosh": e.unary("acosh"),
    "arctanh": e.unary("atanh"),
    "exp": e.unary("exp"),
    "exp2": e.unary("exp2"),
    "expm1": e.unary("expm1"),
    "log": e.unary("log"),
    "log2": e.unary("log2"),
    "log10": e.unary("log10"),
    "log1p": e.unary("log1p"),
    "sqrt": e.unary("sqrt"),
    "sin": e.unary("sin"),
    "cos": e.unary("cos"),
    "tan": e.unary("tan"),
    "sinh": e.unary("sinh"),
    "cosh": e.unary("cosh"),
    "tanh": e.unary("tanh"),
    "abs": e.unary("abs"),
    "floor": e.unary("floor"),
}
_TWO: dict[str, Callable[[Term, Term], Term]] = {
    "add": e.add,
    "subtract": lambda x, y: e.add(x, e.negative(y)),
    "multiply": e.multiply,
    "true_divide": e.divide,
    "power": e.power,
    "maximum": e.binary("max"),
    "minimum": e.binary("min"),
    "equal": e.binary("eq"),
    "not_equal": e.binary("ne"),
    "less": e.binary("lt"),
    "less_equal": e.binary("le"),
    "greater": e.binary("gt"),
    "greater_equal": e.binary("ge"),
    "bitwise_and": e.both,
    "bitwise_or": e.either,
}


class _Writing:
    """Stands in for the module `numpy` in an op's forward."""

    def __init__(self) -> None:
        maps: dict[str, Any] = {name: np.frompyfunc(build, 1, 1) for name, build in _ONE.items()}
        maps |= {name: np.frompyfunc(build, 2, 1) for name, build in _TWO.items()}
        self.__dict__.update(maps, where=np.frompyfunc(e.choose, 3, 1))

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def max(x: Elements, axis: tuple[int, ...], keepdims: bool) -> Elements:
        """The largest of each group, as one formula."""
        return _grouped("max", x, axis, keepdims)

    @staticmethod
    def min(x: Elements, axis: tuple[int, ...], keepdims: bool) -> Elements:
        """The smallest of each group, as one formula."""
        return _grouped("min", x, axis, keepdims)


def _grouped(function: str, x: Elements, axis: tuple[int, ...], keepdims: bool) -> Elements:
    """Apply a function of several formulas to all elements along some dimensions."""
    kept = [dim for dim in range(x.ndim) if dim not in axis]
    rows = x.transpose(*kept, *axis).reshape([x.shape[dim] for dim in kept] + [-1])
    out = np.empty(rows.shape[:-1], object)
    for place in np.ndindex(out.shape):
        out[place] = e.Apply(function, *rows[place])
    return np.expand_dims(out, axis) if keepdims else out


def _map_of(build: Callable[..., Term]) -> Callable[..., Elements]:
    mapped = np.frompyfunc(build, 1, 1)
    return lambda xp, x: mapped(x)


# Ops whose forward looks into its numbers, written in another way.
_INSTEAD: Mapping[Op, Callable[..., Elements]] = {
    elementwise.cast: lambda xp, x, *, dtype: (
        np.frompyfunc(lambda b: e.choose(b, 1.0, 0.0), 1, 1)(x) if _are_conditions(x) else x
    ),
    elementwise.where: lambda xp, condition, x, y: xp.where(condition, x, y),
    elementwise.sign: _map_of(e.unary("sign")),
    window.window_max: pooling.largest,
    window.window_take: pooling.take,
    window.window_put: pooling.put,
    special.erf: _map_of(e.unary("erf")),
    special.erfc: _map_of(e.unary("erfc")),
}
_CONDITIONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not"})


def _are_conditions(x: Elements) -> bool:
    return any(isinstance(b, bool) or (isinstance(b, e.Apply) and b.function in _CONDITIONS) for b in x.flat)


_WRITING = _Writing()


def elements(values: Sequence[Term], shape: tuple[int, ...]) -> Elements:
    """Return formulas as an array of a shape."""
    out = np.empty(len(values), object)
    out[:] = values
    return out.reshape(shape)


def run(
    graph: Graph,
    known: Mapping[Symbol, Any],
    wanted: Sequence[Symbol],
    name: Callable[[Node, Elements], Elements] | None = None,
) -> list[Elements]:
    """Write out the elements of some results of a graph.

    Args:
        graph: a program, as tracing yields it.
        known: arrays of formulas, or of plain numbers, for the symbols where writing begins; other inputs of the
            graph must not be needed.
        wanted: the symbols to write out.
        name: may give names to the elements of the single result of a node on the way.

    Raises:
        NotWritten: if an op cannot be written as formulas on single numbers.
    """
    values: dict[Symbol, Any] = {**graph.constants, **known}
    for node in _needed(graph, values, wanted):
        results = _apply(node, [values[symbol] for symbol in node.inputs])
        if name is not None and len(results) == 1:
            results = (name(node, results[0]),)
        values.update((symbol, array) for symbol, array in zip(node.outputs, results) if symbol not in known)
    return [values[symbol] for symbol in wanted]


def _needed(graph: Graph, known: Mapping[Symbol, Any], wanted: Sequence[Symbol]) -> list[Node]:
    """Return the nodes between what is known and what is wanted, in order."""
    missing = {symbol for symbol in wanted if symbol not in known}
    nodes = []
    for node in reversed(graph.nodes):
        if missing.intersection(node.outputs):
            nodes.append(node)
            missing.update(symbol for symbol in node.inputs if symbol not in known)
    return nodes[::-1]


def _apply(node: Node, arrays: list[Any]) -> tuple[Elements, ...]:
    if not any(array.dtype == object for array in arrays):
        return node.op.run(tuple(arrays), node.attributes)
    forward = _INSTEAD.get(node.op, node.op.forward)
    if node.op.kind in (Kind.SCAN, Kind.RANDOM, Kind.OPAQUE):
        raise _cannot(node.op)
    numbers = [array.astype(object) if array.dtype.kind == "f" else array for array in arrays]
    try:
        result = forward(_WRITING, *numbers, **node.attributes)
    except (TypeError, AttributeError, ValueError) as error:
        raise _cannot(node.op) from error
    return tuple(np.asarray(array, object) for array in (result if isinstance(result, tuple) else (result,)))


def _cannot(op: Op) -> NotWritten:
    message = _("The op {name} cannot be written as formulas on single numbers.")
    return NotWritten(message.format(name=op.name))
