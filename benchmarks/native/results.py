"""The outcome of one workload: the times that count, and what the table and the file make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from native.entries import Entry, KoubaiEntry
from native.rounds import Race
from native.workloads import Workload


@dataclass(frozen=True)
class Result:
    """All that was measured of one workload.

    Attributes:
        seconds: of a step, by the label of the entry; those that were far behind have only their estimate.
        torch_bytes: PyTorch's tensors at the peak of an eager step; None without PyTorch.
    """

    workload: Workload
    flops: int
    koubai: KoubaiEntry
    peers: list[Entry]
    race: Race
    seconds: dict[str, float]
    torch_bytes: int | None

    @property
    def step(self) -> float | None:
        """Koubai's seconds per step."""
        return self.seconds.get(self.koubai.entry.label)

    @property
    def scan(self) -> float | None:
        """Koubai's seconds per step with many steps in one call."""
        return self.seconds.get(self.koubai.scan.label) if self.koubai.scan is not None else None

    @property
    def fastest(self) -> str | None:
        """The label of the better of step and scan: the peers' best variant counts as well."""
        own = [self.koubai.entry, *([self.koubai.scan] if self.koubai.scan is not None else [])]
        timed = [entry.label for entry in own if entry.label in self.seconds]
        return min(timed, key=lambda label: self.seconds[label], default=None)

    @property
    def best(self) -> float | None:
        """The seconds per step of the better of both."""
        return None if self.fastest is None else self.seconds[self.fastest]

    @property
    def best_peer(self) -> Entry | None:
        """The fastest of the others."""
        timed = [entry for entry in self.peers if entry.label in self.seconds]
        return min(timed, key=lambda entry: self.seconds[entry.label], default=None)

    @property
    def ratio(self) -> float | None:
        """How many times faster than the best peer Koubai is."""
        if self.best is None or self.best_peer is None:
            return None
        return self.seconds[self.best_peer.label] / self.best

    @property
    def rate(self) -> float | None:
        """Koubai's nominal floating-point operations per second."""
        return None if self.best is None else self.flops / self.best

    @property
    def share(self) -> float | None:
        """The share of the FMA peak that the operations which are run take."""
        if self.fastest is None or self.koubai.flops is None:
            return None
        return self.race.share(self.fastest, self.koubai.flops)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        entries = [*self.koubai.entries, *self.peers]
        return {
            "workload": self.workload.name,
            "title": self.workload.title,
            "flops": self.flops,
            "flops_run": self.koubai.flops,
            "share_of_peak": self.share,
            "ratio": self.ratio,
            "compile_cold": self.koubai.cold,
            "compile_cached": self.koubai.cached,
            "arena_bytes": self.koubai.arena_bytes,
            "torch_peak_bytes": self.torch_bytes,
            "fma_peak": self.race.best_peak,
            "rounds": [{"peaks": r.peaks, "seconds": r.seconds} for r in self.race.rounds],
            "rounds_good": len(self.race.good),
            "contestants": [self._entry_as_json(entry) for entry in entries],
        }

    def _entry_as_json(self, entry: Entry) -> dict[str, Any]:
        verdict = entry.verdict
        return {
            "name": entry.name,
            "threads": entry.threads,
            "seconds": self.seconds.get(entry.label),
            "raced": any(entry.label in round_.seconds for round_ in self.race.rounds),
            "build_and_first_steps": entry.compile_seconds,
            "reason": entry.reason,
            "worst": verdict and {"where": verdict.where, "error": verdict.error, "torch": verdict.yardstick},
        }
