"""What is known of a run's health, from its record alone: findings, vital signs and the verdict on its curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from koubai.doctor.chart import read_findings, read_signs
from koubai.doctor.finding import Finding
from koubai.doctor.vital_signs import Signs
from koubai.i18n import _
from koubai.report.verdict import Verdict, read_curves
from koubai.train import RunRecord


@dataclass(frozen=True)
class Checkup:
    """A run's health.

    Attributes:
        verdict: what the learning curves show.
        findings: what the doctor found when it last looked, the likeliest cause first; None if it never looked.
        signs: vital signs of the steps that were measured, the earliest first.
    """

    verdict: Verdict
    findings: Sequence[Finding] | None = None
    signs: Sequence[Signs] = ()

    @classmethod
    def of(cls, run: RunRecord) -> Checkup:
        """Read it in the record of a run."""
        history = run.history()
        verdict = read_curves(history.get("loss", ()), history.get("val_loss", ()))
        return cls(verdict, read_findings(run), read_signs(run))

    @property
    def summary(self) -> str:
        """What the doctor found, in one sentence."""
        if self.findings is None:
            return _("The doctor has not looked at this run: it does so when a training ends.")
        if not self.findings:
            return _("Healthy: the doctor found nothing wrong.")
        titles = ", ".join(finding.title for finding in self.findings)
        return _("Not healthy: {titles}.").format(titles=titles)
