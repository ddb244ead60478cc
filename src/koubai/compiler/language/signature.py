"""When two kernels are the same: they differ only in which buffers they work on."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from koubai.compiler.language.expression import Expression, walk
from koubai.compiler.language.index import Atom, Axis, Index, Position
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, Running, Scatter, axes_of


def signature(kernel: Kernel) -> Hashable:
    """Return what equal kernels have in common.

    It is found once, so the orders and gaps of the kernel's buffers must be what they will be.
    """
    if kernel.form is None:
        kernel.form = _Form(_Names(kernel).signature(kernel))
    return (kernel.form, kernel.split) if isinstance(kernel, Contraction) else kernel.form


class _Form:
    """What equal kernels have in common: long tuples, of which a hash is found only once."""

    __slots__ = ("_content", "_hash")

    def __init__(self, content: Hashable) -> None:
        self._content, self._hash = content, hash(content)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Form) and (self._hash, self._content) == (other._hash, other._content)


class _Names:
    """Numbers for the axes, buffers, registers and expressions of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.axes = {axis: n for n, axis in enumerate((*axes_of(kernel), *kernel.free_axes))}
        self.buffers = {buffer: n for n, buffer in enumerate(kernel.buffers)}
        self.expressions: dict[Expression, int] = {}
        self.registers: dict[str, int] = {}

    def signature(self, kernel: Kernel) -> Hashable:
        lines = [self._expression(e) for e in walk(kernel.roots)]
        numbers = [self.expressions[root] for root in kernel.roots]
        buffers = tuple((b.shape, b.dtype, b.order, b.gap) for b in self.buffers)
        stores = tuple(self.buffers[store.buffer] for store in kernel.stores)
        loops = tuple(axis.size for axis in self.axes)
        return (type(kernel), loops, buffers, tuple(lines), tuple(numbers), stores, self._form(kernel))

    def _form(self, kernel: Kernel) -> Hashable:
        """What is not in the expressions: which loop and which value has which part."""
        if isinstance(kernel, Loops):
            return (
                len(kernel.outer),
                tuple(
                    (
                        len(stage.inner),
                        tuple((self._register(r.name), r.kind) for r in stage.reductions),
                        len(stage.stores),
                    )
                    for stage in kernel.stages
                ),
            )
        if isinstance(kernel, Contraction):
            return (
                len(kernel.outer),
                self.axes[kernel.column],
                tuple(self._register(result.detail) for result in kernel.results),
                kernel.precision,
            )
        if isinstance(kernel, Running):
            return tuple(self._register(carried.name) for carried in kernel.carried)
        assert isinstance(kernel, Scatter)
        return (len(kernel.places), kernel.kind)

    def _register(self, name: str) -> int:
        return self.registers.setdefault(name, len(self.registers))

    def _expression(self, e: Expression) -> Hashable:
        parts = tuple(self.expressions[part] for part in e.parts)
        indices = tuple(self._index(index) for index in e.indices)
        self.expressions[e] = len(self.expressions)
        detail: Hashable = e.detail
        if e.kind == "load":
            detail = self.buffers[e.detail]
        elif e.kind == "made":
            detail = e.detail.strides
        elif e.kind == "register":
            detail = self._register(e.detail)
        return (e.kind, e.dtype, parts, indices, detail)

    def _index(self, index: Index) -> Hashable:
        return (index.constant, *self._terms(index.terms))

    def _terms(self, terms: Iterable[tuple[Atom, int]]) -> Iterable[Hashable]:
        for atom, factor in terms:
            if isinstance(atom, Axis):
                yield factor, self.axes[atom]
            elif isinstance(atom, Position):
                yield factor, "at", self.expressions[atom.value], atom.size
            else:
                yield factor, type(atom), atom.by, self._index(atom.of)
