"""Ops that are kernels of their own: reductions, products, scatters, loops over time, and what NumPy runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from koubai import dtypes
from koubai.compiler.buffer import Buffer
from koubai.compiler.expression import Expression, apply, constant, load, register, whole
from koubai.compiler.index import Axis, Index, affine_in, splits
from koubai.compiler.kernel import Contraction, Host, Loops, Reduction, Scatter, Stage, Store
from koubai.compiler.lower import large_windows
from koubai.compiler.lower.choice import PRODUCTS, REDUCTIONS, RUNNING, SCATTERS, Choice, is_host
from koubai.compiler.lower.movement import Indices, broadcast
from koubai.compiler.places import flat_index
from koubai.ops.graph import Node
from koubai.ops.op import Symbol
from koubai.ops.window import Window

if TYPE_CHECKING:
    from koubai.compiler.lower.lowering import Lowering

Rule = Callable[["Lowering", Node], None]

LARGE = (
    1 << 12
)  # elements that are combined into one, from which on it is done in parts that threads can share
PARTS = 64
THIN = 2  # channels of a group below which a convolution goes along other channels, not along those


def rule_of(node: Node, choice: Choice) -> Rule | None:
    """Return what makes the kernels of an anchor; None for all other ops."""
    if is_host(node):
        return host
    name = node.op.name
    if name in ("argmax", "argmin"):
        return position_of_extreme
    if name in REDUCTIONS:
        return reduction
    if name in PRODUCTS:
        return _PRODUCTS[name]
    if name in SCATTERS:
        return scatter
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


# --- reductions


def reduction(low: Lowering, node: Node) -> None:
    """Combine the elements along some dimensions; many of them in parts first."""
    x, dims = node.inputs[0], tuple(sorted(node.attributes["dims"]))
    kept = [dim for dim in range(x.ndim) if dim not in dims]
    axes = {dim: Axis(length) for dim, length in enumerate(x.shape)}
    indices = tuple(Index.of(axes[dim]) for dim in range(x.ndim))
    outer, inner = tuple(axes[d] for d in kept), tuple(axes[d] for d in dims)
    value = low.at(x, indices)
    out = node.outputs[0]

    def place(outer_indices: dict[int, Index]) -> Indices:
        full = tuple(outer_indices.get(dim, Index()) for dim in range(x.ndim))
        shown = full if node.attributes["keepdim"] else tuple(full[dim] for dim in kept)
        return low.stored_at(out, shown)[1]

    buffer = low.buffers[out]
    spots = place({d: Index.of(axes[d]) for d in kept})
    size = 1
    for axis in inner:
        size *= axis.size
    name = node.op.name
    if size >= LARGE and out.size * 16 <= x.size and (cut := _parts(inner)):
        value, outer, inner, buffer, spots = _in_parts(low, name, value, outer, inner, cut, buffer, spots)
    low.kernels.append(_combine(low, name, value, outer, inner, buffer, spots))


def _combine(
    low: Lowering,
    kind: str,
    value: Expression,
    outer: tuple[Axis, ...],
    inner: tuple[Axis, ...],
    buffer: Buffer,
    spots: Indices,
) -> Loops:
    found = Reduction(low.fresh("sum"), kind, value)
    total = register(found.name, value.dtype)
    if buffer.dtype != value.dtype:
        total = apply("cast", (total,), buffer.dtype, {"dtype": buffer.dtype})
    stages = [Stage(inner, reductions=[found]), Stage(stores=[Store(buffer, spots, total)])]
    return Loops(buffer.name, outer, stages)


def _parts(inner: tuple[Axis, ...]) -> tuple[Axis, int] | None:
    """Return the loop that is cut, and into how many parts."""
    for axis in inner:
        sizes = [n for n in range(2, PARTS + 1) if axis.size % n == 0]
        if sizes and sizes[-1] >= 4:
            return axis, sizes[-1]
    return None


def _in_parts(
    low: Lowering,
    kind: str,
    value: Expression,
    outer: tuple[Axis, ...],
    inner: tuple[Axis, ...],
    cut: tuple[Axis, int],
    buffer: Buffer,
    spots: Indices,
) -> tuple[Expression, tuple[Axis, ...], tuple[Axis, ...], Buffer, Indices]:
    """Combine in parts, and return what is left: to combine the parts."""
    axis, parts = cut
    part, rest = Axis(parts), Axis(axis.size // parts)
    value = value.replace({axis: Index.of(part) * rest.size + rest})
    within = tuple(rest if a is axis else a for a in inner)
    shape = (parts, *(a.size for a in outer))
    partial = low.new_buffer(shape, value.dtype, "part")
    low.kernels.append(
        _combine(low, kind, value, (part, *outer), within, partial, tuple(map(Index.of, (part, *outer))))
    )
    part = Axis(parts)
    again = load(partial, tuple(map(Index.of, (part, *outer))))
    return again, outer, (part,), buffer, spots


def position_of_extreme(low: Lowering, node: Node) -> None:
    """The first place of the extreme: find the extreme, then the smallest place that has it."""
    x, dim, out = node.inputs[0], node.attributes["dim"], node.outputs[0]
    axes = tuple(Axis(length) for length in x.shape)
    indices = tuple(map(Index.of, axes))
    value = low.at(x, indices)
    extreme = Reduction(low.fresh("best"), "amax" if node.op.name == "argmax" else "amin", value)
    best = register(extreme.name, value.dtype)
    hit = apply("eq", (value, best), dtypes.bool_)
    if dtypes.is_floating(value.dtype):
        lost = [apply("isnan", (e,), dtypes.bool_) for e in (value, best)]
        hit = apply("bitwise_or", (hit, apply("bitwise_and", lost, dtypes.bool_)), dtypes.bool_)
    spot = apply("where", (hit, whole(indices[dim]), constant(x.shape[dim], dtypes.int64)), dtypes.int64)
    first = Reduction(low.fresh("first"), "amin", spot)
    kept = list(indices)
    kept[dim : dim + 1] = [Index()] if node.attributes["keepdim"] else []
    buffer, spots = low.stored_at(out, tuple(kept))
    outer = tuple(axis for d, axis in enumerate(axes) if d != dim)
    stages = [
        Stage((axes[dim],), reductions=[extreme]),
        Stage((axes[dim],), reductions=[first]),
        Stage(stores=[Store(buffer, spots, register(first.name, dtypes.int64))]),
    ]
    low.kernels.append(Loops(buffer.name, outer, stages))


# --- products


def matmul(low: Lowering, node: Node) -> None:
    """(..., M, K) times (..., K, N)."""
    (a, b), out = node.inputs, node.outputs[0]
    batch = tuple(Axis(length) for length in out.shape[:-2])
    m, n, k = Axis(out.shape[-2]), Axis(out.shape[-1]), Axis(a.shape[-1])
    leading = tuple(map(Index.of, batch))
    left_at = (*broadcast(leading, a.shape[:-2]), Index.of(m), Index.of(k))
    right_at = (*broadcast(leading, b.shape[:-2]), Index.of(k), Index.of(n))
    _product(low, out, (*batch, m, n), n, (k,), (a, left_at), (b, right_at))


def convolution_last(low: Lowering, node: Node) -> None:
    """out[n, t, o] = Σ over kernel elements e and channels c of x[n, t · stride + e · dilation, c] · w[e, c, o]."""
    (x, weight), out = node.inputs, node.outputs[0]
    window, groups = node.attributes["window"], node.attributes["groups"]
    n, *t, group, o = _grouped_axes(out.shape, groups)
    c, e = Axis(weight.shape[-2]), tuple(map(Axis, window.kernel))
    meets = _meets(t, e, window)
    left_at = (Index.of(n), *meets, Index.of(group) * c.size + c)
    right_at = (*map(Index.of, e), Index.of(c), Index.of(group) * o.size + o)
    _product(low, out, (n, *t, group, o), o, (*e, c), (x, left_at), (weight, right_at), groups=1)


def convolution_weight_last(low: Lowering, node: Node) -> None:
    """out[e, c, o] = Σ over images n and windows t of x[n, t · stride + e · dilation, c] · y[n, t, o]."""
    (x, y), out = node.inputs, node.outputs[0]
    window, groups = node.attributes["window"], node.attributes["groups"]
    e = tuple(map(Axis, window.kernel))
    c, group, o = Axis(out.shape[-2]), Axis(groups), Axis(out.shape[-1] // groups)
    n, t = Axis(y.shape[0]), tuple(map(Axis, y.shape[1:-1]))
    left_at = (Index.of(n), *_meets(t, e, window), Index.of(group) * c.size + c)
    right_at = (Index.of(n), *map(Index.of, t), Index.of(group) * o.size + o)
    _product(low, out, (*e, group, c, o), o, (n, *t), (x, left_at), (y, right_at), groups=2)


def _grouped_axes(shape: tuple[int, ...], groups: int) -> tuple[Axis, ...]:
    return (*map(Axis, shape[:-1]), Axis(groups), Axis(shape[-1] // groups))


def _meets(t: Sequence[Axis], e: Sequence[Axis], window: Window) -> Indices:
    steps = zip(t, e, window.stride, window.dilation)
    return tuple(Index.of(a) * stride + Index.of(b) * dilation for a, b, stride, dilation in steps)


_PRODUCTS: dict[str, Rule] = {
    "matmul": matmul,
    "convolution_last": convolution_last,
    "convolution_weight_last": convolution_weight_last,
}

Operand = tuple[Symbol, Indices]


def _product(
    low: Lowering,
    out: Symbol,
    outer: tuple[Axis, ...],
    column: Axis,
    depth: tuple[Axis, ...],
    left: Operand,
    right: Operand,
    groups: int = 0,
) -> None:
    """Add the contraction of two operands, copying one that does not lie as it has to."""
    shown = [Index.of(axis) for axis in outer]
    if groups:  # the group and the channel within it are one dimension of the result
        at = len(outer) - 2 if groups == 1 else len(outer) - 3
        channel = shown[at] * outer[-1].size + outer[-1]
        shown = [i for number, i in enumerate(shown) if number not in (at, len(outer) - 1)] + [channel]
    buffer, spots = low.stored_at(out, tuple(shown))
    if not _suits_tiles(out, column, groups):
        _add_up(low, outer, depth, low.operand(*left), low.operand(*right), buffer, spots)
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
    )
    low.kernels.append(affine(kernel))


def _suits_tiles(out: Symbol, column: Axis, groups: int) -> bool:
    """Whether a product is one for tiles of registers: of floats that have a fused multiplication, and not so thin."""
    return out.dtype in (dtypes.float32, dtypes.float64) and (groups == 0 or column.size >= THIN)


def _add_up(
    low: Lowering,
    outer: tuple[Axis, ...],
    depth: tuple[Axis, ...],
    left: Expression,
    right: Expression,
    buffer: Buffer,
    spots: Indices,
) -> None:
    """Add a product as a plain sum, which may have any type, and any loop along the lanes."""
    dtype = dtypes.float32 if left.dtype == dtypes.float16 else left.dtype
    factors = [apply("cast", (e,), dtype, {"dtype": dtype}) for e in (left, right)]
    value = apply("mul", factors if dtype != left.dtype else (left, right), dtype)
    low.kernels.append(_combine(low, "sum", value, outer, depth, buffer, spots))


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


def affine(kernel: Contraction) -> Contraction:
    """Cut loops in two until both factors are read at sums of loops."""
    for _ in range(8):
        cuts = splits([flat_index(kernel.left), flat_index(kernel.right)], (*kernel.outer, *kernel.depth))
        if not cuts:
            return kernel
        pairs = {axis: (Axis(axis.size // by), Axis(by)) for axis, by in cuts.items()}
        kernel = cut_loops(kernel, pairs)
    return kernel


def cut_loops(kernel: Contraction, pairs: dict[Axis, tuple[Axis, Axis]]) -> Contraction:
    """Replace loops by pairs of loops, outer and inner."""
    values = {axis: Index.of(a) * b.size + b for axis, (a, b) in pairs.items()}

    def loops(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        return tuple(new for axis in axes for new in pairs.get(axis, (axis,)))

    stores = [
        Store(s.buffer, tuple(i.replace(values) for i in s.indices), s.value.replace(values))
        for s in kernel.epilogue
    ]
    column = pairs[kernel.column][1] if kernel.column in pairs else kernel.column
    return replace(
        kernel,
        outer=loops(kernel.outer),
        depth=loops(kernel.depth),
        column=column,
        left=kernel.left.replace(values),
        right=kernel.right.replace(values),
        epilogue=stores,
    )


# --- scatters


def scatter(low: Lowering, node: Node) -> None:
    """Copy the target, then combine the values with it one after the other."""
    from koubai.compiler.lower.lowering import as_index

    (x, i, value), dim, out = node.inputs, node.attributes["dim"], node.outputs[0]
    low.add_map(low.buffers[out], x.shape, lambda at: low.at(x, at), lambda at: low.stored_at(out, at)[1])
    before = tuple(map(Axis, x.shape[:dim]))
    places, behind = tuple(map(Axis, i.shape)), tuple(map(Axis, x.shape[dim + 1 :]))
    spot = as_index(low.at(i, tuple(map(Index.of, places))), x.shape[dim])
    at = tuple(map(Index.of, (*before, *places, *behind)))
    target, spots = low.stored_at(out, (*map(Index.of, before), spot, *map(Index.of, behind)))
    kind = node.op.name.removeprefix("index_")
    element = low.at(value, broadcast(at, value.shape))
    low.kernels.append(
        Scatter(low.fresh(node.op.name), target, places, (*before, *behind), spots, kind, element)
    )
