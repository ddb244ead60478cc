"""Counting what the doctor said: detection, causes, false alarms, repairs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.table import Table

from doctor.examination import Examination
from doctor.setup import Subject

__all__ = ["Verdict", "summary", "verdicts"]


@dataclass
class Verdict:
    """All examinations of one subject.

    Attributes:
        subject: the faulty training and its twin; without causes there is only a healthy one.
        faulty, healthy: one for each seed.
        treated, searched: scores after treatment and after random search, by seed; empty if they were not tried.
    """

    subject: Subject
    faulty: list[Examination]
    healthy: list[Examination]
    treated: list[float] = field(default_factory=list)
    searched: list[float] = field(default_factory=list)

    @property
    def detected(self) -> int:
        """In how many faulty trainings anything was found."""
        return sum(bool(one.findings) for one in self.faulty)

    def named(self, first: int) -> int:
        """In how many faulty trainings one of the first causes is a right one."""
        right = set(self.subject.root_cause)
        return sum(bool(right.intersection(one.causes[:first])) for one in self.faulty)

    @property
    def causes(self) -> tuple[int, int]:
        """How many causes were named in all, and how many of them rightly."""
        named = [cause for one in self.faulty for cause in one.causes]
        return len(named), sum(cause in self.subject.root_cause for cause in named)

    @property
    def alarms(self) -> int:
        """In how many healthy trainings anything was found."""
        return sum(bool(one.findings) for one in self.healthy)

    @property
    def overhead(self) -> float | None:
        """By which share the healthy trainings took longer for the doctor; None if that is not known."""
        pairs = [(one.seconds, one.outcome.seconds) for one in self.healthy if one.seconds is not None]
        return sum(s for s, _ in pairs) / sum(whole - s for s, whole in pairs) if pairs else None

    def repaired(self, scores: Sequence[float]) -> int:
        """In how many trainings at least 90 % of the gap to the healthy twin were closed."""
        pairs = zip(scores, self.faulty, self.healthy)
        return sum(score >= bad.outcome.score + 0.9 * _gap(bad, good) for score, bad, good in pairs)


def _gap(bad: Examination, good: Examination) -> float:
    return max(0.0, good.outcome.score - bad.outcome.score)


def verdicts(title: str, rows: Iterable[Verdict]) -> Table:
    """Return one row for each subject."""
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    for heading in (
        "faulty",
        "healthy",
        "found",
        "first right",
        "false",
        "repaired",
        "random",
        "alarm at",
        "overhead",
    ):
        table.add_column(heading, justify="right")
    table.add_column("first causes", overflow="fold")
    for row in rows:
        table.add_row(
            row.subject.id,
            *_cells(row),
            ", ".join(sorted({one.causes[0] for one in row.faulty if one.causes})),
        )
    return table


def _cells(row: Verdict) -> list[str]:
    seeds = len(row.faulty)
    alarms = [one.alarm for one in row.faulty if one.alarm is not None]
    return [
        _mean(row.faulty),
        _mean(row.healthy),
        f"{row.detected}/{seeds}" if seeds else "",
        f"{row.named(1)}/{seeds}" if seeds else "",
        f"{row.alarms}/{len(row.healthy)}",
        f"{row.repaired(row.treated)}/{len(row.treated)}" if row.treated else "",
        f"{row.repaired(row.searched)}/{len(row.searched)}" if row.searched else "",
        f"{statistics.median(alarms):.0f}" if alarms else "",
        f"{row.overhead:.0%}" if row.overhead is not None else "",
    ]


def _mean(examinations: Sequence[Examination]) -> str:
    scores = [one.outcome.score for one in examinations]
    return f"{statistics.mean(scores):.3f}" if scores else ""


def summary(rows: Sequence[Verdict]) -> list[str]:
    """Return the totals in lines, with what is to be reached."""
    faulty, healthy = sum(len(row.faulty) for row in rows), sum(len(row.healthy) for row in rows)
    lines = []
    if faulty:
        named, right = (sum(row.causes[n] for row in rows) for n in (0, 1))
        lines += [
            _line("detection", sum(row.detected for row in rows), faulty, "≥ 95 %"),
            _line("root cause named first", sum(row.named(1) for row in rows), faulty, "≥ 80 %"),
            _line("root cause among the first three", sum(row.named(3) for row in rows), faulty, "≥ 95 %"),
            _line("precision of the named causes", right, named, "≥ 70 %"),
        ]
    lines.append(
        _line("false alarms on healthy trainings", sum(row.alarms for row in rows), healthy, "≤ 2 %")
    )
    shares = [row.overhead for row in rows if row.overhead is not None]
    if shares:
        share = statistics.median(shares)
        lines.append(f"{'overhead, with all looks':36} {share:6.1%}  (median; of steps: doctor_overhead.py)")
    treated, searched = ([score for row in rows for score in scores(row)] for scores in (_treated, _searched))
    if treated:
        lines.append(
            _line(
                "repaired within 3 trials", sum(r.repaired(r.treated) for r in rows), len(treated), "≥ 85 %"
            )
        )
    if searched:
        lines.append(
            _line(
                "by random search, 3 trials", sum(r.repaired(r.searched) for r in rows), len(searched), "less"
            )
        )
    return lines


def _treated(row: Verdict) -> list[float]:
    return row.treated


def _searched(row: Verdict) -> list[float]:
    return row.searched


def _line(name: str, count: int, total: int, wanted: str) -> str:
    share = count / total if total else 0.0
    return f"{name:36} {share:6.1%}  ({count} of {total}; wanted {wanted})"
