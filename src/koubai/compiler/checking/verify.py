"""Whether a compiled step computes what eager does.

The yardstick is the program in float64. A native result may be ten times as far from it as the same program run
eagerly in float32. It may also be as far as a change of the inputs in the last bits moves it, or rounding behind every
op: steps with a tie that falls the other way, such as a ReLU at 0, are not wrong. Where products round their factors to
bfloat16, ties are everywhere, and Adam makes much of each; then it may be as far as that rounding itself moves it.

What is made from gradients has one more excuse. Native sums run in another order, so an element of a gradient that is
exactly 0 eagerly may be 1e-9; that is no error of the gradient, but g / (|g| + ε) or a sign takes it for a whole step.
So elements that an allowed error of the gradients moves far out of proportion may be moved as far as that. All others,
and whatever follows the gradient in proportion, averages and plain steps, are judged as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.arrays import Array
from koubai.compiler.checking.rounding import rounded
from koubai.compiler.graph.precision import FLOAT32, with_precision
from koubai.ops.call import inlined
from koubai.ops.elementwise import cast
from koubai.ops.graph import Graph, Node, interpret, prune
from koubai.ops.op import Kind, Symbol

FLOOR = 1e-5
SMALL = 1e-6
DRAWS = 3  # ways in which inputs are changed by their last bit
BITS, ALL_DRAWS = (3, 10), 7  # larger changes for what is doubtful still, in all ways that `_signs` knows
# errors behind every op, in units of float32's, and how many times as far as they move an element it may be off: small
# ones meet the ties that float32 is in doubt about, of which a native result may have met several; those that tell most
# often, and so save time, come first
ROUNDINGS = (3, 3), (10, 1), (1, 3)
ROUGH = 10


def check(
    graph: Graph,
    inputs: Sequence[Array],
    found: Mapping[int, Array],
    before: Mapping[int, Array],
    gradients: Sequence[Symbol],
    blame: Callable[[], str],
) -> None:
    """Compare the results of a compiled graph.

    Args:
        graph: what was compiled.
        inputs: the values that it was run on.
        found: native results by their position among the outputs.
        before: for those that are new values of state the old value: what counts is how far they moved.
        gradients: those of the graph's symbols that are gradients.
        blame: is asked what is at fault if a result is wrong; what it returns stands behind the error's first sentence.

    Raises:
        RuntimeError: naming the op whose result is wrong.
    """
    results = _Results(graph, inputs, found, before, gradients)
    doubtful = results.without_ties(results.doubtful, 1, DRAWS)
    doubtful = results.without_rounded_factors(doubtful)
    doubtful = results.without_noise(doubtful)
    for times, share in ROUNDINGS:
        doubtful = results.without_rounding(doubtful, times, share)
    for bits in BITS:  # where ties are rare, a change has to be as large as an error may be to meet one
        doubtful = results.without_ties(doubtful, bits, ALL_DRAWS)
    for at in doubtful:
        raise RuntimeError(
            f"the compiled step is wrong: {_maker(graph, at)} differs from float64 by {results.errors[at]:.1e} "
            f"(eager: {results.eager[at]:.1e}){blame()}. Please report it; koubai.compile(..., verify=False) "
            "runs it all the same, KOUBAI_COMPILE=off runs everything eagerly"
        )


class _Results:
    """Native results beside those in float64.

    Args:
        graph, inputs, found, before, gradients: as for `check`.

    Attributes:
        errors: how far each is off.
        eager: the same for eager float32, of those that are off by more than `FLOOR`.
        doubtful: those that are farther off than eager float32 explains.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Array],
        found: Mapping[int, Array],
        before: Mapping[int, Array],
        gradients: Sequence[Symbol],
    ) -> None:
        self._graph, self._inputs, self._gradients = graph, inputs, gradients
        self._found, self._before = found, before
        with np.errstate(all="ignore"):
            self._exact = interpret(in_float64(graph), [widened(x) for x in inputs])
        self.errors = {at: self._error(at, native) for at, native in found.items()}
        off = [at for at in found if not self.errors[at] <= FLOOR]
        self._single = _some(graph, inputs, off)
        self.eager = {at: self._error(at, self._single[at]) for at in off}
        self.doubtful = [at for at in off if not self._is_as_eager(at)]

    def without_ties(self, doubtful: list[int], bits: int, draws: int) -> list[int]:
        """Leave out those that a change of the inputs by so many of their last bits, in `draws` ways, moves as far."""
        for draw in range(draws if doubtful else 0):
            moved = _some(self._graph, [_nudged(x, bits, draw) for x in self._inputs], doubtful)
            doubtful = [
                at for at in doubtful if not self.errors[at] <= 10 / bits * self._error(at, moved[at])
            ]
        return doubtful

    def without_rounding(self, doubtful: list[int], times: float, share: float) -> list[int]:
        """Leave out those whose errors are in the elements that errors behind every op move far.

        Args:
            doubtful: which are left.
            times: how large the errors behind every op are, in units of float32's.
            share: how many times as far as they move an element it may be off.
        """
        inputs = [widened(x) for x in self._inputs]
        reach = {at: np.zeros(self._exact[at].shape) for at in doubtful}
        for draw in range(ALL_DRAWS):
            if not doubtful:
                break
            part = in_float64(_part(self._graph, doubtful))
            for at, moved in zip(doubtful, rounded(part, inputs, times, draw)):
                reach[at] = np.maximum(reach[at], _apart(moved, self._exact[at]))
            doubtful = [
                at
                for at in doubtful
                if not self._error(at, self._found[at], share * reach[at]) <= self._allowed(at)
            ]
        return doubtful

    def without_rounded_factors(self, doubtful: list[int]) -> list[int]:
        """Leave out those that are no farther off than the rounding of factors to bfloat16 moves them."""
        plain = _some(with_precision(self._graph, FLOAT32), self._inputs, doubtful)
        moved = {at: distance(plain[at], self._single[at], self._before.get(at)) for at in doubtful}
        return [at for at in doubtful if not self.errors[at] <= moved[at]]

    def without_noise(self, doubtful: list[int]) -> list[int]:
        """Leave out those whose errors are in the elements that an allowed error of the gradients moves far."""
        reach = _reach(self._graph, self._inputs, self._gradients, doubtful)
        return [at for at in doubtful if not self._even_error(at, reach[at]) <= self._allowed(at)]

    def _even_error(self, at: int, reach: Array) -> float:
        """Return the error but for the elements that move out of proportion."""
        exact, before = self._exact[at], self._before.get(at)
        rough = _rough(reach, self._allowed(at), exact, before)
        return distance(self._found[at], exact, before, rough)

    def _error(self, at: int, value: Array, excused: Array | float = 0.0) -> float:
        return distance(value, self._exact[at], self._before.get(at), excused)

    def _allowed(self, at: int) -> float:
        return max(FLOOR, 10 * self.eager[at])

    def _is_as_eager(self, at: int) -> bool:
        small = _is_small_number(self._found[at], self._exact[at])
        return small or self.errors[at] <= self._allowed(at)


def _some(graph: Graph, inputs: Sequence[Array], wanted: Sequence[int]) -> dict[int, Array]:
    """Return some outputs of a graph, computed eagerly, by their position among all."""
    if not wanted:
        return {}
    return dict(zip(wanted, interpret(_part(graph, wanted), inputs)))


def _part(graph: Graph, wanted: Sequence[int]) -> Graph:
    """Return the part of a graph that makes some of its outputs."""
    return prune(Graph(graph.inputs, graph.constants, graph.nodes, [graph.outputs[at] for at in wanted]))


def distance(
    value: Array, reference: Array, before: Array | None = None, excused: Array | float = 0.0
) -> float:
    """Return the norm of the difference over the norm of the reference, or of how far that is from `before`.

    Args:
        value: what is judged.
        reference: what it should be.
        before: what it was.
        excused: how far off each element may be without counting.
    """
    a, b = np.asarray(value, np.float64), np.asarray(reference, np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    difference = np.where(same, 0.0, np.maximum(_apart(a, b) - excused, 0.0))
    return float(np.linalg.norm(difference)) / (_size(b, before) or 1.0)


def _size(reference: Array, before: Array | None) -> float:
    """Return the norm of a result, or of how far it is from `before`."""
    scale = reference if before is None else reference - np.asarray(before, np.float64)
    return float(np.linalg.norm(np.where(np.isfinite(scale), scale, 0.0)))


# --- what an error of the gradients does ----------------------------------------------------------------------


def _reach(
    graph: Graph, inputs: Sequence[Array], gradients: Sequence[Symbol], wanted: Sequence[int]
) -> dict[int, Array]:
    """Return how far an allowed error of the gradients moves every element of some outputs."""
    if not wanted:
        return {}
    made = {symbol for node in graph.nodes for symbol in node.outputs}
    gradients = [symbol for symbol in dict.fromkeys(gradients) if symbol in made]
    wide = [widened(x) for x in inputs]
    sweep = prune(Graph(graph.inputs, graph.constants, graph.nodes, gradients))
    update = in_float64(_behind(graph, gradients, wanted))
    with np.errstate(all="ignore"):
        exact = interpret(in_float64(sweep), wide)
        single = interpret(sweep, inputs)
        errors = [_allowed(*pair, draw) for draw, pair in enumerate(zip(exact, single))]
        still, up, down = (
            interpret(update, wide + [e + sign * error for e, error in zip(exact, errors)])
            for sign in (0, 1, -1)
        )
    return {
        at: np.maximum(_apart(a, middle), _apart(b, middle))
        for at, middle, a, b in zip(wanted, still, up, down)
    }


def _apart(a: Array, b: Array) -> Array:
    """Return the distance of every two elements; NaN for two infinities."""
    with np.errstate(invalid="ignore"):
        return np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))


def _behind(graph: Graph, gradients: Sequence[Symbol], wanted: Sequence[int]) -> Graph:
    """Return the part of a graph that makes some outputs of gradients, which are further inputs of it."""
    given = {symbol: Symbol(symbol.shape, symbol.dtype) for symbol in gradients}
    nodes = [replace(node, inputs=tuple(given.get(s, s) for s in node.inputs)) for node in graph.nodes]
    outputs = [given.get(graph.outputs[at], graph.outputs[at]) for at in wanted]
    return prune(Graph([*graph.inputs, *given.values()], graph.constants, nodes, outputs))


def _allowed(exact: Array, single: Array, draw: int) -> Array:
    """Return an error of a gradient that is as large as it may be, the same for all elements but for the signs."""
    norm = max(FLOOR, 10 * distance(single, exact)) * _size(exact, None)
    return _signs(exact, draw) * norm / max(exact.size, 1) ** 0.5


def _rough(reach: Array, allowed: float, exact: Array, before: Array | None) -> Array:
    """Return the reach of those elements that move far more than in proportion, and 0 for all others."""
    even = allowed * _size(np.asarray(exact, np.float64), before) / max(reach.size, 1) ** 0.5
    return np.where(np.isfinite(reach) & (reach > ROUGH * even), reach, 0.0)


# --- messages, and the program in float64 ---------------------------------------------------------------------


def _maker(graph: Graph, at: int) -> str:
    symbol = graph.outputs[at]
    for node in graph.nodes:
        if symbol in node.outputs:
            return f"output {at}, {symbol}, made by {node.op.name},"
    return f"output {at}, {symbol},"


def widened(array: Array) -> Array:
    """Return an array in float64, or as it is if it is not floating."""
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _nudged(array: Array, bits: int, draw: int) -> Array:
    """The array with every element moved by about so many times its last bit."""
    if array.dtype.kind != "f" or array.dtype.itemsize < 4:
        return array
    return np.asarray(array * (1 + _signs(array, draw) * bits * np.finfo(array.dtype).eps), array.dtype)


def _signs(array: Array, draw: int) -> Array:
    """Return 1 or -1 for every element, as if by chance."""
    turns = np.arange(array.size).reshape(array.shape) * 2654435761 + draw * 40503
    return np.where(turns % 7 < 3, 1.0, -1.0)


def _is_small_number(native: Array, exact: Array) -> bool:
    """Whether this is one number, such as a loss near 0, that is wrong only below what float32 can tell from 1."""
    return native.ndim == 0 and abs(float(native) - float(exact)) <= SMALL


def in_float64(graph: Graph) -> Graph:
    """Return the graph in float64, with the same random numbers; what it calls stands in the place of the calls."""
    graph = inlined(graph)
    new: dict[Symbol, Symbol] = {s: _wide_symbol(s) for s in graph.inputs}
    wide = Graph([new[s] for s in graph.inputs])
    for symbol, array in graph.constants.items():
        new[symbol] = _wide_symbol(symbol)
        wide.constants[new[symbol]] = widened(array)
    for node in graph.nodes:
        inputs = tuple(new[s] for s in node.inputs)
        outputs = tuple(map(_wide_symbol, node.outputs))
        if node.op.kind is Kind.RANDOM and node.outputs[0].dtype.kind == "f":  # the same numbers, then wider
            drawn = wide.add(node.op, inputs, node.attributes)
            wide.nodes.append(Node(cast, drawn, {"dtype": dtypes.float64}, outputs))
        else:
            wide.nodes.append(Node(node.op, inputs, _wide_attributes(node), outputs))
        new.update(zip(node.outputs, outputs))
    wide.outputs = [new[s] for s in graph.outputs]
    return wide


def _wide_symbol(symbol: Symbol) -> Symbol:
    return Symbol(symbol.shape, dtypes.float64 if symbol.dtype.kind == "f" else symbol.dtype)


def _wide_attributes(node: Node) -> dict[str, Any]:
    attributes = dict(node.attributes)
    if node.op.name == "cast" and attributes["dtype"].kind == "f":
        attributes["dtype"] = dtypes.float64
    if "loop" in attributes:
        attributes["loop"] = replace(attributes["loop"], body=in_float64(attributes["loop"].body))
    return attributes


def first_nonfinite(graph: Graph, inputs: Sequence[Array]) -> str:
    """Say which op is the first whose result is NaN or infinite although what it was given is finite."""
    values: dict[Symbol, Array] = dict(graph.constants)
    values.update(zip(graph.inputs, inputs, strict=True))
    bad = [s for s in graph.inputs if not _finite(values[s])]
    if bad:
        return f"An input of the step, {bad[0]}, is not finite already"
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            results = node.op.run(tuple(values[s] for s in node.inputs), node.attributes)
            values.update(zip(node.outputs, results))
            finite = all(_finite(values[s]) for s in node.inputs)
            if finite and not all(map(_finite, results)):
                return f"{node.op.name} made the first value that is not, from {', '.join(map(str, node.inputs))}"
    return "Eagerly every value is finite"


def _finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
