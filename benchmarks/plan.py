"""Predictions beside what came true: time per epoch and memory of trainings, planned first and then made.

Each training is planned from a short measurement and then made by `Trainer.fit`, in a fresh process, with validation,
metrics and the doctor; several times in turn, for other programs slow a machine down for seconds, and the medians are
compared. Both memories are what comes on top of a process that has Koubai and its compiler loaded.
Prints a table: python benchmarks/plan.py --help
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from planned.cases import CASES
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from koubai.plan.planner import plan_of

TIME, MEMORY = 0.2, 0.1  # by how much a prediction may err
MIB = 2**20


def measured(name: str) -> dict[str, Any]:
    """Make a training in a fresh process, and return what it took."""
    command = [sys.executable, "-m", "planned.measured", name]
    folder = Path(__file__).parent
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(result.stderr)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def compared(name: str, seconds: float) -> dict[str, float]:
    """Plan a training and make it: what was planned, and what it took."""
    planned = plan_of(CASES[name].workload(), seconds=seconds)
    made = measured(name)
    assert planned.prediction is not None
    return {
        "planned epoch": planned.prediction.epoch,
        "epoch": made["epoch"],
        "planned memory": planned.footprint.process - planned.pilots[0].process,
        "memory": made["memory"],
        "planned fit": planned.prediction.total,
        "fit": made["fit"],
    }


def row(name: str, values: dict[str, float]) -> list[str]:
    """Return a row of the table."""
    workload = CASES[name].workload()
    time, memory, fit = (values[f"planned {key}"] / values[key] for key in ("epoch", "memory", "fit"))
    return [
        workload.name,
        str(workload.batch_size),
        f"{values['planned epoch']:.3f} s",
        f"{values['epoch']:.3f} s",
        f"{time:.2f}{'' if abs(time - 1) <= TIME else ' !'}",
        f"{values['planned memory'] / MIB:.0f} MiB",
        f"{values['memory'] / MIB:.0f} MiB",
        f"{memory:.2f}{'' if abs(memory - 1) <= MEMORY else ' !'}",
        f"{fit:.2f}",
    ]


def main(
    cases: Annotated[str, typer.Option(help=f"Some of {','.join(CASES)}.")] = ",".join(CASES),
    seconds: Annotated[float, typer.Option(help="How long each short training is measured.")] = 1.0,
    rounds: Annotated[int, typer.Option(help="How often each training is planned and made.", min=1)] = 3,
    file: Annotated[Path | None, typer.Option("--json", help="Write all numbers into a file.")] = None,
) -> None:
    """Plan trainings, make them, and compare."""
    console, results = Console(), {}
    unknown = [name for name in cases.split(",") if name not in CASES]
    if unknown:
        raise typer.BadParameter(f"there is no {unknown[0]!r}; there are {', '.join(CASES)}")
    table = Table(box=SIMPLE_HEAD)
    for heading in (
        "",
        "batch",
        "epoch: planned",
        "made",
        "ratio",
        "memory: planned",
        "made",
        "ratio",
        "fit",
    ):
        table.add_column(heading, justify="right" if heading else "left")
    for name in cases.split(","):
        results[name] = pairs = [compared(name, seconds) for _ in range(rounds)]
        for pair in pairs:
            console.print(f"{name}: {pair}", markup=False)
        table.add_row(*row(name, {key: median(pair[key] for pair in pairs) for key in pairs[0]}))
    console.print(table)
    console.print(f"!: more than {TIME:.0%} of the time or {MEMORY:.0%} of the memory off.")
    if file is not None:
        file.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    typer.run(main)
