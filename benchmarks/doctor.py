"""Trainings with a known fault and their healthy twins: what each of them reaches, with Koubai and with PyTorch.

Prints tables: python benchmarks/doctor.py --cases FILE --torch, or --families --healthy, see --help
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from doctor import koubai_side
from doctor.case import Case, read_cases
from doctor.families import FAMILIES
from doctor.healthy import HEALTHY
from doctor.observer import Observer
from doctor.setup import Outcome, Setup, Subject
from doctor.table import Row, pairs, singles
from rich.console import Console

KOUBAI, TORCH = "Koubai", "PyTorch"


def examined(setup: Setup) -> Outcome:
    """Train with Koubai while the doctor watches: this is where it is plugged in."""
    return koubai_side.train(setup, Observer())


def examined_in_torch(setup: Setup) -> Outcome:
    """Train with PyTorch while the doctor watches."""
    from doctor import torch_side

    return torch_side.train(setup, Observer())


def row_of_subject(subject: Subject, seeds: int) -> Row:
    """Train a subject and its twin with Koubai, once for each seed."""
    faulty, healthy = ([examined(subject.make(s, fixed)) for s in range(seeds)] for fixed in (False, True))
    return Row(subject.id, {KOUBAI: faulty}, {KOUBAI: healthy})


def row_of_case(case: Case, seeds: int, torch: bool) -> Row:
    """Train a case and its twin, once for each seed and framework."""
    row = row_of_subject(koubai_side.subject(case), seeds)
    if torch:
        from doctor import torch_side

        peer = torch_side.subject(case)
        for outcomes, fixed in ((row.faulty, False), (row.healthy, True)):
            outcomes[TORCH] = [examined_in_torch(peer.make(seed, fixed)) for seed in range(seeds)]
    return Row(row.name, row.faulty, row.healthy, (case.verified(False), case.verified(True)))


def chosen(everything: Sequence[Any], part: str) -> list[Any]:
    """Return those whose names have this in them."""
    return [one for one in everything if part in one.id]


def main(
    cases: Annotated[
        Path | None, typer.Option(help="A file of cases, beside its generate.py, to train them.")
    ] = None,
    families: Annotated[bool, typer.Option("--families", help="Train the faults of our own.")] = False,
    healthy: Annotated[bool, typer.Option("--healthy", help="Train what is simply good.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="How often each is trained.")] = 3,
    only: Annotated[str, typer.Option(help="Only those with this in their name.")] = "",
    scaled: Annotated[bool, typer.Option("--scaled", help="Fewer data where the file says how.")] = False,
    torch: Annotated[bool, typer.Option("--torch", help="Train the cases with PyTorch as well.")] = False,
) -> None:
    """Train them all."""
    console, title = Console(), f"Mean scores of {seeds} seeds"
    if cases is not None:
        found = [case.scaled_down() if scaled else case for case in chosen(read_cases(cases), only)]
        sides = [KOUBAI, TORCH] if torch else [KOUBAI]
        rows = [row_of_case(case, seeds, torch) for case in found]
        console.print(pairs(f"{title}: {cases.name}", rows, sides, published=True))
    if families:
        rows = [row_of_subject(subject, seeds) for subject in chosen(FAMILIES, only)]
        console.print(pairs(f"{title}: our own faults", rows, [KOUBAI]))
    if healthy:
        results = [
            (one.id, one.least, [examined(one.make(seed)) for seed in range(seeds)])
            for one in chosen(HEALTHY, only)
        ]
        console.print(singles(f"{title}: healthy trainings", results))


if __name__ == "__main__":
    typer.run(main)
