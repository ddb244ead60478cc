"""The doctor in a training by `Trainer`: a callback that measures, listens and, when something is wrong, says so.

It changes no bit of the training: it measures rehearsals of steps, and whatever it tries, it tries on copies.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from koubai.doctor.chart import read_findings, read_losses, read_signs, write_findings, write_signs
from koubai.doctor.consultation import Consultation, Moment
from koubai.doctor.diagnosis import certain, diagnose, said_again
from koubai.doctor.eager_step import EagerStep
from koubai.doctor.finding import Finding
from koubai.doctor.history import History
from koubai.doctor.machine import one_thread, physical_memory
from koubai.doctor.patient import Patient, Sample
from koubai.doctor.sampling import SAMPLES, affordable, can_draw, drawn, is_quick, joined, most, seconds_of
from koubai.doctor.vital_signs import EVERY, Observer, is_due, next_due
from koubai.engine.random import fork_rng
from koubai.i18n import LANGUAGES, _, language, speaking
from koubai.train import Callback, RecordError
from koubai.train.batch import Batch
from koubai.tree import split

if TYPE_CHECKING:
    from koubai.train import Trainer

__all__ = ["Doctor"]

_FIRST = 64  # samples for a first look, which is to take no longer than a few steps

log = logging.getLogger("koubai.doctor")


class Doctor(Callback):
    """Watches a training.

    Args:
        every: steps between two measurements, each of which costs about as much as three steps; 2048 is economy mode.
        memory: bytes that there are for the training; None: what the machine has.
        trial: whether the training only shows that everything works: then how well it does is no evidence, and the
            doctor says what can be proven without training.

    Attributes:
        history: what it has seen.
        findings: what it has found, the likeliest cause first; empty for a healthy training.
        first_alarm: the step at which it first found something, or None.
    """

    def __init__(self, every: int = EVERY, memory: int | None = None, trial: bool = False) -> None:
        if every < 1:
            raise ValueError(f"every has to be at least 1 step, got {every}")
        self.every = every
        self.memory = physical_memory() if memory is None else memory
        self.trial = trial
        self.findings: list[Finding] = []
        self.first_alarm: int | None = None
        self.history = History()
        self._batches: list[Batch] = []
        self._observer: Observer | None = None
        self._eager_step: EagerStep | None = None
        self._knows = False  # this model and its optimizer from an earlier fit
        self._next = 0  # the number of updates at which there is something to do again
        self._attends = False
        self._heard = 0  # losses of this epoch
        self._rehearses = False  # steps before they are made, so that others may be made with them

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin anew."""
        self.findings, self.first_alarm, self._batches, self._eager_step = [], None, [], None
        self.history = History(epochs=trainer.progress.epochs)
        self._knows = self._observer is not None and self._observer.watches(trainer.model, trainer.optimizer)
        if not self._knows:  # else its rehearsal is compiled already
            self._observer = Observer(trainer.model, trainer.optimizer)
        self._next, self._attends, self._rehearses = 0, False, False

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Listen from here."""
        self._heard = 0

    def on_step_start(self, trainer: Trainer) -> None:
        """Keep samples to look at later, and measure the step when it is time; mostly do nothing, and at no cost."""
        self._listen(trainer)
        if trainer.progress.updates >= self._next:
            self._attend(trainer)

    def on_validation_start(self, trainer: Trainer) -> None:
        """Look back at the last step."""
        self._listen(trainer)

    def steps_ahead(self, trainer: Trainer) -> int:
        """Return how many steps there are to the next one that is measured; the first of them may be one too."""
        updates = trainer.progress.updates
        if self._rehearses and self._next == updates > 0:
            return next_due(updates + 1, self.every) - updates
        return max(1, self._next - updates)

    def _listen(self, trainer: Trainer) -> None:
        """Note the losses of the steps that were made since, and what was seen of them."""
        losses = trainer.losses[self._heard :]
        self.history.losses.extend(losses)
        self._heard += len(losses)
        if losses and self._attends:
            self._attended(trainer)

    def _attend(self, trainer: Trainer) -> None:
        progress = trainer.progress
        self._attends = True
        collects = progress.epoch == 1 and not can_draw(trainer.feed)  # of one epoch: no sample comes twice
        self._next = 0 if collects else next_due(progress.updates + 1, self.every)
        if collects:
            self._collect(trainer.batches)
        if progress.epoch == 1:
            self.history.batch_size = max(self.history.batch_size, sum(b.size for b in trainer.batches))
        if is_due(progress.updates, self.every) and self._observer is not None:
            with self._not_in_the_way():
                self._measure(trainer, self._observer)

    def _attended(self, trainer: Trainer) -> None:
        """Keep what was seen of an eager step; after the first step, look whether everything fits together."""
        self._attends = False
        if self._eager_step is not None:
            measured, self._eager_step = self._eager_step.measured(), None
            self._note(trainer, trainer.progress.updates, measured)
        if self.history.steps == 1 and not self._knows:
            with self._not_in_the_way():
                self._consult(trainer, "before")

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Note the values of the epoch."""
        self._listen(trainer)
        self.history.values = trainer.history
        epoch = trainer.progress.epoch
        if epoch & (epoch - 1) == 0 and self.history.diverges:  # at epochs 1, 2, 4, 8, ...
            with self._not_in_the_way():
                self._consult(trainer, "during")

    def on_close(self, trainer: Trainer) -> None:
        """Take off what a step that failed has left."""
        if self._observer is not None:
            self._observer.end()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Look at the patient for the last time."""
        self.history.ended = True
        with self._not_in_the_way():
            self._consult(trainer, "after")

    def on_error(self, trainer: Trainer) -> None:
        """Say why it broke, if that can be told."""
        self._listen(trainer)
        self.history.ended, self.history.error = True, trainer.error
        with suppress(RecordError), self._not_in_the_way():
            self._consult(trainer, "after")

    def state_dict(self) -> dict[str, Any]:
        """Return the samples it looks at; what else it knows is in the record of the run."""
        samples = [(batch.inputs, batch.options, batch.target, batch.size) for batch in self._batches]
        with suppress(TypeError):
            split(samples)
            return {"samples": samples, "batch_size": self.history.batch_size}
        return {}  # these are of a kind that no checkpoint can hold

    def load_state_dict(self, state: dict[str, Any], trainer: Trainer) -> None:
        """Take the samples up again."""
        self._batches = [Batch(*sample) for sample in state["samples"]]
        self.history.batch_size = state["batch_size"]

    def on_resume(self, trainer: Trainer) -> None:
        """Read in the record what it had seen and said."""
        if trainer.run is not None:
            self.history.losses = read_losses(trainer.run)
            self.history.signs = read_signs(trainer.run)
            self.history.values = trainer.history
            self.findings = read_findings(trainer.run) or []

    def _collect(self, batches: Sequence[Batch]) -> None:
        """Keep the first samples of batches, as long as there is room."""
        for batch in batches:
            room = most(batch) - sum(kept.size for kept in self._batches)
            if room > 0:
                self._batches.append(batch if room >= batch.size else batch.first(room))

    def _measure(self, trainer: Trainer, observer: Observer) -> None:
        measured = trainer.rehearse(observer)
        self._rehearses = measured is not None
        if measured is None:
            self._eager_step = EagerStep(trainer, observer)
        else:
            self._note(trainer, trainer.progress.updates + 1, measured)

    def _note(self, trainer: Trainer, step: int, measured: dict[str, Any]) -> None:
        """Keep vital signs."""
        assert self._observer is not None
        signs = self._observer.signs(step, float(measured["loss"]), measured)
        self.history.signs.append(signs)
        if trainer.run is not None:
            write_signs(trainer.run, signs)

    @contextmanager
    def _not_in_the_way(self) -> Iterator[None]:
        """If looking goes wrong, say so and look no more: the training goes on."""
        try:
            yield
        except RecordError:
            raise
        except Exception as error:
            self._observer = None
            problem = _("The doctor looks no longer at this training: {kind}: {error}")
            log.warning(problem.format(kind=type(error).__name__, error=error))
            log.debug("where the doctor failed", exc_info=True)

    def _consult(self, trainer: Trainer, moment: Moment) -> None:
        sample = drawn(trainer.feed) or joined(self._batches)
        if sample is None:
            return
        judge = certain if self.trial or moment == "before" else diagnose
        patient = Patient(trainer.model, trainer.loss, trainer.optimizer)
        seconds = seconds_of(patient, sample)
        sample = affordable(sample.take(slice(0, _FIRST if moment == "before" else SAMPLES)), seconds)
        with one_thread() if is_quick(seconds) else nullcontext():
            told = _told(self._consultation(trainer, patient, sample, moment), judge)
        self.findings = told[language()]
        if trainer.run is not None:
            write_findings(trainer.run, self.history.steps, told)
        if self.findings and self.first_alarm is None:
            self.first_alarm = self.history.steps
            _say(self.findings)

    def _consultation(
        self, trainer: Trainer, patient: Patient, sample: Sample, moment: Moment
    ) -> Consultation:
        """Return what to look at; no more validation samples than can be afforded of the others."""
        validation = drawn(trainer.validation)
        if validation is not None:
            validation = validation.take(slice(0, max(len(sample), _FIRST)))
        return Consultation(patient, sample, self.history, validation, moment, self.memory)


def _told(c: Consultation, judge: Callable[[Consultation], list[Finding]]) -> dict[str, list[Finding]]:
    """Return what is wrong, in the words of each language."""
    with fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the doctor tries, not of what the user does
        found = judge(c)
        told = {language(): found}
        for tag in LANGUAGES:
            if tag not in told:
                with speaking(tag):
                    told[tag] = said_again(c, found)
    return told


def _say(findings: Sequence[Finding]) -> None:
    for finding in findings[:1]:
        log.warning("%s", finding)
