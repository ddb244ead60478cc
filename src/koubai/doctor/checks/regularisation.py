"""Whether penalties on the weights, or dropout, hold against what the data want."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.doctor.facts.anatomy import dropping
from koubai.doctor.facts.trial import BETTER
from koubai.doctor.framework import Array
from koubai.i18n import N_, _

_COLLAPSED = 0.1  # of the first norm: decay has taken nine tenths, and no gradient held against it
_DROPOUT_TAKES = 3.0  # times as many steps, at most (Srivastava et al. 2014, "Dropout", section 10)
_KEPT = 0.1  # share of the units: with fewer even a wide net learns too little (the same, section 7.3)
_DECOUPLED = ("AdamW", "Lion", "Muon", "Adafactor")  # Loshchilov and Hutter 2019
_PULL = 2.0  # penalty to data (Ben Braiek and Khomh 2023, "Testing Feedforward Neural Networks Training Programs")


@check("over_regularised")
def over_regularised(c: Consultation) -> Evidence | None:
    """The penalty on the weights holds against what the data want."""
    shrunk = _shrunk(c)
    if shrunk is not None and shrunk < _COLLAPSED:
        symptom = _("half of the layers have weights of {share:.1%} of their first norm or less").format(
            share=shrunk
        )
        return _too_strong(symptom, {N_("share of the first size"): shrunk})
    dropped = _dropped_too_much(c)
    if dropped is not None:
        return dropped
    penalty, data = _forces(c)
    norms = np.linalg.norm(penalty), np.linalg.norm(data)
    if not min(norms) > 0:
        return None
    cosine, ratio = float(penalty @ data / (norms[0] * norms[1])), float(norms[0] / norms[1])
    if ratio < _PULL and not (cosine < -0.5 and ratio > 0.5):
        return None
    symptom = _(
        "the penalty on the weights pulls {ratio:.1f} times as hard as the data (cosine {cosine:.2f})"
    )
    return _too_strong(
        symptom.format(ratio=ratio, cosine=cosine), {N_("penalty to data"): ratio, N_("cosine"): cosine}
    )


def _too_strong(symptom: str, numbers: dict[str, float]) -> Evidence:
    return found(
        0.93,
        symptom,
        _("divide the penalty by 10 to 1000"),
        code="weight_decay=1e-4",
        withdrawn_if=_("the model does no better without the penalty"),
        numbers=numbers,
    )


def _dropped_too_much(c: Consultation) -> Evidence | None:
    """Judge dropout: whether the training goes on well without it and not with it, or hardly anything is left by it."""
    layers = dropping(c.patient.model)
    if not layers:
        return None
    share = max(float(layer.p) for layer in layers)
    without, same = c.trial(1.0, dropout=False).fall, c.trial(1.0).fall
    better = without - max(same, -1.0) >= BETTER and without >= _DROPOUT_TAKES * same
    if without >= BETTER and better:
        symptom = _(
            "in 100 steps from here the loss falls by {without:.0%} without dropout, "
            "by {same:.0%} with dropout of {share:g}"
        )
        return _drops(0.93, symptom.format(without=without, same=max(same, -9.99), share=share), share)
    if 1 - share < _KEPT:
        symptom = _("dropout of {share:g} leaves {kept:.0%} of the units in a step")
        return _drops(0.85, symptom.format(share=share, kept=1 - share), share)
    return None


def _drops(confidence: float, symptom: str, share: float) -> Evidence:
    return found(
        confidence,
        symptom,
        _("drop 0.1 to 0.5 of the units"),
        code="nn.Dropout(0.2)",
        withdrawn_if=_("the model does no better with less dropout"),
        numbers={N_("dropout"): share},
    )


def _shrunk(c: Consultation) -> float | None:
    """Return the median share of their first norm that decayed weights have left; None without decay or signs."""
    if len(c.history.signs) < 2 or not max(c.patient.option("weight_decay"), c.patient.option("l1")):
        return None
    first, last = c.history.signs[0].parameters, c.history.signs[-1].parameters
    wide = [
        n for n, p in c.patient.model.named_parameters() if p.ndim >= 2 and n in first and first[n].weight
    ]
    return float(np.median([last[n].weight / first[n].weight for n in wide])) if wide else None


def _forces(c: Consultation) -> tuple[Array, Array]:
    """Return the gradients of the penalty (weight decay, and terms in the loss) and of the data, as vectors."""
    patient, framework = c.patient, c.patient.framework
    # AdamW and Lion decay beside a step of fixed size: there the gradient is no measure of what the data want.
    decoupled = type(patient.optimizer).__name__ in _DECOUPLED
    decay = {
        id(p): (0.0 if decoupled else float(g.get("weight_decay", 0.0)), float(g.get("l1", 0.0)))
        for g in patient.optimizer.param_groups
        for p in g["params"]
    }
    weights = dict(patient.model.named_parameters())
    total = {name: c.anatomy.gradients.get(name) for name in weights}
    with framework.undisturbed(patient.model, training=False):
        with framework.no_grad():
            output = patient.model(*c.sample.inputs, **c.sample.options)
        loss = patient.loss(output, c.sample.target)
        if getattr(loss, "requires_grad", False):
            loss.backward()
        inside = {name: framework.array(p.grad) for name, p in weights.items() if p.grad is not None}
    penalty, data = [], []
    for name, parameter in weights.items():
        gradient = total[name]
        if gradient is None:
            continue
        term = inside.get(name, np.zeros_like(gradient))
        weight = framework.array(parameter)
        l2, l1 = decay.get(id(parameter), (0.0, 0.0))
        penalty.append((term + l2 * weight + l1 * np.sign(weight)).ravel())
        data.append((gradient - term).ravel())
    return np.concatenate(penalty or [np.zeros(1)]), np.concatenate(data or [np.zeros(1)])
