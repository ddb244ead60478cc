"""Whether steps have the right length and direction: learning rate, optimizer, the loop itself."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.doctor.facts.curvature import curvature_bounds
from koubai.doctor.facts.trial import BETTER
from koubai.doctor.framework import Array
from koubai.doctor.vital_signs import Signs
from koubai.i18n import N_, _

# Times the first loss. Losses grow with the square of the distance to the minimum: it is twice as far now.
_SPIKE = 5.0
_RULE = 1e-3  # |Δ| / |w| of a training that goes well (Karpathy, CS231n)
_NOWHERE = 1e-2  # of the weights, over a whole training: by the rule, ten steps move them as far
_SLOW = 1e-4  # |Δ| / |w|: a tenth of the rule of thumb, 1e-3 (Karpathy, CS231n)
_HALTED = 1e-2  # of the first update: a hundred such steps are one of the first
_FASTER = (10.0, 100.0, 1000.0)
_WELL = 0.3  # of the loss in a hundred steps: then it is steps that are missing
_SHAKEN = 0.3  # three times as much: less may come of shaking a net that is stuck, with a rate far too high
_LARGE_UPDATE = 0.1  # of the weights: a hundred times the rule of thumb
_FEW_STEPS = 100  # as many as a trial makes, which then shows as much again
_STILL_FALLS = 0.005  # of the loss, after so few steps: what float32 and the sample leave unsure is far less
_STANDS = 0.02  # of the loss, between tenths of the training: 2,500 samples tell it to 1 / sqrt(2500)
_SWING = 0.05  # a mean over an epoch of N samples is known to 1 / sqrt(N): 5 % is beyond chance from 400 samples on
_FLAT = 0.01  # of the largest curvature: a difference of gradients in float32 tells no less


@check("gradient_sign")
def gradient_sign(c: Consultation) -> Evidence | None:
    """The loss rises steadily, though a step along the true gradient would let it fall."""
    losses = c.history.smooth()
    finite = losses[np.isfinite(losses)]
    if len(finite) < 5 or finite[-1] < finite[0] or not (_goes_uphill(c) or _would_fall(c, losses)):
        return None
    return found(
        0.96,
        _(
            "the loss rises from {first:.3g} to {last:.3g}, but falls when the same steps follow the gradient"
        ).format(first=finite[0], last=finite[-1]),
        _("subtract the gradient: check its sign in the loop, in the loss, and the option maximize"),
        code="parameter -= lr * gradient",
        withdrawn_if=_("the loss is meant to be maximised"),
        curve=finite.tolist(),
        curve_name=_("loss"),
    )


def _would_fall(c: Consultation, losses: Array) -> bool:
    rising = float(np.mean(np.diff(losses) > 0))
    return bool(np.isfinite(losses).all() and rising >= 0.8 and c.trial(1.0).fall >= BETTER)


def _goes_uphill(c: Consultation) -> bool:
    """Whether in the first steps the loss grew by as much as the gradient says it should have fallen.

    Along a step that is too long it grows too, but then the gradient has changed by more than that: for a parabola a
    growth of as much goes with a slope at the end of three times the one at the start, here it is that one again.
    """
    early = [s for s in c.history.signs[:5] if np.isfinite(s.later) and s.along < 0]
    up = [
        s
        for s in early
        if 0.5 < (s.later - s.loss) / -s.along < 2 and 0.5 < (s.curvature + s.along) / -s.along < 2
    ]
    return len(up) >= 2 and 2 * len(up) > len(early)


@check("missing_zero_grad")
def missing_zero_grad(c: Consultation) -> Evidence | None:
    """Gradients of earlier steps are still there when the next one is computed."""
    if c.history.same_gradient < 3:
        return None
    return found(
        0.98,
        _("in {count} steps, backward added to the gradient of the step before").format(
            count=c.history.same_gradient
        ),
        _("clear the gradients before each backward pass"),
        code="optimizer.zero_grad()",
        withdrawn_if=_("gradients are accumulated over several batches on purpose"),
        numbers={N_("steps"): c.history.same_gradient},
    )


@check("lr_too_high")
def lr_too_high(c: Consultation) -> Evidence | None:
    """Steps go too far: the loss rises, jumps, or falls further with a tenth of the rate."""
    for look in (_broke, _spiked, _killed, _slower_is_better):
        symptom = look(c)
        if symptom is not None:
            losses = c.history.smooth()
            return found(
                symptom[0],
                symptom[1],
                _("divide the learning rate by 10; clip gradients at 1.0"),
                code=f"lr={c.patient.option('lr') / 10:g}",
                withdrawn_if=_("a tenth of the rate does no better"),
                curve=losses[np.isfinite(losses)].tolist(),
                curve_name=_("loss"),
                numbers={N_("lr"): c.patient.option("lr")},
            )
    return None


def _broke(c: Consultation) -> tuple[float, str] | None:
    broken = isinstance(c.history.error, FloatingPointError) or not np.isfinite(c.answers).all()
    if not broken or c.history.steps < 2:
        return None
    return 0.92, _("the values ceased to be finite after {steps} updates").format(steps=c.history.steps)


def _spiked(c: Consultation) -> tuple[float, str] | None:
    losses = np.array(c.history.losses)
    if len(losses) < 5:
        return None
    first = max(abs(losses[0]), c.constant_loss, 1e-6)
    early = losses[: max(10, len(losses) // 5)]
    peak = _without_single_peaks(early).max()
    if peak < _SPIKE * first:
        return None
    return 0.92, _("the loss jumped from {first:.3g} to {peak:.3g}").format(first=first, peak=peak)


def _without_single_peaks(losses: Array) -> Array:
    """Return the median of each three steps: a batch with an outlier makes one peak, weights that are off make more."""
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(losses, 3), axis=1))


def _killed(c: Consultation) -> tuple[float, str] | None:
    """ReLU units that were alive at the start died of large updates."""
    if not c.history.signs:
        return None
    first, last = c.history.signs[0], c.history.signs[-1]
    died = [
        name
        for name in first.layers
        if name in last.layers and first.layers[name].dead < 0.5 and last.layers[name].dead > 0.9
    ]
    ratios = [_ratio(signs) for signs in c.history.signs[:4]]
    if not died or max(ratios) < _LARGE_UPDATE:
        return None
    return 0.92, _("an update of {ratio:.0%} of the weights killed the units of {layer}").format(
        ratio=max(ratios), layer=died[0]
    )


def _slower_is_better(c: Consultation) -> tuple[float, str] | None:
    slower, same = c.trial(0.1).fall, c.trial(1.0).fall
    if slower < BETTER or slower - max(same, -1.0) < BETTER:
        return None
    return 0.85, _(
        "from here the loss falls by {slower:.0%} with a tenth of the rate, by {same:.0%} with the present one"
    ).format(slower=slower, same=max(same, -9.99))


@check("lr_too_low")
def lr_too_low(c: Consultation) -> Evidence | None:
    """Steps are so short that the training does not get anywhere."""
    ratio = _update_ratio(c)
    factor = max(_FASTER, key=lambda factor: c.trial(factor).fall)
    faster, same = c.trial(factor).fall, c.trial(1.0).fall
    enough = BETTER if factor == 10 else _SHAKEN
    if faster >= enough and faster - same >= enough:
        symptom = _(
            "in 100 steps from here the loss falls by {faster:.0%} with {factor:g} times the rate, "
            "by {same:.0%} with the present one"
        ).format(faster=faster, same=max(same, -9.99), factor=factor)
        on_its_way = c.history.steps < _FEW_STEPS and same > _WELL
        confidence = 0.9 if ratio is not None and ratio < _SLOW else 0.7 if on_its_way else 0.8
    elif ratio is not None and 0 < ratio * c.history.steps < _NOWHERE:
        symptom = _("all updates together are at most {travel:.1e} of the weights").format(
            travel=ratio * c.history.steps
        )
        factor, confidence = 10.0 ** np.ceil(-np.log10(ratio / _RULE)), 0.85
    else:
        return None
    lr = c.patient.option("lr")
    return found(
        confidence,
        symptom,
        _("multiply the learning rate by {factor:g}").format(factor=factor),
        code=f"lr={lr * factor:g}",
        withdrawn_if=_("a higher rate does no better"),
        numbers={N_("lr"): lr, **({N_("update to weight"): ratio} if ratio is not None else {})},
    )


def _update_ratio(c: Consultation) -> float | None:
    """Return the median over steps of |Δ| / |w| of all parameters together."""
    ratios = [_ratio(signs) for signs in c.history.signs]
    return float(np.median(ratios)) if ratios else None


def _ratio(signs: Signs) -> float:
    parameters = signs.parameters.values()
    return float(
        np.sqrt(sum(p.update**2 for p in parameters) / max(sum(p.weight**2 for p in parameters), 1e-30))
    )


@check("oscillation")
def oscillation(c: Consultation) -> Evidence | None:
    """The loss of whole epochs goes up and down, and does not come down any more."""
    epochs = np.array(c.history.values.get("loss", ()), np.float64)
    late = epochs[len(epochs) // 2 :]
    if len(late) < 8 or not np.isfinite(late).all():
        return None
    moves = np.diff(late)
    up = float(np.mean(moves > 0))
    swing = float(np.abs(moves).mean() / late.mean())
    if (
        swing < _SWING
        or not 0.3 < up < 0.7
        or abs(late[: len(late) // 2].mean() - late[len(late) // 2 :].mean()) > np.abs(moves).mean()
    ):
        return None
    return found(
        0.82,
        _("from epoch to epoch the loss moves by {swing:.0%} of itself, up as often as down").format(
            swing=swing
        ),
        _("lower the learning rate towards the end by a schedule, or use larger batches"),
        code="optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)",
        withdrawn_if=_("a lower rate does no better"),
        numbers={N_("swing"): swing},
        curve=epochs.tolist(),
        curve_name=_("loss of each epoch"),
    )


@check("undertrained")
def undertrained(c: Consultation) -> Evidence | None:
    """The training ended while the loss was still falling, after few steps."""
    if c.moment != "after" or isinstance(c.history.error, FloatingPointError):
        return None
    few = c.history.steps < _FEW_STEPS
    fall = c.trial(1.0).fall
    if fall < (_STILL_FALLS if few else BETTER):
        return None
    return found(
        0.88 if few else 0.7,
        _("after {steps} steps the training ended, and 100 more let the loss fall by {fall:.0%}").format(
            steps=c.history.steps, fall=fall
        ),
        _("train for more epochs"),
        code=f"epochs={max(10, c.history.epochs * 10)}",
        withdrawn_if=_("more epochs bring nothing"),
        numbers={N_("steps"): c.history.steps},
    )


@check("optimizer")
def optimizer(c: Consultation) -> Evidence | None:
    """The optimizer's memory or its schedule has brought the steps to a halt: afresh, the same rate goes on."""
    losses = c.history.smooth(10)
    if len(losses) < 10 or not np.isfinite(losses).all() or len(c.history.signs) < 3:
        return None
    lately = (losses[-4:-2].mean() - losses[-2:].mean()) / max(abs(losses[-4:-2].mean()), 1e-12)
    first, last = (_ratio(signs) for signs in (c.history.signs[0], c.history.signs[-1]))
    fall = c.trial(_scheduled_away(c)).fall
    if lately > _STANDS or last > _HALTED * first or fall < BETTER:
        return None
    return found(
        0.86,
        _(
            "updates have shrunk from {first:.1e} to {last:.1e} of the weights, "
            "but with a fresh optimizer the loss falls by {fall:.0%}"
        ).format(first=first, last=last, fall=fall),
        _("use Adam or RMSprop, whose memory fades, and a schedule that does not end so early"),
        code="optim.Adam(model.parameters(), lr=0.001)",
        withdrawn_if=_("a fresh optimizer does no better"),
        numbers={N_("first update"): first, N_("last update"): last},
    )


def _scheduled_away(c: Consultation) -> float:
    """Return how many times as high as now the learning rate was before a schedule lowered it."""
    groups = c.patient.optimizer.param_groups
    return max(
        (float(g["initial_lr"]) / float(g["lr"]) for g in groups if g.get("initial_lr") and g["lr"]),
        default=1.0,
    )


@check("plateau")
def plateau(c: Consultation) -> Evidence | None:
    """The loss has not moved for half of the training; the curvature says what kind of place this is."""
    losses = c.history.smooth(10)
    if len(losses) < 10 or c.history.steps < 200 or not np.isfinite(losses).all():
        return None
    if abs(losses[5] - losses[-1]) > _STANDS * abs(losses[5]) or c.trial(10.0).fall > BETTER:
        return None
    lowest, highest = curvature_bounds(c.patient, c.sample)
    if lowest > _FLAT * abs(highest):
        return None  # it stands in a minimum: there is nothing more to learn here
    saddle = lowest < -_FLAT * abs(highest)
    place = (
        _("a saddle point: the loss falls along the direction of curvature {lowest:.2g}")
        if saddle
        else _("a flat place or a minimum: no direction curves down (lowest {lowest:.2g})")
    )
    return found(
        0.6,
        _("the loss has stood still for half of the training, at ") + place.format(lowest=lowest),
        _("momentum, smaller batches and warm restarts lead away from it"),
        code="optim.SGD(model.parameters(), lr=0.01, momentum=0.9)",
        withdrawn_if=_("the loss falls again"),
        numbers={N_("lowest curvature"): lowest, N_("highest curvature"): highest},
        curve=losses.tolist(),
        curve_name=_("loss"),
    )
