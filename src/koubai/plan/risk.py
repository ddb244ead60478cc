"""How likely a model learns its samples by heart instead of what they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from koubai.i18n import N_, _

__all__ = ["Risk", "risk"]

Level = Literal["low", "moderate", "high"]
_FEW, _MANY = 0.1, 10.0  # parameters for each sample
_GAP, _LARGE_GAP = 0.05, 0.15  # between the skill on training samples and on new ones

_WORDS: dict[Level, str] = {"low": N_("low"), "moderate": N_("moderate"), "high": N_("high")}


@dataclass(frozen=True)
class Risk:
    """The risk of overfitting.

    Attributes:
        parameters, samples: how many there are.
        gap: the skill on training samples less that on new ones, where it was measured.
    """

    parameters: int
    samples: int
    gap: float | None = None

    @property
    def level(self) -> Level:
        """How high it is: by the gap that was measured, or else by parameters for each sample."""
        if self.gap is not None:
            return "low" if self.gap < _GAP else "moderate" if self.gap < _LARGE_GAP else "high"
        ratio = self.parameters / max(self.samples, 1)
        return "low" if ratio < _FEW else "moderate" if ratio < _MANY else "high"

    @property
    def sentence(self) -> str:
        """What it says, in the user's language."""
        counts = _("{parameters:,} parameters for {samples:,} samples, {ratio:.3g} for each").format(
            parameters=self.parameters, samples=self.samples, ratio=self.parameters / max(self.samples, 1)
        )
        if self.gap is not None:
            measured = _("the skill is {gap:.2f} higher on training samples than on new ones")
            counts += "; " + measured.format(gap=self.gap)
        told = _("Risk of overfitting: {level} ({counts}).").format(
            level=_(_WORDS[self.level]), counts=counts
        )
        if self.level == "low":
            return told
        return told + " " + _("Watch a validation part, stop early, regularise.")


def risk(parameters: int, samples: int, gap: float | None = None) -> Risk:
    """Judge the risk of overfitting.

    A net with more parameters than samples can learn any labels by heart (Zhang et al. 2017, "Understanding Deep
    Learning Requires Rethinking Generalization"); whether it does, only a gap that was measured can tell.

    Args:
        parameters: that are trained.
        samples: to train on.
        gap: the skill on training samples less that on new ones, if it was measured.
    """
    return Risk(parameters, samples, gap)
