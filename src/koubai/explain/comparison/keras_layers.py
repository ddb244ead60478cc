"""A Koubai network as one of Keras: a layer of Keras' for each of ours, with its weights in Keras' layout.

Values stay in PyTorch's layout between the layers, (N, C, H, W); around a convolution they are transposed. A
new layer is one function in `LAYERS`, which returns a `Part`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai import nn
from koubai.explain.comparison.theirs import NotTranslated
from koubai.i18n import N_, _
from koubai.nn.module import Module

__all__ = ["LAYERS", "Part", "Weight"]

_MERGED = N_(
    "Keras has one bias where PyTorch has two, b = bias_ih + bias_hh. Both of PyTorch's move, "
    "so what comes after the step "
    "cannot be compared."
)
_KERNEL = N_("Keras keeps a kernel as (in, out), the transpose of PyTorch's weight (out, in).")
_CONV_KERNEL = N_(
    "Keras keeps a convolution's kernel as (height, width, in, out) and channels last; "
    "PyTorch's is (out, in, height, width)."
)
_GATES = N_("The gates of the LSTM are in the same order in both: i, f, g, o; Keras calls g c.")
_INSIDE = N_("Keras' LSTM shows h and c only, not its gates.")


@dataclass(frozen=True)
class Weight:
    """A parameter of ours, and the variable of Keras' that it is in.

    Attributes:
        variable: Keras' variable.
        names: the parameter, by its name in its module; two of them if Keras keeps their sum.
        layout: from ours to Keras'.
        back: from Keras' to ours.
    """

    variable: Any
    names: tuple[str, ...]
    layout: Callable[[Any], Any] = lambda array: array
    back: Callable[[Any], Any] = lambda array: array


@dataclass
class Part:
    """A module in Keras.

    Attributes:
        call: what it computes, on tensors of Keras' backend in PyTorch's layout.
        weights: where its parameters are.
        notes: where Keras' conventions differ.
        merged: whether Keras keeps one bias for two.
    """

    call: Callable[..., Any]
    weights: Sequence[Weight] = ()
    notes: Sequence[str] = ()
    merged: bool = False


# --- layers


def _transpose(array: Any) -> Any:
    return np.swapaxes(array, 0, 1)


def _named(layer: Any, name: str) -> Callable[[], Any]:
    """A variable of a layer, which is there after its first call."""
    return lambda: getattr(layer, name)


def _with_bias(layer: Any, kernel: Weight, bias: bool) -> list[Weight]:
    return [kernel, Weight(_named(layer, "bias"), ("bias",))] if bias else [kernel]


def _linear(own: Any, keras: Any) -> Part:
    bias = own.bias is not None
    layer = keras.layers.Dense(own.out_features, use_bias=bias)
    kernel = Weight(_named(layer, "kernel"), ("weight",), _transpose, _transpose)
    return Part(layer, _with_bias(layer, kernel, bias), [_KERNEL])


def _convolution(own: Any, keras: Any) -> Part:
    dims = len(own.kernel_size)
    if own.padding_mode != "zeros" or isinstance(own.padding, str):
        raise NotTranslated(_("Keras is compared with padding by zeros, given as numbers."))
    make = keras.layers.Conv1D if dims == 1 else keras.layers.Conv2D
    bias = own.bias is not None
    layer = make(
        own.out_channels,
        own.kernel_size,
        strides=own.stride,
        dilation_rate=own.dilation,
        groups=own.groups,
        use_bias=bias,
        data_format="channels_last",
    )
    to, back = (*range(2, dims + 2), 1, 0), (dims + 1, dims, *range(dims))
    kernel = Weight(
        _named(layer, "kernel"), ("weight",), lambda a: a.transpose(to), lambda a: a.transpose(back)
    )
    padding = [(0, 0), (0, 0), *((size, size) for size in own.padding)]

    def call(x: Any) -> Any:
        return _channels_first(layer(_channels_last(keras.ops.pad(x, padding), keras)), keras)

    return Part(call, _with_bias(layer, kernel, bias), [_CONV_KERNEL])


def _channels_last(x: Any, keras: Any) -> Any:
    return keras.ops.moveaxis(x, 1, -1)


def _channels_first(x: Any, keras: Any) -> Any:
    return keras.ops.moveaxis(x, -1, 1)


def _pooling(name: str) -> Callable[[Any, Any], Part]:
    def build(own: Any, keras: Any) -> Part:
        if np.any(np.asarray(own.padding)) or own.ceil_mode:
            raise NotTranslated(_("Keras' pooling is compared without padding."))
        layer = getattr(keras.layers, name)(own.kernel_size, strides=own.stride, data_format="channels_last")
        return Part(lambda x: _channels_first(layer(_channels_last(x, keras)), keras))

    return build


def _lstm_cell(own: Any, keras: Any) -> Part:
    layer = keras.layers.LSTMCell(own.hidden_size, use_bias=own.bias)
    return Part(
        lambda x, h, c: tuple(layer(x, [h, c])[1]),
        _recurrent(layer, own.bias, ""),
        _lstm_notes(own),
        own.bias,
    )


def _lstm(own: Any, keras: Any) -> Part:
    if own.num_layers != 1 or own.bidirectional or own.proj_size or not own.batch_first:
        raise NotTranslated(
            _("Keras' LSTM is compared with one of one layer and direction, with batch_first=True.")
        )
    layer = keras.layers.LSTM(own.hidden_size, use_bias=own.bias, return_sequences=True)
    return Part(layer, _recurrent(layer.cell, own.bias, "_l0"), _lstm_notes(own), own.bias)


def _lstm_notes(own: Any) -> list[str]:
    return [_KERNEL, _GATES, _INSIDE, *([_MERGED] if own.bias else [])]


def _recurrent(cell: Any, bias: bool, end: str) -> list[Weight]:
    weights = [
        Weight(_named(cell, "kernel"), (f"weight_ih{end}",), _transpose, _transpose),
        Weight(_named(cell, "recurrent_kernel"), (f"weight_hh{end}",), _transpose, _transpose),
    ]
    return [*weights, Weight(_named(cell, "bias"), (f"bias_ih{end}", f"bias_hh{end}"))] if bias else weights


def _layer_norm(own: Any, keras: Any) -> Part:
    if len(own.normalized_shape) != 1 or own.weight is None or own.bias is None:
        raise NotTranslated(
            _("Keras' LayerNormalization is compared over one dimension, with weight and bias.")
        )
    layer = keras.layers.LayerNormalization(epsilon=own.eps)
    weights = [Weight(_named(layer, "gamma"), ("weight",)), Weight(_named(layer, "beta"), ("bias",))]
    return Part(
        layer,
        weights,
        [N_("Keras' LayerNormalization has ε = 1e-3 where nothing else is said, PyTorch's 1e-5.")],
    )


def _embedding(own: Any, keras: Any) -> Part:
    layer = keras.layers.Embedding(own.num_embeddings, own.embedding_dim)
    return Part(layer, [Weight(_named(layer, "embeddings"), ("weight",))])


def _dropout(own: Any, keras: Any) -> Part:
    if own.training and own.p:
        raise NotTranslated(_("Dropout is random, so it cannot be compared; set the network to eval()."))
    return Part(lambda x: x)


def _function(call: Callable[[Any, Any], Callable[[Any], Any]]) -> Callable[[Any, Any], Part]:
    return lambda own, keras: Part(call(own, keras.ops))


LAYERS: Mapping[type[Module], Callable[[Any, Any], Part]] = {
    nn.Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.MaxPool1d: _pooling("MaxPooling1D"),
    nn.MaxPool2d: _pooling("MaxPooling2D"),
    nn.AvgPool1d: _pooling("AveragePooling1D"),
    nn.AvgPool2d: _pooling("AveragePooling2D"),
    nn.LSTMCell: _lstm_cell,
    nn.LSTM: _lstm,
    nn.LayerNorm: _layer_norm,
    nn.Embedding: _embedding,
    nn.Dropout: _dropout,
    nn.Identity: _function(lambda own, ops: lambda x: x),
    nn.Flatten: _function(lambda own, ops: lambda x: ops.reshape(x, (*x.shape[: own.start_dim], -1))),
    nn.Sigmoid: _function(lambda own, ops: ops.sigmoid),
    nn.Tanh: _function(lambda own, ops: ops.tanh),
    nn.ReLU: _function(lambda own, ops: ops.relu),
    nn.LeakyReLU: _function(lambda own, ops: lambda x: ops.leaky_relu(x, own.negative_slope)),
    nn.ELU: _function(lambda own, ops: lambda x: ops.elu(x, own.alpha)),
    nn.SiLU: _function(lambda own, ops: ops.silu),
    nn.GELU: _function(lambda own, ops: lambda x: ops.gelu(x, own.approximate == "tanh")),
    nn.Softplus: _function(lambda own, ops: ops.softplus),
    nn.Softmax: _function(lambda own, ops: lambda x: ops.softmax(x, own.dim)),
    nn.LogSoftmax: _function(lambda own, ops: lambda x: ops.log_softmax(x, own.dim)),
}
