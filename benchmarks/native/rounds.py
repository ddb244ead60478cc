"""Taking turns: in every round each contestant trains for a moment, and medians over the rounds count.

A machine that other programs share, or whose clock moves, is not the same from one second to the next. So before and
after every turn the FMA peak is measured, and rounds in which it was low are thrown away and run again. What share of
the peak a contestant reached is said of the peak beside its own turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from native.contestant import Runner

GOOD = 0.9  # of the best peak seen
MOST_ROUNDS = 3  # times as many as are wanted, at most


@dataclass(frozen=True)
class Round:
    """One turn of each contestant.

    Attributes:
        seconds: per step of each.
        peaks: the FMA peak before or after the turn of each, the higher one.
    """

    seconds: dict[str, float]
    peaks: dict[str, float]

    @property
    def peak(self) -> float:
        """The lowest."""
        return min(self.peaks.values())


@dataclass
class Race:
    """All rounds of one workload.

    Attributes:
        wanted: how many good rounds are wanted.
        best_peak: the highest FMA peak seen, in floating-point operations per second.
        rounds: all of them, good or not.
    """

    wanted: int
    best_peak: float = 0.0
    rounds: list[Round] = field(default_factory=list)

    @property
    def good(self) -> list[Round]:
        """The rounds that count."""
        return [round_ for round_ in self.rounds if round_.peak >= GOOD * self.best_peak]

    @property
    def discarded(self) -> int:
        """How many rounds do not count."""
        return len(self.rounds) - len(self.good)

    @property
    def finished(self) -> bool:
        """Whether there are enough good rounds, or so many bad ones that it is hopeless."""
        return len(self.good) >= self.wanted or len(self.rounds) >= MOST_ROUNDS * self.wanted

    def seconds(self, name: str) -> float:
        """Return the median time of a step over the good rounds, or where there are none over all."""
        return statistics.median(round_.seconds[name] for round_ in self.good or self.rounds)

    def share(self, name: str, flops: float) -> float:
        """Return the median share of the peak beside its turns that a contestant with so many operations reached."""
        rounds = self.good or self.rounds
        return statistics.median(flops / r.seconds[name] / r.peaks[name] for r in rounds)


def race(
    contestants: Mapping[str, Runner],
    estimates: Mapping[str, float],
    peak: Callable[[], float],
    rounds: int,
    turn: float,
    best_peak: float = 0.0,
    warm: bool = True,
) -> Race:
    """Let the contestants take turns.

    Args:
        contestants: by name, each after its first steps.
        estimates: about how many seconds a step of each takes.
        peak: measures the FMA peak; it lets others' threads go to sleep as well.
        rounds: how many good rounds are wanted.
        turn: about how many seconds one turn lasts, and at least one call.
        best_peak: the highest peak that was seen before.
        warm: whether each turn begins with a call that wakes threads and fills caches, and is not timed.
    """
    result = Race(rounds, best_peak)
    steps = {name: _steps(c, estimates[name], turn) for name, c in contestants.items()}
    before = peak()
    result.best_peak = max(best_peak, before)
    while not result.finished:
        seconds, peaks = {}, {}
        for name, contestant in contestants.items():
            if warm:
                contestant.run(contestant.steps_per_call)
            seconds[name] = timed(contestant, steps[name]) / steps[name]
            after = peak()
            peaks[name], before = max(before, after), after
        result.best_peak = max(result.best_peak, *peaks.values())
        result.rounds.append(Round(seconds, peaks))
    return result


def estimate(contestant: Runner, least: float = 0.02, tries: int = 3) -> float:
    """Return about how many seconds a step takes: the shortest of some tries, each long enough to tell."""
    steps = contestant.steps_per_call
    contestant.run(steps)
    while (seconds := timed(contestant, steps)) < least:
        steps *= 4
    if seconds > 10 * least:
        return seconds / steps
    return min(seconds, *(timed(contestant, steps) for _ in range(tries - 1))) / steps


def timed(contestant: Runner, steps: int) -> float:
    """Return the seconds that so many steps take."""
    start = time.perf_counter()
    contestant.run(steps)
    return time.perf_counter() - start


def _steps(contestant: Runner, estimate: float, turn: float) -> int:
    calls = round(turn / (estimate * contestant.steps_per_call))
    return max(calls, 1) * contestant.steps_per_call
