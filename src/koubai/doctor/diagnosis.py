"""From symptoms to findings: harm first, then the checks, then which cause stands behind the others."""

from __future__ import annotations

from collections.abc import Sequence

from koubai.doctor.checks import contract, data, pace, signal  # each adds its checks to the list
from koubai.doctor.checks.check import CHECKS
from koubai.doctor.consultation import Consultation
from koubai.doctor.finding import CAUSES, Finding
from koubai.doctor.harm import harm_of

__all__ = ["diagnose"]

_ROOMS = (data, contract, signal, pace)
_SURE = 0.8
_MOST = 3  # findings: a list of ten names nothing


def diagnose(c: Consultation) -> list[Finding]:
    """Return what is wrong, the likeliest cause first; an empty list for a training that does no harm."""
    if harm_of(c) is None:
        return []
    found = [finding for check in CHECKS if (finding := check(c)) is not None]
    return ordered(found)


def ordered(found: Sequence[Finding]) -> list[Finding]:
    """Return findings by cause: sure ones first, earlier stages first; what another one explains is left out."""
    sure = [finding for finding in found if finding.confidence >= _SURE]
    explained = {cause for finding in sure for cause in CAUSES[finding.cause].explains}
    ranked = sorted(found, key=lambda f: (f.confidence < _SURE, f.stage, -f.confidence))
    kept = [finding for finding in ranked if finding.cause not in explained]
    return [finding for finding in kept if finding.confidence >= 0.7 * kept[0].confidence][:_MOST]
