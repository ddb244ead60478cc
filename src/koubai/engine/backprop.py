"""The reverse sweep: walks the recipes from a result back to the leaves and applies the chain rule at each.

Every recipe is visited once, after all its consumers, so the cost of all gradients together is a small multiple of
the forward pass, whatever the number of parameters (Linnainmaa 1970; Rumelhart, Hinton and Williams 1986).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from koubai.devices import CPU, device_of, full
from koubai.engine.apply import refuse_nonfinite
from koubai.engine.modes import modes, set_grad_enabled
from koubai.engine.recipe import Edge, Hook, Recipe
from koubai.engine.tensor import Tensor
from koubai.ops.op import Symbol

__all__ = [
    "backward",
    "grad",
]

Source = Recipe | Tensor
Gradients = dict[Source, list[Tensor | None]]


def backward(
    tensors: Sequence[Tensor],
    gradients: Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of every leaf they depend on.

    Args:
        tensors: the results to start from.
        gradients: the gradient that arrives at each; None for results of one element.
        retain_graph: keep saved values for another backward; by default as `create_graph`.
        create_graph: record the sweep itself, for gradients of gradients.
        inputs: if given, accumulate only into these tensors.

    Raises:
        RuntimeError: if a result does not require gradients, or saved values were freed or overwritten.
    """
    starts = _starts(tensors, gradients)
    if modes.tracer is not None:
        modes.tracer.losses += [modes.tracer.lift(tensor) for tensor in tensors if tensor.ndim == 0]
    keep = create_graph if retain_graph is None else retain_graph
    wanted = None if inputs is None else {_edge_of(tensor): tensor for tensor in inputs}
    found = _sweep(starts, keep, create_graph, wanted)
    if modes.tracer is not None:
        modes.tracer.note_gradients(found.values())
    for edge, gradient in found.items():
        target = edge.source if wanted is None else wanted[edge]
        assert isinstance(target, Tensor)
        _accumulate(target, gradient, create_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of `outputs` (summed) with respect to each of `inputs`, touching no `.grad`.

    Args:
        outputs: one tensor or several.
        inputs: the tensors to differentiate by, leaves or computed ones.
        grad_outputs: the gradient that arrives at each output; None for outputs of one element.
        retain_graph: keep saved values for another sweep; by default as `create_graph`.
        create_graph: record the sweep itself, for gradients of gradients.
        allow_unused: give None for an input that the outputs do not depend on, instead of an error.
        materialize_grads: give zeros instead of that None.

    Raises:
        RuntimeError: if an input does not require gradients or is not used.

    Example:
        >>> x = koubai.tensor(3.0, requires_grad=True)
        >>> (slope,) = koubai.grad(x**2, x, create_graph=True)
        >>> koubai.grad(slope, x)
        (tensor(2.),)
    """
    outputs = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if isinstance(grad_outputs, Tensor):
        grad_outputs = (grad_outputs,)
    keep = create_graph if retain_graph is None else retain_graph
    wanted = {_edge_of(tensor): tensor for tensor in inputs}
    found = _sweep(_starts(outputs, grad_outputs), keep, create_graph, wanted)
    if modes.tracer is not None:
        modes.tracer.note_gradients(found.values())
    result = [found.get(_edge_of(tensor)) for tensor in inputs]
    for position, (tensor, gradient) in enumerate(zip(inputs, result)):
        if gradient is None and materialize_grads:
            result[position] = tensor.detach().zeros_like()
        elif gradient is None and not allow_unused:
            raise RuntimeError(
                f"input {position} ({tensor.dtype}{list(tensor.shape)}) was not used to compute the outputs; "
                "pass allow_unused=True to get None for it"
            )
    return tuple(result)


def local_gradients(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    create_graph: bool,
) -> list[Tensor | None]:
    """Return the gradients at `inputs`, going no further back: what a recipe made of other recipes hands on.

    Outputs and inputs that are not connected, or have no gradient, are passed over.
    """
    pairs = [(out, g) for out, g in zip(outputs, gradients) if g is not None and out.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    wanted = {tensor.edge: tensor for tensor in inputs if tensor.edge is not None}
    starts = _starts([out for out, _ in pairs], [g for _, g in pairs])
    found = _sweep(starts, create_graph, create_graph, wanted, stop=True)
    return [None if tensor.edge is None else found.get(tensor.edge) for tensor in inputs]


def zeros_for(gradients: Sequence[Tensor | None], outputs: Sequence[Symbol]) -> list[Tensor]:
    """Return the gradients that arrived at `outputs`, with zeros, on the same device, where none did."""
    where = next((device_of(g._payload) for g in gradients if g is not None), CPU)
    return [
        Tensor(full(out.shape, np.zeros((), out.dtype), where)) if g is None else g
        for g, out in zip(gradients, outputs)
    ]


def _edge_of(tensor: Tensor) -> Edge:
    edge = tensor.edge
    if edge is None:
        raise RuntimeError(
            f"a tensor to differentiate by ({tensor.dtype}{list(tensor.shape)}) does not require gradients; "
            "set requires_grad_() before it is used"
        )
    return edge


def _starts(
    tensors: Sequence[Tensor], gradients: Sequence[Tensor | None] | None
) -> list[tuple[Edge, Tensor]]:
    """Pair the edge of each result with the gradient that arrives there."""
    gradients = [None] * len(tensors) if gradients is None else gradients
    if len(gradients) != len(tensors):
        raise RuntimeError(f"{len(tensors)} results but {len(gradients)} gradients for them")
    return [(_start_edge(tensor), _seed(tensor, g)) for tensor, g in zip(tensors, gradients)]


def _start_edge(tensor: Tensor) -> Edge:
    edge = tensor.edge
    if edge is None:
        raise RuntimeError(
            f"backward from a tensor ({tensor.dtype}{list(tensor.shape)}) that does not require gradients: it was "
            "computed under no_grad(), or from detached values, or nothing it depends on has requires_grad=True"
        )
    return edge


def _seed(tensor: Tensor, gradient: Tensor | None) -> Tensor:
    if gradient is None:
        if tensor.numel() != 1:
            raise RuntimeError(
                f"the gradient of a result with shape {list(tensor.shape)} must be given; only a result of one "
                "element starts from 1 by itself. Reduce it first, for example with mean()"
            )
        one: Tensor = tensor.detach().ones_like()
        return one
    if gradient.shape != tensor.shape:
        raise RuntimeError(
            f"the gradient has shape {list(gradient.shape)}, the result it belongs to {list(tensor.shape)}"
        )
    return gradient


def _sweep(
    starts: Sequence[tuple[Edge, Tensor]],
    keep: bool,
    create_graph: bool,
    wanted: dict[Edge, Tensor] | None,
    stop: bool = False,
) -> dict[Edge, Tensor]:
    """Walk back from `starts` and return the gradient at each wanted edge, or at every leaf if `wanted` is None.

    With `stop`, the walk does not go on beyond the wanted edges.
    """
    ends = {edge.source for edge in wanted} if stop and wanted is not None else set()
    order = _consumers_first({edge.source for edge, _ in starts})
    needed = set(order) if wanted is None else _leading_to(order, {edge.source for edge in wanted})
    arrived: Gradients = {}
    found: dict[Edge, Tensor] = {}
    with set_grad_enabled(create_graph):
        for edge, gradient in starts:
            _add(arrived, edge, gradient)
        for source in order:
            gradients = arrived.pop(source, None)
            if gradients is None:
                continue
            _run_hooks(source, gradients)
            _collect(source, gradients, wanted, found)
            if isinstance(source, Recipe) and source not in ends:
                for target, pulled in zip(source.edges, pull_back(source, gradients, needed, create_graph)):
                    if target is not None and pulled is not None:
                        _add(arrived, target, pulled)
                if not keep:
                    source.free()
    return found


def _consumers_first(roots: Iterable[Source]) -> list[Source]:
    """Return everything reachable from `roots`, each after all that consume it (iterative: any depth)."""
    order: list[Source] = []
    seen: set[Source] = set()
    stack: list[tuple[Source, bool]] = [(root, False) for root in roots]
    while stack:
        source, done = stack.pop()
        if done:
            order.append(source)
        elif source not in seen:
            seen.add(source)
            stack.append((source, True))
            if isinstance(source, Recipe):
                stack.extend(
                    (edge.source, False) for edge in source.edges if edge and edge.source not in seen
                )
    return order[::-1]


def _leading_to(order: Sequence[Source], targets: set[Source]) -> set[Source]:
    """Return `targets` and everything through which a gradient reaches one of them."""
    needed = set(targets)
    for source in reversed(order):
        if isinstance(source, Recipe) and any(edge and edge.source in needed for edge in source.edges):
            needed.add(source)
    return needed


def _add(arrived: Gradients, edge: Edge, gradient: Tensor) -> None:
    """Add up the gradients that arrive at one output over several paths."""
    source, index = edge
    slots = arrived.get(source)
    if slots is None:
        slots = arrived[source] = [None] * (len(source.outputs) if isinstance(source, Recipe) else 1)
    before = slots[index]
    slots[index] = gradient if before is None else before + gradient


def _run_hooks(source: Source, gradients: list[Tensor | None]) -> None:
    hooks: Any = source.hooks if isinstance(source, Recipe) else {0: source._hooks} if source._hooks else None
    for index, calls in (hooks or {}).items():
        for hook in list[Hook](calls):
            gradient = gradients[index]
            replaced = hook(gradient) if gradient is not None else None
            if replaced is not None:
                gradients[index] = replaced


def _collect(
    source: Source,
    gradients: list[Tensor | None],
    wanted: dict[Edge, Tensor] | None,
    found: dict[Edge, Tensor],
) -> None:
    for index, gradient in enumerate(gradients):
        edge = Edge(source, index)
        if gradient is not None and (isinstance(source, Tensor) if wanted is None else edge in wanted):
            found[edge] = gradient


def pull_back(
    recipe: Recipe, gradients: list[Tensor | None], needed: set[Source], create_graph: bool
) -> Sequence[Tensor | None]:
    """Return the gradient of each input of `recipe` that is needed, from those that arrived at its outputs."""
    recipe.check_not_freed()
    positions = [at for at, edge in enumerate(recipe.edges) if edge is not None and edge.source in needed]
    if not positions:
        return ()

    def pulled() -> list[Tensor | None]:
        found = _pull_watched(recipe, gradients, positions, create_graph)
        return [
            gradient if gradient is None or edge is None else _fit_to(gradient, symbol)
            for gradient, edge, symbol in zip(found, recipe.edges, recipe.inputs)
        ]

    if modes.tracer is None or create_graph:
        return pulled()
    return modes.tracer.replay.pull_back(recipe, gradients, positions, pulled)


def _pull_watched(
    recipe: Recipe, gradients: list[Tensor | None], positions: list[int], create_graph: bool
) -> Sequence[Tensor | None]:
    """Ask the rule for the gradients; under `detect_anomaly` refuse the first that is not finite, as the rule's."""
    watched, modes.anomaly = modes.anomaly, False
    try:
        pulled: Sequence[Tensor | None] = recipe.rule.pull_back(recipe, gradients, positions, create_graph)
    finally:
        modes.anomaly = watched
    if watched and modes.tracer is None:
        arrived = [gradient for gradient in gradients if gradient is not None]
        refuse_nonfinite(f"the gradient of {recipe.name}", arrived, pulled, recipe.where)
    return pulled


def _fit_to(gradient: Tensor, symbol: Symbol) -> Tensor:
    """Undo broadcasting: sum the gradient over the dimensions in which the input was stretched."""
    if gradient._payload.shape != symbol.shape:
        from koubai.ops.reduce import sum_to

        gradient = sum_to(gradient, symbol.shape)
    if gradient.dtype != symbol.dtype:
        from koubai.ops.movement import cast

        gradient = cast(gradient, dtype=symbol.dtype)
    return gradient


def _accumulate(leaf: Tensor, gradient: Tensor, create_graph: bool) -> None:
    """Add a gradient to `leaf.grad`, and call the hooks that wait for it."""
    before = leaf.grad
    if modes.tracer is not None:
        modes.tracer.remember_grad(leaf)
    if before is None:
        leaf.grad = gradient if create_graph else Tensor(gradient.payload)
    elif create_graph:
        leaf.grad = before + gradient
    else:
        with set_grad_enabled(False):
            before._become(before + gradient, "accumulation of gradients")
    for hook in leaf._accumulation_hooks or ():
        hook(leaf)


def _backward_method(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Tensor] | None = None,
) -> None:
    """Compute the gradients of this tensor and add them to the `.grad` of every leaf it depends on.

    Args:
        gradient: the gradient that arrives here, of this tensor's shape; may be left out for a single element.
        retain_graph: keep the graph for another backward; by default as `create_graph`.
        create_graph: record the backward pass too, for gradients of gradients.
        inputs: if given, accumulate only into these tensors.

    Raises:
        RuntimeError: if nothing here requires gradients, or a value that is needed was freed or overwritten.
    """
    backward([self], [gradient], retain_graph, create_graph, inputs)


Tensor.backward = _backward_method
