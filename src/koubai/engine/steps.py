"""Writing down what a program does while it runs: every op with its operands and results, in order.

Unlike a trace, values are there, and a composite or a loop counts as one step. A room above uses it to show a
computation; while nobody writes, it costs one look at a mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from koubai.engine.modes import modes

if TYPE_CHECKING:
    from koubai.engine.recipe import Edge
    from koubai.engine.tensor import Tensor

__all__ = ["Operand", "Step", "writing_down"]


class Operand(NamedTuple):
    """A tensor as it was when a step read or made it.

    Attributes:
        array: its values.
        edge: where its gradient goes, or None if it gets none.
    """

    array: Any
    edge: Edge | None


class Step(NamedTuple):
    """One op that was run.

    Attributes:
        rule: the op or composite.
        inputs: what it read; None where a composite was given none.
        attributes: its attributes.
        outputs: what it made.
    """

    rule: Any
    inputs: tuple[Operand | None, ...]
    attributes: dict[str, Any]
    outputs: tuple[Operand, ...]


@contextmanager
def writing_down(steps: list[Step] | None) -> Iterator[None]:
    """Append every op that runs within to `steps`; with None, write nothing down."""
    before, modes.steps = modes.steps, steps
    try:
        yield
    finally:
        modes.steps = before


def write_down(
    rule: Any, inputs: Sequence[Tensor | None], attributes: dict[str, Any], outputs: Sequence[Tensor]
) -> None:
    """Append a step, if somebody writes and there are values."""
    if modes.steps is not None and modes.tracer is None:
        noted = tuple([None if tensor is None else _noted(tensor) for tensor in inputs])
        modes.steps.append(Step(rule, noted, attributes, tuple(map(_noted, outputs))))


def _noted(tensor: Tensor) -> Operand:
    return Operand(tensor.payload, tensor.edge if modes.grad_enabled else None)
