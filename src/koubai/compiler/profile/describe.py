"""What a kernel does, in a few words."""

from __future__ import annotations

from collections.abc import Iterable

from koubai.compiler.language.expression import Expression, walk
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import Contraction, Host, Kernel, Loops, Running, Scatter


def describe(kernel: Kernel) -> str:
    """Return for instance `product 32×128 over 784, add, relu`."""
    if isinstance(kernel, Contraction):
        head = f"product {_sizes((*kernel.outer, *kernel.window))} over {_sizes(kernel.depth)}"
        return _joined(head, _maps(s.value for s in kernel.epilogue))
    if isinstance(kernel, Loops):
        kinds = [reduction.kind for stage in kernel.stages for reduction in stage.reductions]
        loops = _sizes([*kernel.outer, *_longest_inside(kernel)])
        return _joined(f"loops {loops}", [*kinds, *_maps(kernel.values)])
    if isinstance(kernel, Scatter):
        return _joined(
            f"scatter {_sizes((*kernel.places, *kernel.lanes))}", [kernel.kind, *_maps(kernel.values)]
        )
    if isinstance(kernel, Running):
        head = f"running {_sizes(kernel.lanes)} along {kernel.time.size}"
        return _joined(head, _maps(kernel.values))
    assert isinstance(kernel, Host)
    return f"NumPy: {kernel.node.op.name}"


def _longest_inside(kernel: Loops) -> tuple[Axis, ...]:
    """Return the loops of the stage with the most turns."""
    return max(
        (stage.inner for stage in kernel.stages), key=lambda axes: sum(a.size for a in axes), default=()
    )


def _sizes(axes: Iterable[Axis]) -> str:
    return "×".join(str(axis.size) for axis in axes) or "1"


def _maps(values: Iterable[Expression]) -> list[str]:
    """Return the names of the maps in expressions, and of random numbers, in the order in which they are computed."""
    found = [
        e.detail[0] if e.kind == "apply" else e.kind for e in walk(values) if e.kind in ("apply", "draw")
    ]
    return list(dict.fromkeys(name for name in found if name != "cast"))


def _joined(head: str, names: Iterable[str]) -> str:
    return ", ".join([head, *dict.fromkeys(names)])
