"""`koubai report`: makes a run's curves and report again, for instance in another language."""

from __future__ import annotations

from typing import Annotated

import typer

from koubai.cli.run_folders import LATEST, find_run
from koubai.i18n import _
from koubai.report import write_report


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help=_("a run's folder or name, or latest"))] = LATEST,
) -> None:
    """Write the report and say where it is."""
    typer.echo(_("Report: {path}").format(path=write_report(find_run(run))))
