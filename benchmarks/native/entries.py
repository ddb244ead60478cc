"""The entries of a race: every contestant is built, its first steps are checked, and its speed is estimated.

Who is wrong, fails or is not installed does not take part, and the reason is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from native import koubai_step
from native.contestant import Contestant, Evidence, Peer, Start, Unavailable, first_steps
from native.correctness import References, Verdict
from native.koubai_step import KoubaiScan, KoubaiStep
from native.machine import empty_folder
from native.rounds import estimate
from native.workloads import Workload


@dataclass
class Entry:
    """One contestant of one workload.

    Attributes:
        name: of the peer, or of Koubai.
        threads: how many it uses; None where that cannot be chosen.
        contestant: None if it does not take part.
        reason: why it does not.
        verdict: how far off its first steps are; None if it was not checked.
        compile_seconds: building it and making the first steps.
        estimate: about how many seconds a step takes.
    """

    name: str
    threads: int | None
    contestant: Contestant | None = None
    reason: str | None = None
    verdict: Verdict | None = None
    compile_seconds: float = 0.0
    estimate: float = 0.0

    @property
    def label(self) -> str:
        """The name with the number of threads."""
        return self.name if self.threads is None else f"{self.name}·{self.threads}"

    def refuse(self, reason: str) -> Entry:
        """Take the contestant out."""
        self.contestant, self.reason = None, reason
        return self


Build = Callable[[Start], Contestant]


def enter(entry: Entry, build: Build, start: Start, references: References | None) -> Entry:
    """Build a contestant, check it and estimate its speed; whatever goes wrong becomes the reason."""
    try:
        began = time.perf_counter()
        entry.contestant = contestant = build(start)
        evidence = first_steps(contestant)
        entry.compile_seconds = time.perf_counter() - began
        if references is not None:
            entry.verdict = check(build, evidence, references)
            if not entry.verdict.right:
                return entry.refuse(f"wrong, not timed: {entry.verdict}")
        entry.estimate = estimate(contestant)
    except Unavailable as error:
        return entry.refuse(str(error))
    except Exception as error:  # one that fails must not end the race of the others
        first_line = (str(error).splitlines() or [""])[0]
        return entry.refuse(f"{type(error).__name__}: {first_line}")
    return entry


def check(build: Build, evidence: Evidence, references: References) -> Verdict:
    """Judge the evidence from the first batch, and only if that is off, a new contestant on the other batches."""
    verdict = references.judge(evidence, 0)
    for batch, start in enumerate(references.starts[1:], 1):
        if verdict.right:
            break
        again = references.judge(first_steps(build(start)), batch)
        verdict = min(verdict, again, key=lambda verdict: verdict.excess)
    return verdict


@dataclass
class KoubaiEntry:
    """Koubai's entry with what its compiler reports.

    Attributes:
        entry: the contestant; it came from the cache on the disk, so that this is checked as well.
        cold, cached: seconds of compiling with an empty cache, and with what it then held; None without compiler.
        arena_bytes: the memory of the compiled step.
        flops: multiplications and additions of its products, as they are run.
        scan: the same with many steps in one call, as `jax.scan` has them; None without compiler.
    """

    entry: Entry
    cold: float | None = None
    cached: float | None = None
    arena_bytes: float | None = None
    flops: float | None = None
    scan: Entry | None = None

    @property
    def entries(self) -> list[Entry]:
        """One step a call, and many."""
        return [self.entry, *([self.scan] if self.scan is not None else [])]


def enter_koubai(
    workload: Workload, start: Start, threads: int, references: References | None
) -> KoubaiEntry:
    """Enter Koubai, twice with the same cache, which begins empty."""

    def build(start: Start) -> KoubaiStep:
        return KoubaiStep(workload, start, threads)

    with empty_folder("KOUBAI_CACHE"):
        first = enter(Entry(koubai_step.NAME, threads), build, start, references)
        if not isinstance(first.contestant, KoubaiStep) or not koubai_step.COMPILES:
            return KoubaiEntry(first)
        cold = first.contestant.report("seconds")
        second = enter(Entry(koubai_step.NAME, threads), build, start, references)
    if not isinstance(second.contestant, KoubaiStep):
        return KoubaiEntry(second, cold)
    report = second.contestant.report
    scan = enter(
        Entry(f"{koubai_step.NAME}.scan", threads),
        partial(KoubaiScan, workload, threads=threads),
        start,
        references,
    )
    return KoubaiEntry(second, cold, report("seconds"), report("arena_bytes"), report("flops"), scan)


def enter_peers(
    peers: Sequence[Peer], workload: Workload, start: Start, threads: int, references: References | None
) -> Iterator[Entry]:
    """Enter all peers that suit the workload, each with one thread and with all."""
    for peer in peers:
        if not peer.suits(workload):
            continue
        for number in sorted({1, threads}) if peer.threads_matter else [None]:
            build = partial(_build, peer, workload, number or threads)
            yield enter(Entry(peer.name, number), build, start, references)


def _build(peer: Peer, workload: Workload, threads: int, start: Start) -> Contestant:
    return peer.build(workload, start, threads)
