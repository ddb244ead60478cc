"""How much a kernel has to do at least: multiplications and additions, and bytes that it reads and writes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, walk
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import Contraction, Host, Kernel, Loops, Scatter, axes_of

_COSTS = {  # what a map takes, in additions; all others take one
    **dict.fromkeys(
        ["exp", "log", "tanh", "sigmoid", "erf", "sin", "cos", "log1p", "expm1", "pow", "power"], 16
    ),
    **dict.fromkeys(["div", "sqrt", "rsqrt", "reciprocal"], 4),
}
_DRAW = 40  # a random number


@dataclass(frozen=True)
class Work:
    """What one run of a kernel takes.

    Attributes:
        flops: operations on numbers; a fused multiplication and addition is two.
        bytes: of all that is read or written, each element once.
    """

    flops: int
    bytes: int

    def __add__(self, other: Work) -> Work:
        return Work(self.flops + other.flops, self.bytes + other.bytes)

    def __mul__(self, times: int) -> Work:
        return Work(self.flops * times, self.bytes * times)


def work_of(kernel: Kernel) -> Work:
    """Return the work of a kernel, for one time where it stands in a loop over time."""
    if isinstance(kernel, Host):
        return Work(0, sum(b.bytes for b in kernel.reads | kernel.writes))
    own = set(axes_of(kernel))
    flops = sum(_cost(e) * _turns(e.axes & own) for e in walk(kernel.values))
    if isinstance(kernel, Contraction):
        flops = kernel.flops + sum(_cost(e) for e in walk(s.value for s in kernel.epilogue)) * _turns(
            kernel.outer
        )
    if isinstance(kernel, Loops):
        flops += sum(len(stage.reductions) * _turns((*kernel.outer, *stage.inner)) for stage in kernel.stages)
    if isinstance(kernel, Scatter):
        flops += _turns(axes_of(kernel))
    return Work(flops, _bytes(kernel))


def _cost(e: Expression) -> int:
    if e.kind == "apply":
        return _COSTS.get(e.detail[0], 1)
    return _DRAW if e.kind == "draw" else 0


def _turns(axes: Iterable[Axis]) -> int:
    return math.prod(axis.size for axis in axes)


def _bytes(kernel: Kernel) -> int:
    """Return the bytes of all elements that are touched; of a buffer that is read in several ways, no more than all."""
    own = set(axes_of(kernel))
    touched: dict[Buffer, int] = {}
    places = [(e.detail, e.indices) for e in kernel.loads]
    places += [(s.buffer, s.indices) for s in kernel.stores]
    for buffer, indices in places:
        axes = frozenset().union(*(index.axes for index in indices)) & own
        touched[buffer] = min(buffer.size, touched.get(buffer, 0) + _turns(axes))
    # what is read and then written over is read and written
    both = kernel.reads & kernel.writes
    return sum(count * b.dtype.itemsize * (2 if b in both else 1) for b, count in touched.items())
