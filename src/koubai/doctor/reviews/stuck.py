"""The checklist when a training is stuck: activations, normalisation layers, structure, optimizer, regularisation."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from koubai.doctor.facts.anatomy import Layer
from koubai.doctor.facts.task import labels_of
from koubai.doctor.reviews.review import Answer, Review, Subject, no, yes
from koubai.i18n import N_, _

__all__ = ["STUCK"]

_RECTIFIERS = {
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish", "Hardswish",
}  # fmt: skip
_SATURATING = {"Sigmoid", "Tanh", "Hardsigmoid", "Hardtanh", "Softsign", "LogSigmoid"}
_NORMS = ("BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm")
_OFF = (
    3.0  # times the fitting standard deviation: PyTorch's default lies within, at a factor of 2.4 below He's
)
_NORM_FROM, _RESIDUAL_FROM = (
    5,
    10,
)  # layers with weights: plain nets beyond begin to be hard to train (He et al. 2015)
_SMALL_BATCH = (
    8  # for batch norm, whose error doubles there (Wu and He 2018, "Group Normalization", figure 1)
)
_PER_SAMPLE = 100  # parameters: with more, a smaller model is worth a try
_FEW, _UNEQUAL = 50, 10.0  # samples of the rarest class; the largest class to the smallest
_USUAL = {
    "SGD": (0.01, 0.1),
    "Adam": (1e-4, 3e-3),
    "AdamW": (1e-4, 3e-3),
    "NAdam": (1e-4, 3e-3),
    "RAdam": (1e-4, 3e-3),
    "Adamax": (1e-4, 5e-3),
    "RMSprop": (1e-4, 3e-3),
    "Adagrad": (1e-3, 0.1),
    "Adadelta": (0.1, 1.0),
    "Lion": (1e-5, 3e-4),
    "LAMB": (1e-4, 1e-2),
}


def activation(s: Subject) -> Answer:
    """Whether hidden layers are followed by the ReLU family."""
    hidden = _hidden(s)
    counts = Counter(layer.kind for layer in hidden if layer.kind in _RECTIFIERS | _SATURATING)
    seen = ", ".join(f"{kind} × {count}" for kind, count in counts.items()) or _("no hidden activation layer")
    if sum(counts[kind] for kind in _SATURATING) > 1:
        return no(seen, _("Use ReLU or one of its family; sigmoid only where a probability is wanted."))
    if len(s.c.anatomy.weighted) > 1 and not counts:
        return no(seen, _("Put a ReLU behind every layer but the last, unless forward() does so."))
    return yes(seen)


def initialisation(s: Subject) -> Answer:
    """Whether weights have the size that suits the activation behind them."""
    sizes = [(layer.path, _size(s, layer) / _fitting(s, layer)) for layer in s.c.anatomy.weighted]
    if not sizes:
        return yes(_("no layer with weights"))
    path, ratio = max(sizes, key=lambda pair: abs(np.log(max(pair[1], 1e-12))))
    seen = _("the weights of {path} have {ratio:.2g} times the fitting size").format(path=path, ratio=ratio)
    if 1 / _OFF <= ratio <= _OFF:
        return yes(seen)
    return no(
        seen, _("He for the ReLU family, Xavier for tanh and sigmoid: nn.init.match_activations(model).")
    )


def normalisation_layers(s: Subject) -> Answer:
    """Whether a deep net has normalisation, and in the right place."""
    layers, weighted = s.c.anatomy.layers, len(s.c.anatomy.weighted)
    norms = [layer for layer in layers if layer.kind.startswith(_NORMS)]
    seen = _("{norms} normalisation layers for {layers} layers with weights").format(
        norms=len(norms), layers=weighted
    )
    if not norms and weighted >= _NORM_FROM:
        return no(seen, _("Put BatchNorm or LayerNorm between a layer and its activation."))
    for layer in norms:
        problem = _misplaced(s, layer)
        if problem:
            return no(f"{layer.path}: {problem[0]}", problem[1])
    return yes(seen)


def _misplaced(s: Subject, norm: Layer) -> tuple[str, str] | None:
    layers = s.c.anatomy.layers
    place = layers.index(norm)
    if place == len(layers) - 1 and len(layers) > 1:
        return _("it normalises the output itself"), _("Let the last layer be without normalisation.")
    batch = norm.kind.startswith("BatchNorm")
    if batch and place and layers[place - 1].kind.startswith("Dropout"):
        return (
            _("batch norm right after dropout sees another variance in evaluation"),
            _("Put dropout behind the last batch norm."),
        )
    if batch and s.batch_size is not None and s.batch_size < _SMALL_BATCH:
        return (
            _("batch norm with batches of {size}").format(size=s.batch_size),
            _("Use batches of 32 or more, or GroupNorm or LayerNorm."),
        )
    return None


def structure(s: Subject) -> Answer:
    """Whether the model is no larger than the data call for."""
    count, weighted = s.c.parameters, len(s.c.anatomy.weighted)
    seen = _("{layers} layers with weights, {parameters:,} parameters").format(
        layers=weighted, parameters=count
    )
    if s.samples is None:
        return yes(seen)
    seen += _(", {samples:,} samples").format(samples=s.samples)
    if count <= _PER_SAMPLE * s.samples:
        return yes(seen)
    return no(seen, _("Begin with fewer and narrower layers, and grow while validation gains."))


def residual(s: Subject) -> Answer:
    """Whether a deep net has connections around its layers."""
    weighted = len(s.c.anatomy.weighted)
    kinds = [type(module).__name__ for module in s.c.patient.model.modules()]
    found = sum("Residual" in kind or "Block" in kind or kind.startswith("Transformer") for kind in kinds)
    if found:
        return yes(_("{count} blocks with residual connections").format(count=found))
    seen = _("none, with {layers} layers with weights").format(layers=weighted)
    return yes(seen) if weighted <= _RESIDUAL_FROM else no(seen, _("Put nn.Residual around pairs of layers."))


def learning_rate(s: Subject) -> Answer:
    """Whether the learning rate is a usual one for the optimizer."""
    kind, rate = type(s.c.patient.optimizer).__name__, s.c.patient.option("lr")
    if kind not in _USUAL:
        return yes(f"{kind}, {rate:g}")
    low, high = _USUAL[kind]
    seen = _("{kind} with {rate:g}; usual are {low:g} to {high:g}").format(
        kind=kind, rate=rate, low=low, high=high
    )
    if low <= rate <= high:
        return yes(seen)
    return no(seen, _("Look for the right one: koubai.train.lr_find(…), or try ÷ 10, × 1 and × 10."))


def optimizer(s: Subject) -> Answer:
    """Whether the optimizer has momentum of some kind."""
    kind, momentum = type(s.c.patient.optimizer).__name__, s.c.patient.option("momentum")
    if kind != "SGD":
        return yes(kind)
    seen = _("SGD with momentum {momentum:g}").format(momentum=momentum)
    return yes(seen) if momentum else no(seen, _("When in doubt Adam; or SGD with momentum 0.9."))


def regularisation(s: Subject) -> Answer:
    """Whether something keeps a large model from learning its samples by heart."""
    dropout = max(
        (float(getattr(m, "p", 0)) for m in s.c.patient.model.modules() if _is_dropout(m)), default=0.0
    )
    decay = s.c.patient.option("weight_decay")
    seen = _("dropout {dropout:g}, weight decay {decay:g}").format(dropout=dropout, decay=decay)
    if dropout or decay or s.samples is None or s.c.parameters <= s.samples:
        return yes(seen)
    advice = _("If validation turns up: early stopping, augmentation, dropout 0.2 to 0.5, weight decay 1e-4.")
    return no(seen, advice)


def amount_of_data(s: Subject) -> Answer:
    """Whether there are enough samples, of each class."""
    total = s.samples or len(s.c.sample)
    seen = _("{samples:,} samples").format(samples=total)
    if s.c.task not in ("classes", "binary"):
        return yes(seen)
    counts = np.unique(labels_of(s.c.target), return_counts=True)[1]
    rarest = int(counts.min() / counts.sum() * total)
    seen += _(", about {rarest:,} of the rarest class").format(rarest=rarest)
    if counts.max() > _UNEQUAL * counts.min():
        return no(seen, _("Weigh the classes in the loss, or draw the rare ones more often."))
    return yes(seen) if rarest >= _FEW else no(seen, _("Collect more samples, or augment them."))


def _hidden(s: Subject) -> list[Layer]:
    """The layers before the last one with weights."""
    layers, weighted = s.c.anatomy.layers, s.c.anatomy.weighted
    return layers[: layers.index(weighted[-1])] if weighted else []


def _size(s: Subject, layer: Layer) -> float:
    return float(s.c.patient.framework.array(layer.weight).std())


def _fitting(s: Subject, layer: Layer) -> float:
    """The standard deviation by He et al. (2015) before a rectifier, else by Glorot and Bengio (2010)."""
    shape = layer.weight.shape
    receptive = int(np.prod(shape[2:]))
    inputs, outputs = shape[1] * receptive, shape[0] * receptive
    layers = s.c.anatomy.layers
    behind = (other.kind for other in layers[layers.index(layer) + 1 :] if not other.kind.startswith(_NORMS))
    rectified = next(behind, "") in _RECTIFIERS
    return float(np.sqrt(2 / inputs if rectified else 2 / (inputs + outputs)))


def _is_dropout(module: Any) -> bool:
    return "Dropout" in type(module).__name__


STUCK = (
    Review("activation", N_("activation"), activation),
    Review("initialisation", N_("initialisation"), initialisation),
    Review("normalisation layers", N_("normalisation layers and their place"), normalisation_layers),
    Review("structure", N_("structure, needless depth"), structure),
    Review("residual", N_("residual connections"), residual),
    Review("learning rate", N_("learning rate"), learning_rate),
    Review("optimizer", N_("optimizer"), optimizer),
    Review("regularisation", N_("regularisation"), regularisation),
    Review("data", N_("data"), amount_of_data),
)
