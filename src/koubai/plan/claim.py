"""Whether a time or a cost that somebody states for a training is plausible, with the arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from koubai.i18n import N_, _

__all__ = ["Claim", "judge"]

Kind = Literal["impossible", "optimistic", "plausible", "generous", "far_too_slow"]
_NEAR = 1.3  # times the prediction, which itself errs by up to 20 %
_SLOW = 5.0  # times the prediction: more than what a busy machine or another framework explains

_SENTENCES: dict[Kind, str] = {
    "impossible": N_("Not plausible: it is faster than this machine's peak allows."),
    "optimistic": N_(
        "Optimistic: not impossible for this machine, but faster than this training runs on it."
    ),
    "plausible": N_("Plausible: it agrees with the prediction."),
    "generous": N_("Plausible with room to spare: the prediction is shorter."),
    "far_too_slow": N_(
        "Far too slow for this machine: something other than the arithmetic must take the time."
    ),
}


@dataclass(frozen=True)
class Claim:
    """A stated time beside what is possible and what is foretold, in seconds.

    Attributes:
        stated: the time that was stated, or that the stated cost pays for.
        least: that the machine needs at least: all operations at its peak; 0 if that is not known.
        predicted: the prediction.
        flops: operations of the whole training.
        peak: operations a second.
        price, currency_stated: the price per hour and the stated cost, where a cost was stated.
    """

    stated: float
    least: float
    predicted: float
    flops: float
    peak: float
    price: float | None = None
    stated_cost: float | None = None

    @property
    def kind(self) -> Kind:
        """What it is."""
        if self.stated < self.least:
            return "impossible"
        if self.stated < self.predicted / _NEAR:
            return "optimistic"
        if self.stated <= self.predicted * _NEAR:
            return "plausible"
        return "generous" if self.stated <= self.predicted * _SLOW else "far_too_slow"

    @property
    def sentence(self) -> str:
        """The verdict in the user's language."""
        return _(_SENTENCES[self.kind])


def judge(
    stated: float,
    predicted: float,
    flops: float,
    peak: float,
    price: float | None = None,
    cost: float | None = None,
) -> Claim:
    """Judge a stated time.

    Args:
        stated: seconds of the whole training.
        predicted: the predicted seconds.
        flops: operations of the whole training, as they are run.
        peak: the most operations a second that the machine can do; 0 if that is not known.
        price: per hour, and
        cost: what was stated in place of a time.
    """
    return Claim(stated, flops / peak if peak else 0.0, predicted, flops, peak, price, cost)
