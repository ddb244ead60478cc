"""Products in bfloat16 beside float32: the same step in both, taking turns: python benchmarks/precision.py --help"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from native.contestant import Start
from native.fma_peak import fma_peak
from native.koubai_step import KoubaiStep
from native.machine import cores
from native.rounds import estimate, race
from native.table import duration
from native.workloads import WORKLOADS
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

PRECISIONS = ("float32", "bf16")


def measure(name: str, rounds: int, turn: float, threads: int) -> dict[str, float]:
    """Return the seconds of a workload's step in each precision."""
    workload = WORKLOADS[name]
    start = Start.of(workload)
    steps = {p: KoubaiStep(workload, start, threads, precision=p) for p in PRECISIONS}
    estimates = {precision: estimate(step) for precision, step in steps.items()}
    raced = race(steps, estimates, partial(fma_peak, threads), rounds, turn)
    return {precision: raced.seconds(precision) for precision in PRECISIONS}


def main(
    workloads: Annotated[str, typer.Option(help="Which, with commas between them.")] = "D,E,GPT",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of which the median counts.")] = 5,
    turn: Annotated[float, typer.Option(help="Seconds that each precision trains in a round.")] = 0.3,
    threads: Annotated[int, typer.Option(help="0: all cores.")] = 0,
) -> None:
    """Race the compiled step in bfloat16 against itself in float32."""
    threads = threads or cores()
    names = [name.strip() for name in workloads.split(",")]
    for name in names:
        if name not in WORKLOADS:
            raise typer.BadParameter(f"there is no {name!r}; there are {', '.join(WORKLOADS)}")
    table = Table("", *PRECISIONS, "ratio", title=f"A training step, {threads} threads", box=SIMPLE_HEAD)
    for name in names:
        single, half = measure(name, rounds, turn, threads).values()
        table.add_row(name, duration(single), duration(half), f"{single / half:.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
