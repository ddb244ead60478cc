"""The same trainings with Koubai and with PyTorch, the doctor at both: whether it says the same.

Prints what it says of each, and in how many it agrees: python benchmarks/doctor_torch.py --cases FILE, see --help
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from doctor.case import Case, read_cases
from doctor.examination import Examination, Watching, examine
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from doctor import koubai_side, torch_side

_WIDTH = 130  # columns of the table


@dataclass(frozen=True)
class Pair:
    """One training on both sides.

    Attributes:
        case, fixed, seed: which training it is.
        koubai, torch: what came of it.
    """

    case: Case
    fixed: bool
    seed: int
    koubai: Examination
    torch: Examination

    @property
    def same(self) -> bool:
        """Whether the same causes are named, in the same order."""
        return self.koubai.causes == self.torch.causes

    @property
    def same_first(self) -> bool:
        """Whether the same cause is named first."""
        return self.koubai.causes[:1] == self.torch.causes[:1]


def pairs(case: Case, seeds: int) -> Iterator[Pair]:
    """Train a case and its healthy twin on both sides."""
    koubai, with_torch = koubai_side.subject(case), torch_side.subject(case)
    for fixed in (False, True):
        for seed in range(seeds):
            watching = Watching(torch=True)
            outcome = torch_side.train(with_torch.make(seed, fixed), watching)
            other = Examination(outcome, watching.findings, watching.alarm)
            yield Pair(case, fixed, seed, examine(koubai, seed, fixed), other)


def row(pair: Pair) -> list[str]:
    """Return the cells of a training in which the two do not say the same, or of any."""
    sides = (pair.koubai, pair.torch)
    return [
        pair.case.id,
        "healthy" if pair.fixed else "faulty",
        str(pair.seed),
        "yes" if pair.same else "first" if pair.same_first else "no",
        *(", ".join(side.causes) or "–" for side in sides),
        *(f"{side.outcome.score:.3f}" for side in sides),
    ]


def reasons(pair: Pair) -> Iterator[str]:
    """Yield on what each side bases what it says."""
    for name, side in (("koubai", pair.koubai), ("torch", pair.torch)):
        for finding in side.findings:
            yield f"{pair.case.id} {pair.seed} {name}: {finding.cause} {finding.confidence:.2f}: {finding.symptom}"


def share(count: int, total: int) -> str:
    """Write a share with its numbers."""
    return f"{count / max(1, total):.1%} ({count} of {total})"


def main(
    cases: Annotated[Path, typer.Option(help="The cases; generate.py has to lie beside the file.")],
    seeds: Annotated[int, typer.Option(min=1, help="How often each is trained.")] = 2,
    only: Annotated[str, typer.Option(help="Only those with this in their name.")] = "",
    scaled: Annotated[bool, typer.Option("--scaled", help="Fewer data where the file says how.")] = False,
    details: Annotated[bool, typer.Option("--details", help="Say why, where they differ.")] = False,
) -> None:
    """Compare what the doctor says on both sides."""
    logging.getLogger("koubai").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    console, found = Console(), []
    console.width = max(console.width, _WIDTH)
    table = Table(title="What the doctor says", box=SIMPLE_HEAD)
    for heading in ("", "", "seed", "same", "Koubai", "PyTorch", "score", "score"):
        table.add_column(heading)
    for case in read_cases(cases):
        if only not in case.id:
            continue
        for pair in pairs(case.scaled_down() if scaled else case, seeds):
            found.append(pair)
            table.add_row(*row(pair))
            if details and not pair.same:
                for line in reasons(pair):
                    console.print(line, markup=False, highlight=False)
    console.print(table)
    console.print(
        f"same causes: {share(sum(p.same for p in found), len(found))}; wanted ≥ 90 %", highlight=False
    )
    console.print(f"same first cause: {share(sum(p.same_first for p in found), len(found))}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
