"""Whether output, loss and target fit together. None of it depends on the training, so it can be said before."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.doctor.facts.task import are_signs
from koubai.doctor.framework import Array
from koubai.i18n import N_, _

_BOUNDS = {
    "unit": (0.0, 1.0),
    "distribution": (0.0, 1.0),
    "symmetric": (-1.0, 1.0),
    "positive": (0.0, np.inf),
}
_BEYOND = 0.05  # share of targets that cannot be reached: more than a few outliers


@check("output_activation", static=True)
def output_activation(c: Consultation) -> Evidence | None:
    """The range of the outputs does not hold what the loss or the targets want."""
    for look in (_softmax_on_one, _softmax_for_many, _targets_out_of_reach, _not_what_the_loss_takes):
        evidence = look(c)
        if evidence is not None:
            return evidence
    return None


def _softmax_on_one(c: Consultation) -> Evidence | None:
    if c.outputs != 1 or c.range != "constant" or not np.allclose(c.answers, 1):
        return None
    return found(
        0.98,
        _("softmax over a single unit is 1 for every sample, so no gradient reaches any weight"),
        _("use a sigmoid for yes or no, or one unit for each class"),
        code="nn.Linear(…, 1), nn.Sigmoid()   # nn.BCELoss()",
        withdrawn_if=_("the output takes other values than 1"),
        layer=c.anatomy.layers[-1].path if c.anatomy.layers else None,
    )


def _softmax_for_many(c: Consultation) -> Evidence | None:
    if c.task != "multilabel" or c.range != "distribution":
        return None
    labels = c.target.sum(-1)
    return found(
        0.95,
        _(
            "softmax forces the outputs of a sample to add up to 1, but its targets add up to {low:g} to {high:g}"
        ).format(low=labels.min(), high=labels.max()),
        _("answer each label by a sigmoid of its own, with binary cross-entropy"),
        code="nn.Sigmoid()   # nn.BCELoss()",
        withdrawn_if=_("each sample has exactly one label"),
        layer=c.anatomy.layers[-1].path if c.anatomy.layers else None,
    )


def _targets_out_of_reach(c: Consultation) -> Evidence | None:
    numbers = c.task == "numbers" or are_signs(c.target)
    if not numbers or c.range not in _BOUNDS or c.expects not in ("numbers", "unknown"):
        return None
    low, high = _BOUNDS[c.range]
    beyond = float(np.mean((c.target < low - 1e-6) | (c.target > high + 1e-6)))
    if beyond < _BEYOND:
        return None
    return found(
        0.95,
        _("outputs lie between {low:g} and {high:g}, but {beyond:.0%} of the targets lie outside").format(
            low=low, high=high, beyond=beyond
        ),
        _("let the last layer be linear for numbers, or scale the targets into its range"),
        code=_("# leave the last activation out"),
        withdrawn_if=_("targets are scaled into the range of the output"),
        numbers={N_("share of targets out of reach"): beyond},
    )


def _not_what_the_loss_takes(c: Consultation) -> Evidence | None:
    wants = {
        ("probabilities", "free"): 0.95 if _unseen(c) >= _BEYOND else 0.9,
        ("probabilities", "log_distribution"): 0.95,
        ("probabilities", "symmetric"): 0.9,
        ("probabilities", "positive"): 0.9,
        ("scores", "unit"): 0.8,
        ("logits", "unit"): 0.95,  # a sigmoid of a sigmoid lies between 0.5 and 0.73, whatever is learnt
        ("log_probabilities", "free"): 0.9,
        ("log_probabilities", "distribution"): 0.95,
        ("log_probabilities", "unit"): 0.9,
    }
    confidence = wants.get((c.expects, c.range), 0.0)
    if not confidence:
        return _sigmoid_for_classes(c)
    names = {
        "probabilities": _("probabilities"),
        "scores": _("scores without bounds"),
        "logits": _("scores without bounds"),
        "log_probabilities": _("logarithms of probabilities"),
    }
    return found(
        confidence,
        _("the loss takes {wanted}, but the outputs lie between {low:.3g} and {high:.3g}").format(
            wanted=names[c.expects], low=c.answers.min(), high=c.answers.max()
        ),
        _("end with softmax for one class of many, sigmoid for yes or no, or use a loss that takes scores"),
        code="nn.CrossEntropyLoss()   # takes scores: no activation before it",
        withdrawn_if=_("the loss applies what is missing itself"),
    )


def _unseen(c: Consultation) -> float:
    """Return the share of the answers that are no probabilities: a loss that cuts them off gives them no gradient."""
    return float(np.mean((c.answers < 0) | (c.answers > 1)))


def _sigmoid_for_classes(c: Consultation) -> Evidence | None:
    """It can be learnt all the same, but each class is judged alone."""
    if (c.expects, c.range, c.task) != ("probabilities", "unit", "classes") or c.outputs < 2:
        return None
    sums = c.answers.reshape(len(c.answers), c.outputs, -1).sum(1)
    return found(
        0.6,
        _(
            "one class of many is right, but the probabilities of a sample add up to {low:.2f} to {high:.2f}"
        ).format(low=sums.min(), high=sums.max()),
        _("end with softmax for one class of many"),
        code="nn.CrossEntropyLoss()   # takes scores: no activation before it",
        withdrawn_if=_("several classes may be right at once"),
    )


@check("double_softmax", static=True, harms=True)
def double_softmax(c: Consultation) -> Evidence | None:
    """The loss, or a layer before, has applied softmax already."""
    if c.range != "distribution":
        return None
    twice = [layer for layer in c.anatomy.layers if layer.kind == "Softmax" and _adds_up(layer.input)]
    if not twice and c.expects != "scores":
        return None
    floor = float(np.log(1 + (c.outputs - 1) / np.e))
    return found(
        0.97,
        _(
            "softmax of a softmax lies between {low:.3f} and {high:.3f}, so the loss cannot fall below {floor:.2f}"
        ).format(low=1 / (1 + (c.outputs - 1) * np.e), high=np.e / (np.e + c.outputs - 1), floor=floor),
        _("apply softmax once: leave the layer out where the loss has it"),
        code="nn.CrossEntropyLoss()   # applies log_softmax itself",
        withdrawn_if=_("the input of the last softmax does not add up to 1"),
        layer=twice[-1].path if twice else None,
        numbers={N_("lowest possible loss"): floor},
    )


def _adds_up(x: Array) -> bool:
    return x.ndim > 1 and x.shape[1] > 1 and x.min() >= 0 and bool(np.allclose(x.sum(1), 1, atol=1e-4))


@check("label_encoding", static=True)
def label_encoding(c: Consultation) -> Evidence | None:
    """The targets are class numbers, but the loss takes them for something else."""
    values = np.unique(c.target)
    if c.task == "classes" and c.target.dtype.kind in "iu" and c.outputs > 1:
        return _no_such_class(c, values)
    if c.expects not in ("probabilities", "logits") and not _refused(c):
        return None
    whole = np.array_equal(values, np.rint(values)) and len(values) < max(20, len(c.target) / 4)
    beyond = float(np.mean((c.target < 0) | (c.target > 1)))
    if (c.task == "classes" and c.target.ndim == 1) or not whole or not beyond:
        return None
    return found(
        0.95,
        _(
            "the loss takes targets from 0 to 1, but {beyond:.0%} of the labels are others (up to {high:g})"
        ).format(beyond=beyond, high=values.max()),
        _("give one output for each class, and cross-entropy with class numbers"),
        code=f"nn.Linear(…, {int(values.max()) + 1})   # nn.CrossEntropyLoss()",
        withdrawn_if=_("the labels are probabilities"),
        numbers={N_("classes"): len(values)},
    )


def _no_such_class(c: Consultation, values: Array) -> Evidence | None:
    """Judge class numbers by how many classes the model knows; what the loss passes over may be any number below 0."""
    if values.max() < c.outputs:
        return None
    return found(
        0.97,
        _("labels go up to {high}, but {outputs} outputs stand for the classes 0 to {last}").format(
            high=values.max(), outputs=c.outputs, last=c.outputs - 1
        ),
        _("number the classes from 0, or give one output for each class"),
        code=f"y - {values.min()}" if values.min() > 0 else f"nn.Linear(…, {values.max() + 1})",
        withdrawn_if=_("the loss passes over these labels"),
        numbers={N_("outputs"): c.outputs, N_("highest label"): int(values.max())},
    )


def _refused(c: Consultation) -> bool:
    return isinstance(c.history.error, ValueError | IndexError)


@check("output_units", static=True)
def output_units(c: Consultation) -> Evidence | None:
    """There are fewer outputs than classes, or more than targets."""
    classes = len(np.unique(c.target))
    if (
        c.task == "numbers"
        and c.expects in ("probabilities", "logits")
        and c.outputs == 1
        and 2 < classes < 20
        and np.array_equal(c.target, np.rint(c.target))
    ):
        return _units(0.9, classes, c.outputs)
    if (
        c.task == "numbers"
        and c.spreads
        and c.target.ndim == c.answers.ndim > 1
        and c.outputs != c.target.shape[1]
    ):
        return _units(0.9, c.target.shape[1], c.outputs)
    return None


def _units(confidence: float, wanted: int, given: int) -> Evidence:
    return found(
        confidence,
        _("the targets need {wanted} outputs, the model gives {given}").format(wanted=wanted, given=given),
        _("make the last layer {wanted} units wide").format(wanted=wanted),
        code=f"nn.Linear(…, {wanted})",
        withdrawn_if=_("outputs are meant to be combined later"),
        numbers={N_("outputs"): given, N_("needed"): wanted},
    )


@check("broadcast_shape", static=True, harms=True)
def broadcast_shape(c: Consultation) -> Evidence | None:
    """Output and target differ in shape, and the loss spreads one over the other without a word."""
    output, target = c.answers.shape, c.target.shape
    takes = c.expects in ("numbers", "unknown", "probabilities", "logits")
    if c.target.dtype.kind != "f" or not takes or not c.spreads:
        return None
    spread = np.broadcast_shapes(output, target)
    return found(
        0.96,
        _("outputs {output} and targets {target} are compared as {spread}").format(
            output=output, target=target, spread=spread
        ),
        _("give both the same shape"),
        code="loss(model(x).squeeze(1), y)" if len(target) < len(output) else f"nn.Linear(…, {target[-1]})",
        withdrawn_if=_("every output is meant to be compared with every target"),
    )


@check("loss_mismatch", static=False)
def loss_mismatch(c: Consultation) -> Evidence | None:
    """A loss for numbers is used for classes, or the other way round."""
    if c.task == "numbers" and c.expects in ("probabilities", "logits", "scores"):
        whole = np.array_equal(c.target, np.rint(c.target))
        confidence, remedy, code = (0.85 if whole else 0.9), _("use a loss for numbers"), "nn.MSELoss()"
        symptom = _(
            "the targets are numbers from {low:g} to {high:g}, but the loss compares probabilities"
        ).format(low=c.target.min(), high=c.target.max())
    elif c.task != "numbers" and c.expects == "numbers":
        absolute = _is_absolute(c)
        confidence = 0.85 if absolute else 0.55
        remedy, code = (
            _("use cross-entropy, whose gradient does not fade where the answer is most wrong"),
            "nn.CrossEntropyLoss()",
        )
        symptom = _("a distance is minimised, but the targets are classes")
        if absolute:
            symptom = _(
                "absolute distance is smallest for the most frequent class alone, but the targets are classes"
            )
    else:
        return None
    return found(
        confidence,
        symptom,
        remedy,
        code=code,
        withdrawn_if=_("the targets are of another kind than they look"),
    )


def _is_absolute(c: Consultation) -> bool:
    """Whether twice the distance is twice the loss."""
    few = c.target[:64].astype(np.float32)
    plain = c.patient.loss_of(few, few)
    once, twice = (c.patient.loss_of(few + np.float32(n), few) - plain for n in (1, 2))
    return bool(abs(twice - 2 * once) < 1e-3 * abs(once))
