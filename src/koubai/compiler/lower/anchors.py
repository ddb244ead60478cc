"""Which ops are kernels of their own, and what makes them; and those that NumPy runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Host
from koubai.compiler.lower import large_windows, products, reductions, scatters
from koubai.compiler.lower.choice import PRODUCTS, REDUCTIONS, RUNNING, SCATTERS, Choice, is_host
from koubai.ops.graph import Node
from koubai.ops.op import Symbol

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering

Rule = Callable[["Lowering", Node], None]


def rule_of(node: Node, choice: Choice) -> Rule | None:
    """Return what makes the kernels of an anchor; None for all other ops."""
    if is_host(node):
        return host
    name = node.op.name
    if name in ("argmax", "argmin"):
        return reductions.position_of_extreme
    if name in REDUCTIONS:
        return reductions.reduction
    if name in PRODUCTS:
        return products.RULES[name]
    if name in SCATTERS:
        return scatters.scatter
    if large_windows.is_large(node):
        return large_windows.RULES[name]
    if name in RUNNING:
        from koubai.compiler.lower.running import running

        return running
    if name == "scan":
        from koubai.compiler.lower.repeat import repeat

        return repeat
    return None


def host(low: Lowering, node: Node) -> None:
    """Let NumPy run the op, on arrays as they are."""
    inputs = [memory_of(low, symbol) for symbol in node.inputs]
    outputs = [low.buffers[symbol] for symbol in node.outputs]
    low.kernels.append(Host(low.fresh(node.op.name), node, inputs, outputs))


def memory_of(low: Lowering, symbol: Symbol) -> Buffer:
    """Return a buffer that holds exactly `symbol`, a copy where there is none."""
    axes = tuple(Axis(length) for length in symbol.shape)
    indices = tuple(map(Index.of, axes))
    found = low.at(symbol, indices)
    if found.kind != "load" or found.indices != indices or found.detail.shape != symbol.shape:
        return low.copy_for_products(symbol)
    return found.detail  # type: ignore[no-any-return]
