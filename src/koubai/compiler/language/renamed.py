"""Kernels on other buffers: the same loops and expressions, which read and write elsewhere.

Their expressions are made when somebody asks for them. Compiling does not, because equal kernels are one function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any

from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression
from koubai.compiler.language.index import Index
from koubai.compiler.language.kernel import (
    Carried,
    Contraction,
    Kernel,
    Loops,
    Running,
    Stage,
    Store,
    Strips,
)

_WITH_EXPRESSIONS = {"stages", "left", "right", "epilogue", "carried", "results"}
_PLAIN = {
    kind: [field.name for field in fields(kind) if field.name not in _WITH_EXPRESSIONS]
    for kind in (Loops, Contraction, Running)
}


def renamed(kernel: Kernel, buffers: Mapping[Buffer, Buffer], name: str) -> Kernel:
    """Return a kernel on other buffers, equal to it in all that `signature` sees."""
    if isinstance(kernel, Strips):
        return replace(kernel, name=name, body=[renamed(k, buffers, k.name) for k in kernel.body])
    assert isinstance(kernel, Loops | Contraction | Running)
    copy: Kernel = object.__new__(type(kernel))
    copy.later = partial(_expressions, kernel, buffers)
    vars(copy).update((field, getattr(kernel, field)) for field in _PLAIN[type(kernel)])
    copy.name, copy.form, copy.free_axes = name, kernel.form, kernel.free_axes
    copy.buffers = [buffers.get(b, b) for b in kernel.buffers]
    copy.reads, copy.writes = ({buffers.get(b, b) for b in some} for some in (kernel.reads, kernel.writes))
    return copy


def _expressions(kernel: Kernel, buffers: Mapping[Buffer, Buffer]) -> dict[str, Any]:
    """Return the expressions of a kernel on other buffers, by the names of the attributes that hold them."""
    on = _Renaming(kernel, buffers)
    if isinstance(kernel, Loops):
        return {"stages": [on.stage(stage) for stage in kernel.stages]}
    if isinstance(kernel, Contraction):
        left, right = on.value(kernel.left), on.value(kernel.right)
        return {"left": left, "right": right, "epilogue": on.stores(kernel.epilogue)}
    assert isinstance(kernel, Running)
    carried = [Carried(c.name, on.value(c.start), on.value(c.following)) for c in kernel.carried]
    return {"carried": carried, "results": on.stores(kernel.results)}


class _Renaming:
    """What is put in the place of a kernel's loads."""

    def __init__(self, kernel: Kernel, buffers: Mapping[Buffer, Buffer]) -> None:
        self.buffers = buffers
        self.change: dict[Expression, Expression] = {}
        for e in kernel.loads:  # those inside of others' indices come first
            inner = e.substitute(self.change)
            buffer = buffers.get(e.detail, e.detail)
            self.change[e] = Expression("load", e.dtype, inner.parts, inner.indices, buffer)

    def value(self, e: Expression) -> Expression:
        return e.substitute(self.change)

    def indices(self, indices: tuple[Index, ...], of: Expression) -> tuple[Index, ...]:
        return self.value(Expression("at", of.dtype, (), indices)).indices

    def stores(self, stores: list[Store]) -> list[Store]:
        return [
            Store(self.buffers.get(s.buffer, s.buffer), self.indices(s.indices, s.value), self.value(s.value))
            for s in stores
        ]

    def stage(self, stage: Stage) -> Stage:
        reductions = [replace(r, value=self.value(r.value)) for r in stage.reductions]
        return Stage(stage.inner, reductions, self.stores(stage.stores))
