"""Whether more epochs will help a run, or its design must change: its curves, read and carried on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from koubai.i18n import _
from koubai.plan.power_law import Forecast, forecast
from koubai.report.verdict import Verdict, read_curves

__all__ = ["Outlook", "outlook"]

Kind = Literal["more_epochs", "enough", "regularise", "redesign", "repair", "unknown"]
_FEWEST = 6  # epochs through which a law can be drawn
_EARLY = 0.25  # of the epochs: the first ones follow no law yet
_WORTH = 0.03  # of the loss: what the last quarter of a curve that is still falling brings at least


@dataclass(frozen=True)
class Outlook:
    """What comes after the last epoch.

    Attributes:
        kind: what to do.
        verdict: what the curves show.
        twice: the loss (of the validation, if there was one) after as many epochs again; None if too few were made.
        now: the lowest loss so far.
        validated: whether it is that of the validation.
    """

    kind: Kind
    verdict: Verdict
    twice: Forecast | None
    now: float
    validated: bool

    @property
    def sentences(self) -> list[str]:
        """What it says, in the user's language."""
        said = [self.verdict.sentence]
        if self.twice is not None and self.kind in ("more_epochs", "enough", "redesign"):
            what = _("the validation loss") if self.validated else _("the training loss")
            told = _(
                "After {epochs:,} epochs {what} would be about {then:.4g} ({low:.4g} to {high:.4g}); it is {now:.4g}."
            )
            said.append(
                told.format(
                    epochs=int(self.twice.at),
                    what=what,
                    then=self.twice.value,
                    low=self.twice.low,
                    high=self.twice.high,
                    now=self.now,
                )
            )
        advice = {
            "more_epochs": _("More epochs will help."),
            "enough": _("More epochs will hardly help, and little is missing: it is trained."),
            "regularise": _("More epochs will not help: regularise, or get more data."),
            "redesign": _(
                "More epochs will hardly help: both curves are flat. The design must change: a larger or another "
                "model, other inputs, another learning rate."
            ),
            "repair": _("More epochs will not help: put the training right first (koubai doctor)."),
            "unknown": "",
        }[self.kind]
        return [*said, advice] if advice else said


def outlook(training: Sequence[float], validation: Sequence[float] = ()) -> Outlook:
    """Read the losses of a run's epochs, and carry them on.

    Args:
        training: training loss of each epoch.
        validation: validation loss of each epoch; empty when nothing was validated.
    """
    verdict = read_curves(training, validation)
    curve = list(validation or training)
    finite = [loss for loss in curve if math.isfinite(loss)]
    twice = _carried_on(curve) if len(finite) == len(curve) else None
    now = min(finite, default=math.nan)
    return Outlook(_kind(verdict, training, validation, twice, now), verdict, twice, now, bool(validation))


def _carried_on(curve: Sequence[float]) -> Forecast | None:
    """Return the loss after as many epochs again."""
    first = int(_EARLY * len(curve))
    if len(curve) < _FEWEST or min(curve) <= 0:
        return None
    return forecast(range(first + 1, len(curve) + 1), curve[first:], 2 * len(curve))


def _kind(
    verdict: Verdict,
    training: Sequence[float],
    validation: Sequence[float],
    twice: Forecast | None,
    now: float,
) -> Kind:
    if verdict.kind == "too_short":
        return "unknown"
    if verdict.kind in ("diverged", "zigzag", "flat", "not_learning"):
        return "repair"
    if verdict.kind == "overfitting":
        return "regularise"
    if verdict.kind == "still_falling" or (twice is not None and twice.high < (1 - _WORTH) * now):
        return "more_epochs"
    if validation and min(validation) > 2 * min(training):
        return "regularise"
    return "enough" if now < _LITTLE * max(training[0], (validation or training)[0]) else "redesign"


_LITTLE = 0.1  # of the first loss: nine tenths of what there was to learn are learnt
