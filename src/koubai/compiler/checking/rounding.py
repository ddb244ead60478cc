"""How far rounding at every op moves the results of a program, ties that fall the other way among it.

A deep network has millions of activations, and a few of them lie so near to 0 that the order of a sum decides whether
a ReLU lets their gradients through. A change of the inputs hardly meets them: what it does to the terms of a sum
averages out. So the rounding is put where it happens: behind every op, as an error as large as a native result's may
be. What it does to a result is what ties may do to a native one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from koubai.arrays import Array
from koubai.ops.graph import Graph, Node, idle_behind
from koubai.ops.op import Kind, Symbol

_SUMS = {"sum", "cumsum", "index_add", "window_sum", "add_windows"}


def rounded(graph: Graph, inputs: Sequence[Array], times: float, draw: int) -> list[Array]:
    """Run a program in float64, with an error behind every op.

    Args:
        graph: the program, in float64.
        inputs: its inputs, in float64.
        times: how large the errors are, in units of float32's own.
        draw: which errors; each number gives others.

    Returns:
        its outputs.
    """
    rng = np.random.default_rng(draw)
    unit = times * float(np.finfo(np.float32).eps)
    values: dict[Symbol, Array] = dict(graph.constants)
    values.update(zip(graph.inputs, inputs, strict=True))
    with np.errstate(all="ignore"):
        for node, done in zip(graph.nodes, idle_behind(graph)):
            given = [values[symbol] for symbol in node.inputs]
            for symbol, found in zip(node.outputs, node.op.run(tuple(given), node.attributes)):
                values[symbol] = found if found.dtype.kind != "f" else _off(node, given, found, unit, rng)
            for symbol in done:
                del values[symbol]
    return [values[symbol] for symbol in graph.outputs]


def _off(node: Node, given: Sequence[Array], found: Array, unit: float, rng: np.random.Generator) -> Array:
    """Return a result with an error in every element that float32 cannot hold."""
    if node.op.kind not in (Kind.MAP, Kind.REDUCE, Kind.CONTRACTION) and node.op.name not in _SUMS:
        return found
    signs = rng.integers(0, 2, found.shape, np.int8) * 2 - 1
    off = found + unit * signs * _size(node, given, found)
    return np.where(found.astype(np.float32) == found, found, off)


def _size(node: Node, given: Sequence[Array], found: Array) -> Array:
    """Return the size of the numbers that a result was made of, which is what an error is in proportion to."""
    if node.op.name in ("add", "sub"):
        return np.abs(given[0]) + np.abs(given[1])
    if node.op.kind is Kind.CONTRACTION or node.op.name in _SUMS:
        finite = found[np.isfinite(found)]
        return np.asarray(np.sqrt(np.mean(np.square(finite))) if finite.size else 0.0)
    return np.abs(found)
