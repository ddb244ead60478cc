"""`koubai doctor --treat`: remedies tried in paired trials on what a run trains, and the proof in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from koubai.cli.alarms import alarms_on
from koubai.cli.errors import Stopped
from koubai.cli.session import recipe_of
from koubai.cli.wrapping import lines_of
from koubai.doctor.chart import read_findings
from koubai.doctor.proof_file import write_proof
from koubai.doctor.treatment import MENU, Coming, Proof, Trial, treating
from koubai.i18n import _
from koubai.recipes import Training, treatable
from koubai.report import write_report
from koubai.report.labels import duration
from koubai.report.treatment import code_of, number, remedies_text, sentence, skill_text
from koubai.train import RunRecord

_FRESH = 2  # seeds


def treat(record: RunRecord, trials: int, seeds: int | None, as_json: bool) -> None:
    """Run the trials on the run's recipe, show them, and write the proof.

    Raises:
        Stopped: the user pressed Ctrl-C; what was shown until then is kept.
    """
    findings = read_findings(record)
    console = Console(highlight=False, quiet=as_json)
    if findings == []:
        _nothing_to_do(console, as_json)
        return
    training = treatable(Training(*recipe_of(record)))
    console.print("\n".join(lines_of(_opening(training), console.width)))
    fresh = _FRESH if seeds is None else seeds
    proof: Proof[Any] | None = None
    try:
        with alarms_on(console), Live(console=console, refresh_per_second=8) as live:
            live.update(_doing(None))
            for proof in treating(training, findings, trials=trials, fresh=fresh):
                live.update(_progress(proof))
                write_proof(proof, record.folder)
    except KeyboardInterrupt:
        _stop(record, proof)
    assert proof is not None
    write_report(record)
    if as_json:
        typer.echo(json.dumps(proof.to_json(), ensure_ascii=False, indent=2, allow_nan=False))
        return
    for part in _result(proof, record):
        console.print(part, soft_wrap=isinstance(part, str))


def _nothing_to_do(console: Console, as_json: bool) -> None:
    console.print(Text("✓ " + _("Healthy: the doctor found nothing to treat."), style="green"))
    if as_json:
        typer.echo(json.dumps({"causes": [], "trials": []}))


def _stop(record: RunRecord, proof: Proof[Any] | None) -> None:
    again = _("Once more: koubai doctor {folder} --treat").format(folder=record.folder)
    if proof is None or not proof.trials:
        raise Stopped(_("Stopped before a trial was made."), again) from None
    write_report(record)
    raise Stopped(f"{_('Stopped. All that was shown so far is kept.')}\n  {sentence(proof)}", again) from None


def _opening(training: Any) -> str:
    judged = len((training.validation or training.train)[0])
    return _(
        "The training has {epochs} epochs, {steps:,} steps. Each trial makes a quarter of its steps, the best one goes "
        "on to the end; {samples:,} samples judge. Skill 0 is the best constant answer, 1 is right throughout."
    ).format(epochs=training.epochs, steps=training.steps, samples=judged)


def _progress(proof: Proof[Any]) -> RenderableType:
    """The table so far, and below it what is being trained."""
    return _table(proof) if proof.coming is None else Group(_table(proof), _doing(proof.coming))


def _doing(coming: Coming | None) -> RenderableType:
    if coming is None:
        words = _("the untreated training")
    elif coming.seed:
        words = _("the best again, seed {seed}").format(seed=coming.seed)
    else:
        words = _("trial: {remedies}").format(
            remedies=_(", ").join(str(MENU[name]) for name in coming.remedies)
        )
    return Spinner("dots", Text(f"{words} …", style="dim", overflow="ellipsis", no_wrap=True))


def _table(proof: Proof[Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column(_("remedies"), overflow="fold", ratio=1)
    table.add_column(_("skill"), justify="right", no_wrap=True)
    table.add_column(_("time"), justify="right", no_wrap=True)
    for row in _rows(proof):
        table.add_row(*row)
    return table


def _rows(proof: Proof[Any]) -> Iterator[tuple[str, str, str, str]]:
    yield "–", _("untreated"), skill_text(proof.before), duration(proof.before.seconds)
    for count, trial in enumerate(proof.trials, 1):
        skills = f"{number(proof.untreated)} → {skill_text(trial)}"
        yield str(count), remedies_text(trial), skills, duration(trial.seconds)
    for seed, (untreated, treated) in enumerate(proof.confirmed, 1):
        mark = "✓" if treated > untreated else "✗"
        words = _("the best again, seed {seed}").format(seed=seed)
        yield mark, words, f"{number(untreated)} → {number(treated)}", ""


def _result(proof: Proof[Any], record: RunRecord) -> Iterator[RenderableType]:
    mark, style = ("✓", "bold green") if proof.proven else ("–", "bold")
    yield Text(f"\n{mark} {sentence(proof)}", style=style)
    if proof.best is not None:
        yield from _prescription(proof.best)
    yield _("Proof: {path}").format(path=record.folder / "proof.json")
    yield _("Report: {path}").format(path=record.folder / "report.html")


def _prescription(best: Trial) -> Iterator[RenderableType]:
    yield Text("\n" + _("Prescription"), style="bold")
    for title, code in code_of(best):
        yield Padding(Text(title), (0, 0, 0, 3))
        yield Padding(Text(code, style="cyan"), (0, 0, 0, 6))
    if best.changes:
        yield Padding(Text(_(", ").join(best.changes), style="dim"), (0, 0, 0, 3))
    yield ""
