"""Whether batches are as large as the noise of the gradient asks for."""

from __future__ import annotations

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.doctor.facts.curvature import gradient_noise
from koubai.doctor.facts.trial import BETTER
from koubai.i18n import N_, _

_FEW_STEPS = 300  # as many as a trial with small steps makes: then steps are not what is missing
_SMALLER = 16  # samples


@check("batch_too_small")
def batch_too_small(c: Consultation) -> Evidence | None:
    """Batches of a few samples give steps that point anywhere."""
    size = c.history.batch_size
    if not 0 < size < 8 or len(c.sample) < 64:
        return None
    small, large = c.trial(1.0).fall, c.trial(1.0, 64).fall
    if large < BETTER or large - max(small, -1.0) < BETTER:
        return None
    return found(
        0.85,
        _(
            "in 100 steps from here the loss falls by {large:.0%} with batches of 64, by {small:.0%} with {size}"
        ).format(large=large, small=max(small, -9.99), size=size),
        _("use batches of 32 to 256"),
        code="batch_size=64",
        withdrawn_if=_("larger batches do no better"),
        numbers={N_("batch size"): size},
    )


@check("batch_too_large")
def batch_too_large(c: Consultation) -> Evidence | None:
    """Batches so large that there are few steps, where the gradient of a smaller one says as much.

    Up to the noise scale larger batches pay, beyond it they cost steps (McCandlish et al. 2018).
    """
    size = c.history.batch_size
    if size < 4 * _SMALLER or c.history.steps > _FEW_STEPS or c.trial(1.0, _SMALLER).fall < BETTER:
        return None
    noise = gradient_noise(c.patient, c.sample)
    if noise > size / 4:
        return None
    return found(
        0.7,
        _("batches of {size} make {steps} steps; the gradient's noise scale is {noise:.0f} samples").format(
            size=size, steps=c.history.steps, noise=noise
        ),
        _("use batches of 32 to 256"),
        code=f"batch_size={max(_SMALLER, int(noise))}",
        withdrawn_if=_("smaller batches do no better"),
        numbers={N_("batch size"): size, N_("noise scale"): noise},
    )
