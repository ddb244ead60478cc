"""The tables that the benchmark prints."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from doctor.setup import Outcome

__all__ = ["Row", "as_table"]


@dataclass(frozen=True)
class Row:
    """What the faulty training and its healthy twin reached, seed by seed, each by who trained it.

    `faulty` or `healthy` is empty where there is no such training.
    """

    name: str
    faulty: dict[str, list[Outcome]]
    healthy: dict[str, list[Outcome]]
    published: tuple[Sequence[float | None], Sequence[float | None]] = ((), ())


def as_table(title: str, rows: Iterable[Row], sides: Sequence[str], published: bool = False) -> Table:
    """Return a table with the mean scores of all, and the seconds that a training takes."""
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("")
    columns = [*sides, *(["file"] if published else [])]
    for heading in [f"{kind} {side}" for kind in ("faulty", "healthy") for side in columns]:
        table.add_column(heading, justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("ended early")
    for row in rows:
        table.add_row(*_cells(row, sides, published))
    return table


def _cells(row: Row, sides: Sequence[str], published: bool) -> list[str]:
    cells = [row.name]
    for outcomes, theirs in zip((row.faulty, row.healthy), row.published):
        cells += [_mean([o.score for o in outcomes.get(side, [])]) for side in sides]
        cells += [_mean([value for value in theirs if value is not None])] if published else []
    every = [outcome for by in (row.faulty, row.healthy) for each in by.values() for outcome in each]
    errors = sorted({type(outcome.error).__name__ for outcome in every if outcome.error})
    return [
        *cells,
        " + ".join(_seconds(by, sides) for by in (row.faulty, row.healthy) if by),
        ", ".join(errors),
    ]


def _mean(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f}" if values else "–"


def _seconds(outcomes: dict[str, list[Outcome]], sides: Sequence[str]) -> str:
    """Return the mean time of a training on each side."""
    return "|".join(f"{statistics.mean(o.seconds for o in outcomes[side]):.2f}" for side in sides)
