"""Convolutions with the channels innermost and the padding stored, which is how the kernels want them.

A convolution becomes movements (which cost little, or nothing where a kernel before them writes that way at once) and
one of two ops on images (N, *lengths, C), padded already, with weights (*kernel, C / groups, O).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koubai.arrays import Array
from koubai.compiler.graph.interleaved import Interleaved, is_interleaved
from koubai.ops import convolution as plain
from koubai.ops.graph import Graph, Node
from koubai.ops.movement import flip, inverse, permute, place, slice_
from koubai.ops.op import Kind, Op, Shape, Symbol
from koubai.ops.window import Window


def _first(x: Array) -> Array:
    """(N, *lengths, C) -> (N, C, *lengths)."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _last(x: Array) -> Array:
    """(N, C, *lengths) -> (N, *lengths, C)."""
    return x.transpose(0, *range(2, x.ndim), 1)


def _weight_first(w: Array) -> Array:
    return w.transpose(w.ndim - 1, w.ndim - 2, *range(w.ndim - 2))


def _forward(
    xp: Any, x: Array, weight: Array, *, window: Window, groups: int, precision: str | None = None
) -> Array:
    image, taps = _first(x), _weight_first(weight)
    return _last(plain._convolution(xp, image, taps, window=window, groups=groups, precision=precision))


def _rule(x: Symbol, weight: Symbol, *, window: Window, groups: int, precision: str | None = None) -> Symbol:
    return Symbol((x.shape[0], *window.counts(x.shape[1:-1]), weight.shape[-1]), x.dtype)


def _weight_forward(
    xp: Any, x: Array, y: Array, *, window: Window, groups: int, precision: str | None = None
) -> Array:
    image, result = _first(x), _first(y)
    found = plain._convolution_weight(xp, image, result, window=window, groups=groups, precision=precision)
    return found.transpose(*range(2, found.ndim), 1, 0)


def _weight_rule(
    x: Symbol, y: Symbol, *, window: Window, groups: int, precision: str | None = None
) -> Symbol:
    return Symbol((*window.kernel, x.shape[-1] // groups, y.shape[-1]), x.dtype)


# (N, *lengths, C), (*kernel, C/groups, O) -> (N, *counts, O); the window has no padding
convolution_last = Op("convolution_last", Kind.CONTRACTION, _forward, _rule)
# (N, *lengths, C), (N, *counts, O) -> (*kernel, C/groups, O)
convolution_weight_last = Op("convolution_weight_last", Kind.CONTRACTION, _weight_forward, _weight_rule)


def with_channels_last(graph: Graph) -> Graph:
    """Return the graph with its convolutions rewritten; the graph itself if there are none."""
    if not any(node.op in _RULES for node in graph.nodes):
        return graph
    found = Graph(list(graph.inputs), dict(graph.constants))
    new: dict[Symbol, Symbol] = {}
    for node in graph.nodes:
        inputs = [new.get(symbol, symbol) for symbol in node.inputs]
        rule = _RULES.get(node.op)
        if rule is None:
            found.nodes.append(Node(node.op, tuple(inputs), node.attributes, node.outputs))
        else:
            new[node.outputs[0]] = rule(found, inputs, node.attributes)
    found.outputs = [new.get(symbol, symbol) for symbol in graph.outputs]
    return found


def _channels_last(graph: Graph, x: Symbol) -> Symbol:
    return graph.one(permute, [x], dims=(0, *range(2, x.ndim), 1))


def _channels_second(graph: Graph, x: Symbol) -> Symbol:
    return graph.one(permute, [x], dims=(0, x.ndim - 1, *range(1, x.ndim - 1)))


def _padded(graph: Graph, x: Symbol, starts: Shape, steps: Shape, lengths: Shape) -> Symbol:
    """Return an image (N, *L, C) put into zeros of `lengths`, from `starts` on and every `steps`; ends are cut off."""
    spans = tuple(
        (start, start + (n - 1) * step + 1, step) for n, start, step in zip(x.shape[1:-1], starts, steps)
    )
    low = tuple(max(0, -start) for start, _, _ in spans)
    high = tuple(max(0, end - length) for (_, end, _), length in zip(spans, lengths))
    room = tuple(before + length + after for before, length, after in zip(low, lengths, high))
    spans = tuple((start + before, end + before, step) for (start, end, step), before in zip(spans, low))
    if x.shape[1:-1] != room:
        whole = ((0, x.shape[0], 1), *spans, (0, x.shape[-1], 1))
        x = graph.one(place, [x], shape=(x.shape[0], *room, x.shape[-1]), spans=whole, fill=0)
    if room == lengths:
        return x
    seen = tuple((before, before + length, 1) for before, length in zip(low, lengths))
    return graph.one(slice_, [x], spans=((0, x.shape[0], 1), *seen, (0, x.shape[-1], 1)))


def _stored_padding(graph: Graph, x: Symbol, window: Window) -> Symbol:
    """Return the input of a convolution with its padding."""
    image = _channels_last(graph, x)
    lengths = tuple(n + b + a for n, (b, a) in zip(x.shape[2:], window.padding))
    return _padded(graph, image, tuple(b for b, _ in window.padding), (1,) * window.rank, lengths)


def _unpadded(window: Window) -> Window:
    return window._replace(padding=((0, 0),) * window.rank)


def _convolution(graph: Graph, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol:
    x, weight = inputs
    window: Window = attributes["window"]
    image = _stored_padding(graph, x, window)
    laid = graph.one(permute, [weight], dims=(*range(2, weight.ndim), 1, 0))
    y = graph.one(convolution_last, [image, laid], **{**attributes, "window": _unpadded(window)})
    return _channels_second(graph, y)


def _convolution_weight(graph: Graph, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol:
    x, y = inputs
    window: Window = attributes["window"]
    image = _stored_padding(graph, x, window)
    settings = {**attributes, "window": _unpadded(window)}
    found = graph.one(convolution_weight_last, [image, _channels_last(graph, y)], **settings)
    return graph.one(permute, [found], dims=inverse((*range(2, found.ndim), 1, 0)))


def _convolution_input(graph: Graph, inputs: Sequence[Symbol], attributes: dict[str, Any]) -> Symbol:
    """A convolution with the mirrored kernel, of the output's gradient spread apart by the stride."""
    y, weight = inputs
    window: Window = attributes["window"]
    groups, lengths = attributes["groups"], attributes["lengths"]
    settings = {name: value for name, value in attributes.items() if name != "lengths"}
    if is_interleaved(window, groups):
        return _channels_second(
            graph, _interleaved(graph, _channels_last(graph, y), weight, lengths, settings)
        )
    reach = tuple(d * (k - 1) for k, d in zip(window.kernel, window.dilation))
    starts = tuple(r - before for r, (before, _) in zip(reach, window.padding))
    full = tuple(n + r for n, r in zip(lengths, reach))
    image = _padded(graph, _channels_last(graph, y), starts, window.stride, full)
    mirrored = graph.one(flip, [weight], dims=tuple(range(2, weight.ndim)))
    laid = _grouped_transpose(graph, mirrored, groups)
    inner = Window(window.kernel, (1,) * window.rank, ((0, 0),) * window.rank, window.dilation)
    x = graph.one(convolution_last, [image, laid], **{**settings, "window": inner})
    return _channels_second(graph, x)


def _interleaved(graph: Graph, y: Symbol, weight: Symbol, lengths: Shape, settings: dict[str, Any]) -> Symbol:
    """Several convolutions of the output's gradient (N, *counts, O) in one, laid beside each other."""
    window: Window = settings["window"]
    parts = Interleaved(window)
    room = tuple(n + 2 * zeros for n, zeros in zip(y.shape[1:-1], parts.padding))
    image = _padded(graph, y, parts.padding, (1,) * window.rank, room)
    found = graph.one(
        convolution_last,
        [image, parts.weight(graph, weight)],
        **{**settings, "window": parts.window},
    )
    starts = tuple(-before for before, _ in window.padding)
    return _padded(graph, parts.image(graph, found), starts, (1,) * window.rank, lengths)


def _grouped_transpose(graph: Graph, weight: Symbol, groups: int) -> Symbol:
    """(g O, C, *kernel) -> (*kernel, O, g C)."""
    from koubai.ops.movement import reshape

    outputs, channels, *kernel = weight.shape
    rank = len(kernel)
    if groups == 1:
        return graph.one(permute, [weight], dims=(*range(2, 2 + rank), 0, 1))
    split = graph.one(reshape, [weight], shape=(groups, outputs // groups, channels, *kernel))
    turned = graph.one(permute, [split], dims=(*range(3, 3 + rank), 1, 0, 2))
    return graph.one(reshape, [turned], shape=(*kernel, outputs // groups, groups * channels))


_RULES = {
    plain.convolution: _convolution,
    plain.convolution_weight: _convolution_weight,
    plain.convolution_input: _convolution_input,
}
