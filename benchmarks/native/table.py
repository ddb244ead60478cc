"""The results as tables for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from native.results import Result


def summary(results: Sequence[Result], threads: int) -> Table:
    """How fast each workload is, one line for each."""
    table = _table(
        f"A training step, {threads} threads", "step", "scan", "best peer", "takes", "ratio", "GF/s", "peak"
    )
    for result in results:
        peer, rate = result.best_peer, result.rate
        table.add_row(
            result.workload.name,
            given(result.step, duration),
            given(result.scan, duration),
            peer.label if peer else "–",
            given(result.seconds[peer.label] if peer else None, duration),
            given(result.ratio, lambda ratio: f"{ratio:.2f}"),
            given(rate, lambda rate: f"{rate / 1e9:.0f}" if rate >= 1e10 else f"{rate / 1e9:.1f}"),
            given(result.share, lambda share: f"{share:.0%}"),
        )
    table.caption = (
        "Medians. scan: many steps in one call. ratio: the best peer's time by the better of ours.\n"
        "GF/s: nominal, of matrix products only; peak: what of them is run (convolutions may need less),\n"
        "as a share of the FMAs of all threads just before or after."
    )
    return table


def costs(results: Sequence[Result]) -> Table:
    """What it costs to get there, one line for each workload."""
    table = _table("Compiling, and memory", "compile", "from disk", "arena MiB", "PyTorch MiB")
    for result in results:
        koubai = result.koubai
        table.add_row(
            result.workload.name,
            given(koubai.cold, duration),
            given(koubai.cached, duration),
            given(koubai.arena_bytes, mebibytes),
            given(result.torch_bytes, mebibytes),
        )
    table.caption = "PyTorch: its tensors at the peak of an eager step, as its profiler counts them."
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for heading in headings:
        named = heading == "best peer"  # long names take two lines, so that numbers are never cut
        table.add_column(
            heading,
            justify="left" if named else "right",
            no_wrap=not named,
            overflow="fold",
        )
    return table


def details(result: Result) -> Table:
    """One line for each contestant of a workload."""
    table = Table(title=f"{result.workload.name}: {result.workload.title}", box=SIMPLE_HEAD, padding=(0, 1))
    for heading in ("", "step", "build", "error", "PyTorch's", "worst in"):
        table.add_column(heading, justify="left" if heading in ("", "worst in") else "right")
    raced = result.race.rounds[0].seconds if result.race.rounds else {}
    for entry in (*result.koubai.entries, *result.peers):
        verdict = entry.verdict
        seconds = given(result.seconds.get(entry.label), duration)
        table.add_row(
            entry.label,
            seconds if entry.label in raced or entry.contestant is None else f"≈ {seconds}",
            duration(entry.compile_seconds),
            f"{verdict.error:.1e}" if verdict else "–",
            f"{verdict.yardstick:.1e}" if verdict else "–",
            verdict.where if verdict else "–",
        )
    return table


def notes(result: Result) -> list[str]:
    """What the reader has to know about how a workload was measured."""
    race, lines = result.race, []
    if race.discarded:
        lines.append(f"{race.discarded} of {len(race.rounds)} rounds discarded: the FMA peak was low")
    if len(race.good) < race.wanted:
        lines.append(f"only {len(race.good)} of {race.wanted} good rounds: the machine was too restless")
    lines += _by_reason(result)
    return [f"{result.workload.name}: {line}" for line in lines]


def _by_reason(result: Result) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for entry in (*result.koubai.entries, *result.peers):
        if entry.reason:
            reasons.setdefault(entry.reason, []).append(entry.label)
    return [f"{', '.join(labels)}: {reason}" for reason, labels in reasons.items()]


def given(value: float | None, write: Callable[[float], str]) -> str:
    """Write a number, or a dash where there is none."""
    return "–" if value is None else write(value)


def duration(seconds: float) -> str:
    """Write a time with the unit that suits it."""
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def mebibytes(count: float) -> str:
    """Write a number of bytes in MiB."""
    return f"{count / 2**20:.3g}" if count < 1000 * 2**20 else f"{count / 2**20:.0f}"
