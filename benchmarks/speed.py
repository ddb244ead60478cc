"""The native training step beside PyTorch and JAX: who trains the same network fastest, in one process, taking turns.

Every contestant begins with the same weights and is checked against PyTorch in float64 before it is timed; who is
wrong is not timed. Prints a table, and writes all numbers to a file: python benchmarks/speed.py --help
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from native import koubai_step, peers_jax, peers_torch
from native.contestant import Peer, Start, Unavailable
from native.correctness import References
from native.entries import Entry, enter_koubai, enter_peers
from native.flops import step_flops
from native.fma_peak import fma_peak
from native.machine import cores, empty_folder, versions
from native.memory import peak_tensor_bytes
from native.results import Result
from native.rounds import estimate, race
from native.table import costs, details, notes, summary
from native.workloads import WORKLOADS, Workload
from rich.console import Console

PEERS = {peer.name: peer for peer in (*peers_torch.PEERS, *peers_jax.PEERS)}
BEHIND, CHANCES = (
    3.0,
    3,
)  # who takes so many times the fastest peer's time, again and again, is not worth many rounds


def measure(
    workload: Workload, peers: Sequence[Peer], rounds: int, turn: float, threads: int, best: float
) -> Result:
    """Enter and check all contestants of one workload, and let them race.

    Args:
        workload: what is trained.
        peers: who takes part beside Koubai.
        rounds: how many good rounds are wanted.
        turn: seconds that each contestant trains in a round.
        threads: for Koubai; peers are tried with one as well.
        best: the highest FMA peak seen so far.
    """
    start, references = Start.of(workload), references_of(workload)
    koubai = enter_koubai(workload, start, threads, references)
    entries = list(enter_peers(peers, workload, start, threads, references))
    running = [*koubai.entries, *front_runners(entries)]
    seconds = {e.label: e.estimate for e in (*koubai.entries, *entries) if e.contestant is not None}
    contestants = {entry.label: entry.contestant for entry in running if entry.contestant is not None}
    raced = race(contestants, seconds, partial(fma_peak, threads), rounds, turn, best)
    seconds.update({label: raced.seconds(label) for label in contestants})
    torch_bytes = peak_of_torch(workload, start, threads) if references else None
    return Result(workload, step_flops(workload), koubai, entries, raced, seconds, torch_bytes)


def references_of(workload: Workload) -> References | None:
    """Return what contestants are checked against, or None without PyTorch."""
    try:
        return References.of(workload)
    except Unavailable:
        return None


def front_runners(entries: Sequence[Entry]) -> list[Entry]:
    """Return the peers that are not hopelessly behind the fastest of them, after some more chances."""
    entries = [entry for entry in entries if entry.contestant is not None]
    fastest = min((entry.estimate for entry in entries), default=0.0)
    return [entry for entry in entries if keeps_up(entry, BEHIND * fastest)]


def keeps_up(entry: Entry, limit: float) -> bool:
    """Whether a step takes no longer than `limit` seconds, at least once: another program may be in the way."""
    for _ in range(CHANCES):
        if entry.estimate > limit and entry.contestant is not None:
            entry.estimate = min(entry.estimate, estimate(entry.contestant))
    return entry.estimate <= limit


def peak_of_torch(workload: Workload, start: Start, threads: int) -> int | None:
    """Return PyTorch's memory at the peak of an eager step."""
    try:
        return peak_tensor_bytes(
            peers_torch.TorchStep(peers_torch.Way(), "float32", workload, start, threads)
        )
    except Unavailable:
        return None


def remarks(peers: Sequence[Peer]) -> list[str]:
    """What the reader has to know about all workloads."""
    lines = []
    if not koubai_step.COMPILES:
        lines.append("This Koubai has no compiler: its steps ran eagerly.")
    if any(peer.name.startswith("jax") for peer in peers):
        lines.append("JAX uses all cores: the number of its threads cannot be changed within a process.")
    if importlib.util.find_spec("torch") is None:
        lines.append("Nobody was checked: that needs PyTorch (pip install torch).")
    return lines


def chosen(names: str, known: dict[str, Any], option: str) -> list[Any]:
    """Return what a comma-separated list names; "all" and "none" are understood."""
    if names in ("all", "none"):
        return list(known.values()) if names == "all" else []
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise typer.BadParameter(f"there is no {name!r}; there are {', '.join(known)}", param_hint=option)
    return [known[name] for name in wanted]


def main(
    workloads: Annotated[str, typer.Option(help="Which, with commas between them: A32,B.")] = "all",
    peers: Annotated[str, typer.Option(help="Which, with commas between them: torch,jax; or none.")] = "all",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of which the median counts.")] = 7,
    turn: Annotated[float, typer.Option(help="Seconds that each contestant trains in a round.")] = 0.2,
    threads: Annotated[
        int, typer.Option(help="Threads; peers are tried with one as well. 0: all cores.")
    ] = 0,
    show: Annotated[bool, typer.Option("--details", help="Show every contestant.")] = False,
    output: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file.")] = None,
) -> None:
    """Race the compiled step against PyTorch and JAX."""
    console = Console()
    threads = threads or cores()
    field = chosen(peers, PEERS, "--peers")
    results: list[Result] = []
    with empty_folder("TORCHINDUCTOR_CACHE_DIR"):
        for workload in chosen(workloads, WORKLOADS, "--workloads"):
            best = max((result.race.best_peak for result in results), default=0.0)
            with console.status(f"{workload.name}: {workload.title}"):
                results.append(measure(workload, field, rounds, turn, threads, best))
            if show:
                console.print(details(results[-1]))
    console.print(summary(results, threads))
    console.print(costs(results))
    console.print(f"FMA peak: {results[-1].race.best_peak / 1e9:.0f} GFLOP/s with {threads} threads.")
    for line in [*remarks(field), *(note for result in results for note in notes(result))]:
        console.print(line, markup=False)
    if output is not None:
        output.write_text(
            json.dumps({"versions": versions(), "results": [r.as_json() for r in results]}, indent=1)
        )


if __name__ == "__main__":
    typer.run(main)
