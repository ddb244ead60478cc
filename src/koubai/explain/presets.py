"""The networks that `koubai explain` knows by name, with numbers that are easy to calculate with by hand."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.explain.recording import label
from koubai.explain.worksheet import Problem
from koubai.i18n import N_, _
from koubai.nn import functional as F
from koubai.nn.module import Module

__all__ = ["ACTIVATIONS", "PRESETS", "Head", "Preset", "half_squared_error", "preset"]

ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}
Numbers = list[Any] | float


def half_squared_error(answer: Tensor, target: Tensor) -> Tensor:
    """L = ½ Σ (y − t)², whose derivative is y − t.

    Args:
        answer: any shape.
        target: of the same shape.
    """
    return ((answer - target) ** 2).sum() / 2


@dataclass(frozen=True)
class Preset:
    """A network by name.

    Attributes:
        title: what it is.
        model: makes the network for an activation.
        inputs: its arguments by the letters that they are called.
        target: what the loss compares with.
        parameters: the numbers of its parameters by their names; those that are left out stay as they are made.
        loss: the loss.
        lr: a learning rate at which the loss falls.
        activation: what it has without a wish; None for a network without one to choose.
    """

    title: str
    model: Callable[[Callable[[], Module]], Module]
    inputs: Mapping[str, Numbers]
    target: Numbers
    parameters: Mapping[str, Numbers] = field(default_factory=dict)
    loss: Callable[..., Tensor] = half_squared_error
    lr: float = 0.5
    activation: str | None = "sigmoid"


class _Classifier(nn.Linear):
    """Scores z of three classes."""

    def forward(self, input: Tensor) -> Tensor:
        return label("z", super().forward(input))


def _lstm_step(from_input: Tensor, from_state: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The formula of `nn.LSTMCell`, with the usual letters."""
    z = label("z", from_input + from_state)
    i, f, g, o = (
        label(letter, activation(part))
        for letter, activation, part in zip(
            "ifgo", (koubai.sigmoid, koubai.sigmoid, koubai.tanh, koubai.sigmoid), z.chunk(4, -1)
        )
    )
    c = label("c", f * state[1] + i * g)
    return label("h", o * c.tanh()), c


class _Cell(nn.LSTMCell):
    """An LSTM cell, called with the input and both states."""

    cell = staticmethod(_lstm_step)

    def forward(self, input: Tensor, h: Tensor, c: Tensor) -> Any:  # type: ignore[override]
        return super().forward(input, (h, c))


class Head(Module):
    """One attention head: softmax(Q Kᵀ / √D) V.

    Args:
        features: D, of a token.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(features, features, bias=False) for _part in "qkv")

    def forward(self, x: Tensor) -> Tensor:
        """Mix the values of all tokens for each.

        Args:
            x: tokens × features.
        """
        q, k, v = label("q", self.q(x)), label("k", self.k(x)), label("v", self.v(x))  # (tokens, features)
        scores = label("e", q @ k.transpose(-2, -1) / math.sqrt(x.shape[-1]))  # (tokens, tokens)
        return label("y", koubai.softmax(scores, -1) @ v)


def _layers(*sizes: int) -> Callable[[Callable[[], Module]], Module]:
    """Make networks of layers, each with its activation."""

    def make(activation: Callable[[], Module]) -> Module:
        pairs = [(nn.Linear(a, b), activation()) for a, b in pairwise(sizes)]
        return nn.Sequential(*(layer for pair in pairs for layer in pair))

    return make


PRESETS: dict[str, Preset] = {
    "2-2-1": Preset(
        N_("2-2-1 network"),
        _layers(2, 2, 1),
        {"x": [[1.0, 0.5]]},
        [[1.0]],
        {
            "0.weight": [[0.1, 0.2], [0.3, 0.4]],
            "0.bias": [0.1, -0.1],
            "2.weight": [[0.5, -0.6]],
            "2.bias": [0.2],
        },
    ),
    "neuron": Preset(
        N_("one neuron, y = f(wx + b)"),
        _layers(1, 1),
        {"x": [[1.5]]},
        [[1.0]],
        {"0.weight": [[0.6]], "0.bias": [-0.2]},
    ),
    "xor": Preset(
        N_("XOR, all four samples at once"),
        lambda activation: nn.Sequential(nn.Linear(2, 2), activation(), nn.Linear(2, 1)),
        {"x": [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]},
        [[0.0], [1.0], [1.0], [0.0]],
        {
            "0.weight": [[0.8, -0.9], [-0.7, 0.9]],
            "0.bias": [-0.1, 0.2],
            "2.weight": [[0.5, 0.6]],
            "2.bias": [0.1],
        },
        F.mse_loss,
        activation="tanh",
    ),
    "softmax": Preset(
        N_("softmax and cross-entropy"),
        lambda activation: _Classifier(2, 3),
        {"x": [[1.0, -0.5]]},
        [[0.0, 1.0, 0.0]],
        {"weight": [[0.4, 0.1], [-0.2, 0.3], [0.1, -0.5]], "bias": [0.0, 0.1, -0.1]},
        F.cross_entropy,
        activation=None,
    ),
    "convolution": Preset(
        N_("a tiny convolution"),
        lambda activation: nn.Sequential(nn.Conv2d(1, 1, 2), activation(), nn.Flatten(), nn.Linear(4, 1)),
        {"x": [[[[0.1, 0.5, 0.9], [0.4, 0.2, 0.6], [0.8, 0.3, 0.7]]]]},
        [[1.0]],
        {
            "0.weight": [[[[0.5, -0.3], [0.2, 0.4]]]],
            "0.bias": [0.1],
            "3.weight": [[0.2, -0.4, 0.6, 0.1]],
            "3.bias": [0.05],
        },
        lr=0.1,
        activation="relu",
    ),
    "lstm": Preset(
        N_("one LSTM cell"),
        lambda activation: _Cell(1, 1),
        {"x": [[1.0]], "h^t-1": [[0.2]], "c^t-1": [[0.5]]},
        [[0.8]],
        {
            "weight_ih": [[0.5], [0.4], [0.9], [0.6]],
            "weight_hh": [[0.1], [-0.2], [0.3], [0.2]],
            "bias_ih": [0.0, 1.0, 0.0, 0.0],
            "bias_hh": [0.1, 0.0, -0.1, 0.2],
        },
        activation=None,
    ),
    "attention": Preset(
        N_("one attention head"),
        lambda activation: Head(2),
        {"x": [[1.0, 0.5], [-0.5, 1.0]]},
        [[1.0, 0.0], [0.0, 1.0]],
        {
            "q.weight": [[0.4, 0.1], [-0.2, 0.3]],
            "k.weight": [[0.3, -0.1], [0.2, 0.5]],
            "v.weight": [[0.6, 0.2], [0.1, 0.7]],
        },
        activation=None,
    ),
}
"""The presets by name. Any other network of layers is named by its sizes, such as 3-4-2."""


def preset(name: str, activation: str | None = None, **options: Any) -> Problem:
    """Return a preset as the problem of a worksheet.

    Args:
        name: a key of `PRESETS`, or the sizes of layers, such as "3-4-2".
        activation: a key of `ACTIVATIONS`, for a network that has one to choose.
        options: the optimizer's options, or `optimizer`, instead of gradient descent with the preset's learning rate.

    Raises:
        ValueError: if there is no such preset or activation, or no activation to choose.

    Example:
        >>> print(solve(preset("2-2-1", "tanh", lr=0.1)))
    """
    chosen = PRESETS.get(name) or _of_sizes(name)
    model = chosen.model(_activation(chosen, activation)).double()
    for key, parameter in model.named_parameters():
        if key in chosen.parameters:
            with koubai.no_grad():
                parameter.copy_(_tensor(chosen.parameters[key]))
    optimizer = {"optimizer": options.pop("optimizer")} if "optimizer" in options else {}
    return Problem(
        model,
        tuple(map(_tensor, chosen.inputs.values())),
        _tensor(chosen.target),
        chosen.loss,
        options={"lr": chosen.lr, **options},
        letters=tuple(chosen.inputs),
        title=_(chosen.title),
        **optimizer,
    )


def _tensor(numbers: Numbers) -> Tensor:
    return koubai.tensor(numbers, dtype=koubai.float64)


def _activation(chosen: Preset, wish: str | None) -> Callable[[], Module]:
    if wish is None:
        return ACTIVATIONS[chosen.activation or "sigmoid"]
    if chosen.activation is None:
        raise ValueError(_("This network has no activation to choose."))
    if wish not in ACTIVATIONS:
        message = _("There is no activation {name}; there are {names}.")
        raise ValueError(message.format(name=wish, names=", ".join(ACTIVATIONS)))
    return ACTIVATIONS[wish]


def _of_sizes(name: str) -> Preset:
    """A network of layers by their sizes, with weights of one decimal between −1 and 1 that are always the same."""
    if not re.fullmatch(r"[1-9]\d*(-[1-9]\d*)+", name):
        message = _(
            "There is no network {name}; there are {names}, and layers by their sizes, such as 3-4-2."
        )
        raise ValueError(message.format(name=name, names=", ".join(PRESETS)))
    sizes = [int(size) for size in name.split("-")]
    draw = _tenths(sum(a * b + b for a, b in pairwise(sizes)))
    parameters: dict[str, Numbers] = {}
    for number, (a, b) in enumerate(pairwise(sizes)):
        parameters[f"{2 * number}.weight"] = [[next(draw) for _column in range(a)] for _row in range(b)]
        parameters[f"{2 * number}.bias"] = [next(draw) for _row in range(b)]
    inputs = [[round(1 - 0.5 * (k % 4), 1) for k in range(sizes[0])]]
    targets = [[float(k % 2 == 0) for k in range(sizes[-1])]]
    return Preset(N_("network of layers"), _layers(*sizes), {"x": inputs}, targets, parameters)


def _tenths(count: int) -> Any:
    generator = koubai.Generator().manual_seed(1986)
    return iter([round(value, 1) for value in (koubai.rand(count, generator=generator) * 2 - 1).tolist()])
