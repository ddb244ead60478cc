"""The series of `benchmarks/scaling.py`: how the time of a step grows with one size while all others stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

from native.contestant import Start
from native.flops import step_flops
from native.fma_peak import fma_peak
from native.koubai_step import KoubaiStep
from native.rounds import estimate
from native.workloads import Workload, gpt_workload, mlp_workload


@dataclass(frozen=True)
class Point:
    """One measurement.

    Attributes:
        size: what is varied.
        seconds: of a step, the shortest of some tries.
        roof: seconds that the matrix products alone would take at the FMA peak.
        parameters: how many the network has.
    """

    size: int
    seconds: float
    roof: float
    parameters: int


@dataclass(frozen=True)
class Series:
    """What is varied, the network, and the sizes; the quick ones are for a look.

    Attributes:
        name: of the axis.
        title: what stays.
        workload: makes the workload of a size.
        sizes, quick: which are measured.
    """

    name: str
    title: str
    workload: Callable[[int], Workload]
    sizes: Sequence[int]
    quick: Sequence[int]


SERIES = [
    Series(
        "width",
        "MLP, 2 hidden layers, batch 64",
        lambda width: mlp_workload("width", 64, inputs=width, width=width, depth=2),
        (16, 32, 64, 128, 256, 512, 1024, 2048),
        (16, 32),
    ),
    Series(
        "depth",
        "MLP, width 128, batch 64",
        lambda depth: mlp_workload("depth", 64, inputs=128, depth=depth),
        (1, 2, 4, 8, 16, 32),
        (1, 2),
    ),
    Series(
        "batch size",
        "MLP 784-128-10",
        lambda batch: mlp_workload("batch", batch),
        (1, 4, 16, 64, 256, 1024, 4096),
        (1, 4),
    ),
    Series(
        "sequence length",
        "GPT, d 128, 2 layers, batch 4",
        lambda length: gpt_workload("length", 4, layers=2, length=length),
        (16, 32, 64, 128, 256, 512),
        (4, 8),
    ),
]


def measure(workload: Workload, size: int, threads: int) -> Point:
    """Time a step, between two looks at the FMA peak."""
    start = Start.of(workload)
    step = KoubaiStep(workload, start, threads)
    peak = fma_peak(threads)
    seconds = estimate(step, tries=9)
    peak = max(peak, fma_peak(threads))
    parameters = sum(parameter.numel() for parameter in step.model.parameters())
    return Point(size, seconds, step_flops(workload) / peak, parameters)


def series_of(series: Series, sizes: Sequence[int], threads: int) -> list[Point]:
    """Measure all sizes of a series."""
    return [measure(series.workload(size), size, threads) for size in sizes]


@dataclass(frozen=True)
class PrimeWidth:
    """How much a width that no vector divides costs beside the multiples of 16 around it.

    Attributes:
        prime: the width.
        neighbours: the multiples of 16 below and above.
        ratio: the prime width's time per parameter by the neighbours' mean.
    """

    prime: int
    neighbours: tuple[int, int]
    ratio: float


def prime_width(prime: int, threads: int) -> PrimeWidth:
    """Compare the time per parameter of an MLP whose layers all have a prime width with its neighbours."""
    below = prime // 16 * 16
    widths = (below, below + 16)

    def per_parameter(width: int) -> float:
        workload = mlp_workload("prime", 64, inputs=width, width=width, depth=2)
        point = measure(workload, width, threads)
        return point.seconds / point.parameters

    return PrimeWidth(prime, widths, per_parameter(prime) / mean(map(per_parameter, widths)))
