"""Where runs are: a folder for each below `runs`, found by its path, its name, or as the latest."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from koubai.cli.errors import Mistake
from koubai.i18n import _
from koubai.train import RunRecord, list_runs

ROOT = Path("runs")
LATEST = "latest"


def new_folder(name: str) -> Path:
    """A folder that does not exist yet, such as runs/digits-20261121-101500."""
    stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    candidates = (ROOT / (stem if number == 1 else f"{stem}-{number}") for number in range(1, 1000))
    return next(folder for folder in candidates if not folder.exists())


def find_run(wanted: str) -> RunRecord:
    """The record of a run.

    Args:
        wanted: its folder, its name below `runs`, or "latest".

    Raises:
        Mistake: there is no such run.
    """
    if wanted == LATEST and (found := list_runs(ROOT)):
        return found[-1]
    for folder in (Path(wanted), ROOT / wanted):
        if (folder / "config.json").is_file():
            return RunRecord.open(folder)
    raise Mistake(
        _("There is no run {name}.").format(name=wanted),
        _("koubai runs shows all runs in the folder {folder}; {latest} stands for the newest one.").format(
            folder=ROOT, latest=LATEST
        ),
    )
