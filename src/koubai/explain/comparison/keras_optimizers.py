"""Keras' optimizers with our options, and their memory under PyTorch's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai import optim
from koubai.explain.comparison.theirs import NotTranslated
from koubai.i18n import N_, _
from koubai.optim.optimizer import Optimizer

__all__ = ["TINY", "KerasOptimizer", "keras_optimizer", "remembered", "without_epsilon"]

TINY = 1e-30  # instead of ε, where Keras adds it under the root and PyTorch beside it
_ADAM = N_(
    "Keras adds ε before the bias correction and PyTorch after it, so Keras gets ε·√(1 − β₂ⁿ) "
    "in step n. Keras' own is 1e-7."
)
_UNDER_THE_ROOT = N_("Keras adds ε under the root and PyTorch beside it, so both get ε = 1e-30 here.")
_MOMENTUM = N_(
    "Keras' momentum has the classical form, v ← γ·v − η·∂L/∂w; PyTorch's v is −1/η times that as long as η stays."
)


@dataclass(frozen=True)
class KerasOptimizer:
    """How to make one.

    Attributes:
        name: of Keras' class.
        options: Keras' names of options by ours.
        memory: ours for the lists of variables in which Keras remembers something.
        notes: where Keras differs.
    """

    name: str
    options: Mapping[str, str]
    memory: Mapping[str, str]
    notes: tuple[str, ...] = ()


_BETAS = {"beta1": "beta_1", "beta2": "beta_2"}
_MOMENTS = {"exp_avg": "_momentums", "exp_avg_sq": "_velocities"}
_KNOWN: Mapping[type[Optimizer], KerasOptimizer] = {
    optim.SGD: KerasOptimizer(
        "SGD", {"momentum": "momentum", "nesterov": "nesterov"}, {"velocity": "momentums"}
    ),
    optim.AdamW: KerasOptimizer(
        "AdamW", {**_BETAS, "eps": "epsilon", "weight_decay": "weight_decay"}, _MOMENTS, (_ADAM,)
    ),
    optim.Adam: KerasOptimizer("Adam", {**_BETAS, "eps": "epsilon"}, _MOMENTS, (_ADAM,)),
    optim.RMSprop: KerasOptimizer(
        "RMSprop",
        {"alpha": "rho", "momentum": "momentum", "eps": "epsilon"},
        {"square_avg": "_velocities"},
        (_UNDER_THE_ROOT,),
    ),
    optim.Adagrad: KerasOptimizer(
        "Adagrad",
        {"initial_accumulator_value": "initial_accumulator_value", "eps": "epsilon"},
        {"sum": "_accumulators"},
        (
            _UNDER_THE_ROOT,
            N_("Keras' Adagrad begins its sum at 0.1 where nothing else is said; here it begins at 0."),
        ),
    ),
    optim.Lion: KerasOptimizer("Lion", _BETAS, {"exp_avg": "_momentums"}),
}
_OURS_ALONE = frozenset(
    {"form", "decoupled_weight_decay", "foreach", "fused", "capturable", "differentiable"}
)


def without_epsilon(optimizer: type[Optimizer], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with which Keras' place of ε makes no difference."""
    known = _KNOWN.get(optimizer)
    return {"eps": TINY, **options} if known and _UNDER_THE_ROOT in known.notes else dict(options)


def keras_optimizer(made: Optimizer, keras: Any) -> tuple[Any, KerasOptimizer, list[str]]:
    """Make Keras' counterpart of an optimizer.

    Args:
        made: ours.
        keras: the module.

    Returns:
        Keras' optimizer, what is known of it, and where it differs, in the user's language.

    Raises:
        NotTranslated: if Keras has none, or not the option.
    """
    known = _KNOWN.get(type(made))
    if known is None:
        names = ", ".join(kind.__name__ for kind in _KNOWN)
        message = _("{name} is not compared with Keras; there are {names}.")
        raise NotTranslated(message.format(name=type(made).__name__, names=names))
    group = dict(made.param_groups[0])
    if "betas" in group:
        group["beta1"], group["beta2"] = group.pop("betas")
    given = {theirs: _plain(group.pop(ours)) for ours, theirs in known.options.items()}
    lr = float(group.pop("lr"))
    group.pop("params")
    wrong = [name for name, value in group.items() if value and name not in _OURS_ALONE]
    if wrong:
        message = _("Keras' {name} has no {options} as PyTorch has it.")
        raise NotTranslated(message.format(name=known.name, options=", ".join(wrong)))
    momentum = type(made) is optim.SGD and given["momentum"]
    notes = [*known.notes, *([_MOMENTUM] if momentum else [])]
    kind = getattr(keras.optimizers, known.name)
    return kind(learning_rate=lr, **given), known, [_(note) for note in notes]


def _plain(value: Any) -> Any:
    """Keras wants 0.0 where PyTorch takes 0, and TensorFlow makes plain numbers float32."""
    return value if isinstance(value, bool) else np.float64(value)


def remembered(optimizer: Any, known: KerasOptimizer, place: int) -> dict[str, Any]:
    """What Keras remembers of one variable, by our names."""
    return {
        ours: getattr(optimizer, theirs)[place]
        for ours, theirs in known.memory.items()
        if len(getattr(optimizer, theirs, ()))
    }
