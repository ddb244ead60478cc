"""A training with the doctor at its side, and what is made of what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import koubai
from doctor import koubai_side
from doctor.observer import Observer
from doctor.setup import Outcome, Setup, Subject
from koubai.doctor import Doctor, Finding, attach
from koubai.doctor.treatment import Training, treat
from koubai.train import Callback, Trainer
from koubai.train.events import EVENTS

__all__ = ["Examination", "Watching", "examine", "repair", "training_of"]


@dataclass
class Examination:
    """What came of a training, and what the doctor said.

    Attributes:
        outcome: of the training.
        findings: the likeliest cause first.
        alarm: the step of the first finding, or None.
        seconds: that the doctor took of the training's, with compiling and looks; None in a loop that is written out.
    """

    outcome: Outcome
    findings: list[Finding] = field(default_factory=list)
    alarm: int | None = None
    seconds: float | None = None

    @property
    def causes(self) -> list[str]:
        """The names of the causes."""
        return [finding.cause for finding in self.findings]


class TimedDoctor(Doctor):
    """The doctor as it is; `seconds` counts how long everything took that it did."""

    seconds = 0.0


def _timed(event: str) -> Callable[[TimedDoctor, Trainer], None]:
    def timed(self: TimedDoctor, trainer: Trainer) -> None:
        began = time.perf_counter()
        try:
            getattr(Doctor, event)(self, trainer)
        finally:
            self.seconds += time.perf_counter() - began

    return timed


for _event in EVENTS:
    if getattr(Doctor, _event) is not getattr(Callback, _event):
        setattr(TimedDoctor, _event, _timed(_event))


class Watching(Observer):
    """The doctor: a callback where there is a `Trainer`, attached where the loop is written out."""

    def __init__(self, torch: bool = False) -> None:
        self.torch = torch
        self.callback: TimedDoctor | None = None
        self.attached: Any = None
        self.findings: list[Finding] = []
        self.alarm: int | None = None

    def start(self, setup: Setup) -> None:
        """Take a place."""
        if setup.loop.plain and not self.torch:
            self.callback = TimedDoctor(memory=setup.memory_limit)
            return
        self.attached = attach(
            setup.model,
            setup.optimizer,
            setup.loss,
            setup.train,
            setup.validation,
            batch_size=setup.batch_size,
            epochs=setup.epochs,
            memory=setup.memory_limit,
        )
        setup.loss = self.attached.loss(setup.loss)

    def callbacks(self) -> Sequence[Any]:
        """What `Trainer` is given."""
        return [self.callback]

    def end(self, outcome: Outcome) -> None:
        """Ask what was found."""
        if self.callback is not None:
            self.findings, self.alarm = self.callback.findings, self.callback.first_alarm
            return
        self.attached.history.error = self.attached.history.error or outcome.error
        self.findings = self.attached.consult(ended=True)
        self.alarm = self.attached.first_alarm
        self.attached.detach()


def examine(subject: Subject, seed: int, fixed: bool) -> Examination:
    """Train with Koubai while the doctor watches."""
    watching = Watching()
    outcome = koubai_side.train(subject.make(seed, fixed), watching)
    seconds = watching.callback.seconds if watching.callback is not None else None
    return Examination(outcome, watching.findings, watching.alarm, seconds)


def training_of(setup: Setup) -> Training:
    """Return a setup that has not begun as the doctor's treatment wants it."""
    optimizer = setup.optimizer
    known = set(optimizer.defaults).intersection(type(optimizer).__init__.__code__.co_varnames)
    options = {name: value for name, value in optimizer.param_groups[0].items() if name in known}
    held_out = "held out" in setup.metric
    return Training(
        model=setup.model,
        loss=setup.loss,
        optimizer=type(optimizer),
        options=options,
        train=_arrays(setup.train),
        validation=_arrays(setup.validation) if held_out else None,
        batch_size=setup.batch_size,
        epochs=setup.epochs,
        trainer={"clip_norm": setup.clip_norm, "clip_value": setup.clip_value},
    )


def repair(subject: Subject, seed: int, findings: Sequence[Finding], trials: int = 3) -> float:
    """Let the doctor treat the faulty training, and return the score of the best of its trials."""
    setup = subject.make(seed, False)
    proof = treat(training_of(setup), findings, trials=trials, fresh=0)
    return judged(setup, max(proof.trials, key=lambda trial: (trial.settled, trial.skill)))


def judged(setup: Setup, trial: Any) -> float:
    """Return the score of a trial by the setup's own metric."""
    train, validation = trial.training.train, trial.training.validation or trial.training.train
    treated = replace(
        setup,
        model=trial.model,
        train=tuple(map(koubai.tensor, train)),
        validation=tuple(map(koubai.tensor, validation)),
    )
    return koubai_side.judged(treated)


def _arrays(pair: tuple[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return pair[0].numpy(), pair[1].numpy()
