"""Makes a run's curves and its report from what is recorded in its folder, without the data or the model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from koubai.atomic import write_file
from koubai.recipes.layers import read_layers
from koubai.recipes.outcome import Outcome
from koubai.report.canvas import MatplotlibMissing
from koubai.report.checkup import Checkup
from koubai.report.content import Content
from koubai.report.curves import draw_curve
from koubai.report.page import page, shown_metrics
from koubai.report.verdict import read_curves
from koubai.train import RunRecord

REPORT = "report.html"


def write_report(record: RunRecord) -> Path:
    """Write `report.html` and a PNG for each curve into the run's folder, in the user's language.

    Returns:
        the report's path.
    """
    content = content_of(record)
    for name, picture in _curves(content):
        write_file(record.folder / name, picture)
    write_file(record.folder / REPORT, page(content).encode())
    return record.folder / REPORT


def content_of(record: RunRecord) -> Content:
    """All that the report of a run shows; an interrupted run has no outcome yet."""
    config, made = record.config, record.environment
    history = record.history()
    return Content(
        name=str(config.get("recipe", record.folder.name)),
        run=record.folder.name,
        started=f"{datetime.fromisoformat(made['created']).astimezone():%Y-%m-%d %H:%M}",
        seconds=sum(history.get("seconds", ())),
        history=history,
        outcome=Outcome.load(record.folder) if Outcome.is_in(record.folder) else None,
        layers=read_layers(record.folder),
        configuration=_flat(config),
        versions={name: made.get(name) for name in ("koubai", "python", "numpy", "platform")}
        | _revision(made),
        checkup=Checkup.of(record),
    )


def _curves(content: Content) -> Iterator[tuple[str, bytes]]:
    """A file name and a picture for each curve; none where Matplotlib is missing, as the report says."""
    verdict = read_curves(*content.curve("loss"))
    for metric in shown_metrics(content):
        try:
            yield f"curve-{metric}.png", draw_curve(metric, *content.curve(metric), best=verdict.best)
        except MatplotlibMissing:
            return


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    """The settings beside the rest; what was not set is left out."""
    values = {**config, **config.get("settings", {})}
    values.pop("settings", None)
    return {name: value for name, value in values.items() if value is not None}


def _revision(made: dict[str, Any]) -> dict[str, str]:
    git = made.get("git")
    return {"git": git["revision"] + (" +" if git["modified"] else "")} if git else {}
