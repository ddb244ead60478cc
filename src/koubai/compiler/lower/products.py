"""Products: matrices, and convolutions of images with the channels innermost, as sums over loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from koubai import dtypes
from koubai.compiler.graph.layout import fill
from koubai.compiler.language.affine import affine
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, apply, register
from koubai.compiler.language.index import Axis, Index, affine_in, splits
from koubai.compiler.language.kernel import Contraction, Store
from koubai.compiler.language.places import flat_index
from koubai.compiler.lower.movement import Indices, broadcast
from koubai.compiler.lower.reductions import Combination
from koubai.ops.graph import Node
from koubai.ops.op import Symbol
from koubai.ops.window import Window

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering

Rule = Callable[["Lowering", Node], None]

NARROW = 8  # channels of a result below which the gradient of its weight may go along those of the image
SUMS = 9  # of a convolution's weight that are added up side by side, while their images are read once
THIN = 2  # channels of a group below which a convolution goes along other channels, not along those


def matmul(low: Lowering, node: Node) -> None:
    """(..., M, K) times (..., K, N)."""
    (a, b), out = node.inputs, node.outputs[0]
    batch = tuple(Axis(length) for length in out.shape[:-2])
    m, n, k = Axis(out.shape[-2]), Axis(out.shape[-1]), Axis(a.shape[-1])
    leading = tuple(map(Index.of, batch))
    left_at = (*broadcast(leading, a.shape[:-2]), Index.of(m), Index.of(k))
    right_at = (*broadcast(leading, b.shape[:-2]), Index.of(k), Index.of(n))
    left, right, shown = (a, left_at), (b, right_at), (*batch, m, n)
    if fill(n.size, m.size) or not _runs_along(low, left, m, (*shown, k)):
        _product(low, node, shown, n, (k,), left, right, shown)
    else:  # the same product, seen from the other side
        _product(low, node, (*batch, n, m), m, (k,), right, left, shown)


def _runs_along(low: Lowering, operand: Operand, column: Axis, loops: Iterable[Axis]) -> bool:
    """Whether neighbours along a loop are neighbours in memory, so that it can be that of the columns."""
    flat = _plain(low.operand(*operand), loops)
    return flat is not None and flat.factor(column) == 1


def convolution_last(low: Lowering, node: Node) -> None:
    """out[n, t, o] = Σ over kernel elements e and channels c of x[n, t · stride + e · dilation, c] · w[e, c, o]."""
    (x, weight), out = node.inputs, node.outputs[0]
    window, groups = node.attributes["window"], node.attributes["groups"]
    n, *t, group, o = _grouped_axes(out.shape, groups)
    c, e = Axis(weight.shape[-2]), tuple(map(Axis, window.kernel))
    meets = _meets(t, e, window)
    left_at = (Index.of(n), *meets, Index.of(group) * c.size + c)
    right_at = (*map(Index.of, e), Index.of(c), Index.of(group) * o.size + o)
    _product(low, node, (n, *t, group, o), o, (*e, c), (x, left_at), (weight, right_at), groups=1)


def convolution_weight_last(low: Lowering, node: Node) -> None:
    """out[e, c, o] = Σ over images n and windows t of x[n, t · stride + e · dilation, c] · y[n, t, o]."""
    (x, y), out = node.inputs, node.outputs[0]
    window, groups = node.attributes["window"], node.attributes["groups"]
    e = tuple(map(Axis, window.kernel))
    c, group, o = Axis(out.shape[-2]), Axis(groups), Axis(out.shape[-1] // groups)
    n, t = Axis(y.shape[0]), tuple(map(Axis, y.shape[1:-1]))
    image = x, (Index.of(n), *_meets(t, e, window), Index.of(group) * c.size + c)
    found = y, (Index.of(n), *map(Index.of, t), Index.of(group) * o.size + o)
    shown = (*e, group, c, o)
    if o.size >= NARROW or fill(o.size, c.size):
        _product(low, node, shown, o, (n, *t), image, found, groups=2)
    else:  # the same product, seen from the other side
        _product(low, node, (*e, group, o, c), c, (n, *t), found, image, shown, groups=2)


def _grouped_axes(shape: tuple[int, ...], groups: int) -> tuple[Axis, ...]:
    return (*map(Axis, shape[:-1]), Axis(groups), Axis(shape[-1] // groups))


def _meets(t: Sequence[Axis], e: Sequence[Axis], window: Window) -> Indices:
    steps = zip(t, e, window.stride, window.dilation)
    return tuple(Index.of(a) * stride + Index.of(b) * dilation for a, b, stride, dilation in steps)


RULES: dict[str, Rule] = {
    "matmul": matmul,
    "convolution_last": convolution_last,
    "convolution_weight_last": convolution_weight_last,
}

Operand = tuple[Symbol, Indices]


def _product(
    low: Lowering,
    node: Node,
    outer: tuple[Axis, ...],
    column: Axis,
    depth: tuple[Axis, ...],
    left: Operand,
    right: Operand,
    seen: Sequence[Axis] = (),
    groups: int = 0,
) -> None:
    """Add the contraction of two operands, copying one that does not lie as it has to.

    The dimensions of the result are the loops that are `seen`, or those in `outer`.
    """
    out, precision = node.outputs[0], node.attributes.get("precision")
    axes = seen or outer
    shown = [Index.of(axis) for axis in axes]
    if groups:  # the group and the channel within it are one dimension of the result
        at = len(axes) - 2 if groups == 1 else len(axes) - 3
        channel = shown[at] * axes[-1].size + axes[-1]
        shown = [i for number, i in enumerate(shown) if number not in (at, len(axes) - 1)] + [channel]
    buffer, spots = low.stored_at(out, tuple(shown))
    if not _suits_tiles(out, column, groups):
        factors = [low.operand(*operand) for operand in (left, right)]
        _add_up(low, outer, depth, factors, precision, buffer, spots, groups)
        return
    if _plain(low.operand(*left), (*outer, *depth)) is None:
        low.copy_for_products(left[0])
    flat = _plain(low.operand(*right), (*outer, *depth))
    if flat is None or (column.size > 1 and flat.factor(column) != 1):
        low.copy_for_products(right[0])
    name = low.fresh("p")
    result = register(name, out.dtype)
    kernel = Contraction(
        name,
        outer,
        column,
        depth,
        low.operand(*left),
        low.operand(*right),
        result,
        [Store(buffer, spots, result)],
        precision=precision,
    )
    low.kernels.append(affine(kernel))


def _suits_tiles(out: Symbol, column: Axis, groups: int) -> bool:
    """Whether a product is one for tiles of registers: of floats that have a fused multiplication, and not so thin."""
    return out.dtype in (dtypes.float32, dtypes.float64) and (groups == 0 or column.size >= THIN)


def _add_up(
    low: Lowering,
    outer: tuple[Axis, ...],
    depth: tuple[Axis, ...],
    factors: Sequence[Expression],
    precision: str | None,
    buffer: Buffer,
    spots: Indices,
    groups: int,
) -> None:
    """Add a product as plain sums, which may have any type, and any loop along the lanes."""
    dtype = factors[0].dtype
    if dtype == dtypes.float16:
        dtype = dtypes.float32
        factors = [apply("cast", (e,), dtype, {"dtype": dtype}) for e in factors]
    if precision:
        factors = [apply("bfloat16", (e,), dtype) for e in factors]
    value = apply("mul", factors, dtype)
    if groups != 2:
        low.kernels.append(Combination("sum", value, outer, depth).kernel(low, buffer, spots))
        return
    beside = _beside(outer[:-3])  # what is behind them are the groups and the channels
    rest = tuple(axis for axis in outer if axis not in beside)
    found = Combination("sum", value, rest, depth, beside).in_parts(low)
    low.kernels.append(found.kernel(low, buffer, spots))


def _beside(taps: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Return the last loops over the elements of a kernel, as many as registers can hold a sum for each turn of."""
    found: tuple[Axis, ...] = ()
    while len(found) < len(taps):
        more = taps[-1 - len(found) :]
        if math.prod(axis.size for axis in more) > SUMS:
            break
        found = more
    return found


def _plain(operand: Expression, loops: Iterable[Axis]) -> Index | None:
    """Return where an operand is read, as a sum of loops (cut in two where needed); None if it is not such a load."""
    if operand.kind != "load" or operand.parts:
        return None
    flat, own = flat_index(operand), set(loops)
    while cuts := splits([flat], own):
        pairs = {a: (Axis(a.size // by), Axis(by)) for a, by in cuts.items()}
        own |= {new for pair in pairs.values() for new in pair}
        flat = flat.replace({axis: Index.of(a) * b.size + b for axis, (a, b) in pairs.items()})
    return flat if affine_in(flat, own) else None
