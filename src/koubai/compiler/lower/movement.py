"""Movements as indices: which element of the input stands where in the result.

Each rule is `rule(lowering, node, indices, guard)` and returns the expression of the result's element at `indices`. A
guard is a condition under which the element is wanted at all; where it does not hold, nothing is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from koubai import dtypes
from koubai.compiler.language.expression import Expression, apply, constant, inside
from koubai.compiler.language.index import Index, flatten, unflatten
from koubai.ops.graph import Node

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering

Indices = tuple[Index, ...]
Guard = Expression | None


def both(a: Guard, b: Guard) -> Guard:
    """Return the condition that two conditions hold."""
    if a is None or b is None:
        return b if a is None else a
    return apply("bitwise_and", (a, b), dtypes.bool_)


def broadcast(indices: Indices, shape: tuple[int, ...]) -> Indices:
    """Return where an operand of `shape` is read when the result is at `indices`."""
    aligned = indices[len(indices) - len(shape) :]
    return tuple(Index() if length == 1 else index for index, length in zip(aligned, shape))


def where(condition: Guard, x: Expression, y: Expression) -> Expression:
    """Choose between two values."""
    return x if condition is None else apply("where", (condition, x, y), x.dtype)


def within(indices: Indices, spans: tuple[tuple[int, int, int], ...], shape: tuple[int, ...]) -> Guard:
    """Return whether `indices` lie in `spans` of an array of `shape`; None if they always do."""
    found: Guard = None
    for index, (start, stop, step), length in zip(indices, spans, shape):
        if (start, step) != (0, 1) or stop < length:
            found = both(found, inside(index, start, stop, step))
    return found


def again(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The same element."""
    return low.at(node.inputs[0], indices, guard)


def permute(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The dimension dims[j] of the input is the j-th of the result."""
    source = dict(zip(node.attributes["dims"], indices))
    return low.at(node.inputs[0], tuple(source[d] for d in range(len(indices))), guard)


def reshape(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The same element in row-by-row order."""
    flat = flatten(indices, node.outputs[0].shape)
    return low.at(node.inputs[0], unflatten(flat, node.inputs[0].shape), guard)


def expand(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """Stretched dimensions are read at 0."""
    return low.at(node.inputs[0], broadcast(indices, node.inputs[0].shape), guard)


def slice_(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """start + step · i."""
    spans = node.attributes["spans"]
    moved = tuple(index * step + start for index, (start, _, step) in zip(indices, spans))
    return low.at(node.inputs[0], moved, guard)


def shrunk(indices: Indices, spans: tuple[tuple[int, int, int], ...]) -> Indices:
    """Return where an array placed at `spans` is read."""
    return tuple((index - start) // step for index, (start, _, step) in zip(indices, spans))


def place(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The input where it was placed, else the fill."""
    x, spans = node.inputs[0], tuple(node.attributes["spans"])
    covered = within(indices, spans, node.outputs[0].shape)
    fill = constant(node.attributes["fill"], x.dtype)
    if not x.size:
        return fill
    return where(covered, low.at(x, shrunk(indices, spans), both(guard, covered)), fill)


def assign_slice(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The value where it was assigned, else what was there."""
    (x, value), spans = node.inputs, tuple(node.attributes["spans"])
    covered = within(indices, spans, x.shape)
    new = low.at(value, broadcast(shrunk(indices, spans), value.shape), both(guard, covered))
    return new if covered is None else where(covered, new, low.at(x, indices, guard))


def flip(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """Counted from the end."""
    dims, shape = node.attributes["dims"], node.inputs[0].shape
    dims = (dims,) if isinstance(dims, int) else dims
    turned = [index * -1 + (shape[d] - 1) if d in dims else index for d, index in enumerate(indices)]
    return low.at(node.inputs[0], tuple(turned), guard)


def cat(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The piece in whose range the index lies."""
    dim, start, found = node.attributes["dim"], 0, None
    for x in node.inputs:
        index = indices[dim]
        here = inside(index, start, start + x.shape[dim])
        moved = (*indices[:dim], index - start, *indices[dim + 1 :])
        if x.shape[dim]:
            piece = low.at(x, moved, both(guard, here))
            found = piece if found is None else where(here, piece, found)
        start += x.shape[dim]
    return found if found is not None else constant(0, node.outputs[0].dtype)


def unfold(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """Element i of window t stands at t · step + i."""
    dim = node.attributes["dim"]
    moved = (*indices[:dim], indices[dim] * node.attributes["step"] + indices[-1], *indices[dim + 1 : -1])
    return low.at(node.inputs[0], moved, guard)


def fold(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The sum of the elements of all windows that stand here."""
    windows, (dim, step) = node.inputs[0], (node.attributes["dim"], node.attributes["step"])
    count, size = windows.shape[dim], windows.shape[-1]
    total = constant(0, windows.dtype)
    for i in range(size):
        here = inside(indices[dim], i, i + (count - 1) * step + 1, step)
        source = (*indices[:dim], (indices[dim] - i) // step, *indices[dim + 1 :], Index((), i))
        piece = where(here, low.at(windows, source, both(guard, here)), constant(0, windows.dtype))
        total = apply("add", (total, piece), windows.dtype)
    return total


def bits(low: Lowering, node: Node, indices: Indices, guard: Guard) -> Expression:
    """The same bits as another type."""
    value = low.at(node.inputs[0], indices, guard)
    return apply("bits", (value,), node.outputs[0].dtype)


RULES = {
    "again": again,
    "permute": permute,
    "reshape": reshape,
    "expand": expand,
    "slice": slice_,
    "place": place,
    "assign_slice": assign_slice,
    "flip": flip,
    "cat": cat,
    "unfold": unfold,
    "fold": fold,
    "bits": bits,
}
