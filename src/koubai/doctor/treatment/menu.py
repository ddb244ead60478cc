"""The menu: every remedy is one entry, a change of a training that has not begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import koubai
from koubai import nn, optim
from koubai.doctor.facts.task import labels_of
from koubai.doctor.framework import Array
from koubai.doctor.treatment import surgery
from koubai.doctor.treatment.training import Training
from koubai.i18n import N_, _
from koubai.optim import lr_scheduler

__all__ = ["MENU", "Remedy"]


@dataclass(frozen=True)
class Remedy:
    """A remedy.

    Attributes:
        name: its name in `MENU`.
        title: what it does, in a few words.
        code: it as a change of code.
        apply: returns the changed training.
    """

    name: str
    title: str
    code: str
    apply: Callable[[Training], Training]

    def __str__(self) -> str:
        return _(self.title)


MENU: dict[str, Remedy] = {}


def _remedy(name: str, title: str, code: str) -> Callable[[Callable[[Training], Training]], Remedy]:
    def add(apply: Callable[[Training], Training]) -> Remedy:
        MENU[name] = Remedy(name, title, code, apply)
        return MENU[name]

    return add


# --- the data -----------------------------------------------------------------------------------------------------


@_remedy("standard_inputs", N_("inputs with mean 0 and standard deviation 1"), "x = (x - mean) / std")
def _standard_inputs(t: Training) -> Training:
    if t.train[0].dtype.kind != "f":
        return t
    train, validation = _standardised(t.train[0], None if t.validation is None else t.validation[0])
    return t.but(
        train=(train, t.train[1]), validation=None if t.validation is None else (validation, t.validation[1])
    )


@_remedy(
    "standard_targets", N_("targets with mean 0 and standard deviation 1"), "y = (y - y.mean()) / y.std()"
)
def _standard_targets(t: Training) -> Training:
    if t.task != "numbers":
        return t
    train, validation = _standardised(t.train[1], None if t.validation is None else t.validation[1])
    return t.but(
        train=(t.train[0], train), validation=None if t.validation is None else (t.validation[0], validation)
    )


def _standardised(train: Array, validation: Array | None) -> tuple[Array, Any]:
    mean, std = train.mean(0, keepdims=True), train.std(0, keepdims=True)
    std = np.where(std > 1e-12 * (1 + np.abs(mean)), std, 1.0)

    def scaled(values: Array | None) -> Any:
        return None if values is None else ((values - mean) / std).astype(train.dtype)

    return scaled(train), scaled(validation)


@_remedy("class_weights", N_("rare classes count more in the loss"), "nn.CrossEntropyLoss(weight=n / counts)")
def _class_weights(t: Training) -> Training:
    if t.task not in ("classes", "binary"):
        return t
    labels = labels_of(t.train[1])
    counts = np.maximum(np.bincount(labels), 1)
    if t.task == "binary":
        return t.but(
            **_matching(t),
            loss=nn.BCEWithLogitsLoss(pos_weight=koubai.tensor([counts[0] / counts[-1]]).float()),
            logits=True,
        ).with_model(lambda m: surgery.output_layer(m, t.outputs))
    weight = koubai.tensor((len(labels) / (len(counts) * counts)).astype(np.float32))
    return MENU["matching_output"].apply(t).but(loss=nn.CrossEntropyLoss(weight=weight))


@_remedy("augmentation", N_("inputs with noise, new in each epoch"), "x + 0.3 * koubai.randn_like(x)")
def _augmentation(t: Training) -> Training:
    noise = 0.3 * float(t.train[0].std()) if t.train[0].dtype.kind == "f" else 0.0
    return t.with_model(lambda m: nn.Sequential(_Noise(noise), m)) if noise else t


class _Noise(nn.Module):
    """Adds noise in training."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Any) -> Any:
        return x + self.size * koubai.randn_like(x) if self.training else x


# --- output, loss and target ----------------------------------------------------------------------------------------


@_remedy(
    "matching_output",
    N_("output and loss that fit the targets"),
    "nn.CrossEntropyLoss() for classes, nn.BCELoss() for yes or no, nn.MSELoss() for numbers",
)
def _matching_output(t: Training) -> Training:
    return t.but(**_matching(t))


def _matching(t: Training) -> dict[str, Any]:
    """Return model, loss and targets that fit each other."""
    import copy

    model, (_x, y) = copy.deepcopy(t.model), t.train
    if (_is_label(y) and t.task in ("numbers", "classes")) or t.task == "classes":
        classes = (
            int(
                max(
                    labels_of(y).max(),
                    *(labels_of(t.validation[1]).max(initial=0),) if t.validation else (0,),
                )
            )
            + 1
        )
        classes = max(classes, y.shape[-1] if y.ndim > 1 else 0)
        return {
            "model": surgery.output_layer(model, classes),
            "loss": nn.CrossEntropyLoss(),
            **_targets(t, lambda values: labels_of(values).astype(np.int64)),
        }
    if t.task in ("binary", "multilabel"):
        units = 1 if y.ndim < 2 else y.shape[-1]
        return {
            "model": surgery.output_layer(model, units, nn.Sigmoid()),
            "loss": nn.BCELoss(),
            "logits": False,
            **_targets(t, lambda values: (values.reshape(len(values), units) > 0).astype(np.float32)),
        }
    units = 1 if y.ndim < 2 else y.shape[-1]
    return {
        "model": surgery.output_layer(model, units),
        "loss": nn.MSELoss(),
        **_targets(t, lambda values: values.reshape(len(values), units)),
    }


def _targets(t: Training, change: Callable[[Array], Array]) -> dict[str, Any]:
    validation = None if t.validation is None else (t.validation[0], change(t.validation[1]))
    return {"train": (t.train[0], change(t.train[1])), "validation": validation}


def _is_label(y: Array) -> bool:
    """Whether these are class numbers in one column."""
    values = np.unique(y)
    plain = y.ndim == 1 or y.shape[-1] == 1
    return bool(
        plain and 2 < len(values) <= min(20, len(y) // 2) and np.array_equal(values, np.arange(len(values)))
    )


@_remedy(
    "label_smoothing", N_("labels that are only nine tenths sure"), "nn.CrossEntropyLoss(label_smoothing=0.1)"
)
def _label_smoothing(t: Training) -> Training:
    if t.task != "classes":
        return t
    return MENU["matching_output"].apply(t).but(loss=nn.CrossEntropyLoss(label_smoothing=0.1))


# --- layers ---------------------------------------------------------------------------------------------------------


@_remedy("he_initialisation", N_("He initialisation"), "nn.init.kaiming_normal_(layer.weight)")
def _he(t: Training) -> Training:
    return t.with_model(surgery.initialise)


@_remedy("relu", N_("ReLU with He initialisation between the layers"), "nn.ReLU()")
def _relu(t: Training) -> Training:
    return t.with_model(lambda m: surgery.initialise(surgery.activations(m, nn.ReLU)))


@_remedy("leaky_relu", N_("leaky ReLU, which no unit dies of"), "nn.LeakyReLU(0.01)")
def _leaky(t: Training) -> Training:
    return t.with_model(lambda m: surgery.initialise(surgery.activations(m, nn.LeakyReLU)))


@_remedy("layer_norm", N_("layer normalisation, which does not look at the batch"), "nn.LayerNorm(width)")
def _layer_norm(t: Training) -> Training:
    def change(layer: Any) -> Any:
        if isinstance(layer, nn.BatchNorm1d):
            return nn.LayerNorm(layer.num_features)
        if isinstance(layer, nn.BatchNorm2d):
            return nn.GroupNorm(1, layer.num_features)
        return layer

    had = any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in t.model.modules())
    if had:
        return t.with_model(lambda m: surgery.replace(m, change))
    return t.with_model(lambda m: surgery.insert_normalisation(m, nn.LayerNorm))


@_remedy("batch_norm", N_("batch normalisation between the layers"), "nn.BatchNorm1d(width)")
def _batch_norm(t: Training) -> Training:
    return t.with_model(lambda m: surgery.insert_normalisation(m, nn.BatchNorm1d))


@_remedy("residual", N_("residual connections"), "nn.Residual(nn.Sequential(nn.Linear(n, n), nn.ReLU()))")
def _residual(t: Training) -> Training:
    return t.with_model(surgery.add_residuals)


@_remedy("wider", N_("hidden layers of 64 units"), "nn.Linear(…, 64)")
def _wider(t: Training) -> Training:
    return t.with_model(lambda m: surgery.widen(m, 64))


@_remedy("dropout", N_("dropout of a half"), "nn.Dropout(0.5)")
def _dropout(t: Training) -> Training:
    return t.with_model(lambda m: surgery.dropout(m, 0.5))


# --- optimizer and loop ---------------------------------------------------------------------------------------------


@_remedy("lr_times_10", N_("ten times the learning rate"), "lr *= 10")
def _faster(t: Training) -> Training:
    return t.but(options={"lr": 10 * t.options["lr"]})


@_remedy("lr_divided_by_10", N_("a tenth of the learning rate"), "lr /= 10")
def _slower(t: Training) -> Training:
    return t.but(options={"lr": t.options["lr"] / 10})


@_remedy("clip", N_("gradients clipped at norm 1"), "Trainer(..., clip_norm=1.0)")
def _clip(t: Training) -> Training:
    return t.but(trainer={**t.trainer, "clip_norm": 1.0})


@_remedy("adam", N_("Adam with its usual learning rate"), "optim.Adam(model.parameters(), lr=0.001)")
def _adam(t: Training) -> Training:
    return t.with_optimizer(optim.Adam, lr=0.001)


@_remedy("rmsprop", N_("RMSprop with its usual learning rate"), "optim.RMSprop(model.parameters(), lr=0.001)")
def _rmsprop(t: Training) -> Training:
    return t.with_optimizer(optim.RMSprop, lr=0.001)


@_remedy("momentum", N_("SGD with momentum 0.9"), "optim.SGD(model.parameters(), lr=0.01, momentum=0.9)")
def _momentum(t: Training) -> Training:
    return t.with_optimizer(optim.SGD, lr=0.01, momentum=0.9)


@_remedy(
    "finish_with_sgd",
    N_("Adam first, SGD with momentum for the last half"),
    "SwitchOptimizer(epochs // 2, optim.SGD(…, momentum=0.9))",
)
def _finish_with_sgd(t: Training) -> Training:
    return t.but(finish=lambda parameters: optim.SGD(parameters, lr=0.01, momentum=0.9))


@_remedy("smaller_batch", N_("batches of 16"), "batch_size=16")
def _smaller_batch(t: Training) -> Training:
    return t.but(batch_size=min(t.batch_size, 16))


@_remedy("larger_batch", N_("batches of 64"), "batch_size=64")
def _larger_batch(t: Training) -> Training:
    return t.but(batch_size=max(t.batch_size, 64))


@_remedy(
    "schedule",
    N_("a learning rate that falls along a cosine"),
    "lr_scheduler.CosineAnnealingLR(optimizer, epochs)",
)
def _schedule(t: Training) -> Training:
    return t.but(scheduler=lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, t.epochs))


@_remedy(
    "warm_restarts",
    N_("a learning rate that falls and starts again"),
    "lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 10)",
)
def _warm_restarts(t: Training) -> Training:
    period = max(1, t.epochs // 3)
    return t.but(scheduler=lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, period))


@_remedy(
    "warmup", N_("a learning rate that rises over the first tenth"), "lr_scheduler.LinearLR(optimizer, 0.1)"
)
def _warmup(t: Training) -> Training:
    first = max(1, t.epochs // 10)
    return t.but(scheduler=lambda optimizer: lr_scheduler.LinearLR(optimizer, 0.1, total_iters=first))


@_remedy("more_epochs", N_("ten times the epochs"), "epochs *= 10")
def _more_epochs(t: Training) -> Training:
    return t.but(epochs=10 * t.epochs)


@_remedy("long_enough", N_("at least two thousand steps"), "epochs = 2000 // steps_per_epoch")
def _long_enough(t: Training) -> Training:
    per_epoch = max(1, t.steps // t.epochs)
    return t.but(epochs=max(t.epochs, -(-2000 // per_epoch)))


@_remedy(
    "early_stopping",
    N_("early stopping at the best validation"),
    "EarlyStopping(patience=5), restore_best=True",
)
def _early_stopping(t: Training) -> Training:
    return t if t.validation is None else t.but(patience=5)


@_remedy("less_regularisation", N_("a thousandth of the penalty on weights"), "weight_decay /= 1000")
def _less_regularisation(t: Training) -> Training:
    decay = {name: t.options[name] / 1000 for name in ("weight_decay", "l1") if t.options.get(name)}
    return t.but(options=decay) if decay else t


@_remedy("less_dropout", N_("dropout of at most a fifth"), "nn.Dropout(0.2)")
def _less_dropout(t: Training) -> Training:
    return t.with_model(lambda m: surgery.drop_less(m, 0.2)) if surgery.drops(t.model, 0.2) else t


@_remedy("weight_decay", N_("weight decay"), "weight_decay=0.01")
def _weight_decay(t: Training) -> Training:
    return t.but(options={"weight_decay": 0.01})


@_remedy("l1", N_("an L1 penalty on weights"), "l1=0.001")
def _l1(t: Training) -> Training:
    return t.but(options={"l1": 0.001})
