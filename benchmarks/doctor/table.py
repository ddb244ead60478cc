"""The tables that the benchmark prints."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from doctor.setup import Outcome

__all__ = ["Row", "pairs", "singles"]

Scores = Sequence[float | None]


@dataclass(frozen=True)
class Row:
    """What a faulty training and its healthy twin reached, seed by seed, each by who trained it.

    `published` are the scores that the cases file has of both.
    """

    name: str
    faulty: dict[str, list[Outcome]]
    healthy: dict[str, list[Outcome]]
    published: tuple[Scores, Scores] = ((), ())


def pairs(title: str, rows: Iterable[Row], sides: Sequence[str], published: bool = False) -> Table:
    """Return mean scores of faulty and healthy trainings, and the seconds that each takes."""
    columns = [*sides, *(["file"] if published else [])]
    table = _empty(title, [f"{kind} {column}" for kind in ("faulty", "healthy") for column in columns])
    for row in rows:
        cells = []
        for outcomes, theirs in zip((row.faulty, row.healthy), row.published):
            cells += [_mean([o.score for o in outcomes[side]]) for side in sides]
            cells += [_mean(theirs)] if published else []
        every = [each for by in (row.faulty, row.healthy) for outcomes in by.values() for each in outcomes]
        seconds = " + ".join(_seconds(by, sides) for by in (row.faulty, row.healthy))
        table.add_row(row.name, *cells, seconds, _errors(every))
    return table


def singles(title: str, rows: Iterable[tuple[str, float, list[Outcome]]]) -> Table:
    """Return mean and lowest scores of healthy trainings, and what each has to reach."""
    table = _empty(title, ["mean", "lowest", "at least"])
    for name, least, outcomes in rows:
        scores = [outcome.score for outcome in outcomes]
        lowest = f"{min(scores):.3f}{'' if min(scores) >= least else ' !'}"
        seconds = _mean([outcome.seconds for outcome in outcomes], 2)
        table.add_row(name, _mean(scores), lowest, f"{least:.2f}", seconds, _errors(outcomes))
    return table


def _empty(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("")
    for heading in (*headings, "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("ended early")
    return table


def _mean(values: Scores, digits: int = 3) -> str:
    """Return the mean of what is a number."""
    finite = [value for value in values if value is not None]
    return f"{statistics.mean(finite):.{digits}f}" if finite else "–"


def _seconds(outcomes: dict[str, list[Outcome]], sides: Sequence[str]) -> str:
    """Return the mean time of a training on each side."""
    return "|".join(_mean([o.seconds for o in outcomes[side]], 2) for side in sides)


def _errors(outcomes: Sequence[Outcome]) -> str:
    return ", ".join(sorted({type(outcome.error).__name__ for outcome in outcomes if outcome.error}))
