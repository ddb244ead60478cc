"""The patient's chart: what the doctor writes into the record of a run, and reads there again.

Vital signs are written when they are measured, findings whenever the doctor has looked, also if it found nothing. Their
words are kept in every language, since nobody knows who will read them.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from koubai.doctor.finding import Finding
from koubai.doctor.vital_signs import Signs
from koubai.i18n import language

if TYPE_CHECKING:
    from koubai.train import RunRecord

__all__ = ["last_look", "read_findings", "read_losses", "read_signs", "write_findings", "write_signs"]

_SIGNS, _FINDINGS = "vital signs", "findings"


def write_signs(run: RunRecord, signs: Signs) -> None:
    """Keep the vital signs of a step."""
    run.note(_SIGNS, signs.step, signs.to_json())


def read_signs(run: RunRecord) -> list[Signs]:
    """Return the vital signs of all steps that were measured, the earliest first."""
    return [Signs.from_json(saved) for saved in run.notes(_SIGNS).values()]


def write_findings(run: RunRecord, step: int, told: Mapping[str, Sequence[Finding]]) -> None:
    """Keep what was found after a step, in the words of each language."""
    run.note(_FINDINGS, step, {tag: [finding.to_json() for finding in found] for tag, found in told.items()})


def read_findings(run: RunRecord) -> list[Finding] | None:
    """Return what the doctor found when it last looked, in the user's language; None if it never looked."""
    looks = list(run.notes(_FINDINGS).values())
    if not looks:
        return None
    return [Finding(**saved) for saved in looks[-1][language()]]


def last_look(run: RunRecord) -> int:
    """Return after which step the doctor last looked, 0 if it never did."""
    return max(run.notes(_FINDINGS), default=0)


def read_losses(run: RunRecord) -> array[float]:
    """Return the loss of each step."""
    return array("d", run.steps()["loss"])
