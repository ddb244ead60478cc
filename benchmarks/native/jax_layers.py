"""The layers of the networks as functions of JAX, channels last, which is how XLA likes images on CPUs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Array = Any
Arrays = dict[str, Array]  # by the names that the parameters have in PyTorch

IMAGES = ("NHWC", "HWIO", "NHWC")


def linear(p: Arrays, name: str, x: Array) -> Array:
    """x W + b; weights are stored (inputs, outputs)."""
    y = x @ p[f"{name}.weight"]
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def convolution(p: Arrays, name: str, x: Array, stride: int = 1, padding: int = 1) -> Array:
    """A convolution of images, in groups if its weight has fewer channels than they."""
    weight, padded = p[f"{name}.weight"], ((padding, padding), (padding, padding))
    y = lax.conv_general_dilated(
        x,
        weight,
        (stride, stride),
        padded,
        dimension_numbers=IMAGES,
        feature_group_count=x.shape[-1] // weight.shape[-2],
    )
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def max_pool(x: Array, size: int, stride: int, padding: int = 0) -> Array:
    """The largest value of each window."""
    padded = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, stride, stride, 1), padded)


def batch_norm(p: Arrays, buffers: Arrays, name: str, x: Array) -> Array:
    """Normalise each channel over the batch, and move the running statistics in `buffers`."""
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    count = x.size // x.shape[-1]
    moved = {"running_mean": mean, "running_var": var * (count / (count - 1))}
    for entry, value in moved.items():
        old = buffers[f"{name}.{entry}"]
        buffers[f"{name}.{entry}"] = old + 0.1 * (lax.stop_gradient(value) - old)
    return (x - mean) * (lax.rsqrt(var + 1e-5) * p[f"{name}.weight"]) + p[f"{name}.bias"]


def layer_norm(p: Arrays, name: str, x: Array) -> Array:
    """Normalise each row."""
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def lstm(p: Arrays, name: str, x: Array) -> Array:
    """All states of an LSTM over (N, T, inputs); the input's product is taken out of the loop."""
    gates = x.swapaxes(0, 1) @ p[f"{name}.weight_ih_l0"] + p[f"{name}.bias_ih_l0"] + p[f"{name}.bias_hh_l0"]
    recurrent = p[f"{name}.weight_hh_l0"]
    zero = jnp.zeros((x.shape[0], recurrent.shape[0]), x.dtype)

    def cell(carry: tuple[Array, Array], gate: Array) -> tuple[tuple[Array, Array], Array]:
        h, c = carry
        i, f, g, o = jnp.split(gate + h @ recurrent, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    _, states = lax.scan(cell, (zero, zero), gates)
    return states.swapaxes(0, 1)


def attention(p: Arrays, name: str, x: Array, heads: int) -> Array:
    """Causal self-attention over (N, T, width)."""
    n, t, width = x.shape
    split = linear(p, f"{name}.qkv", x).reshape(n, t, 3, heads, width // heads)
    q, k, v = jnp.moveaxis(split, 2, 0)
    scores = jnp.einsum("nqhd,nkhd->nhqk", q, k) * (width // heads) ** -0.5
    scores = jnp.where(jnp.tril(jnp.ones((t, t), bool)), scores, -jnp.inf)
    mixed = jnp.einsum("nhqk,nkhd->nqhd", jax.nn.softmax(scores), v)
    return linear(p, f"{name}.out", mixed.reshape(n, t, width))


def cross_entropy(scores: Array, labels: Array) -> Array:
    """The mean over all rows."""
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], axis=-1).mean()
