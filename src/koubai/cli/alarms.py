"""What the doctor says during a training, in two sentences; the rest is for `koubai doctor` and the report."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from koubai.doctor.finding import Finding
from koubai.i18n import _


class Alarms(logging.Handler):
    """Prints findings, and whatever else the doctor logs.

    Args:
        console: where to print.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print symptom and cause in one line, the remedy in the next."""
        for line in _lines(record):
            self.console.print(line)


def _lines(record: logging.LogRecord) -> Iterator[Text]:
    finding = record.args[0] if isinstance(record.args, tuple) and record.args else None
    if not isinstance(finding, Finding):
        yield Text(f"! {record.getMessage()}", style="yellow")
        return
    where = _(" in {layer}").format(layer=finding.layer) if finding.layer else ""
    yield Text.assemble(("! ", "yellow"), (finding.title + where, "bold yellow"), f": {finding.symptom}")
    yield Text(f"  → {finding.remedy}")


@contextmanager
def alarms_on(console: Console) -> Iterator[None]:
    """Print what the doctor says within a `with` block."""
    log, handler = logging.getLogger("koubai.doctor"), Alarms(console)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
