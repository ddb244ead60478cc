"""An epoch of MNIST with Koubai's Trainer beside one with the plain loop of PyTorch, taking turns in one process.

Everything counts: shuffling, making batches, and with the Trainer also the accuracy and the progress that it shows.
Prints a table: python benchmarks/mnist_epoch.py --help
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from native import models
from native.contestant import Array, Runner, Unavailable
from native.epochs import BATCH, TorchEpoch, TrainerEpoch
from native.fma_peak import fma_peak
from native.machine import cores
from native.rounds import Race, race
from native.table import duration
from native.workloads import MOMENTUM, WORKLOADS, Workload, mlp_workload
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from koubai.data import DownloadError, mnist

KOUBAI = "koubai Trainer"
NETWORKS: dict[str, tuple[Workload, tuple[int, ...]]] = {  # and the shape of a sample
    "mlp": (mlp_workload("MLP 784-128-10, SGD", BATCH), (784,)),
    "cnn": (
        MOMENTUM("CNN (B), momentum", WORKLOADS["B"].title, models.cnn, (BATCH, 1, 28, 28), 10),
        (1, 28, 28),
    ),
}


def contestants(
    workload: Workload, images: Array, labels: Array, threads: int, console: Console
) -> dict[str, Runner]:
    """Make all contestants, the loop of PyTorch with one thread and with all."""
    found: dict[str, Runner] = {KOUBAI: TrainerEpoch(workload, images, labels, threads)}
    try:
        for number in sorted({1, threads}):
            found[f"torch·{number}"] = TorchEpoch(workload, images, labels, number)
    except Unavailable as missing:
        console.print(str(missing))
    return found


def add_row(table: Table, workload: Workload, measured: Race) -> None:
    """Add the medians of one network, PyTorch's with the better number of threads."""
    names = measured.rounds[0].seconds
    own = measured.seconds(KOUBAI)
    peer = min((name for name in names if name != KOUBAI), key=measured.seconds, default=None)
    theirs = (
        []
        if peer is None
        else [duration(measured.seconds(peer)), peer, f"{measured.seconds(peer) / own:.2f}"]
    )
    rounds = f"{len(measured.good)} of {len(measured.rounds)}"
    table.add_row(workload.name, duration(own), *(theirs or ["–"] * 3), rounds)


def main(
    network: Annotated[str, typer.Option(help="mlp, cnn or both.")] = "both",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of which the median counts.")] = 5,
    threads: Annotated[
        int, typer.Option(help="Threads; PyTorch is tried with one as well. 0: all cores.")
    ] = 0,
    samples: Annotated[int, typer.Option(min=BATCH, help="Of the 60,000 images.")] = 60_000,
) -> None:
    """Train whole epochs of MNIST."""
    console = Console()
    if network not in (*NETWORKS, "both"):
        raise typer.BadParameter(
            f"there is no {network!r}; there are {', '.join(NETWORKS)}", param_hint="--network"
        )
    threads = threads or cores()
    try:
        digits = mnist().train
    except DownloadError as error:
        console.print(str(error))
        raise typer.Exit(1) from error
    images, labels = (tensor[:samples].numpy() for tensor in digits.tensors)
    table = Table(title=f"An epoch of MNIST, {len(images):,} images, batch {BATCH}", box=SIMPLE_HEAD)
    for heading in ("", KOUBAI, "PyTorch", "with", "ratio", "good rounds"):
        table.add_column(heading, justify="left" if heading in ("", "with") else "right")
    for name in NETWORKS if network == "both" else [network]:
        workload, shape = NETWORKS[name]
        field = contestants(workload, images.reshape(-1, *shape), labels, threads, console)
        epoch = dict.fromkeys(field, 1.0)
        measured = race(field, epoch, partial(fma_peak, threads), rounds, turn=1.0, warm=False)
        add_row(table, workload, measured)
    console.print(table)
    console.print("ratio: PyTorch's time by the Trainer's, which also keeps the accuracy and shows progress.")


if __name__ == "__main__":
    typer.run(main)
