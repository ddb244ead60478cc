"""The doctor in a training by `Trainer`: a callback that measures, listens and, when something is wrong, says so.

It changes no bit of the training: it measures rehearsals of steps, and whatever it tries, it tries on copies.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from koubai.data import DataLoader
from koubai.doctor.consultation import Consultation, Moment
from koubai.doctor.diagnosis import diagnose
from koubai.doctor.facts.anatomy import first_tensor
from koubai.doctor.eager_step import EagerStep
from koubai.doctor.finding import Finding
from koubai.doctor.history import History
from koubai.doctor.patient import Patient, Sample
from koubai.doctor.vital_signs import Observer, is_due
from koubai.engine.random import fork_rng
from koubai.train import Callback
from koubai.train.batch import Batch
from koubai.train.feed import Feed

if TYPE_CHECKING:
    from koubai.train import Trainer

__all__ = ["Doctor"]

log = logging.getLogger("koubai.doctor")

SAMPLES = 256  # enough that a share is known to 3 %, few enough to look at in a moment


class Doctor(Callback):
    """Watches a training.

    Args:
        every: steps between two measurements. 100 costs about two steps in a hundred, 1000 (economy) a fifth of that.
        memory: bytes that there are for the training; None: what the machine has.

    Attributes:
        history: what it has seen.
        findings: what it has found, the likeliest cause first; empty for a healthy training.
        first_alarm: the step at which it first found something, or None.
    """

    def __init__(self, every: int = 100, memory: int | None = None) -> None:
        if every < 1:
            raise ValueError(f"every has to be at least 1 step, got {every}")
        self.every = every
        self.memory = physical_memory() if memory is None else memory
        self.findings: list[Finding] = []
        self.first_alarm: int | None = None
        self.history = History()
        self._batches: list[Batch] = []
        self._observer: Observer | None = None
        self._eager_step: EagerStep | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin anew."""
        self.findings, self.first_alarm, self._batches, self._eager_step = [], None, [], None
        self.history = History(epochs=trainer.progress.epochs)
        self._observer = Observer(trainer.model, trainer.optimizer)

    def on_step_start(self, trainer: Trainer) -> None:
        """Keep samples to look at later, and measure the step when it is time."""
        if trainer.progress.epoch == 1 and sum(batch.size for batch in self._batches) < SAMPLES:
            self._batches += trainer.batches  # of one epoch, so that no sample comes twice
            self.history.batch_size = max(self.history.batch_size, sum(b.size for b in trainer.batches))
        if is_due(trainer.progress.updates, self.every) and self._observer is not None:
            measured = trainer.rehearse(self._observer)
            if measured is None:
                self._eager_step = EagerStep(trainer, self._observer)
            else:
                self._note(trainer.progress.updates + 1, measured)

    def on_step_end(self, trainer: Trainer) -> None:
        """Note the loss, and what was measured."""
        self.history.losses.append(trainer.progress.loss)
        if self._eager_step is not None:
            measured, self._eager_step = self._eager_step.measured(), None
            self._note(trainer.progress.updates, measured)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Note the values of the epoch."""
        self.history.values = trainer.history

    def on_close(self, trainer: Trainer) -> None:
        """Take off what a step that failed has left."""
        if self._observer is not None:
            self._observer.end()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Look at the patient for the last time."""
        self.history.ended = True
        self._consult(trainer, "after")

    def on_error(self, trainer: Trainer) -> None:
        """Say why it broke, if that can be told."""
        self.history.ended, self.history.error = True, trainer.error
        self._consult(trainer, "after")

    def _note(self, step: int, measured: dict[str, Any]) -> None:
        assert self._observer is not None
        self.history.signs.append(self._observer.signs(step, float(measured["loss"]), measured))

    def _consult(self, trainer: Trainer, moment: Moment) -> None:
        try:
            self._look(trainer, moment)
        except Exception:  # whatever the doctor trips over, the training is not to suffer
            log.exception("the doctor could not examine this training; please report it")

    def _look(self, trainer: Trainer, moment: Moment) -> None:
        sample = _drawn(trainer.feed) or sample_of(self._batches)
        if sample is None:
            return
        with fork_rng():
            patient = Patient(trainer.model, trainer.loss, trainer.optimizer)
            consultation = Consultation(patient, sample, self.history, _drawn(trainer.validation), moment, self.memory)
            self.findings = diagnose(consultation)
        if self.findings and self.first_alarm is None:
            self.first_alarm = self.history.steps
            _say(self.findings)


def physical_memory() -> int:
    """Return the bytes of memory that this machine has, 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _drawn(feed: Feed | None) -> Sample | None:
    """Return samples drawn at random from what a loader loads; None where it has to be gone through."""
    loader = getattr(feed, "source", None)
    dataset = getattr(loader, "dataset", None)
    if not isinstance(loader, DataLoader) or not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        return None
    places = np.random.default_rng(0).permutation(len(dataset))[:SAMPLES]
    return sample_of([Batch.of(loader.collate_fn([dataset[int(n)] for n in places]))])


def sample_of(batches: Sequence[Batch]) -> Sample | None:
    """Return batches as one sample; None if there are none, or they cannot be put together."""
    import koubai

    if not batches or not batches[0].inputs:
        return None
    try:
        inputs = tuple(koubai.cat(list(parts)) for parts in zip(*(batch.inputs for batch in batches)))
        target: Any = koubai.cat([batch.target for batch in batches])
    except (RuntimeError, TypeError, ValueError):
        return Sample(batches[0].inputs, first_tensor(batches[0].target))
    return Sample(inputs, target).take(slice(0, SAMPLES))


def _say(findings: Sequence[Finding]) -> None:
    for finding in findings[:1]:
        log.warning("%s", finding)
