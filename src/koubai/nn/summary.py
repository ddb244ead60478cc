"""`summary`: what a model consists of and costs, layer by layer, found out without computing anything.

The model is traced on shapes: each layer's multiply-adds are those of the ops it ran, its activations what
those ops keep for the backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import koubai
from koubai.engine.modes import modes
from koubai.engine.recipe import Recipe
from koubai.engine.tensor import Tensor
from koubai.engine.trace import trace
from koubai.nn.module import Module
from koubai.ops.graph import Node
from koubai.ops.op import Symbol

__all__ = ["LayerSummary", "Summary", "summary"]

BATCH_SIZES = (1, 32, 128, 512)


@dataclass
class LayerSummary:
    """What one layer is and costs, without the layers in it.

    Attributes:
        path: its name in the model.
        kind: its class.
        output_shapes: of what it returned last; empty if it was not called.
        parameters: elements of its own parameters, a shared one counted where it comes first.
        trainable: those of them that are trained.
        multiply_adds: of its own products, forward, for the input given.
        backward_multiply_adds: of the products that its gradients take: one as large for each factor of a product
            that needs a gradient, so twice as many as forward, and once in a first layer.
        activations: bytes that it keeps for the backward pass, for the input given.
        is_leaf: whether there are no layers in it.
    """

    path: str
    kind: str
    is_leaf: bool
    output_shapes: list[tuple[int, ...]] = field(default_factory=list)
    parameters: int = 0
    trainable: int = 0
    multiply_adds: int = 0
    backward_multiply_adds: int = 0
    activations: int = 0

    @property
    def is_worth_a_row(self) -> bool:
        """Whether it is more than a container of others."""
        return self.is_leaf or bool(self.parameters or self.multiply_adds or self.activations)


@dataclass
class Summary:
    """The layers of a model in the order in which they ran; prints as a table.

    Attributes:
        layers: one entry for each layer and container.
        batch_size: of the input given.
        parameter_bytes: memory of all parameters.
    """

    model: str
    layers: list[LayerSummary]
    batch_size: int
    parameter_bytes: int

    def total(self, what: str) -> int:
        """The sum of one of the layers' numbers, such as "parameters" or "multiply_adds", over all layers."""
        return sum(getattr(layer, what) for layer in self.layers)

    def activations_at(self, batch_size: int) -> int:
        """Bytes kept for the backward pass with another batch size, to which they are proportional."""
        return round(self.total("activations") * batch_size / self.batch_size)

    def __repr__(self) -> str:
        return f"<Summary of {self.model}: {self.total('parameters'):,} parameters>"

    def __str__(self) -> str:
        header = ("layer", "output shape", "parameters", "trainable", "multiply-adds", "activations")
        rows = [_row(layer) for layer in self.layers if layer.is_worth_a_row]
        counts = [f"{self.total(what):,}" for what in ("parameters", "trainable", "multiply_adds")]
        total = ("total", "", *counts, _bytes(self.total("activations")))
        table = _aligned([header, *rows, total])
        rule = "-" * max(map(len, table))
        memory = [f"{size}: {_bytes(self.activations_at(size))}" for size in BATCH_SIZES]
        return "\n".join(
            [
                *table[:1],
                rule,
                *table[1:-1],
                rule,
                table[-1],
                "",
                f"parameters take {_bytes(self.parameter_bytes)}; training keeps "
                "their gradients, and the optimizer its state, beside them",
                f"activations by batch size: {', '.join(memory)}",
            ]
        )


def summary(model: Module, input: Any, *, mode: str = "train", show: bool = True) -> Summary:
    """Print a table of the layers: output shape, parameters, trainable, multiply-adds, activation memory.

    The model runs on shapes only: nothing is computed, and mode, buffers and random numbers stay as they are.

    Args:
        model: to describe.
        input: a tensor as `model` takes it, batch first, or a tuple of all its arguments.
        mode: "train" or "eval"; memory is that of training.
        show: print the table; without it, only return it.

    Returns:
        The same as data.

    Raises:
        TypeError: a shape is given instead of a tensor.
        DataDependentError: the model's course depends on values, so that shapes do not suffice.
    """
    if isinstance(input, tuple | list) and input and all(isinstance(length, int) for length in input):
        raise TypeError(
            f"summary needs a tensor, batch first, not the shape {input}: koubai.zeros(32, {str(list(input))[1:-1]})"
        )
    if mode not in ("train", "eval"):
        raise ValueError(f"mode must be 'train' or 'eval', got {mode!r}")
    arguments = input if isinstance(input, tuple) else (input,)
    meter = _Meter(model)
    with _in_mode(model, mode), meter, koubai.enable_grad():
        trace(meter.follow, *arguments)
    result = Summary(type(model).__name__, meter.layers(), *_sizes(model, arguments))
    if show:
        print(result)
    return result


@contextmanager
def _in_mode(model: Module, mode: str) -> Iterator[None]:
    """Within it, `model` is in the given mode; afterwards each layer is in its own again."""
    before = [(module, module.training) for module in model.modules()]
    model.train(mode == "train")
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def _sizes(model: Module, arguments: Sequence[Any]) -> tuple[int, int]:
    """(batch size, bytes of the parameters)."""
    shapes = [tensor.shape for tensor in arguments if isinstance(tensor, Tensor) and tensor.ndim]
    return (shapes[0][0] if shapes else 1), sum(p.numel() * p.dtype.itemsize for p in model.parameters())


class _Meter(ExitStack):
    """Follows a traced forward by hooks, and charges every op to the innermost layer that is running."""

    def __init__(self, model: Module) -> None:
        super().__init__()
        self._model = model
        self._running: list[Module] = []
        self._charged_ops = 0
        self._parameters = {id(p) for p in model.parameters() if p.requires_grad}
        self._need_gradients: set[Symbol] = set()
        self._charged_recipes: set[Recipe] = set()
        self._kept: set[int] = set()
        self._entries: dict[Module, LayerSummary] = {}
        self._uncalled = {module: _describe(path, module) for path, module in model.named_modules()}
        _count_parameters(self._uncalled)
        for module in self._uncalled:
            self.enter_context(module.register_forward_pre_hook(self._enter, prepend=True, with_kwargs=True))
            self.enter_context(module.register_forward_hook(self._leave))

    def layers(self) -> list[LayerSummary]:
        """All entries, those of layers that did not run last."""
        return [*self._entries.values(), *self._uncalled.values()]

    def follow(self, *arguments: Any) -> list[Tensor]:
        """Call the model, and return the tensors it returned."""
        # the input is the caller's: keeping it costs nothing
        self._kept.update(id(tensor._payload) for tensor in _tensors(arguments))
        return _tensors(self._model(*arguments))

    def _enter(self, module: Module, args: Any, kwargs: Any) -> None:
        self._charge(_tensors((args, kwargs)))  # what led to the inputs is the layer's around it
        if module in self._uncalled:
            self._entries[module] = self._uncalled.pop(module)
        self._running.append(module)

    def _leave(self, module: Module, args: Any, output: Any) -> None:
        results = _tensors(output)
        self._charge(results)
        self._entries[self._running.pop()].output_shapes = [tuple(tensor.shape) for tensor in results]

    def _charge(self, results: list[Tensor]) -> None:
        """Charge the innermost layer for the ops since the last time, and for what those behind `results` keep."""
        assert modes.tracer is not None
        nodes = modes.tracer.graph.nodes[self._charged_ops :]
        read = modes.tracer.captured.items()
        self._need_gradients.update(symbol for tensor, symbol in read if id(tensor) in self._parameters)
        backward = backward_multiply_adds(nodes, self._need_gradients)
        if self._running:
            entry = self._entries[self._running[-1]]
            entry.multiply_adds += sum(map(multiply_adds, nodes))
            entry.backward_multiply_adds += backward
            entry.activations += sum(map(self._keep, results))
        self._charged_ops += len(nodes)

    def _keep(self, result: Tensor) -> int:
        """Bytes that the recipes behind `result` keep and that nobody was charged for yet."""
        size = 0
        waiting = [result.recipe]
        while waiting:
            recipe = waiting.pop()
            if recipe is None or recipe in self._charged_recipes:
                continue
            self._charged_recipes.add(recipe)
            size += sum(self._new_bytes(saved.value) for saved in recipe.saved.values())
            waiting += [edge.source for edge in recipe.edges if edge and isinstance(edge.source, Recipe)]
        return size

    def _new_bytes(self, value: Any) -> int:
        """The size of a kept value, unless it is a parameter or counted already; a view is its base."""
        while isinstance(value, Tensor):
            value = value._view.base if value._view is not None else value._payload
        if not isinstance(value, Symbol) or id(value) in self._kept:
            return 0
        self._kept.add(id(value))
        return value.size * value.dtype.itemsize


def multiply_adds(node: Node) -> int:
    """How many products an op sums up: matrices', convolutions', and those of a loop's body at every step."""
    name, inputs, output = node.op.name, node.inputs, node.outputs[0]
    if name == "matmul":
        return output.size * inputs[0].shape[-1]
    if name == "convolution":
        return output.size * math.prod(inputs[1].shape[1:])
    if name == "convolution_input":
        return inputs[0].size * math.prod(inputs[1].shape[1:])
    if name == "convolution_weight":
        return inputs[1].size * math.prod(output.shape[1:])
    if name == "scan":
        loop = node.attributes["loop"]
        return int(loop.length) * sum(map(multiply_adds, loop.body.nodes))
    return sum(map(multiply_adds, node.attributes["body"].nodes)) if name == "call" else 0


def backward_multiply_adds(nodes: Sequence[Node], needed: set[Symbol]) -> int:
    """How many products the gradients of some ops sum up.

    Args:
        nodes: the ops, in the order in which they ran.
        needed: what a gradient is needed of; results for which that holds too are added.
    """
    total = 0
    for node in nodes:
        wanted = [symbol in needed for symbol in node.inputs]
        if not any(wanted):
            continue
        needed.update(symbol for symbol in node.outputs if symbol.dtype.kind == "f")
        if node.op.name in ("scan", "call"):
            total += _backward_in_body(node, wanted)
        else:
            total += multiply_adds(node) * sum(wanted[:2])
    return total


def _backward_in_body(node: Node, wanted: list[bool]) -> int:
    """The products of a loop's gradient, at every step, or of a called graph's."""
    if node.op.name == "call":
        body, carries, length = node.attributes["body"], 0, 1
    else:
        loop = node.attributes["loop"]
        body, carries, length = loop.body, loop.carries, int(loop.length)
    inner = {symbol for symbol, want in zip(body.inputs, wanted) if want}
    inner.update(symbol for symbol in body.inputs[:carries] if symbol.dtype.kind == "f")
    return length * backward_multiply_adds(body.nodes, inner)


def _describe(path: str, module: Module) -> LayerSummary:
    return LayerSummary(path, type(module).__name__, is_leaf=not any(module.children()))


def _count_parameters(entries: dict[Module, LayerSummary]) -> None:
    seen: set[int] = set()
    for module, entry in entries.items():
        for parameter in module.parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                entry.parameters += parameter.numel()
                entry.trainable += parameter.numel() if parameter.requires_grad else 0


def _tensors(value: Any) -> list[Tensor]:
    """All tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return [tensor for item in items for tensor in _tensors(item)]


def _row(layer: LayerSummary) -> tuple[str, ...]:
    name = f"{layer.path} ({layer.kind})" if layer.path else layer.kind
    shapes = " ".join(map(str, layer.output_shapes)) or "not called"
    counts = [
        f"{count:,}" if count else "" for count in (layer.parameters, layer.trainable, layer.multiply_adds)
    ]
    return name, shapes, *counts, _bytes(layer.activations) if layer.activations else ""


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns of equal width: text to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    sides = [str.ljust, str.ljust, *[str.rjust] * (len(widths) - 2)]
    return ["  ".join(side(cell, width) for side, cell, width in zip(sides, row, widths)) for row in rows]


def _bytes(size: float) -> str:
    """A size in the unit that suits it: 1.5 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
