"""A product as parts, each summed over a stretch of its depth, and the sum of them."""

from __future__ import annotations

from dataclasses import replace

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import load, register
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Contraction, Loops, Reduction, Stage, Store


def in_parts(kernel: Contraction, axis: Axis, count: int) -> tuple[Contraction, Loops]:
    """Cut a loop of a product's depth into stretches that can be summed apart from each other.

    Args:
        kernel: the product.
        axis: a loop of its depth.
        count: how many stretches there are to be, of equal length.

    Returns:
        the product, whose first outer loop runs over the parts, and the kernel that adds them up and does what the
        product's epilogue did.
    """
    part, rest = Axis(count), Axis(axis.size // count)
    inside = (rest,) if rest.size > 1 else ()
    at = Index.of(part) * rest.size + rest if inside else Index.of(part)
    outer = (*(a for a in kernel.outer if a is not kernel.column), kernel.column)
    place = tuple(map(Index.of, outer))
    parts = Buffer(f"{kernel.name}.parts", (count, *(a.size for a in outer)), kernel.result.dtype)
    product = replace(
        kernel,
        outer=(part, *outer),
        depth=tuple(d for a in kernel.depth for d in (inside if a is axis else (a,))),
        left=kernel.left.replace({axis: at}),
        right=kernel.right.replace({axis: at}),
        epilogue=[Store(parts, (Index.of(part), *place), kernel.result)],
        split="outer",
    )
    number, name = Axis(count), f"{kernel.name}.sum"
    total = Reduction(name, "sum", load(parts, (Index.of(number), *place)))
    change = {kernel.result: register(name, kernel.result.dtype)}
    stores = [replace(store, value=store.value.substitute(change)) for store in kernel.epilogue]
    return product, Loops(name, outer, [Stage((number,), [total]), Stage(stores=stores)])
