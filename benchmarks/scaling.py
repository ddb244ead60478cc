"""How the time of a compiled step grows with the width, the depth, the batch, the sequence and the threads.

The roof in every panel is what the matrix products alone would take if nothing but FMAs ran. Widths that no vector
divides are compared with the multiples of 16 around them. Draws a picture: python benchmarks/scaling.py --help
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from native import koubai_step
from native.machine import cores
from native.scaling import SERIES, Point, PrimeWidth, measure, prime_width, series_of
from native.table import duration
from native.workloads import mlp_workload
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from koubai.report.canvas import LIGHT, MatplotlibMissing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "scaling.png"
PRIMES = (127, 257, 509, 1021)
WANTED = 1.5  # the most that a prime width may cost per parameter
TIMES = {1e-5: "10 µs", 1e-4: "0.1 ms", 1e-3: "1 ms", 1e-2: "10 ms", 0.1: "0.1 s", 1: "1 s", 10: "10 s"}

Panel = tuple[str, str, list[Point]]


def thread_points(threads: int, width: int) -> list[Point]:
    """Time one large step with 1, 2, 4 … threads, as far as their number can be chosen."""
    counts = sorted({*(2**k for k in range(threads.bit_length()) if 2**k <= threads), threads})
    if not koubai_step.set_threads(threads):
        counts = [threads]
    workload = mlp_workload("threads", 256, inputs=width, width=width, depth=2)
    return [measure(workload, count, count) for count in counts]


def panels(threads: int, quick: bool, console: Console) -> list[Panel]:
    """Measure everything that is drawn."""
    measured = []
    for series in SERIES:
        with console.status(series.name):
            sizes = series.quick if quick else series.sizes
            measured.append((series.name, series.title, series_of(series, sizes, threads)))
    width = 32 if quick else 1024
    with console.status("threads"):
        points = thread_points(threads, width)
    return [*measured, ("threads", f"MLP, 2 hidden layers of {width}, batch 256", points)]


def table_of(name: str, title: str, points: Sequence[Point]) -> Table:
    """Return the measurements of one panel."""
    table = Table(title=f"{name}: {title}", box=SIMPLE_HEAD)
    for heading in (name, "parameters", "step", "roof", "of roof"):
        table.add_column(heading, justify="right")
    for point in points:
        share = f"{point.roof / point.seconds:.0%}"
        cells = (
            f"{point.size}",
            f"{point.parameters:,}",
            duration(point.seconds),
            duration(point.roof),
            share,
        )
        table.add_row(*cells)
    return table


def prime_table(widths: Sequence[PrimeWidth]) -> Table:
    """Return the comparison of prime widths with their neighbours."""
    table = Table(title=f"per parameter, at most {WANTED} wanted", box=SIMPLE_HEAD)
    for heading in ("width", "neighbours", "ratio", ""):
        table.add_column(heading, justify="right")
    for width in widths:
        neighbours = f"{width.neighbours[0]}, {width.neighbours[1]}"
        table.add_row(
            f"{width.prime}", neighbours, f"{width.ratio:.2f}", "" if width.ratio <= WANTED else "too slow"
        )
    return table


def draw(measured: Sequence[Panel]) -> bytes:
    """Draw all panels, times and roofs on log scales, and return the PNG.

    Raises:
        MatplotlibMissing: with what to install.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MatplotlibMissing("the picture needs Matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(10.5, 6.4), layout="constrained", facecolor=LIGHT.card)
    grid = figure.subplots(2, 3)
    for axes, (name, title, points) in zip(grid.flat, measured):
        draw_panel(axes, name, title, points)
    for axes in grid.flat[len(measured) :]:
        axes.set_axis_off()
    figure.suptitle("Time of a training step", x=0.01, ha="left", color=LIGHT.ink, fontweight="bold")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=160, facecolor=LIGHT.card, metadata={"Software": None})
    return buffer.getvalue()


def draw_panel(axes: Axes, name: str, title: str, points: Sequence[Point]) -> None:
    """Draw one size against time, with the roof below it."""
    sizes = [point.size for point in points]
    times, roofs = [point.seconds for point in points], [point.roof for point in points]
    axes.plot(sizes, times, "o-", color=LIGHT.training, linewidth=2, markersize=4)
    axes.plot(sizes, roofs, "o", color=LIGHT.validation, linewidth=1.3, linestyle=(0, (3, 2)), markersize=2)
    # on both sides of the line between them, however near they are
    labels = ((times, "step", LIGHT.training, "bottom"), (roofs, "FMA peak", LIGHT.validation, "top"))
    for values, label, colour, side in labels:
        axes.annotate(label, (sizes[-1], values[-1]), (5, 0), textcoords="offset points", color=colour,
                      fontsize=9, va=side, annotation_clip=False)  # fmt: skip
    axes.set_title(title, loc="left", color=LIGHT.ink, fontsize=9)
    axes.set(xscale="log", yscale="log", xlabel=name)
    axes.set_xticks(sizes[:: max(1, len(sizes) // 4)], [f"{s}" for s in sizes[:: max(1, len(sizes) // 4)]])
    low, high = axes.get_ylim()
    shown = {seconds: label for seconds, label in TIMES.items() if low <= seconds <= high}
    axes.set_yticks(list(shown), list(shown.values()))
    axes.minorticks_off()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="y", color=LIGHT.line, linewidth=0.8)
    axes.tick_params(colors=LIGHT.soft, length=0, labelsize=9)
    axes.xaxis.label.set_color(LIGHT.soft)


def main(
    threads: Annotated[int, typer.Option(help="Threads; 0: all cores.")] = 0,
    output: Annotated[Path, typer.Option(help="Where the picture goes.")] = PICTURE,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: done in seconds.")] = False,
) -> None:
    """Measure a compiled step while one size at a time grows."""
    console = Console()
    threads = threads or cores()
    measured = panels(threads, quick, console)
    for panel in measured:
        console.print(table_of(*panel))
    with console.status("prime widths"):
        console.print(prime_table([prime_width(prime, threads) for prime in ((31,) if quick else PRIMES)]))
    if not koubai_step.COMPILES:
        console.print("This Koubai has no compiler: its steps ran eagerly.")
    if not koubai_step.set_threads(threads):
        console.print("This Koubai cannot choose its number of threads: one point.")
    try:
        output.write_bytes(draw(measured))
    except MatplotlibMissing as missing:
        console.print(str(missing))
        raise typer.Exit(1) from missing
    console.print(f"Picture: {output}")


if __name__ == "__main__":
    typer.run(main)
