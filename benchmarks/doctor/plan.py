"""A training as a cases file describes it, checked: `Plan.of(spec)` knows every word, or says which it does not.

Names and defaults are those of Keras, because the published faults are programs written with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from doctor.initial import INITIALISERS, split
from doctor.losses import LOSSES
from doctor.scores import METRICS, metric_word

__all__ = ["ACTIVATIONS", "OPTIMIZERS", "Layer", "Loop", "Plan", "UnknownWord"]

ACTIVATIONS = {
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "celu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "hard_silu",
    "tanh",
    "hard_tanh",
    "sigmoid",
    "hard_sigmoid",
    "softplus",
    "softsign",
    "softmax",
    "double_softmax",
    "log_softmax",
    "exponential",
}
_OTHER_NAMES = {
    "none": "linear",
    "identity": "linear",
    "lrelu": "leaky_relu",
    "leakyrelu": "leaky_relu",
    "swish": "silu",
    "hardswish": "hard_silu",
    "hardsigmoid": "hard_sigmoid",
    "logistic": "sigmoid",
    "exp": "exponential",
}
OPTIMIZERS: dict[str, dict[str, Any]] = {  # with what Keras has where a case says nothing
    "sgd": {"lr": 0.01},
    "rmsprop": {"lr": 0.001, "rho": 0.9, "epsilon": 1e-7},
    "adam": {"lr": 0.001, "epsilon": 1e-7},
    "adamw": {"lr": 0.001, "epsilon": 1e-7, "weight_decay": 0.004},
    "adamax": {"lr": 0.001, "epsilon": 1e-7},
    "nadam": {"lr": 0.001, "epsilon": 1e-7},
    "adagrad": {"lr": 0.001, "epsilon": 1e-7, "initial_accumulator_value": 0.1},
    "adadelta": {"lr": 0.001, "rho": 0.95, "epsilon": 1e-7},
}
_OPTIONS = {
    "lr",
    "momentum",
    "nesterov",
    "decay",
    "rho",
    "beta_1",
    "beta_2",
    "epsilon",
    "amsgrad",
    "centered",
    "initial_accumulator_value",
    "weight_decay",
    "l1",
    "l2",
    "clipnorm",
    "clipvalue",
}
_SAME_OPTION = {"learning_rate": "lr", "eps": "epsilon", "clip_norm": "clipnorm", "clip_value": "clipvalue"}


class UnknownWord(ValueError):
    """A case says something that has no meaning here."""


@dataclass(frozen=True)
class Layer:
    """A dense layer and what follows it: batch normalisation, then the activation, then dropout."""

    units: int
    act: str = "linear"
    init: str = "glorot_uniform"
    dropout: float = 0.0
    batchnorm: bool = False


@dataclass(frozen=True)
class Loop:
    """What a training loop does in each step; as it is here, nothing is wrong with it.

    Attributes:
        gradient_sign: -1 goes up the gradient.
        zero_grad: whether gradients are cleared before each step.
        shuffle: whether each epoch has a new order.
        detach: the number of the layer whose output is cut from the graph; True is the last but one.
        train_mode: whether `model.train()` is called for training; else all of it runs in evaluation mode.
        eval_mode: whether `model.eval()` is called for evaluation; else dropout stays on there.
    """

    gradient_sign: int = 1
    zero_grad: bool = True
    shuffle: bool = True
    detach: int | bool | None = None
    train_mode: bool = True
    eval_mode: bool = True

    @property
    def plain(self) -> bool:
        """Whether a trainer's own loop does the same."""
        return self.gradient_sign == 1 and self.zero_grad and self.train_mode and self.eval_mode


@dataclass(frozen=True)
class Plan:
    """All that a case says of its training, except the numbers of its data."""

    id: str
    layers: tuple[Layer, ...]
    loss: str
    optimizer: Mapping[str, Any]
    batch_size: int
    epochs: int
    metric: str
    x_scale: str | None = None
    y_scale: str | None = None
    onehot: int | bool = False
    loop: Loop = field(default_factory=Loop)

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Plan:
        """Read a case.

        Raises:
            UnknownWord: naming the case and the word.
        """
        name, data = spec["id"], spec["data"]
        _known(name, "metric", metric_word(spec["metric"]), METRICS)
        return cls(
            id=name,
            layers=tuple(_layer(name, layer) for layer in spec["layers"]),
            loss=_known(name, "loss", _plain(spec["loss"]), LOSSES),
            optimizer=_optimizer(name, spec["optimizer"]),
            batch_size=int(spec["batch_size"]),
            epochs=int(spec["epochs"]),
            metric=spec["metric"],
            x_scale=data.get("x_scale"),
            y_scale=data.get("y_scale"),
            onehot=data.get("onehot", False),
            loop=Loop(**_only(name, "loop", spec.get("loop", {}), Loop)),
        )


def _layer(case: str, said: Mapping[str, Any]) -> Layer:
    layer = Layer(**_only(case, "layer", {k: v for k, v in said.items() if v is not None}, Layer))
    name = _plain(layer.act)
    act = _known(case, "activation", _OTHER_NAMES.get(name, name), ACTIVATIONS)
    _known(case, "initialiser", split(layer.init)[0], INITIALISERS)
    return Layer(int(layer.units), act, layer.init, float(layer.dropout), bool(layer.batchnorm))


def _optimizer(case: str, said: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return the options, those that were not said as Keras has them."""
    said = {"name": said} if isinstance(said, str) else said
    options = {_SAME_OPTION.get(key, key): value for key, value in said.items() if value is not None}
    name = _known(case, "optimizer", _plain(options.pop("name")), OPTIMIZERS)
    for option in options:
        _known(case, "option of the optimizer", option, _OPTIONS)
    return {"name": name, **OPTIMIZERS[name], **options}


def _only(case: str, what: str, said: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Return what was said of a part, if the part has all of that."""
    for key in said:
        _known(case, f"property of a {what}", key, [entry.name for entry in fields(kind)])
    return dict(said)


def _plain(word: str) -> str:
    return word.lower().replace(" ", "_").replace("-", "_")


def _known(case: str, what: str, word: str, words: Iterable[str]) -> str:
    if word not in words:
        raise UnknownWord(f"case {case}: unknown {what} {word!r}; known are {', '.join(sorted(words))}")
    return word
