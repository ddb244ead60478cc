"""What all gradients of a network cost: backpropagation beside numerical differentiation.

Backpropagation gives the gradients of all parameters for a small multiple of one forward pass, however many
there are (the "cheap gradient principle": Baur and Strassen, 1983); central differences need two forward
passes for each. Prints a table, and draws it as a picture: python benchmarks/gradient_cost.py --help
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import koubai
from koubai import Tensor
from koubai.nn.functional import cross_entropy, linear
from koubai.report.canvas import Theme, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INPUTS, CLASSES, BATCH = 16, 10, 32
GREEN = "#3f8f5b"
TIMES = {1e-5: "10 µs", 1e-4: "0.1 ms", 1e-3: "1 ms", 1e-2: "10 ms", 0.1: "0.1 s", 1: "1 s", 10: "10 s"}
TIMES |= {60: "1 min", 600: "10 min", 3600: "1 h", 36000: "10 h", 360000: "100 h"}


@dataclass(frozen=True)
class Cost:
    """Median times in seconds for one network; numerical differentiation may be an estimate."""

    width: int
    parameters: int
    forward: float
    backpropagation: float
    numerical: float
    estimated: bool


def parameters_of(width: int) -> list[Tensor]:
    """Return weights and biases of a network with two hidden layers of `width` units, in float64."""
    sizes = [INPUTS, width, width, CLASSES]
    parameters = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        parameters.append(koubai.randn(fan_out, fan_in, dtype=koubai.float64) / fan_in**0.5)
        parameters.append(koubai.zeros(fan_out, dtype=koubai.float64))
    return [parameter.requires_grad_() for parameter in parameters]


def measure(width: int, repeats: int, limit: float) -> Cost:
    """Time the three ways at one width.

    Where numerical differentiation would take longer than `limit` seconds, it is estimated from that of the last
    bias alone.
    """
    koubai.manual_seed(0)
    inputs, labels = koubai.randn(BATCH, INPUTS, dtype=koubai.float64), koubai.randint(0, CLASSES, (BATCH,))
    parameters = parameters_of(width)

    def loss(*parameters: Tensor) -> Tensor:
        hidden = inputs
        for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2]):
            hidden = linear(hidden, weight, bias).tanh()
        return cross_entropy(linear(hidden, *parameters[-2:]), labels)

    def forward() -> None:
        with koubai.no_grad():
            loss(*parameters)

    count = sum(parameter.numel() for parameter in parameters)
    alone = median_time(forward, repeats)
    swept = median_time(lambda: koubai.grad(loss(*parameters), parameters), repeats)
    *others, last = parameters
    few = time_of(lambda: koubai.numerical_gradient(lambda bias: loss(*others, bias), last))
    expected = few * count / last.numel()
    if expected > limit:
        return Cost(width, count, alone, swept, expected, estimated=True)
    numerical = time_of(lambda: koubai.numerical_gradient(loss, *parameters))  # many passes: needs no median
    return Cost(width, count, alone, swept, numerical, estimated=False)


def time_of(work: Callable[[], object]) -> float:
    """Return the time of one run, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_time(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of several runs, in seconds, after one to warm up."""
    work()
    return statistics.median(time_of(work) for _ in range(repeats))


def table_of(costs: Sequence[Cost]) -> Table:
    """Return the measurements as a table; "÷" is how many forward passes the time before it amounts to."""
    table = Table(title="The cost of all gradients", box=SIMPLE_HEAD)
    for heading in ("width", "parameters", "forward", "forward + backward", "÷", "numerical", "÷"):
        table.add_column(heading, justify="right")
    for cost in costs:
        table.add_row(
            f"{cost.width}",
            f"{cost.parameters:,}",
            duration(cost.forward),
            duration(cost.backpropagation),
            f"{cost.backpropagation / cost.forward:.1f}",
            "≈ " * cost.estimated + duration(cost.numerical),
            f"{cost.numerical / cost.forward:,.0f}",
        )
    if any(cost.estimated for cost in costs):
        table.caption = "≈ estimated from a few of the parameters"
    return table


def duration(seconds: float) -> str:
    """Write a time with the unit that suits it."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def draw(axes: Axes, theme: Theme, costs: Sequence[Cost]) -> None:
    """Draw time against the number of parameters, both on log scales, each line labelled at its end."""
    axes.set_title(
        "The cost of all gradients", loc="left", color=theme.ink, fontsize=12, fontweight="bold", pad=12
    )
    counts = [cost.parameters for cost in costs]
    draw_line(axes, counts, [cost.forward for cost in costs], "forward", GREEN)
    draw_line(axes, counts, [cost.backpropagation for cost in costs], "forward + backward", theme.training)
    numerical = [cost.numerical for cost in costs]
    measured = sum(not cost.estimated for cost in costs)
    draw_line(axes, counts, numerical, "numerical\ndifferentiation", theme.validation, measured)
    if measured < len(costs):
        axes.annotate("estimated", (counts[measured], numerical[measured]), (9, -4), textcoords="offset points",
                      color=theme.soft, fontsize=9, va="top")  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="parameters")
    low, high = axes.get_ylim()
    shown = {seconds: name for seconds, name in TIMES.items() if low <= seconds <= high}
    axes.set_yticks(list(shown), list(shown.values()))
    axes.xaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
    axes.minorticks_off()


def draw_line(
    axes: Axes, counts: list[int], times: list[float], name: str, colour: str, measured: int | None = None
) -> None:
    """Draw one line: solid as far as it was measured, dotted with hollow points beyond."""
    axes.plot(counts, times, color=colour, linewidth=1.3, linestyle=(0, (1, 2)))
    axes.plot(counts[:measured], times[:measured], "o-", color=colour, linewidth=2, markersize=5)
    beyond = counts[measured:], times[measured:]
    if measured is not None:
        axes.plot(*beyond, "o", color=colour, markersize=5, markerfacecolor="white")
    axes.annotate(name, (counts[-1], times[-1]), (10, 0), textcoords="offset points", color=colour, fontsize=10,
                  va="center", annotation_clip=False)  # fmt: skip


def main(
    widths: Annotated[
        list[int] | None, typer.Option("--width", help="Hidden units; give it several times.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the median counts.")] = 9,
    limit: Annotated[float, typer.Option(help="Seconds beyond which the slow way is only estimated.")] = 30.0,
    output: Annotated[Path, typer.Option(help="Where the picture goes.")] = Path("gradient_cost.png"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Small networks, few runs: done in seconds.")
    ] = False,
) -> None:
    """Measure forward pass, backpropagation and numerical differentiation while a network grows."""
    if quick:
        widths, repeats, limit = widths or [2, 4], min(repeats, 3), min(limit, 1.0)
    console = Console()
    costs = []
    for width in sorted(widths or [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]):
        with console.status(f"width {width}"):
            costs.append(measure(width, repeats, limit))
    console.print(table_of(costs))
    last = costs[-1]
    console.print(
        f"\nWith {last.parameters:,} parameters, backpropagation costs {last.backpropagation / last.forward:.1f} "
        f"forward passes, numerical differentiation {last.numerical / last.forward:,.0f}."
    )
    output.write_bytes(picture(lambda axes, theme: draw(axes, theme, costs), size=(7.6, 4.4)))
    console.print(f"Picture: {output}")


if __name__ == "__main__":
    typer.run(main)
