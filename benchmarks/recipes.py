"""Trains every recipe with its default settings and several seeds, and prints what it reaches beside its baseline.

Data sets come from the folder KOUBAI_DATA or are downloaded; a recipe whose data cannot be had is named and left out.
Finished trainings are kept in the file that --results names, one line each: run it again to go on, or with more seeds.

    python benchmarks/recipes.py --seeds 3
    python benchmarks/recipes.py --only graph --only recommend --seeds 1
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from koubai.data import DownloadError
from koubai.doctor.chart import read_findings
from koubai.recipes import RECIPES, Training
from koubai.report.labels import duration, label, written
from koubai.train import RunRecord

_WIDTH = 150  # columns of the table


@dataclass(frozen=True)
class Goal:
    """One row: a recipe with settings, and the value of its headline metric that it must reach, or None."""

    recipe: str
    data: str
    must: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The recipe as one would type it."""
        options = (f"--{key.replace('_', '-')} {value}" for key, value in self.settings.items())
        return " ".join((self.recipe, *options))


@dataclass(frozen=True)
class Trained:
    """One training: what it reached, beside what, how long it took, and what the doctor found."""

    name: str
    seed: int
    metric: str
    result: float
    baseline: float | None
    seconds: float
    findings: tuple[str, ...]


GOALS = (
    Goal("image-cnn", "MNIST", 0.993),
    Goal("image-resnet", "CIFAR-10"),
    Goal("text-gpt", "tiny Shakespeare"),
    Goal("text-gpt", "Aozora Bunko", settings={"corpus": "aozora", "epochs": 3}),
    Goal("text-lstm", "names"),
    Goal("text-lstm", "names", settings={"cell": "gru"}),
    Goal("text-classify", "six kinds of snippets"),
    Goal("text-classify", "surnames", settings={"data": "names"}),
    Goal("summarise", "made-up news"),
    Goal("detect", "scenes of MNIST digits", 0.9),
    Goal("translate", "small_parallel_enja"),
    Goal("tabular", "Adult", 0.85, {"data": "adult"}),
    Goal("tabular", "California housing", settings={"data": "california-housing"}),
    Goal("tabular", "penguins", settings={"data": "penguins"}),
    Goal("forecast", "airline passengers"),
    Goal("forecast", "sunspots", settings={"series": "sunspots"}),
    Goal("forecast", "temperatures", settings={"series": "temperatures"}),
    Goal("graph", "Cora", 0.81),
    Goal("graph", "Cora", 0.81, {"model": "gat"}),
    Goal("recommend", "made-up ratings", settings={"data": "synthetic"}),
    Goal("recommend", "made-up ratings", settings={"data": "synthetic", "model": "towers"}),
    Goal("recommend", "MovieLens, small"),
    Goal("speech", "free spoken digits", 0.97),
    Goal("speech", "utterances", settings={"model": "crnn"}),
    Goal("biology", "a planted motif"),
    Goal("anomaly", "NAB", 60.0),
    Goal("anomaly", "MNIST, digit 8 unseen", settings={"data": "images"}),
    Goal("anomaly", "Adult, tampered rows", settings={"data": "table"}),
    Goal("anomaly", "made-up log lines", settings={"data": "logs"}),
)


def trained(goal: Goal, seed: int, folder: Path) -> Trained:
    """Train in a folder of its own, as the command does, and judge.

    Raises:
        DownloadError: the data cannot be had.
        ImportError: what reads them is not installed.
    """
    recipe = RECIPES[goal.recipe]
    began = time.perf_counter()
    training = Training(recipe, recipe.settings(seed=seed, **goal.settings))
    record = RunRecord.create(folder / f"{goal.name} {seed} {os.getpid()}", {"recipe": goal.recipe}, seed)
    training.fit(run=record)
    seconds = time.perf_counter() - began
    outcome = training.judge()
    baseline = outcome.baseline.get(outcome.headline)
    causes = tuple(finding.cause for finding in read_findings(record) or ())
    return Trained(goal.name, seed, outcome.headline, outcome.result, baseline, seconds, causes)


def known(results: Path) -> dict[tuple[str, int], Trained]:
    """The trainings in the file, by name and seed; the last of each counts."""
    lines = results.read_text("utf-8").splitlines() if results.is_file() else []
    rows = (Trained(**json.loads(line)) for line in lines)
    return {(row.name, row.seed): row for row in rows}


def trainings(goal: Goal, seeds: int, results: Path, folder: Path, console: Console) -> Iterator[Trained]:
    """The goal's trainings, those in the file taken from there; none where the data are missing."""
    for seed in range(seeds):
        done = known(results).get((goal.name, seed))
        if done is None:
            try:
                done = trained(goal, seed, folder)
            except (DownloadError, ImportError) as missing:
                console.print(
                    f"{goal.name}: left out. {str(missing).splitlines()[0]}", style="dim", soft_wrap=True
                )
                return
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(done)) + "\n")
        yield done


def row(goal: Goal, rows: list[Trained]) -> list[str]:
    """A line of the table."""
    mean, metric = fmean(one.result for one in rows), rows[0].metric
    baselines = [one.baseline for one in rows if one.baseline is not None]
    findings = sorted({cause for one in rows for cause in one.findings})
    return [
        goal.name,
        goal.data,
        label(metric),
        written(metric, goal.must),
        written(metric, mean),
        " ".join(written(metric, one.result) for one in rows),
        written(metric, fmean(baselines) if baselines else None),
        duration(fmean(one.seconds for one in rows)),
        ", ".join(findings) or "–",
    ]


def main(
    only: Annotated[list[str] | None, typer.Option(help="a recipe; may be given several times")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="trainings of each")] = 3,
    results: Annotated[Path, typer.Option(help="file with the trainings that are done")] = Path(
        "recipes.jsonl"
    ),
    runs: Annotated[Path, typer.Option(help="folder for the records of the trainings")] = Path(
        "runs/recipes"
    ),
) -> None:
    """Print the table."""
    console = Console()
    table = Table(box=SIMPLE_HEAD)
    for title in ("recipe", "data", "metric", "must", "mean", "each seed", "baseline", "time", "doctor"):
        table.add_column(title, justify="right" if title in ("must", "mean", "baseline", "time") else "left")
    for goal in GOALS:
        if not only or goal.recipe in only:
            rows = list(trainings(goal, seeds, results, runs, console))
            if rows:
                table.add_row(*row(goal, rows))
    console.width = max(console.width, _WIDTH)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
