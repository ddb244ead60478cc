"""`koubai runs`: all runs in a folder, with their best and last results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from koubai.cli.errors import Mistake
from koubai.cli.run_folders import ROOT
from koubai.cli.tables import plain_table, show_table
from koubai.i18n import N_, _
from koubai.recipes import Outcome
from koubai.report.labels import label, written
from koubai.train import RunRecord, list_runs

_STATUS = {
    "new": N_("new"),
    "running": N_("running"),
    "finished": N_("finished"),
    "interrupted": N_("interrupted"),
    "failed": N_("failed"),
    "killed": N_("killed"),
}


def runs(folder: Annotated[Path, typer.Argument(help=_("the folder that holds the runs"))] = ROOT) -> None:
    """Print the table."""
    if folder != ROOT and not folder.is_dir():
        raise Mistake(_("There is no folder {folder}.").format(folder=folder))
    found = list_runs(folder)
    if not found:
        typer.echo(_("There are no runs in {folder}. Start one: koubai train digits").format(folder=folder))
        return
    table = plain_table()
    for title, side in _titles():
        table.add_column(title, justify=side, no_wrap=True, vertical="bottom")
    for record in found:
        table.add_row(*_row(record))
    show_table(table)


def _titles() -> list[tuple[str, Any]]:
    return [
        (_("run"), "left"),
        (_("status"), "left"),
        (_("epochs"), "right"),
        (_("best\nval. loss"), "right"),
        (_("last\nval. loss"), "right"),
        (_("test result"), "right"),
    ]


def _row(record: RunRecord) -> list[str]:
    history = record.history()
    losses = history.get("val_loss") or history.get("loss") or []
    return [
        record.folder.name,
        _(_STATUS[record.status]),
        str(len(losses)),
        written("loss", min(losses, default=None)),
        written("loss", losses[-1] if losses else None),
        _tested(record),
    ]


def _tested(record: RunRecord) -> str:
    """The test result; of a share the percent sign says enough."""
    if not Outcome.is_in(record.folder):
        return "–"
    outcome = Outcome.load(record.folder)
    value = written(outcome.headline, outcome.result)
    mark = {True: " ✓", False: " ✗", None: ""}[outcome.target_met]
    return value + mark if value.endswith("%") else f"{label(outcome.headline)} {value}{mark}"
