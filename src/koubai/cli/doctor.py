"""`koubai doctor`: what is wrong with a run and what to do about it, and on request its treatment."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import typer
from rich.console import Console

from koubai.cli.checklist import show_checklist
from koubai.cli.checkup import show_checkup
from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.experiments import experiment
from koubai.cli.options import wrapped
from koubai.cli.run_folders import LATEST, find_run
from koubai.cli.treatment import treat
from koubai.i18n import _
from koubai.report.checkup import Checkup
from koubai.train import RunRecord


def doctor(
    run: Annotated[str, typer.Argument(metavar="RUN", help=_("a run's folder or name, or latest"))] = LATEST,
    checklist: Annotated[
        bool,
        typer.Option(
            "--checklist", help=wrapped(_("go through the two checklists: before training, and when stuck"))
        ),
    ] = False,
    treated: Annotated[
        bool, typer.Option("--treat", help=wrapped(_("try remedies in paired trials, and prove the best")))
    ] = False,
    asked: Annotated[
        str | None,
        typer.Option(
            "--experiment",
            metavar=_("NAME"),
            help=wrapped(
                _(
                    "rates: learning rates side by side; overfit: a few samples by heart; seeds: how much is chance"
                )
            ),
        ),
    ] = None,
    trials: Annotated[
        int,
        typer.Option(
            "--trials", min=1, metavar=_("INTEGER"), help=wrapped(_("with --treat: at most so many trials"))
        ),
    ] = 3,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            min=1,
            metavar=_("INTEGER"),
            show_default=False,
            help=wrapped(
                _("fresh seeds of --treat (default: 2), or all those of --experiment seeds (default: 5)")
            ),
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("as JSON, for programs"))] = False,
) -> None:
    """Print the checkup or the checklists, treat, or experiment."""
    if sum([checklist, treated, asked is not None]) > 1:
        raise Mistake(_("Choose one of --checklist, --treat and --experiment."), code=MISUSED)
    record = find_run(run)
    if treated:
        treat(record, trials, seeds, as_json)
    elif asked is not None:
        experiment(record, asked, seeds, as_json)
    elif checklist:
        show_checklist(record, as_json)
    elif as_json:
        typer.echo(json.dumps(_plain(record), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        console = Console(highlight=False)
        console.print(_heading(record), style="dim")
        show_checkup(console, Checkup.of(record), record.history())


def _heading(record: RunRecord) -> str:
    epochs, steps = len(record.history().get("loss", ())), len(record.steps()["step"])
    counts = _("{epochs} epochs, {steps:,} steps").format(epochs=epochs, steps=steps)
    return f"{record.folder.name} · {counts}"


def _plain(record: RunRecord) -> dict[str, Any]:
    checkup = Checkup.of(record)
    findings = (
        None if checkup.findings is None else [f.to_json() | {"title": f.title} for f in checkup.findings]
    )
    verdict = {"kind": checkup.verdict.kind, "sentence": checkup.verdict.sentence}
    signs = [signs.to_json() for signs in checkup.signs]
    content = {
        "run": str(record.folder),
        "status": record.status,
        "healthy": checkup.healthy,
        "findings": findings,
        "verdict": verdict,
    }
    plain: dict[str, Any] = _finite({**content, "vital_signs": signs})
    return plain


def _finite(tree: Any) -> Any:
    """What is no number becomes null, for JSON has no NaN."""
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
