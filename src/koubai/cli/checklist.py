"""`koubai doctor --checklist`: the checklists for what a run trains, each point with its tick."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from koubai.cli.session import recipe_of
from koubai.doctor import checklist
from koubai.doctor.reviews.review import Entry
from koubai.i18n import N_, _
from koubai.recipes import Training
from koubai.train import RunRecord

_TITLES = {"before": N_("Before training"), "stuck": N_("When it is stuck")}


def show_checklist(record: RunRecord, as_json: bool) -> None:
    """Build the run's model, data and optimizer from its recipe, and print the checklists."""
    entries = _entries(Training(*recipe_of(record)))
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, indent=2))
        return
    console = Console(highlight=False)
    for name, title in _TITLES.items():
        console.print(Text(_(title), style="bold"))
        console.print(Padding(_table([entry for entry in entries if entry.list == name]), (0, 0, 1, 2)))
    console.print(
        Text(_("A point without a tick may be meant so: these are reviews, not findings."), style="dim")
    )


def _entries(training: Training) -> list[Entry]:
    trainer = training.trainer
    return checklist(
        training.model,
        trainer.loss,
        trainer.optimizer,
        training.task.train,
        metrics=[metric.name for metric in trainer.metrics],
        batch_size=training.settings.batch_size,
    )


def _table(entries: list[Entry]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for entry in entries:
        mark = Text("☑", style="green") if entry.ticked else Text("□", style="yellow")
        table.add_row(mark, entry.title, entry.seen)
        if entry.advice:
            table.add_row("", Text("→", style="yellow", justify="right"), Text(entry.advice, style="yellow"))
    return table
