"""What writes each kernel as a native function, and what is known of the function then."""

from __future__ import annotations

from dataclasses import dataclass

from koubai.compiler.language.expression import walk
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, Running, Scatter, axes_of
from koubai.compiler.llvm.loops import LoopsFunction
from koubai.compiler.llvm.own_rows import Reach, reach_of
from koubai.compiler.llvm.products import ContractionFunction
from koubai.compiler.llvm.running import RunningFunction
from koubai.compiler.llvm.scatters import ScatterFunction
from koubai.compiler.llvm.transposes import TransposeFunction, is_transpose
from koubai.compiler.llvm.winograd import WinogradFunction, is_winograd
from koubai.compiler.llvm.winograd_weights import WinogradWeightsFunction, is_winograd_weights
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.abreast import divided, in_order_of

Body = (
    LoopsFunction
    | ContractionFunction
    | WinogradFunction
    | WinogradWeightsFunction
    | ScatterFunction
    | RunningFunction
    | TransposeFunction
)
_WITHOUT_PRODUCTS = (LoopsFunction, ScatterFunction, RunningFunction, TransposeFunction)


def body_of(kernel: Kernel, target: Target, threads: int) -> Body:
    """Return what writes a kernel."""
    if isinstance(kernel, Contraction) and is_winograd(kernel, target, threads):
        return WinogradFunction(kernel, target, threads)
    if isinstance(kernel, Contraction) and is_winograd_weights(kernel, target, threads):
        return WinogradWeightsFunction(kernel, target, threads)
    if isinstance(kernel, Contraction):
        return ContractionFunction(kernel, target, threads)
    if isinstance(kernel, Loops) and is_transpose(kernel, target.lanes_bytes):
        return TransposeFunction(kernel, target.lanes_bytes)
    if isinstance(kernel, Loops):
        return LoopsFunction(kernel, target.lanes_bytes, threads)
    if isinstance(kernel, Running):
        return RunningFunction(kernel, target.lanes_bytes)
    assert isinstance(kernel, Scatter)
    return ScatterFunction(kernel, max(1, target.lanes_bytes // kernel.value.dtype.itemsize))


@dataclass(frozen=True)
class Function:
    """A function that is written.

    Attributes:
        name: of the function.
        units: the pieces that threads share.
        scratch: the bytes that each thread needs of its own.
        work: roughly how many instructions it takes.
        flops: multiplications and additions of its products.
        divides: for each buffer the dimension along which pieces lie in a row; None if each may touch all of it.
        reach: where each thread reaches, if that is known.
    """

    name: str
    units: int
    scratch: int
    work: int
    flops: int
    divides: tuple[int | None, ...]
    reach: Reach | None

    @classmethod
    def of(cls, name: str, kernel: Kernel, body: Body, threads: int) -> Function:
        """Return what is known of the function of a kernel that `threads` share, written by `body`."""
        flops = 0 if isinstance(body, _WITHOUT_PRODUCTS) else body.flops
        ways = in_order_of(kernel.buffers, divided(body.kernel, body.leading))
        reach = None
        if isinstance(body, LoopsFunction | ContractionFunction) and (part := body.part(threads)):
            reach = reach_of([body.kernel], part, kernel.buffers)
        return cls(name, body.units, body.scratch, work_of(kernel), flops, ways, reach)


def work_of(kernel: Kernel) -> int:
    """Return roughly how many scalar instructions a kernel takes."""
    if isinstance(kernel, Contraction):
        return kernel.flops // 8
    turns = 1
    for axis in axes_of(kernel):
        turns *= axis.size
    return turns * (2 + sum(1 for _ in walk(kernel.values)) // 4)
