"""Koubai's ops in Keras, for what a user's own code calculates between layers. A new op is one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from koubai.engine.steps import Step
from koubai.explain.comparison.theirs import NotTranslated
from koubai.i18n import _

__all__ = ["keras_op"]

_SAME = (
    *(
        "abs",
        "ceil",
        "cos",
        "cosh",
        "erf",
        "exp",
        "expm1",
        "floor",
        "log",
        "log1p",
        "log2",
        "log10",
        "maximum",
    ),
    *(
        "minimum",
        "matmul",
        "reciprocal",
        "relu",
        "rsqrt",
        "sigmoid",
        "sign",
        "sin",
        "sinh",
        "sqrt",
        "tan",
        "tanh",
    ),
    *("where", "isfinite", "isnan"),
)
_RENAMED = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "neg": "negative",
    "pow": "power",
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_not": "logical_not",
}


def _pooled(pool: Callable[..., Any], ops: Any, x: Any, window: Any) -> Any:
    if any(size for both in window.padding for size in both) or any(step > 1 for step in window.dilation):
        raise NotTranslated(_("Keras' pooling is compared without padding."))
    last = pool(ops.moveaxis(x, 1, -1), window.kernel, window.stride, data_format="channels_last")
    return ops.moveaxis(last, -1, 1)


def _padded(ops: Any, x: Any, shape: tuple[int, ...], spans: Any, fill: float) -> Any:
    if any(step != 1 for _start, _stop, step in spans):
        raise NotTranslated(_("Keras is compared with padding around, not between."))
    widths = [(start, length - stop) for (start, stop, _step), length in zip(spans, shape)]
    return ops.pad(x, widths, constant_values=fill)


_OTHERS: Mapping[str, Callable[..., Any]] = {
    "clamp": lambda ops, x, low, high: ops.minimum(ops.maximum(x, low), high),
    "clamp_min": lambda ops, x, low: ops.maximum(x, low),
    "clamp_max": lambda ops, x, high: ops.minimum(x, high),
    "fill": lambda ops, x, value: ops.zeros_like(x) + value,
    "cast": lambda ops, x, dtype: ops.cast(x, x.dtype if dtype.kind == "f" else dtype.name),
    "alias": lambda ops, x: x,
    "detach": lambda ops, x: ops.stop_gradient(x),
    "reshape": lambda ops, x, shape: ops.reshape(x, shape),
    "permute": lambda ops, x, dims: ops.transpose(x, dims),
    "expand": lambda ops, x, shape: ops.broadcast_to(x, shape),
    "flip": lambda ops, x, dims: ops.flip(x, dims),
    "slice": lambda ops, x, spans: x[tuple(slice(*span) for span in spans)],
    "cat": lambda ops, *xs, dim: ops.concatenate(xs, dim),
    "sum": lambda ops, x, dims, keepdim: ops.sum(x, dims, keepdims=keepdim),
    "prod": lambda ops, x, dims, keepdim: ops.prod(x, dims, keepdims=keepdim),
    "amax": lambda ops, x, dims, keepdim: ops.max(x, dims, keepdims=keepdim),
    "amin": lambda ops, x, dims, keepdim: ops.min(x, dims, keepdims=keepdim),
    "_softmax": lambda ops, x, dim: ops.softmax(x, dim),
    "_softmax_or_zeros": lambda ops, x: ops.softmax(x),
    "_log_softmax": lambda ops, x, dim: ops.log_softmax(x, dim),
    "_log_sigmoid": lambda ops, x: ops.log_sigmoid(x),
    "standardize": lambda ops, x, dims, eps, **_statistics: (
        (x - ops.mean(x, dims, keepdims=True)) * ops.rsqrt(ops.var(x, dims, keepdims=True) + eps)
    ),
    "place": _padded,
    "window_max": lambda ops, x, window: _pooled(ops.max_pool, ops, x, window),
    "window_sum": lambda ops, x, window: _pooled(ops.average_pool, ops, x, window) * window.elements,
    "index": lambda ops, x, i, dim: ops.take(x, i, dim),
}


def keras_op(step: Step, ops: Any) -> Callable[..., Any]:
    """Return a function that does on Keras' tensors what a step did.

    Args:
        step: an op with its attributes.
        ops: `keras.ops`.

    Raises:
        NotTranslated: if there is none.
    """
    name = step.rule.name
    if name in _OTHERS:
        return lambda *values: _OTHERS[name](ops, *values, **step.attributes)
    theirs = name if name in _SAME else _RENAMED.get(name)
    if theirs is None:
        known = ", ".join(sorted({name.strip("_") for name in (*_SAME, *_RENAMED, *_OTHERS)}))
        message = _("The op {name} has no counterpart in Keras here. There are {names}.")
        raise NotTranslated(message.format(name=name.strip("_"), names=known))
    called: Callable[..., Any] = getattr(ops, theirs)
    return called
