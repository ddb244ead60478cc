"""One step of a network written out: its results as formulas of what it read, and what its gradient hands on.

The gradient is not stated here. The step's own rule, an op's gradient formulas or a composite's declared one, is
traced, and the trace is run on formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import koubai
from koubai import dtypes
from koubai.engine.modes import enable_grad
from koubai.engine.steps import Step
from koubai.engine.tensor import Tensor
from koubai.explain.written import Elements, run
from koubai.ops.graph import Graph, Node, interpret, prune
from koubai.ops.op import Symbol

__all__ = ["Local"]

Namer = Callable[[Node, Elements], Elements]


class Local:
    """A step as a graph: the gradients that arrive and the operands go in, results and gradients come out.

    Args:
        step: the step.
    """

    def __init__(self, step: Step) -> None:
        given = [operand for operand in step.inputs if operand is not None]
        self.flowing = [o.edge is not None and dtypes.is_floating(o.array.dtype) for o in step.outputs]
        tensors = [Tensor(o.array, o.edge is not None) for o in given]
        arriving = [Tensor(np.zeros_like(o.array)) for o, flows in zip(step.outputs, self.flowing) if flows]
        with enable_grad():
            program = koubai.trace(lambda g, x: self._run(step, g, x), arriving, tensors)
        self.graph: Graph = program.graph
        self.arriving = program.arguments[: len(arriving)]
        self.inputs = program.arguments[len(arriving) :]
        self.outputs = program.results[: len(step.outputs)]
        self.gradients = program.results[len(step.outputs) :]

    def _run(
        self, step: Step, arriving: Sequence[Tensor], given: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        tensors = iter(given)
        inputs = [None if operand is None else next(tensors) for operand in step.inputs]
        result = step.rule(*inputs, **step.attributes)
        outputs = result if isinstance(result, tuple) else (result,)
        wanted = [tensor for tensor in given if tensor.requires_grad]
        if not wanted or not arriving:
            return outputs, []
        starts = [output for output, flows in zip(outputs, self.flowing) if flows]
        found = koubai.grad(starts, wanted, list(arriving), materialize_grads=True)
        return outputs, [gradient for gradient in found if gradient is not None]

    def forward(self, inputs: Sequence[Any], name: Namer | None = None) -> list[Elements]:
        """Write out the results.

        Args:
            inputs: for each operand that the step was given, formulas or plain numbers.
            name: may give names to parts of them.
        """
        return run(self.graph, dict(zip(self.inputs, inputs)), self.outputs, name)

    def handed_on(
        self, inputs: Sequence[Any], outputs: Sequence[Any], arriving: Sequence[Elements], name: Namer | None
    ) -> list[Elements]:
        """Write out what the gradient hands on to each operand that wants one.

        Args:
            inputs: for each operand that the step was given, formulas or plain numbers.
            outputs: the same for each result.
            arriving: the gradients that arrive at the results that have one.
            name: gives parts of the results the names that they got in `forward`.
        """
        known: dict[Symbol, Any] = dict(zip(self.inputs, inputs))
        known.update(zip(self.outputs, outputs))
        known.update(zip(self.arriving, arriving))
        return run(self.graph, known, self.gradients, name)

    def numbers(self, step: Step, wanted: Symbol) -> Any:
        """Return the numbers of something inside the step, from the engine's interpreter."""
        arrays = [o.array for o in step.inputs if o is not None]
        inputs = [*(np.zeros(s.shape, s.dtype) for s in self.arriving), *arrays]
        part = prune(Graph(self.graph.inputs, self.graph.constants, self.graph.nodes, [wanted]))
        return interpret(part, inputs)[0]
