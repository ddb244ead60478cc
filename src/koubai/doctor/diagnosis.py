"""From symptoms to findings: harm first, then the checks, then which cause stands behind the others."""

from __future__ import annotations

from collections.abc import Sequence

from koubai.doctor.checks import contract, data, generalisation, graph, pace, resources, signal, size  # each adds its checks to the list
from koubai.doctor.checks.check import CHECKS
from koubai.doctor.consultation import Consultation
from koubai.doctor.finding import CAUSES, Finding
from koubai.doctor.harm import harm_of

__all__ = ["diagnose"]

_ROOMS = (data, contract, graph, signal, pace, size, resources, generalisation)
_SURE = 0.8
_MOST = 3  # findings: a list of ten names nothing


def diagnose(c: Consultation) -> list[Finding]:
    """Return what is wrong, the likeliest cause first; an empty list for a training that does no harm."""
    harmed = harm_of(c) is not None
    checks = [check for check in CHECKS if harmed or check.harms]
    found = [finding for check in checks if (finding := check(c)) is not None]
    return ordered(found)


def ordered(found: Sequence[Finding]) -> list[Finding]:
    """Return findings by cause: sure ones first, earlier stages first; what another one explains is left out."""
    sure = [finding for finding in found if finding.confidence >= _SURE]
    kept = [finding for finding in found if not any(_explains(other, finding) for other in sure)]
    ranked = sorted(kept, key=lambda f: (f.confidence < _SURE, f.stage, -f.confidence))
    return [finding for finding in ranked if finding.confidence >= 0.7 * ranked[0].confidence][:_MOST]


def _explains(one: Finding, other: Finding) -> bool:
    """Whether one cause brings the other about; of two that may both do so, the one of the earlier stage does."""
    if other.cause not in CAUSES[one.cause].explains:
        return False
    return one.cause not in CAUSES[other.cause].explains or one.stage <= other.stage
