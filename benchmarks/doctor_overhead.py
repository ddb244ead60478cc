"""What the doctor costs: the time of a training step with it and without it, taking turns in one process.

Whole sampling periods are measured, so all counts that the doctor does during a training: listening at each step,
rehearsing some, and looking at the ends of epochs. Compiling the rehearsal and the last look at the end of the training
happen once, and are printed beside. Prints a table: python benchmarks/doctor_overhead.py --help
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from native.machine import cores
from native.table import duration
from native.workloads import WORKLOADS, Workload
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import koubai
from koubai.doctor import Doctor
from koubai.doctor.vital_signs import EVERY, is_due
from koubai.train import Callback, Trainer

NAMES = {"A": "A32", "B": "B", "D": "D", "E": "E"}
ECONOMY = 2048  # steps between two measurements
WARM = 40  # steps that do not count: compiling, and the measurements of the first steps
EPOCHS = 3  # the last one counts: in the first two the Trainer measures the best constant answer
PARTS = (f"({EVERY})", f"({ECONOMY})")


class Repeated:
    """A batch again and again: two short epochs, and then longer ones."""

    def __init__(self, x: Any, y: Any, steps: int) -> None:
        self.batch, self.steps, self.epochs = (x, y), steps, 0

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of an epoch."""
        self.epochs += 1
        for _ in range(WARM if self.epochs < EPOCHS else self.steps):
            yield self.batch


class Clock(Callback):
    """Notes when the last epoch begins and ends. Of single steps it is not told: several may be made in one call."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.began = self.seconds = 0.0
        self.now = now

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Note the time."""
        self.began = self.now()

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Note how long it was."""
        self.seconds = self.now() - self.began


class TimedDoctor(Doctor):
    """Looks for the last time once, and knows how long that and each measurement took."""

    def __init__(self, every: int, now: Callable[[], float]) -> None:
        super().__init__(every)
        self.now = now
        self.measurements: list[float] = []
        self.seconds: float | None = None

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Forget the measurements of the epoch before."""
        super().on_epoch_start(trainer)
        self.measurements = []

    def on_step_start(self, trainer: Trainer) -> None:
        """Measure, by the clock."""
        began = self.now()
        super().on_step_start(trainer)
        if is_due(trainer.progress.updates, self.every):
            self.measurements.append(self.now() - began)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Look, by the clock."""
        if self.seconds is None:
            began = time.perf_counter()
            super().on_fit_end(trainer)
            self.seconds = time.perf_counter() - began


class Compiles(logging.Handler):
    """Notes what the compiler says of rehearsals."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        if record.getMessage().startswith("rehearsal"):
            self.said.append(record.getMessage())


@dataclass
class Contestant:
    """A training with a doctor or without.

    Attributes:
        every: steps between two of its measurements; 0 for no doctor.
        compiled: whether steps are native functions.
        now: the clock.
        step: seconds per step of all rounds, measurements and all.
        plain: the same without the measurements.
        measured: the seconds of each measurement.
    """

    workload: Workload
    every: int
    compiled: bool
    now: Callable[[], float]
    step: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    measured: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        koubai.manual_seed(0)
        self.model = self.workload.model(koubai)
        self.clock = Clock(self.now)
        self.doctor = TimedDoctor(self.every, self.now) if self.every else None
        self.batch = [koubai.tensor(array) for array in self.workload.batch()]
        self.trainer = Trainer(
            self.model,
            koubai.nn.CrossEntropyLoss(),
            self.workload.make_optimizer(koubai, self.model),
            callbacks=[self.clock],
            compile=self.compiled,
            doctor=self.doctor or False,
        )

    def run(self, steps: int) -> float:
        """Train so many steps beside the warm ones, and return the seconds of one."""
        self.trainer.fit(Repeated(*self.batch, steps), epochs=EPOCHS)
        measured = self.doctor.measurements if self.doctor else []
        self.step.append(self.clock.seconds / steps)
        self.plain.append((self.clock.seconds - sum(measured)) / steps)
        self.measured += measured
        return self.step[-1]

    def forget(self) -> None:
        """Forget what was measured."""
        for numbers in (self.step, self.plain, self.measured):
            numbers.clear()


@dataclass(frozen=True)
class Overhead:
    """What the doctor costs in one workload.

    Attributes:
        without, watched: the contestants.
    """

    without: Contestant
    watched: Contestant

    @property
    def step(self) -> float:
        """The seconds of a step without a doctor."""
        return statistics.median(self.without.step)

    @property
    def whole(self) -> float:
        """By which share a step takes longer, measurements included: the median over the rounds."""
        return statistics.median(w / o for w, o in zip(self.watched.step, self.without.step)) - 1

    @property
    def rehearsal(self) -> float:
        """The seconds of one measurement."""
        return statistics.median(self.watched.measured)

    @property
    def listening(self) -> float:
        """By which share a step without a measurement takes longer."""
        return statistics.median(w / o for w, o in zip(self.watched.plain, self.without.plain)) - 1

    @property
    def look(self) -> float:
        """The seconds of the last look."""
        doctor = self.watched.doctor
        return doctor.seconds or 0.0 if doctor is not None else 0.0

    def at(self, every: int) -> float:
        """By which share a step takes longer if one in so many is measured, from the two parts."""
        return max(self.listening, 0.0) + self.rehearsal / (every * self.step)


def measure(
    workload: Workload, compiled: bool, every: int, rounds: int, turn: float, now: Callable[[], float]
) -> Overhead:
    """Let both train in turns.

    Args:
        workload: what is trained.
        compiled: whether steps are native functions.
        every: steps between two measurements.
        rounds: turns of each.
        turn: about how many seconds a turn lasts, and at least one whole period.
        now: the clock.
    """
    pair = Overhead(Contestant(workload, 0, compiled, now), Contestant(workload, every, compiled, now))
    estimate = pair.without.run(20)
    pair.watched.run(max(20, every))
    pair.without.forget()
    pair.watched.forget()
    steps = every * max(1, round(turn / (estimate * every)))
    for number in range(rounds):
        both = (pair.without, pair.watched)
        for contestant in both if number % 2 else both[::-1]:
            contestant.run(steps)
    return pair


def main(
    workloads: Annotated[str, typer.Option(help="Which, with commas between them.")] = "A,B,D,E",
    modes: Annotated[str, typer.Option(help="compiled,eager, or one of them.")] = "compiled,eager",
    every: Annotated[int, typer.Option(help="Steps between two measurements.")] = EVERY,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of which the median counts.")] = 7,
    turn: Annotated[float, typer.Option(help="Seconds of a turn, at least one whole period.")] = 1.0,
    threads: Annotated[int, typer.Option(help="0: all cores.")] = 0,
    cpu: Annotated[
        bool, typer.Option("--cpu", help="Count this process's own time, for a machine that others use.")
    ] = False,
) -> None:
    """Measure what the doctor costs."""
    now = time.process_time if cpu else time.perf_counter
    koubai.set_num_threads(threads or cores())
    logging.getLogger("koubai.doctor").setLevel(logging.CRITICAL)
    compiles = Compiles()
    log = logging.getLogger("koubai.compile")
    log.addHandler(compiles)
    log.setLevel(logging.INFO)
    table = Table(
        title=f"The doctor's share of a training step, measuring every {every} steps", box=SIMPLE_HEAD
    )
    for heading in (
        "",
        "mode",
        "step",
        f"every {every}",
        *PARTS,
        "listening",
        "one measurement",
        "last look",
    ):
        table.add_column(heading, justify="right")
    console = Console()
    for name in workloads.split(","):
        for mode in modes.split(","):
            compiles.said.clear()
            with console.status(f"{name} {mode}"):
                found = measure(
                    WORKLOADS[NAMES.get(name, name)], mode == "compiled", every, rounds, turn, now
                )
            table.add_row(*cells(name, mode, found))
            console.print(*cells(name, mode, found), compiles.said[0] if compiles.said else "", markup=False)
    console.print(table)
    console.print("In brackets: listening, and one measurement in so many steps, from the same rounds.")


def cells(name: str, mode: str, found: Overhead) -> list[str]:
    """Return a row of the table."""
    return [
        name,
        mode,
        duration(found.step),
        f"{found.whole:.1%}",
        *(f"{found.at(every):.1%}" for every in (EVERY, ECONOMY)),
        f"{found.listening:.1%}",
        f"{duration(found.rehearsal)} = {found.rehearsal / found.step:.1f} steps",
        duration(found.look),
    ]


if __name__ == "__main__":
    typer.run(main)
