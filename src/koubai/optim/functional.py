"""The update rules on bare NumPy arrays: dictionaries in, parameters changed in place.

They are the very rules of the optimizers, which are here too (`adam`, a pure function on tensors, is what
`adam_update` applies to arrays). Use them with gradients you computed yourself, for instance in a
network written by hand:

    >>> sgd_update(params, grads, learning_rate=0.1)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai import optim
from koubai.optim.adadelta import adadelta
from koubai.optim.adafactor import adafactor
from koubai.optim.adagrad import adagrad
from koubai.optim.adam import adam
from koubai.optim.adamax import adamax
from koubai.optim.asgd import asgd
from koubai.optim.lamb import lamb
from koubai.optim.lion import lion
from koubai.optim.muon import muon
from koubai.optim.nadam import nadam
from koubai.optim.options import check_options
from koubai.optim.radam import radam
from koubai.optim.rmsprop import rmsprop
from koubai.optim.rprop import rprop
from koubai.optim.rule import Rule, Scalars, rule
from koubai.optim.sgd import sgd

__all__ = [
    "Rule",
    "Scalars",
    "adadelta",
    "adadelta_update",
    "adafactor",
    "adafactor_update",
    "adagrad",
    "adagrad_update",
    "adam",
    "adam_update",
    "adamax",
    "adamax_update",
    "adamw_update",
    "asgd",
    "asgd_update",
    "lamb",
    "lamb_update",
    "lion",
    "lion_update",
    "momentum_update",
    "muon",
    "muon_update",
    "nadam",
    "nadam_update",
    "nesterov_update",
    "radam",
    "radam_update",
    "rmsprop",
    "rmsprop_update",
    "rprop",
    "rprop_update",
    "rule",
    "sgd",
    "sgd_update",
]

Arrays = dict[str, NDArray[Any]]
Memory = dict[str, Arrays]  # for each parameter what its rule remembers


def sgd_update(params: Arrays, grads: Arrays, learning_rate: float = 0.01) -> Arrays:
    """Change every parameter in place by one step of gradient descent, `w ← w − η g`.

    Args:
        params: the parameters by name, arrays of any shapes and of a floating type.
        grads: for each of these names the gradient of the loss, of the parameter's shape.
        learning_rate: η, at least 0; usual values are 0.01 to 0.1.

    Returns:
        `params`.

    Raises:
        KeyError: if a parameter has no gradient.
        TypeError: if a parameter is not an array of a floating type, and so cannot be changed in place.
        ValueError: if shapes differ, or the learning rate is negative.

    Example:
        >>> params = {"w": np.array([1.0, 2.0])}
        >>> sgd_update(params, {"w": np.array([1.0, -1.0])}, learning_rate=0.1)
        {'w': array([0.9, 2.1])}
    """
    return _apply(optim.SGD, params, grads, {}, {"lr": learning_rate})


def momentum_update(
    params: Arrays, grads: Arrays, velocity: Arrays, learning_rate: float = 0.01, momentum: float = 0.9
) -> Arrays:
    """Change every parameter in place by one step with classical momentum, `v ← γ v − η g`, `w ← w + v`.

    Args:
        params: the parameters by name.
        grads: their gradients.
        velocity: v of each parameter, changed in place too; names that are missing begin at 0, so {} will do.
        learning_rate: η, at least 0.
        momentum: γ, usually 0.9.

    Returns:
        `params`.

    Raises:
        as `sgd_update`.
    """
    return _classical(params, grads, velocity, learning_rate, momentum, nesterov=False)


def nesterov_update(
    params: Arrays, grads: Arrays, velocity: Arrays, learning_rate: float = 0.01, momentum: float = 0.9
) -> Arrays:
    """Change every parameter in place by one Nesterov step, `v ← γ v − η g`, `w ← w + γ v − η g`.

    Args and returns are those of `momentum_update`; the gradients are those at `params`.
    """
    return _classical(params, grads, velocity, learning_rate, momentum, nesterov=True)


def _classical(
    params: Arrays, grads: Arrays, velocity: Arrays, learning_rate: float, momentum: float, nesterov: bool
) -> Arrays:
    options = {"lr": learning_rate, "momentum": momentum, "nesterov": nesterov, "form": "classical"}
    memory = {name: {"velocity": v} for name, v in velocity.items()}
    _apply(optim.SGD, params, grads, memory, options)
    velocity.update((name, entries["velocity"]) for name, entries in memory.items() if "velocity" in entries)
    return params


def _face(optimizer: type[optim.Optimizer]) -> Callable[..., Arrays]:
    """Return the function that does one step of `optimizer`'s rule on arrays."""
    defaults = _defaults(optimizer)
    default_rate = defaults["lr"]

    def update(
        params: Arrays, grads: Arrays, state: Memory, learning_rate: float = default_rate, **options: Any
    ) -> Arrays:
        unknown = set(options) - set(defaults)
        if unknown:
            raise TypeError(f"{update.__name__} has no option {', '.join(sorted(unknown))}")
        return _apply(optimizer, params, grads, state, {**options, "lr": learning_rate})

    update.__name__ = update.__qualname__ = f"{optimizer.__name__.lower()}_update"
    update.__doc__ = f"""Change every parameter in place by one step of {optimizer.__name__}.

    Args:
        params: the parameters by name, arrays of any shapes and of a floating type.
        grads: for each of these names the gradient of the loss, of the parameter's shape.
        state: what the rule remembers of each parameter, changed in place too; begin with {{}}.
        learning_rate: by default {default_rate}.
        **options: those of `optim.{optimizer.__name__}`, with the same names and defaults.

    Returns:
        `params`.

    Raises:
        as `sgd_update`; TypeError for an option that the optimizer does not have.
    """
    return update


def _defaults(optimizer: type[optim.Optimizer]) -> dict[str, Any]:
    """Return the options that the optimizer's signature declares, with their defaults."""
    parameters = inspect.signature(optimizer).parameters.items()
    return {name: entry.default for name, entry in parameters if name != "params"} | optimizer.fixed


def _apply(
    optimizer: type[optim.Optimizer], params: Arrays, grads: Arrays, memory: Memory, options: dict[str, Any]
) -> Arrays:
    """Do one step on all parameters, or on none if something is wrong with one."""
    group = _defaults(optimizer) | options
    check_options(group, optimizer.__name__)
    for name, array in params.items():
        _check(name, array, grads)
    with koubai.no_grad():
        for name, array in params.items():
            _update(optimizer.rule, array, np.asarray(grads[name]), memory.setdefault(name, {}), group)
    return params


def _check(name: str, array: Any, grads: Arrays) -> None:
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        kind = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
        raise TypeError(f"params[{name!r}] is {kind}; only arrays of a floating type can be updated in place")
    if name not in grads:
        raise KeyError(f"grads has no entry {name!r}, only {sorted(grads)}")
    if np.shape(grads[name]) != array.shape:
        raise ValueError(
            f"grads[{name!r}] has shape {list(np.shape(grads[name]))}, params[{name!r}] has {list(array.shape)}"
        )


def _update(
    rule: Rule, array: NDArray[Any], gradient: NDArray[Any], entries: Arrays, group: dict[str, Any]
) -> None:
    """Do one step on one parameter; write the results into the caller's arrays."""
    parameter = koubai.from_numpy(array)
    state = {key: koubai.from_numpy(value) for key, value in entries.items()}
    scalars = Scalars.of(group, state)
    rule.remember(parameter, state, scalars.options)
    updated, remembered = rule(parameter, koubai.from_numpy(gradient), state, scalars)
    array[...] = updated.numpy()
    for key, value in remembered.items():
        entries.setdefault(key, np.empty(value.shape, value.dtype))[...] = value.numpy()


adagrad_update = _face(optim.Adagrad)
adadelta_update = _face(optim.Adadelta)
rmsprop_update = _face(optim.RMSprop)
adam_update = _face(optim.Adam)
adamw_update = _face(optim.AdamW)
adamax_update = _face(optim.Adamax)
nadam_update = _face(optim.NAdam)
radam_update = _face(optim.RAdam)
rprop_update = _face(optim.Rprop)
asgd_update = _face(optim.ASGD)
lion_update = _face(optim.Lion)
lamb_update = _face(optim.LAMB)
adafactor_update = _face(optim.Adafactor)
muon_update = _face(optim.Muon)
