"""Model, loss and optimizer of a plan, written once: with Koubai's names being PyTorch's, so is the program.

Each function takes the framework, the module `koubai` or `torch`. First weights come from NumPy, so both begin alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from doctor.initial import initial
from doctor.losses import LOSSES, Loss, penalised
from doctor.plan import Layer, Plan

__all__ = ["learning_rate_schedule", "loss_of", "network", "optimizer_of"]

Framework = Any  # the module koubai or torch
Module = Any
Tensor = Any

_ACTIVATIONS: dict[str, Callable[[Any], list[Module]]] = {
    "linear": lambda nn: [],
    "relu": lambda nn: [nn.ReLU()],
    "relu6": lambda nn: [nn.ReLU6()],
    "leaky_relu": lambda nn: [nn.LeakyReLU(0.2)],
    "elu": lambda nn: [nn.ELU()],
    "celu": lambda nn: [nn.CELU()],
    "selu": lambda nn: [nn.SELU()],
    "gelu": lambda nn: [nn.GELU()],
    "silu": lambda nn: [nn.SiLU()],
    "mish": lambda nn: [nn.Mish()],
    "hard_silu": lambda nn: [nn.Hardswish()],
    "tanh": lambda nn: [nn.Tanh()],
    "hard_tanh": lambda nn: [nn.Hardtanh()],
    "sigmoid": lambda nn: [nn.Sigmoid()],
    "hard_sigmoid": lambda nn: [nn.Hardsigmoid()],
    "softplus": lambda nn: [nn.Softplus()],
    "softsign": lambda nn: [nn.Softsign()],
    "softmax": lambda nn: [nn.Softmax(-1)],
    "double_softmax": lambda nn: [nn.Softmax(-1), nn.Softmax(-1)],
    "log_softmax": lambda nn: [nn.LogSoftmax(-1)],
    "exponential": lambda nn: [_function_layer(nn, "Exponential", lambda x: x.exp())],
}


def network(framework: Framework, plan: Plan, inputs: int, seed: int) -> Module:
    """Return the layers in a row."""
    nn, rng = framework.nn, np.random.default_rng(seed)
    cut = _cut(plan)
    modules: list[Module] = []
    for number, layer in enumerate(plan.layers):
        modules += _dense(framework, layer, inputs, rng)
        if number == cut:
            modules.append(_function_layer(nn, "Detach", lambda x: x.detach()))
        inputs = layer.units
    return nn.Sequential(*modules)


def loss_of(framework: Framework, plan: Plan, model: Module) -> Loss:
    """Return the loss, with the penalties of weights that the optimizer cannot take over."""
    l1, l2 = _penalties(framework, plan, in_loss=True)
    loss = LOSSES[plan.loss]
    return penalised(loss, _kernels(model), l1, l2) if l1 or l2 else loss


def optimizer_of(framework: Framework, plan: Plan, model: Module) -> Any:
    """Return the optimizer; it decays the kernels, not the biases, if there is a penalty of weights."""
    kind, options = _OPTIMIZERS[plan.optimizer["name"]]
    l1, l2 = _penalties(framework, plan, in_loss=False)
    groups: Any = model.parameters()
    if l1 or l2:
        kernels = {"params": _kernels(model), "weight_decay": 2 * l2} | ({"l1": l1} if l1 else {})
        groups = [kernels, {"params": [p for p in model.parameters() if p.ndim < 2]}]
    return getattr(framework.optim, kind)(groups, **options(plan.optimizer))


def learning_rate_schedule(framework: Framework, plan: Plan, optimizer: Any) -> Any:
    """Return Keras's `decay`, which divides the learning rate by 1 + decay · step; None if there is none."""
    decay = plan.optimizer.get("decay")
    if not decay:
        return None
    return framework.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + decay * step))


def _dense(framework: Framework, layer: Layer, inputs: int, rng: np.random.Generator) -> list[Module]:
    nn = framework.nn
    linear = nn.Linear(inputs, layer.units)
    with framework.no_grad():
        weight = initial(layer.init, (inputs, layer.units), rng)
        linear.weight.copy_(framework.tensor(np.ascontiguousarray(weight.T)))
        linear.bias.zero_()
    normalised = [nn.BatchNorm1d(layer.units)] if layer.batchnorm else []
    dropped = [nn.Dropout(layer.dropout)] if layer.dropout else []
    return [linear, *normalised, *_ACTIVATIONS[layer.act](nn), *dropped]


def _cut(plan: Plan) -> int | None:
    """Return the number of the layer whose output is detached."""
    detach = plan.loop.detach
    if detach is None or detach is False:
        return None
    return len(plan.layers) - 2 if detach is True else detach % len(plan.layers)


def _function_layer(nn: Any, name: str, function: Callable[[Tensor], Tensor]) -> Module:
    """Return a layer that computes a function."""

    def forward(self: Module, x: Tensor) -> Tensor:
        return function(x)

    return type(name, (nn.Module,), {"forward": forward, "__module__": __name__})()


def _kernels(model: Module) -> Sequence[Tensor]:
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def _penalties(framework: Framework, plan: Plan, in_loss: bool) -> tuple[float, float]:
    """Return l1 and l2 as far as the loss, or the optimizer, has to see to them.

    The decay of AdamW is another thing than an L2 penalty, and PyTorch's optimizers know no L1.
    """
    l1, l2 = plan.optimizer.get("l1", 0.0), plan.optimizer.get("l2", 0.0)
    l1_in_loss = framework.__name__ == "torch"
    l2_in_loss = plan.optimizer["name"] == "adamw"
    return l1 * (in_loss == l1_in_loss), l2 * (in_loss == l2_in_loss)


Options = Mapping[str, Any]


def _common(o: Options) -> dict[str, Any]:
    return {"lr": o["lr"], "weight_decay": o.get("weight_decay", 0.0)}


def _sgd(o: Options) -> dict[str, Any]:
    momentum = o.get("momentum", 0.0)
    return {**_common(o), "momentum": momentum, "nesterov": bool(momentum and o.get("nesterov", False))}


def _adaptive(o: Options) -> dict[str, Any]:
    return {**_common(o), "eps": o["epsilon"], "betas": (o.get("beta_1", 0.9), o.get("beta_2", 0.999))}


def _adam(o: Options) -> dict[str, Any]:
    return {**_adaptive(o), "amsgrad": bool(o.get("amsgrad", False))}


def _rmsprop(o: Options) -> dict[str, Any]:
    more = {"momentum": o.get("momentum", 0.0), "centered": bool(o.get("centered", False))}
    return {**_common(o), "alpha": o["rho"], "eps": o["epsilon"], **more}


def _adagrad(o: Options) -> dict[str, Any]:
    return {
        **_common(o),
        "eps": o["epsilon"],
        "initial_accumulator_value": o["initial_accumulator_value"],
    }


def _adadelta(o: Options) -> dict[str, Any]:
    return {**_common(o), "rho": o["rho"], "eps": o["epsilon"]}


_OPTIMIZERS: dict[str, tuple[str, Callable[[Options], dict[str, Any]]]] = {
    "sgd": ("SGD", _sgd),
    "rmsprop": ("RMSprop", _rmsprop),
    "adam": ("Adam", _adam),
    "adamw": ("AdamW", _adam),
    "adamax": ("Adamax", _adaptive),
    "nadam": ("NAdam", _adaptive),
    "adagrad": ("Adagrad", _adagrad),
    "adadelta": ("Adadelta", _adadelta),
}
