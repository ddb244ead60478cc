"""The networks as functions of JAX: `model(parameters, buffers, x)` returns scores and writes new buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.nn import gelu, relu, relu6

from native import models
from native.jax_layers import (
    Array,
    Arrays,
    attention,
    batch_norm,
    convolution,
    layer_norm,
    linear,
    lstm,
    max_pool,
)

Settings = dict[str, Any]


def mlp(p: Arrays, _: Arrays, x: Array, s: Settings) -> Array:
    """Linear layers with rectified units between them."""
    for layer in range(s["depth"]):
        x = relu(linear(p, f"{2 * layer}", x))
    return linear(p, f"{2 * s['depth']}", x)


def cnn(p: Arrays, _: Arrays, x: Array, __: Settings) -> Array:
    """Two convolutions with pooling, two linear layers."""
    x = max_pool(relu(convolution(p, "0", x)), 2, 2)
    x = max_pool(relu(convolution(p, "3", x)), 2, 2)
    x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)  # in the order in which the linear layer has its inputs
    return linear(p, "9", relu(linear(p, "7", x)))


def resnet20(p: Arrays, buffers: Arrays, x: Array, _: Settings) -> Array:
    """The residual network for 32 x 32."""
    x = relu(batch_norm(p, buffers, "1", convolution(p, "0", x)))
    for block in range(3, 12):
        stride = 2 if block in (6, 9) else 1
        x = _block(p, buffers, f"{block}", x, stride, _pad_shortcut(x, stride))
    return linear(p, "14", x.mean((1, 2)))


def resnet18(p: Arrays, buffers: Arrays, x: Array, _: Settings) -> Array:
    """The residual network for ImageNet."""
    x = max_pool(relu(batch_norm(p, buffers, "1", convolution(p, "0", x, 2, 3))), 3, 2, 1)
    for block in range(4, 12):
        stride, shortcut = 1, x
        if f"{block}.downsample.0.weight" in p:
            stride = 2
            shortcut = convolution(p, f"{block}.downsample.0", x, stride, 0)
            shortcut = batch_norm(p, buffers, f"{block}.downsample.1", shortcut)
        x = _block(p, buffers, f"{block}", x, stride, shortcut)
    return linear(p, "14", x.mean((1, 2)))


def _block(p: Arrays, buffers: Arrays, name: str, x: Array, stride: int, shortcut: Array) -> Array:
    y = relu(batch_norm(p, buffers, f"{name}.bn1", convolution(p, f"{name}.conv1", x, stride)))
    return relu(batch_norm(p, buffers, f"{name}.bn2", convolution(p, f"{name}.conv2", y)) + shortcut)


def _pad_shortcut(x: Array, stride: int) -> Array:
    missing = x.shape[-1] // 2 if stride > 1 else 0
    return jnp.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (missing, missing)))


def mobilenet_v2(p: Arrays, buffers: Arrays, x: Array, _: Settings) -> Array:
    """The network of convolutions of single channels, for ImageNet."""
    x = relu6(_normalized(p, buffers, "", 0, x, 2, 1))
    name = 3
    for factor, _, count, stride in models.MOBILE_STAGES:
        for number in range(count):
            x = _mobile_block(p, buffers, f"{name}.body.", x, 1 if number else stride, factor > 1)
            name += 1
    x = relu6(_normalized(p, buffers, "", name, x))
    return linear(p, f"{name + 5}", x.mean((1, 2)))


def _mobile_block(p: Arrays, buffers: Arrays, name: str, x: Array, stride: int, widens: bool) -> Array:
    y, at = x, 0
    if widens:
        y, at = relu6(_normalized(p, buffers, name, 0, x)), 3
    y = relu6(_normalized(p, buffers, name, at, y, stride, 1))
    y = _normalized(p, buffers, name, at + 3, y)
    return x + y if x.shape == y.shape else y


def _normalized(
    p: Arrays, buffers: Arrays, name: str, at: int, x: Array, stride: int = 1, padding: int = 0
) -> Array:
    return batch_norm(p, buffers, f"{name}{at + 1}", convolution(p, f"{name}{at}", x, stride, padding))


def char_lstm(p: Arrays, _: Arrays, tokens: Array, __: Settings) -> Array:
    """The character LSTM."""
    states = lstm(p, "lstm", p["embedding.weight"][tokens])
    return linear(p, "head", states.reshape(-1, states.shape[-1]))


def gpt(p: Arrays, _: Arrays, tokens: Array, s: Settings) -> Array:
    """The small GPT."""
    x = p["tokens.weight"][tokens] + p["positions.weight"]
    for layer in range(s["layers"]):
        name = f"blocks.{layer}"
        x = x + attention(p, f"{name}.attention", layer_norm(p, f"{name}.norm1", x), s["heads"])
        hidden = gelu(linear(p, f"{name}.mlp.0", layer_norm(p, f"{name}.norm2", x)), approximate=False)
        x = x + linear(p, f"{name}.mlp.2", hidden)
    return linear(p, "head", layer_norm(p, "norm", x).reshape(-1, s["width"]))


MODELS: dict[Callable[..., Any], Callable[[Arrays, Arrays, Array, Settings], Array]] = {
    models.mlp: mlp,
    models.cnn: cnn,
    models.resnet20: resnet20,
    models.resnet18: resnet18,
    models.mobilenet_v2: mobilenet_v2,
    models.char_lstm: char_lstm,
    models.gpt: gpt,
}
