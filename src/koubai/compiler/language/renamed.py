"""Kernels on other buffers: the same loops and expressions, which read and write elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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


def renamed(kernel: Kernel, buffers: Mapping[Buffer, Buffer], name: str) -> Kernel:
    """Return a kernel on other buffers, equal to it in all that `signature` sees."""
    if isinstance(kernel, Strips):
        return replace(kernel, name=name, body=[renamed(k, buffers, k.name) for k in kernel.body])
    renaming = _Renaming(kernel, buffers)
    copy = renaming.kernel(kernel, name)
    copy.form, copy.loads = kernel.form, [renaming.change[e] for e in kernel.loads]
    copy.buffers = [buffers.get(b, b) for b in kernel.buffers]
    copy.reads, copy.writes = ({buffers.get(b, b) for b in some} for some in (kernel.reads, kernel.writes))
    return copy


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

    def kernel(self, kernel: Kernel, name: str) -> Kernel:
        """Return the kernel with all that it has changed."""
        if isinstance(kernel, Loops):
            return Loops(name, kernel.outer, [self._stage(stage) for stage in kernel.stages])
        if isinstance(kernel, Contraction):
            left, right = self.value(kernel.left), self.value(kernel.right)
            return replace(kernel, name=name, left=left, right=right, epilogue=self.stores(kernel.epilogue))
        assert isinstance(kernel, Running)
        carried = [Carried(c.name, self.value(c.start), self.value(c.following)) for c in kernel.carried]
        return replace(kernel, name=name, carried=carried, results=self.stores(kernel.results))

    def _stage(self, stage: Stage) -> Stage:
        reductions = [replace(r, value=self.value(r.value)) for r in stage.reductions]
        return Stage(stage.inner, reductions, self.stores(stage.stores))
