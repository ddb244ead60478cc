"""The checklist before a training: normalisation, loss, metric, baseline."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import CHECKS
from koubai.doctor.facts.task import labels_of
from koubai.doctor.finding import CAUSES
from koubai.doctor.framework import Array
from koubai.doctor.reviews.review import Answer, Review, Subject, no, yes
from koubai.i18n import N_, _

__all__ = ["BEFORE", "largest_share"]

_OFF_CENTRE = 0.5  # standard deviations: the mean of 256 samples is known to a sixteenth of one
_NARROW, _WIDE = (
    1 / 3,
    3.0,
)  # of 1: the curvature for the first weights grows with the square of the inputs' size
_CROWDED = 0.8  # share of the largest class from which accuracy says little


def normalisation(s: Subject) -> Answer:
    """Whether inputs have mean 0 and standard deviation 1."""
    if s.c.features is None or not s.c.features.size:
        return yes(_("the inputs are no measured numbers"))
    mean, std, where = _furthest(s.c.features, s.c.sample.inputs[0].ndim > 2)
    seen = _("{where}: mean {mean:.2f}, standard deviation {std:.2f}").format(
        where=where, mean=round(mean, 2) + 0.0, std=std
    )
    if abs(mean) <= _OFF_CENTRE * max(std, 1.0) and _NARROW <= std <= _WIDE:
        return yes(seen)
    return no(seen, _("Bring inputs to mean 0 and standard deviation 1: data.scaled(Standardize())."))


def _furthest(features: Array, whole: bool) -> tuple[float, float, str]:
    """Mean and standard deviation of all numbers, or of the column that is furthest from 0 and 1."""
    varied = features[:, np.ptp(features, axis=0) > 0]
    if whole or not varied.size:
        return float(features.mean()), float(features.std()), _("all inputs")
    means, stds = varied.mean(0), varied.std(0)
    worst = int((np.abs(means) + np.abs(np.log(stds))).argmax())
    return float(means[worst]), float(stds[worst]), _("the column furthest off")


def loss(s: Subject) -> Answer:
    """Whether output, loss and targets fit together."""
    name = _name(s.c.patient.loss)
    task = {
        "numbers": _("numbers"),
        "classes": _("one class of several"),
        "binary": _("yes or no"),
        "multilabel": _("several labels"),
    }[s.c.task]
    seen = _("{loss}, and the targets are {task}").format(loss=name, task=task)
    for check in CHECKS:
        if check.static and CAUSES[check.cause].stage == "contract" and (finding := check(s.c)) is not None:
            return no(f"{seen}: {finding.symptom}", finding.remedy)
    return yes(seen)


def metric(s: Subject) -> Answer:
    """Whether there is a metric that tells what the loss does not."""
    names = ", ".join(s.metrics)
    if s.c.task == "numbers":
        wanted = _("Measure R² (r2), or the mean absolute error (mae) in the target's own unit.")
        return yes(names) if {"r2", "mae", "rmse", "mse"} & set(s.metrics) else no(names or _("none"), wanted)
    if not s.metrics:
        return no(_("none"), _("Measure accuracy; where classes are unequal F1 or ROC AUC."))
    share = largest_share(s)
    if share >= _CROWDED and set(s.metrics) <= {"accuracy"}:
        seen = _("accuracy, but {share:.0%} of the samples are of one class").format(share=share)
        return no(seen, _("Measure F1 (f1, macro_f1) or ROC AUC (roc_auc) as well."))
    return yes(names)


def baseline(s: Subject) -> Answer:
    """What is to be beaten; it is worked out here, so it is there."""
    linear = s.c.linear
    if s.c.task == "multilabel":
        return yes(_("always answering the most frequent labels"))
    if s.c.task == "numbers":
        trivial, simple = "R² 0", f"R² {linear:.2f}"
        what = _("always answering the mean")
    else:
        share = largest_share(s)
        trivial, simple = f"{share:.0%}", f"{1 - (1 - linear) * (1 - share):.0%}"
        what = _("always answering the most frequent class")
    seen = f"{what}: {trivial}"
    return yes(
        seen if not np.isfinite(linear) else seen + _("; a linear model: {value}").format(value=simple)
    )


def largest_share(s: Subject) -> float:
    """Return the share of the most frequent class."""
    if s.c.task in ("numbers", "multilabel"):
        return float("nan")
    counts = np.unique(labels_of(s.c.target), return_counts=True)[1]
    return float(counts.max() / counts.sum())


def _name(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


BEFORE = (
    Review("normalisation", N_("inputs normalised"), normalisation),
    Review("loss", N_("a loss that fits"), loss),
    Review("metric", N_("a metric that fits"), metric),
    Review("baseline", N_("a baseline to beat"), baseline),
)
