"""What is known of a run's health, from its record alone: findings, vital signs and the verdict on its curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from koubai.doctor.chart import last_look, read_findings, read_signs
from koubai.doctor.finding import Finding
from koubai.doctor.flow import gradient_flow
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
        looked: after which step the doctor last looked.
        ended: whether no step came after that.
    """

    verdict: Verdict
    findings: Sequence[Finding] | None = None
    signs: Sequence[Signs] = ()
    looked: int = 0
    ended: bool = True

    @classmethod
    def of(cls, run: RunRecord) -> Checkup:
        """Read it in the record of a run."""
        history = run.history()
        verdict = read_curves(history.get("loss", ()), history.get("val_loss", ()))
        looked, steps = last_look(run), run.steps()["step"]
        return cls(verdict, read_findings(run), read_signs(run), looked, not steps or looked >= steps[-1])

    @property
    def healthy(self) -> bool:
        """Whether the doctor looked at the whole training and found nothing."""
        return self.findings is not None and not self.findings and self.ended

    @property
    def flowing(self) -> list[Signs]:
        """The vital signs in which there are gradients: of a training that broke the last may have none."""
        return [signs for signs in self.signs if gradient_flow(signs)]

    @property
    def summary(self) -> str:
        """What the doctor found, in one sentence."""
        if self.findings is None:
            return _("The doctor has not looked at this run: it does so when a training ends.")
        if not self.findings and not self.ended:
            words = _("Nothing was wrong after step {step:,}; the doctor looks again when the training ends.")
            return words.format(step=self.looked)
        if not self.findings:
            return _("Healthy: the doctor found nothing wrong.")
        titles = _(", ").join(finding.title for finding in self.findings)
        return _("Not healthy: {titles}.").format(titles=titles)
