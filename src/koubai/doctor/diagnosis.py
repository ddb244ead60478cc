"""From symptoms to findings: harm first, then the checks, then which cause stands behind the others."""

from __future__ import annotations

from collections.abc import Sequence

from koubai.doctor.checks import (  # each adds its checks to the list
    batch,
    contract,
    data,
    generalisation,
    graph,
    math,
    pace,
    regularisation,
    resources,
    signal,
    size,
)
from koubai.doctor.checks.check import CHECKS, Check
from koubai.doctor.consultation import Consultation
from koubai.doctor.finding import CAUSES, STAGES, Finding
from koubai.doctor.harm import harm_of

__all__ = ["certain", "diagnose", "said_again"]

_ROOMS = (data, contract, graph, math, signal, pace, batch, regularisation, size, resources, generalisation)
_SURE = 0.8
_CERTAIN = 0.95  # what can be proven without training needs no other harm
_MOST = 3  # findings: a list of ten names nothing
_BEFORE = STAGES.index("optimizer")  # a training has to be under way before its pace can be judged


def diagnose(c: Consultation) -> list[Finding]:
    """Return what is wrong, the likeliest cause first; an empty list for a training that does no harm."""
    harmed = harm_of(c) is not None
    asked = [check for check in CHECKS if _may_speak(check, c, harmed)]
    found = [finding for check in asked if (finding := check(c)) is not None]
    return ordered([f for f in found if harmed or _needs_no_harm(f)])


def certain(c: Consultation) -> list[Finding]:
    """Return what can be proven without the training: mistakes in how output, loss and targets fit together."""
    found = [finding for check in CHECKS if check.static and (finding := check(c)) is not None]
    return ordered([finding for finding in found if finding.confidence >= _CERTAIN])


def said_again(c: Consultation, findings: Sequence[Finding]) -> list[Finding]:
    """Return the same findings in the words of the present language."""
    return [_check_for(finding.cause)(c) or finding for finding in findings]


def _may_speak(check: Check, c: Consultation, harmed: bool) -> bool:
    if c.moment == "before" and CAUSES[check.cause].stage in STAGES[_BEFORE:]:
        return False
    return harmed or check.harms or check.static


def _needs_no_harm(finding: Finding) -> bool:
    return _check_for(finding.cause).harms or finding.confidence >= _CERTAIN


def _check_for(cause: str) -> Check:
    return next(check for check in CHECKS if check.cause == cause)


def ordered(found: Sequence[Finding]) -> list[Finding]:
    """Return findings by cause: sure ones first, earlier stages first; what another one explains is left out.

    Of two that are as sure, the one that stands first in `CAUSES` is named first.
    """
    sure = [finding for finding in found if finding.confidence >= _SURE]
    kept = [finding for finding in found if not any(_explains(other, finding) for other in sure)]
    place = list(CAUSES).index
    ranked = sorted(kept, key=lambda f: (f.confidence < _SURE, f.stage, -f.confidence, place(f.cause)))
    return [finding for finding in ranked if finding.confidence >= 0.7 * ranked[0].confidence][:_MOST]


def _explains(one: Finding, other: Finding) -> bool:
    """Whether one cause brings the other about; of two that may both do so, the one of the earlier stage does."""
    if other.cause not in CAUSES[one.cause].explains:
        return False
    return one.cause not in CAUSES[other.cause].explains or one.stage <= other.stage
