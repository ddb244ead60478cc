"""Trainings with a known fault and their healthy twins: what each of them reaches, with Koubai and with PyTorch.

Prints a table: python benchmarks/doctor.py --cases FILE, see --help
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from doctor import koubai_side
from doctor.case import read_cases
from doctor.observer import Observer
from doctor.setup import Outcome, Setup, Subject
from doctor.table import Row, as_table
from rich.console import Console

KOUBAI = "Koubai"


def examined(setup: Setup) -> Outcome:
    """Train with Koubai while the doctor watches: this is where it is plugged in."""
    return koubai_side.train(setup, Observer())


def outcomes(subject: Subject, fixed: bool, seeds: int) -> dict[str, list[Outcome]]:
    """Train the faulty one or its twin, once for each seed."""
    return {KOUBAI: [examined(subject.make(seed, fixed)) for seed in range(seeds)]}


def main(
    cases: Annotated[Path, typer.Option(help="The cases; generate.py has to lie beside the file.")],
    seeds: Annotated[int, typer.Option(min=1, help="How often each is trained.")] = 5,
    only: Annotated[str, typer.Option(help="Only those with this in their name.")] = "",
    scaled: Annotated[bool, typer.Option("--scaled", help="Use fewer data where the file says how.")] = False,
) -> None:
    """Train them all."""
    console, rows = Console(), []
    for case in read_cases(cases):
        if only in case.id:
            subject = koubai_side.subject(case.scaled_down() if scaled else case)
            with console.status(case.id):
                faulty, healthy = (outcomes(subject, fixed, seeds) for fixed in (False, True))
            rows.append(Row(case.id, faulty, healthy, (case.verified(False), case.verified(True))))
    console.print(as_table(f"Mean scores of {seeds} seeds", rows, [KOUBAI], published=True))


if __name__ == "__main__":
    typer.run(main)
