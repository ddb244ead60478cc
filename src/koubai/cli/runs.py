"""`koubai runs`: all runs in a folder, with their best and last results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from koubai.cli.run_folders import ROOT
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
    found = list_runs(folder)
    console = Console(highlight=False)
    if not found:
        console.print(
            _("There are no runs in {folder}. Start one: koubai train digits").format(folder=folder)
        )
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title, side in _titles():
        table.add_column(title, justify=side, no_wrap=side == "right")
    for record in found:
        table.add_row(*_row(record))
    console.print(table)


def _titles() -> list[tuple[str, Any]]:
    return [
        (_("run"), "left"),
        (_("status"), "left"),
        (_("epochs"), "right"),
        (_("best val. loss"), "right"),
        (_("last val. loss"), "right"),
        (_("test result"), "right"),
    ]


def _row(record: RunRecord) -> list[str]:
    history = record.history()
    losses = history.get("val_loss") or history.get("loss") or []
    best = min(losses, default=None)
    return [
        record.folder.name,
        _(_STATUS[record.status]),
        str(len(losses)),
        f"{written('loss', best)} ({losses.index(best) + 1})" if best is not None else "–",
        written("loss", losses[-1] if losses else None),
        _tested(record),
    ]


def _tested(record: RunRecord) -> str:
    if not Outcome.is_in(record.folder):
        return "–"
    outcome = Outcome.load(record.folder)
    mark = {True: " ✓", False: " ✗", None: ""}[outcome.target_met]
    return f"{label(outcome.headline)} {written(outcome.headline, outcome.result)}{mark}"
