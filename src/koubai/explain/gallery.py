"""Activations and first weights side by side: what an activation does, and whether gradients get through a deep net.

Nothing here is a formula from a book: functions and derivatives are the engine's own, and gradients are measured in
networks that it runs forward and back, before any training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.i18n import N_, _
from koubai.nn import init
from koubai.nn.module import Module

__all__ = [
    "GALLERY",
    "INITS",
    "NORMS",
    "Curve",
    "Fate",
    "Flow",
    "Setting",
    "curve",
    "init_title",
    "measure",
    "settings",
]

Array = NDArray[np.float64]
Norm = Literal["none", "batch", "layer"]
NORMS: tuple[Norm, ...] = get_args(Norm)

GALLERY: dict[str, Callable[[], Module]] = {
    "sigmoid": nn.Sigmoid,
    "hardsigmoid": nn.Hardsigmoid,
    "logsigmoid": nn.LogSigmoid,
    "tanh": nn.Tanh,
    "hardtanh": nn.Hardtanh,
    "softsign": nn.Softsign,
    "tanhshrink": nn.Tanhshrink,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "rrelu": nn.RReLU,
    "threshold": lambda: nn.Threshold(0.5, 0.0),
    "elu": nn.ELU,
    "celu": nn.CELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hardswish": nn.Hardswish,
    "softplus": nn.Softplus,
    "hardshrink": nn.Hardshrink,
    "softshrink": nn.Softshrink,
}
"""The activations of `koubai.nn` that work number by number, with their default options."""

INITS: dict[str, tuple[str, Callable[[Tensor], Tensor] | None]] = {
    "pytorch": ("PyTorch", None),
    "small": (N_("small"), lambda weight: init.normal_(weight, 0.0, 0.01)),
    "large": (N_("large"), lambda weight: init.normal_(weight, 0.0, 1.0)),
    "xavier": ("Xavier", init.xavier_normal_),
    "he": ("He", lambda weight: init.kaiming_normal_(weight, nonlinearity="relu")),
    "lecun": ("LeCun", init.lecun_normal_),
    "orthogonal": (N_("orthogonal"), init.orthogonal_),
}
"""First weights: what they are called, and what fills a weight; None leaves the default of `nn.Linear`, bias too.

small and large are normal with a deviation of 0.01 and 1. Where a weight is filled, the bias is 0.
"""

_FAR = 1e3  # a gradient that changes less from the last layer to the first has got through


def init_title(name: str) -> str:
    """What first weights are called, in the user's language."""
    return _(INITS[name][0])


@dataclass(frozen=True)
class Curve:
    """An activation and its derivative.

    Attributes:
        x: inputs.
        y: the activation at each.
        slope: its derivative at each, by backpropagation.
    """

    x: Array
    y: Array
    slope: Array


def curve(activation: str, reach: float = 5.0, points: int = 201) -> Curve:
    """The graph of an activation and of its derivative, by the engine.

    Args:
        activation: a key of `GALLERY`.
        reach: from −reach to reach.
        points: how many.

    Raises:
        ValueError: there is no such activation.

    Example:
        >>> curve("sigmoid").slope.max()
        0.25
    """
    x = koubai.linspace(-reach, reach, points, dtype=koubai.float64).requires_grad_()
    y = GALLERY[_known(activation)]().double().eval()(x)
    y.sum().backward()
    assert x.grad is not None
    return Curve(*(np.array(part.detach().numpy(), np.float64) for part in (x, y, x.grad)))


def _known(activation: str) -> str:
    if activation not in GALLERY:
        message = _("There is no activation {name}; there are {names}.")
        raise ValueError(message.format(name=activation, names=", ".join(GALLERY)))
    return activation


@dataclass(frozen=True)
class Setting:
    """How a deep network is made.

    Attributes:
        activation: a key of `GALLERY`.
        init: a key of `INITS`.
        residual: whether each layer has a connection around it.
        norm: what normalises before each activation: "none", "batch" or "layer".
    """

    activation: str
    init: str = "pytorch"
    residual: bool = False
    norm: Norm = "none"


class Fate(StrEnum):
    """What becomes of a gradient on its way from the last layer to the first."""

    VANISHES = "vanishes"
    STAYS = "stays"
    EXPLODES = "explodes"

    @property
    def words(self) -> str:
        """In the user's language."""
        return _(_FATES[self])

    @property
    def mark(self) -> str:
        """A sign for it."""
        return {"vanishes": "▼", "stays": "●", "explodes": "▲"}[self]


_FATES = {Fate.VANISHES: N_("vanishes"), Fate.STAYS: N_("stays"), Fate.EXPLODES: N_("explodes")}


@dataclass(frozen=True)
class Flow:
    """What was measured in networks of one setting.

    Attributes:
        setting: how they were made.
        gradients: root mean square of the gradient at each layer's output, (seeds, layers), the first layer first.
        signals: root mean square of each layer's output, (seeds, layers).
    """

    setting: Setting
    gradients: Array
    signals: Array

    @property
    def ratio(self) -> float:
        """The gradient at the first layer by that at the last; the median of the seeds."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return float(np.median(self.gradients[:, 0] / self.gradients[:, -1]))

    @property
    def fate(self) -> Fate:
        """Whether it vanishes (below a thousandth), explodes (above a thousandfold, or is no number), or stays."""
        if not math.isfinite(self.ratio) or self.ratio > _FAR:
            return Fate.EXPLODES
        return Fate.VANISHES if self.ratio < 1 / _FAR else Fate.STAYS


def settings(
    activations: Iterable[str] = GALLERY,
    inits: Iterable[str] = INITS,
    residuals: Iterable[bool] = (False,),
    norms: Iterable[Norm] = ("none",),
) -> Iterator[Setting]:
    """Every combination of these."""
    chosen = product(residuals, norms, activations, inits)
    return (Setting(activation, first, residual, norm) for residual, norm, activation, first in chosen)


def measure(setting: Setting, *, depth: int = 30, width: int = 64, samples: int = 64, seeds: int = 3) -> Flow:
    """Send a signal forward and a gradient back through new networks, and see how large they are at each layer.

    The input is normal noise with deviation 1, as data are after normalisation, and so is the gradient that arrives at
    the last layer. All is computed in float64, so that what vanishes does not end in zeros before it is measured. The
    global generator stays where it is.

    Args:
        setting: how the networks are made.
        depth: layers.
        width: units in each layer.
        samples: in the batch.
        seeds: networks.

    Raises:
        ValueError: there is no such activation, or a size is not positive.
    """
    _check(setting, depth, width, samples, seeds)
    with koubai.fork_rng():
        blocks = [_block(setting, width) for _layer in range(depth)]
        passes = [_pass(setting, blocks, width, samples, seed) for seed in range(seeds)]
    gradients, signals = (np.array(part) for part in zip(*passes))
    return Flow(setting, gradients, signals)


def _check(setting: Setting, *sizes: int) -> None:
    _known(setting.activation)
    if setting.init not in INITS or setting.norm not in NORMS:
        message = _("first weights are one of {inits}, normalisation one of {norms}")
        raise ValueError(message.format(inits=", ".join(INITS), norms=", ".join(NORMS)))
    if min(sizes) < 1 or (setting.norm == "batch" and sizes[2] < 2):
        raise ValueError(
            _("depth, width, samples and seeds are at least 1, and samples 2 with batch normalisation")
        )


def _block(setting: Setting, width: int) -> Module:
    """One layer: Linear, normalisation, activation, and maybe a connection around them."""
    norms: dict[str, list[Module]] = {
        "none": [],
        "batch": [nn.BatchNorm1d(width)],
        "layer": [nn.LayerNorm(width)],
    }
    parts = [nn.Linear(width, width), *norms[setting.norm], GALLERY[setting.activation]()]
    block = nn.Sequential(*parts)
    return (nn.Residual(block) if setting.residual else block).double()


def _pass(
    setting: Setting, blocks: list[Module], width: int, samples: int, seed: int
) -> tuple[list[float], list[float]]:
    """Gradients and signals of one network."""
    _fill(blocks, _first_weights(setting.init, len(blocks), width, seed))
    koubai.manual_seed(seed)
    x, arriving = (koubai.randn(samples, width, dtype=koubai.float64) for _part in range(2))
    outputs = [blocks[0](x.requires_grad_())]
    for block in blocks[1:]:
        outputs.append(block(outputs[-1]))
    gradients = koubai.grad((outputs[-1] * arriving).sum(), outputs)
    return [_size(gradient) for gradient in gradients], [_size(output) for output in outputs]


@lru_cache(maxsize=32)
def _first_weights(name: str, depth: int, width: int, seed: int) -> list[dict[str, Tensor]]:
    """The first weights of all layers; they are drawn once for all activations, which makes these comparable."""
    koubai.manual_seed(seed)
    return [_drawn(INITS[name][1], width) for _layer in range(depth)]


def _drawn(fill: Callable[[Tensor], Tensor] | None, width: int) -> dict[str, Tensor]:
    layer = nn.Linear(width, width)
    if fill is not None and layer.bias is not None:
        fill(layer.weight)
        init.zeros_(layer.bias)
    return layer.state_dict()


def _fill(blocks: list[Module], weights: list[dict[str, Tensor]]) -> None:
    layers = (layer for block in blocks for layer in block.modules() if isinstance(layer, nn.Linear))
    for layer, drawn in zip(layers, weights):
        layer.load_state_dict(drawn)


def _size(tensor: Tensor | None) -> float:
    """Root mean square."""
    if tensor is None:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean(np.asarray(tensor.detach().numpy()) ** 2)))
