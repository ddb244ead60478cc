"""Whether a training does worse than it should: without harm, no symptom is a finding.

The measure is what costs nothing to beat: the best constant answer, a linear model and the nearest neighbours, judged
on the same samples. The model is judged on samples that it was trained on, which favours it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from koubai.doctor.consultation import Consultation
from koubai.i18n import _

__all__ = ["Harm", "harm_of"]

TRIVIAL = 0.1  # the noise of a skill that is judged on a few hundred samples: 2 / sqrt(256) ≈ 0.12
MARGIN = 0.1  # the same noise between two skills
FEW = 64  # samples that any sound model can learn by heart
BY_HEART = 0.9
# Steps that Adam's average of gradients and momentum 0.9 look back over: a training that ends before (a trial run, a
# test) is not under way yet, and how well its model does is no evidence of anything.
UNDER_WAY = 10


@dataclass(frozen=True)
class Harm:
    """What is worse than it should be.

    Attributes:
        kind: "broken" (no numbers any more), "diverged", "trivial", "below_linear", "not_by_heart".
        text: in words, with its numbers.
    """

    kind: str
    text: str


def harm_of(c: Consultation) -> Harm | None:
    """Return what harm a training shows, None if it does no worse than it should."""
    if c.moment == "before":
        return (
            None
            if c.learns_by_heart
            else Harm("not_by_heart", _("the model cannot learn a few dozen samples by heart"))
        )
    if c.history.error is not None or not np.isfinite(c.answers).all():
        return Harm("broken", _("the training ended in numbers that are not finite"))
    if c.history.diverges:
        return Harm("diverged", _("the loss is higher than at the start"))
    if c.target.size == 0 or not _varies(c) or c.history.steps < UNDER_WAY:
        return None
    if not c.aims_at_the_mean:
        return None  # R² is no measure of it
    if c.skill < TRIVIAL:
        return Harm(
            "trivial",
            _("the model is no better than the best constant answer (skill {skill:.2f})").format(
                skill=c.skill
            ),
        )
    if c.skill < 1 - MARGIN and c.skill < min(0.9 * c.reference, c.reference - MARGIN):
        return Harm(
            "below_linear",
            _("the model (skill {skill:.2f}) is worse than a simple one ({reference:.2f})").format(
                skill=c.skill, reference=c.reference
            ),
        )
    simple = (
        c.linear > BY_HEART / 2 and c.skill >= c.linear
    )  # then what is left is noise, better not learnt by heart
    if len(c.sample) <= FEW and c.parameters > len(c.sample) and c.skill < BY_HEART and not simple:
        return Harm(
            "not_by_heart",
            _("the model has not learnt {samples} samples by heart (skill {skill:.2f})").format(
                samples=len(c.sample), skill=c.skill
            ),
        )
    return None


def _varies(c: Consultation) -> bool:
    return bool(np.ptp(c.target.reshape(len(c.target), -1), axis=0).any())
