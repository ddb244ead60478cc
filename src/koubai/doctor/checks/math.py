"""Whether what is computed by hand is computed safely, and whether gradients are the slopes they claim to be."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.doctor.facts.slope import wrong_slopes
from koubai.i18n import N_, _

_HUGE = 1e4  # what is larger has exploded: then it is not the formula


@check("unsafe_math")
def unsafe_math(c: Consultation) -> Evidence | None:
    """The loss, or a layer, gives NaN or infinity for values that are finite, where a safe one does not."""
    layer = next(
        (x for x in c.anatomy.layers if np.isfinite(x.input).all() and not np.isfinite(x.output).all()), None
    )
    if (
        layer is not None
        and not layer.kind.startswith(("Exp", "Linear", "Conv"))
        and np.abs(layer.input).max() < _HUGE
    ):
        where, path = _("{path} gives values that are not finite for inputs of up to {size:.3g}"), layer.path
        return _unsafe(where.format(path=path, size=float(np.abs(layer.input).max())), path)
    passed = _passes_into_nothing(c)
    if passed is not None:
        return passed
    if (
        c.expects not in ("scores", "logits", "unknown")
        or c.task == "numbers"
        or not np.isfinite(c.answers).all()
    ):
        return None
    large = np.random.default_rng(0).normal(size=c.answers[:64].shape).astype(np.float32) * 200
    plain = np.isfinite(c.patient.loss_of(large / 200, c.target[:64]))
    if not plain or np.isfinite(c.patient.loss_of(large, c.target[:64])):
        return None
    return _unsafe(
        _("the loss is not finite for scores of a few hundred, which a safe cross-entropy takes"), None
    )


def _passes_into_nothing(c: Consultation) -> Evidence | None:
    """Judge what a model or a loss computes outside of layers: finite numbers go in, and none come out."""
    sizes = [float(np.abs(layer.output).max()) for layer in c.anatomy.layers if layer.output.size]
    if not sizes or not np.isfinite(sizes).all() or max(sizes) > _HUGE:
        return None
    if not np.isfinite(c.answers).all():
        name = type(c.patient.model).__name__
        where = _("{path} gives values that are not finite, though its layers give up to {size:.3g}")
        return _unsafe(where.format(path=name, size=max(sizes)), None)
    if np.isinf(c.patient.loss_of(c.answers, c.target)):
        what = _("the loss is infinite for answers of up to {size:.3g}")
        return _unsafe(what.format(size=np.abs(c.answers).max()), None)
    return None


def _unsafe(symptom: str, layer: str | None) -> Evidence:
    return found(
        0.85,
        symptom,
        _("subtract the largest score before exp, and take log_softmax instead of log(softmax)"),
        code="nn.functional.cross_entropy(scores, target)",
        withdrawn_if=_("scores are bounded"),
        layer=layer,
    )


@check("wrong_gradient")
def wrong_gradient(c: Consultation) -> Evidence | None:
    """A parameter's gradient is not the slope of the loss (numerical differentiation along the gradient)."""
    if not np.isfinite(c.answers).all():
        return None
    wrong = next(wrong_slopes(c.patient, c.sample), None)
    if wrong is None:
        return None
    name, claimed, measured = wrong
    return found(
        0.9,
        _("along the gradient of {name} the loss has a slope of {measured:.3g}, not {claimed:.3g}").format(
            name=name, measured=measured, claimed=claimed
        ),
        _("check the backward of the function written by hand against numerical differentiation"),
        code="koubai.autograd.gradcheck(function, inputs)",
        withdrawn_if=_("the loss has a kink just here"),
        layer=name.rpartition(".")[0] or None,
        numbers={N_("claimed"): claimed, N_("measured"): measured},
    )
