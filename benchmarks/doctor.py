"""Trainings with a known fault and their healthy twins: what the doctor says of each, and whether it can cure them.

Prints a table and totals: python benchmarks/doctor.py --cases FILE --treat, or --families --healthy, see --help
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from doctor.case import read_cases
from doctor.examination import Examination, examine, repair
from doctor.families import FAMILIES
from doctor.healthy import HEALTHY
from doctor.random_search import search
from doctor.recipes import TRAININGS, alarms
from doctor.setup import Subject
from doctor.verdicts import Verdict, summary, verdicts
from rich.console import Console

from doctor import koubai_side

_WIDTH = 130  # columns of the table


def judged(subject: Subject, seeds: int, treated: bool, searched: bool) -> Verdict:
    """Train a subject and its twin once for each seed, with the doctor, and try what it prescribes."""
    faulty: list[Examination] = []
    if subject.root_cause:
        faulty = [examine(subject, seed, False) for seed in range(seeds)]
    healthy = [examine(subject, seed, True) for seed in range(seeds)]
    verdict = Verdict(subject, faulty, healthy)
    for seed, one in enumerate(faulty):
        if treated:
            verdict.treated.append(repair(subject, seed, one.findings))
        if searched:
            verdict.searched.append(search(subject, seed))
    return verdict


def chosen(everything: Sequence[Any], part: str) -> list[Any]:
    """Return those whose names have this in them."""
    return [one for one in everything if part in one.id]


def main(
    cases: Annotated[
        Path | None, typer.Option(help="A file of cases, beside its generate.py, to train them.")
    ] = None,
    families: Annotated[bool, typer.Option("--families", help="Train the faults of our own.")] = False,
    healthy: Annotated[bool, typer.Option("--healthy", help="Train what is simply good.")] = False,
    recipes: Annotated[bool, typer.Option("--recipes", help="Train Koubai's own recipes.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="How often each is trained.")] = 5,
    only: Annotated[str, typer.Option(help="Only those with this in their name.")] = "",
    scaled: Annotated[bool, typer.Option("--scaled", help="Fewer data where the file says how.")] = False,
    treat: Annotated[bool, typer.Option("--treat", help="Try what the doctor prescribes.")] = False,
    random: Annotated[bool, typer.Option("--random", help="Try random search as well.")] = False,
) -> None:
    """Train them all."""
    logging.getLogger("koubai").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    subjects: dict[str, list[Subject]] = {}
    if cases is not None:
        found = [case.scaled_down() if scaled else case for case in chosen(read_cases(cases), only)]
        subjects[cases.name] = [koubai_side.subject(case) for case in found]
    if families:
        subjects["our own faults"] = chosen(FAMILIES, only)
    if healthy:
        subjects["healthy trainings"] = [one.subject for one in chosen(HEALTHY, only)]
    if recipes:
        report_recipes([name for name in TRAININGS if only in name], seeds)
    for title, chosen_ones in subjects.items():
        report(title, chosen_ones, seeds, treat, random)


def report(title: str, subjects: Sequence[Subject], seeds: int, treat: bool, random: bool) -> None:
    """Examine subjects and print what came of it, on Ctrl-C of those that were examined until then."""
    console, started = Console(), time.perf_counter()
    console.width = max(console.width, _WIDTH)
    rows: list[Verdict] = []
    with suppress(KeyboardInterrupt):
        for subject in subjects:
            rows.append(judged(subject, seeds, treat, random))
    console.print(verdicts(f"{title}: {seeds} seeds, {len(rows)} of {len(subjects)}", rows))
    for line in summary(rows):
        console.print(line, highlight=False)
    console.print(f"{time.perf_counter() - started:.0f} s\n", highlight=False)


def report_recipes(names: Sequence[str], seeds: int) -> None:
    """Train recipes and print what the doctor says of them, one by one."""
    said: list[list[str]] = []
    for name in names:
        try:
            for seed in range(seeds):
                said.append(alarms(name, seed))
                print(f"{name:32} seed {seed}: {', '.join(said[-1]) or 'silent'}", flush=True)
        except RuntimeError as problem:  # its data, or a library that it wants, are not here
            print(f"{name:32} left out: {' '.join(str(problem).split())[:200]}", flush=True)
    print(f"false alarms: {sum(map(bool, said))} of {len(said)}")


if __name__ == "__main__":
    typer.run(main)
