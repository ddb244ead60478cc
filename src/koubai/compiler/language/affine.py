"""Products whose factors are read at sums of loops: loops that an index divides are cut in two."""

from __future__ import annotations

from dataclasses import replace

from koubai.compiler.language.index import Axis, Index, splits
from koubai.compiler.language.kernel import Contraction, Store
from koubai.compiler.language.places import flat_index


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
