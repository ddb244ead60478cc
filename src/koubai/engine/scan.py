"""`scan`: a loop over time as one op, which is what the recurrent layers are made of.

The step is traced once, and what does not change over time is computed before the loop. Its gradient is another scan
that runs backwards in time on intermediate results that the first one kept; the gradient of a weight, a sum over time
of products, becomes one product outside the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from koubai import dtypes
from koubai.engine.backprop import zeros_for
from koubai.engine.modes import modes, no_grad
from koubai.engine.recipe import Recipe
from koubai.engine.scan_gradient import StepGradient
from koubai.engine.tensor import Tensor
from koubai.engine.trace import flatten, host_scalar, run_graph, trace, unflatten
from koubai.ops.graph import Graph, Node, place_constants
from koubai.ops.movement import cat, reshape
from koubai.ops.op import Symbol, describe
from koubai.ops.scan import Loop, scan_op

__all__ = [
    "scan",
]


def scan(
    step: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, *, reverse: bool = False
) -> tuple[Any, Any]:
    """Repeat `carry, y = step(carry, x)` over the first dimension of `xs`.

    Args:
        step: a function of tensors that asks for no values. Tensors that it uses from outside are differentiated too.
            Gradients are derived from its ops: cut one with `detach()`, since `no_grad` has no effect in it.
        init: the first carry: a tensor, or nested tuples, lists and dicts of tensors.
        xs: the sequences, each (T, ...): a tensor or nested.
        reverse: go from the last element to the first; the results keep their places.

    Returns:
        the last carry, and the results `y` stacked to (T, ...).

    Raises:
        RuntimeError: if the sequences differ in length, the carry changes its shape or dtype, or the step changes a
            tensor outside.

    Example:
        >>> koubai.scan(lambda total, x: (total + x, total + x), koubai.tensor(0.0), koubai.ones(3))
        (tensor(3.), tensor([1., 2., 3.]))
    """
    if modes.steps is not None and modes.tracer is None:
        return _unrolled(step, init, xs, reverse)
    carry: list[Tensor] = []
    sequences: list[Tensor] = []
    carry_structure, sequence_structure = flatten(init, carry), flatten(xs, sequences)
    length = _common_length(sequences)
    slices = [Tensor(Symbol(sequence.shape[1:], sequence.dtype)) for sequence in sequences]
    program = trace(
        lambda c, x: step(unflatten(carry_structure, iter(c)), unflatten(sequence_structure, iter(x))),
        [Tensor(Symbol(c.shape, c.dtype)) for c in carry],
        slices,
        derives_gradients=True,
    )
    if program.writes or program.grads:
        raise RuntimeError(
            "the step of a scan must not change tensors outside it; return what changes in the carry"
        )
    _check_carry(carry, program.results[: len(carry)])
    outside = dict(zip(program.captured.values(), program.captured))
    outside.update((symbol, host_scalar(host)) for host, symbol in program.hosts.items())
    body = Graph(program.arguments, program.graph.constants, program.graph.nodes, program.results)
    body, constants = _repeated_part(body, outside, [*carry, *sequences])
    results = scan_graph(
        Loop(body, len(carry), len(sequences), length, reverse), [*carry, *sequences, *constants]
    )
    final = unflatten(carry_structure, iter(results[: len(carry)]))
    return final, unflatten(program.structure[1], iter(results[len(carry) :]))


def _unrolled(
    step: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, reverse: bool
) -> tuple[Any, Any]:
    """Repeat the step in Python: where a computation is written down, each time is."""
    sequences: list[Tensor] = []
    structure = flatten(xs, sequences)
    times = range(_common_length(sequences))
    carry, results = init, []
    for t in reversed(times) if reverse else times:
        carry, result = step(carry, unflatten(structure, iter([sequence[t] for sequence in sequences])))
        tensors: list[Tensor] = []
        result_structure = flatten(result, tensors)
        results.append([reshape(tensor, shape=(1, *tensor.shape)) for tensor in tensors])
    rows = results[::-1] if reverse else results
    return carry, unflatten(result_structure, iter([cat(*column, dim=0) for column in zip(*rows)]))


def _repeated_part(
    body: Graph, outside: dict[Symbol, Tensor], given: Sequence[Tensor]
) -> tuple[Graph, list[Tensor]]:
    """Compute what does not change over time, and return the rest of the body, with the constants it takes.

    Args:
        body: the step.
        outside: what it takes from outside.
        given: what changes; the step is run where that lives.
    """
    varies = set(body.inputs)
    once: list[Node] = []
    repeated: list[Node] = []
    for node in body.nodes:
        if varies.intersection(node.inputs):
            varies.update(node.outputs)
            repeated.append(node)
        else:
            once.append(node)
    ready = [symbol for node in once for symbol in node.outputs]
    unchanged = place_constants(
        Graph([*outside], body.constants, once, ready), [tensor._payload for tensor in given]
    )
    outside |= zip(ready, run_graph(unchanged, [*outside.values()]))
    taken = {symbol for node in repeated for symbol in node.inputs}.union(body.outputs)
    constants = {symbol: tensor for symbol, tensor in outside.items() if symbol in taken}
    return Graph([*body.inputs, *constants], body.constants, repeated, body.outputs), [*constants.values()]


def _common_length(sequences: Sequence[Tensor]) -> int:
    lengths = {sequence.shape[0] for sequence in sequences}
    if len(lengths) != 1:
        raise RuntimeError(
            f"the sequences of a scan need one common length, got {sorted(lengths) or 'no sequence'}"
        )
    return lengths.pop()


def _check_carry(before: Sequence[Tensor], after: Sequence[Symbol]) -> None:
    if [(b.shape, b.dtype) for b in before] != [(a.shape, a.dtype) for a in after]:
        raise RuntimeError(
            f"the step of a scan must return a carry like the one it got: got {describe(before)}, returned "
            f"{describe(after)}"
        )


def scan_graph(loop: Loop, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Run a loop; where an input requires gradients, keep what the backward loop will need."""
    edges = tuple([tensor.edge if modes.grad_enabled else None for tensor in inputs])
    if not any(edges):
        return _run(loop, inputs)
    rule = _LoopGradient(loop, [edge is not None for edge in edges])
    with no_grad():
        results = _run(rule.forward, inputs)
    recipe = Recipe(rule, {}, edges)
    recipe.inputs = tuple([Symbol(tensor.shape, tensor.dtype) for tensor in inputs])
    shown = len(loop.body.outputs)
    recipe.outputs = tuple([Symbol(tensor.shape, tensor.dtype) for tensor in results[:shown]])
    for position in range(len(inputs)):
        recipe.save_input(position, inputs[position])
    for index, tensor in enumerate(results):
        tensor._index = index
        if index >= shown:
            recipe.save_output(tensor)
        elif dtypes.is_floating(tensor.dtype):
            tensor._recipe = recipe
    return results[:shown]


def _run(loop: Loop, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Apply the op alone, without a gradient."""
    result = Tensor.apply(scan_op, tuple(inputs), {"loop": loop})
    return list(result) if isinstance(result, tuple) else [result]


def _differentiable(*inputs: Tensor, loop: Loop) -> tuple[Tensor, ...]:
    return tuple(scan_graph(loop, inputs))


scan_op.call = _differentiable


class _LoopGradient:
    """The gradient of a loop: the forward loop that keeps residuals, and the backward loop that uses them."""

    name = "scan"
    is_formula = False

    def __init__(self, loop: Loop, wanted: Sequence[bool]) -> None:
        self.loop = loop
        joint = StepGradient(loop, wanted)
        self.joint = joint
        self.forward = loop.with_body(joint.forward_graph, joint.residuals)

    def pull_back(
        self, recipe: Recipe, gradients: Sequence[Tensor | None], positions: Sequence[int], create_graph: bool
    ) -> list[Tensor | None]:
        """Run the backward loop, then the products that were taken out of it."""
        loop = self.loop
        inputs = [recipe.input(position) for position in range(len(recipe.inputs))]
        shown = len(recipe.outputs)
        if create_graph:  # the residuals must depend on the inputs: compute them again as proper results
            residuals = scan_graph(self.forward, inputs)[shown:]
        else:
            residuals = [
                Tensor(recipe.saved[f"out{shown + i}"].value) for i in range(len(self.joint.residuals))
            ]
        seeds = zeros_for(gradients, recipe.outputs)
        carry = [seeds[i] for i in self.joint.float_carries]
        arrived = [seeds[i] for i in range(loop.carries, shown) if dtypes.is_floating(seeds[i].dtype)]
        sequences = inputs[loop.carries : loop.carries + loop.sequences]
        constants = inputs[loop.carries + loop.sequences :]
        backward = self.joint.backward
        results = scan_graph(backward, [*carry, *arrived, *sequences, *residuals, *constants])
        stacks = dict(zip(backward.body.outputs[backward.carries :], results[backward.carries :]))
        stacks.update(zip(self.joint.given, [*arrived, *sequences, *residuals]))
        return self.joint.gradients(len(inputs), results[: backward.carries], stacks)
