"""The report's view of a treatment: what was tried and what it came to, the proof, and the remedies as code."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from koubai.doctor.treatment import MENU, Proof, Trial
from koubai.i18n import _
from koubai.report.html import Html, table, tag
from koubai.report.labels import duration


def remedies_text(trial: Trial) -> str:
    """The remedies of a trial in words, and how far it went if it was not gone on with."""
    words = _(", ").join(str(MENU[name]) for name in trial.remedies if name in MENU)
    return words if trial.part == 1 else words + _(" (first {part:.0%} of the steps)").format(part=trial.part)


def skill_text(trial: Trial) -> str:
    """What a training came to."""
    if not trial.fits:
        return _("does not fit")
    return number(trial.skill)


def number(skill: float) -> str:
    """A skill to show."""
    return f"{skill:.2f}" if math.isfinite(skill) else _("diverged")


def sentence(proof: Proof[Any]) -> str:
    """What was shown, in one sentence."""
    if not proof.causes and not proof.trials:
        return _("The doctor found nothing to treat.")
    leading = proof.leading
    if leading is None:
        return _("None of the trials came to more than the untreated training.")
    ends = {"before": number(proof.untreated), "after": number(leading.skill)}
    if proof.best is None:
        return _("The best trial did not hold on fresh seeds: nothing is proven.")
    if not proof.proven:
        return _("Skill {before} → {after}, not confirmed on fresh seeds yet.").format(**ends)
    words = _("Proven: skill {before} → {after}, confirmed on fresh seeds ({seeds}).")
    return words.format(seeds=len(proof.confirmed), **ends)


def code_of(trial: Trial) -> list[tuple[str, str]]:
    """Its remedies that are on the menu, each in words and as a change of code."""
    return [(str(MENU[name]), MENU[name].code) for name in trial.remedies if name in MENU]


def losses(proof: Proof[Any]) -> dict[str, tuple[float, ...]]:
    """The losses of the untreated training and of the best trial, where both may be compared."""
    best = proof.leading
    curves = {_("untreated"): proof.before.losses}
    if best is not None:
        name = _("treated") if best.same_loss else _("treated (another loss: compare the shapes)")
        curves[name] = best.losses
    return curves


def treatment(proof: Proof[Trial]) -> Iterator[Html]:
    """The sentence, the trials, and the remedies that helped."""
    yield tag("p", ("✓ " if proof.proven else "") + sentence(proof), class_=f"health {_kind(proof)}")
    if proof.trials:
        yield tag("div", table(_header(), _rows(proof), class_="wide"), class_="card")
    if proof.best is not None:
        yield tag("div", _prescription(proof.best), class_="card prescription")


def _kind(proof: Proof[Trial]) -> str:
    return "good" if proof.proven else "soft"


def _header() -> list[str]:
    return [_("trial"), _("remedies"), _("untreated"), _("treated"), _("time")]


def _rows(proof: Proof[Trial]) -> Iterator[list[object]]:
    before = number(proof.untreated)
    for count, trial in enumerate(proof.trials, 1):
        yield [count, remedies_text(trial), before, skill_text(trial), duration(trial.seconds)]
    for seed, (untreated, treated) in enumerate(proof.confirmed, 1):
        name = _("the best again, seed {seed}").format(seed=seed)
        yield ["✓" if treated > untreated else "✗", name, number(untreated), number(treated), ""]


def _prescription(best: Trial) -> Iterator[Html]:
    yield tag("h3", _("Prescription"))
    yield tag("ul", (tag("li", f"{title}: ", tag("code", code)) for title, code in code_of(best)))
    if best.changes:
        yield tag("p", _(", ").join(best.changes), class_="soft")
