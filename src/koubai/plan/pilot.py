"""A short training, from which the whole one is foretold: how long each part of an epoch takes, and the memory.

It is `Trainer.fit` itself with everything that the whole training has: loader, metrics, validation and the doctor. Its
data are as large as the whole ones, up to a limit far above any cache, because batches gathered from there take longer.
"""

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median

import koubai
from koubai.compiler import get_num_threads
from koubai.compiler.profile.roofline import roof
from koubai.compiler.runtime.target import current
from koubai.data import DataLoader, RandomSampler, TensorDataset
from koubai.doctor import Doctor
from koubai.doctor.consultation import Consultation, Moment
from koubai.doctor.harm import harm_of
from koubai.doctor.patient import Patient, Sample
from koubai.doctor.vital_signs import EVERY, is_due
from koubai.plan.apart import IS_APART, peak_memory, resident_memory, run_apart
from koubai.plan.workload import Workload
from koubai.train import Callback, Trainer

__all__ = ["Pilot", "fly"]

_LARGE = 256 << 20  # bytes of samples, which no cache holds
_FIRST = 4  # steps of the first epoch, which compiles
_ROUNDS = 3  # epochs of which the median counts
_LEAST = 12  # steps of a round: enough that the doctor measures three and the others tell what a step takes
_VALIDATED = 8  # batches, or more if they are quick
_OUTLIER = 3  # times the median: somebody else had the processor


@dataclass(frozen=True)
class Pilot:
    """What a short training took.

    Attributes:
        batch_size: its samples per step.
        first: seconds before the training is under way, once: compiling (or loading what was compiled), first looks.
        step: seconds of a step, with its batch and all that belongs to it.
        noise: how far that differed between epochs, as a share of it; much if others use the machine.
        last: seconds of the smaller step at the end of an epoch, 0 without one.
        measured: seconds that a step takes longer in which the doctor measures.
        epoch: seconds of an epoch beside its steps and its validation.
        validation: seconds of the validation after an epoch.
        end: seconds after the last epoch.
        memory: bytes at the peak, beside the data and what any training with Koubai needs; 0 if it is not known.
        process: bytes of a process that trains nothing yet.
        flops: multiplications and additions of the products of a step as they are run; 0 if it runs eagerly.
        peak: the most operations a second that this machine can do with as many threads; 0 if that is not known.
        arena: bytes in which all compiled functions have their arrays; 0 if they run eagerly.
    """

    batch_size: int
    first: float
    step: float
    noise: float
    last: float
    measured: float
    epoch: float
    validation: float
    end: float
    memory: int
    process: int
    flops: int
    arena: int
    peak: float


def fly(workload: Workload, seconds: float = 1.0, compile: bool = True) -> Pilot:
    """Train for a short time in a process of its own.

    Args:
        workload: what is to be trained.
        seconds: about how long the steps are measured; what is compiled for the first time comes on top.
        compile: whether steps are native functions.

    Raises:
        MemoryError: there is not so much memory.
    """
    return Pilot(**run_apart(lambda: asdict(_flown(workload, seconds, compile))))


def _flown(workload: Workload, seconds: float, compile: bool) -> Pilot:
    koubai.compile(koubai.neg)(koubai.zeros(1))  # now everything is loaded that any training needs
    process = resident_memory()
    data = _Data(workload)
    clock, doctor = _Clock(), _Passing()
    with koubai.fork_rng():
        koubai.manual_seed(0)
        model = workload.model if IS_APART else copy.deepcopy(workload.model)
        trainer = Trainer(
            model,
            workload.loss,
            workload.optimizer(model),
            callbacks=[clock],
            compile=compile,
            **{"doctor": doctor, **workload.trainer},
        )
        trainer.fit(data.loader(_FIRST), data.validation, 1)
        trial = clock.end_of_fit()
        trainer.fit(data.loader(_LEAST), data.validation, 1)
        quick = clock.end_of_fit().rounds[0]
        steps = max(_LEAST, min(workload.steps, round(seconds / _ROUNDS / quick.step)))
        data.judge(seconds / _ROUNDS, quick.validation)
        doctor.looks = True
        trainer.fit(data.loader(steps), data.validation, _ROUNDS)
        whole = clock.end_of_fit()
    rounds = whole.rounds
    step = median(r.step for r in rounds)
    memory = peak_memory() - process - data.bytes
    reports = trainer.native.reports("step")
    return Pilot(
        workload.batch_size,
        max(trial.seconds - trial.end - rounds[-1].seconds(_FIRST), 0.0),
        step,
        (max(r.step for r in rounds) - min(r.step for r in rounds)) / step,
        median(r.last for r in rounds) if data.rest else 0.0,
        max(rounds[0].measured - step, 0.0),
        median(r.epoch for r in rounds),
        median(r.validation for r in rounds) * data.validation_share,
        whole.end,
        max(memory, 0),
        process,
        reports[0].flops if reports else 0,
        trainer.native.arena_bytes,
        roof(current(), get_num_threads()).flops if reports else 0.0,
    )


class _Passing(Doctor):
    """The doctor, whose last look is as at a healthy training: what so short a one has not learnt is no symptom.

    Attributes:
        looks: whether it looks at the end of a fit.
    """

    looks = False

    def on_fit_end(self, trainer: Trainer) -> None:
        """Look once, at the very end."""
        if self.looks:
            super().on_fit_end(trainer)

    def _consultation(
        self, trainer: Trainer, patient: Patient, sample: Sample, moment: Moment
    ) -> Consultation:
        consultation = super()._consultation(trainer, patient, sample, moment)
        if moment != "before":
            # Costs the passes through the model that it costs a healthy training too.
            harm_of(consultation)
            consultation.skill = consultation.validation_skill = 1.0
        return consultation


class _Data:
    """The samples of a pilot, from which loaders draw as many batches as are wanted.

    Attributes:
        rest: samples of the last step of an epoch if there are fewer than in others, else 0.
        validation: a loader, or None.
        validation_share: how much longer the whole validation is.
    """

    def __init__(self, workload: Workload) -> None:
        examples, batch = workload.examples, workload.batch_size
        count = min(workload.samples, max(_LARGE // max(examples.sample_bytes, 1), _LEAST * batch))
        self.batch, self.rest = min(batch, workload.samples), workload.samples % batch
        self.full = workload.samples // batch
        self.augment = workload.augment
        self.train = TensorDataset(*examples.take(count))
        self._workload, self._judged = workload, 0
        self.validation, self.validation_share = self._validation(_VALIDATED)

    def judge(self, seconds: float, taken: float) -> None:
        """Validate as many batches as `seconds` allow, after so few that they took only the time `taken`."""
        if self.validation is not None and taken:
            room = self._workload.validation_batch * max(self._workload.examples.sample_bytes, 1)
            count = min(int(len(self.validation) * seconds / taken), _LARGE // room)
            if count > _VALIDATED:
                self.validation, self.validation_share = self._validation(count)

    @property
    def bytes(self) -> int:
        """What all of them take."""
        return (len(self.train) + self._judged) * self._workload.examples.sample_bytes

    def _validation(self, batches: int) -> tuple[DataLoader | None, float]:
        """Return a loader of at most so many whole batches and the rest, and how much longer all of them take."""
        size, whole = self._workload.validation_batch, self._workload.validation
        self._judged = min(whole // size, batches) * size + whole % size
        if not self._judged:
            return None, 0.0
        samples = TensorDataset(*self._workload.examples.take(self._judged))
        return DataLoader(samples, size), whole / self._judged

    def loader(self, steps: int) -> DataLoader:
        """Return a loader of so many whole batches, and the rest behind them."""
        count = min(steps, self.full) * self.batch + self.rest
        sampler = RandomSampler(self.train, num_samples=count)
        return DataLoader(self.train, self.batch, sampler=sampler, augment=self.augment)


@dataclass(frozen=True)
class _Round:
    """The seconds of an epoch's parts: a step, the last one, one that is measured, the validation, all else."""

    step: float
    last: float
    measured: float
    validation: float
    epoch: float

    def seconds(self, steps: int) -> float:
        """Return how long an epoch of so many steps would take."""
        return steps * self.step + self.last + self.validation + self.epoch


@dataclass(frozen=True)
class _Fit:
    """A fit: its epochs, its seconds in all, and how many of them came after the last epoch."""

    rounds: list[_Round]
    seconds: float
    end: float


class _Clock(Callback):
    """Notes when everything begins."""

    def __init__(self) -> None:
        self._rounds: list[_Round] = []
        self._starts: list[tuple[float, int]] = []  # of steps made at once: when, and after how many updates
        self._began = self._epoch_began = self._trained = self._validated = self._ended = 0.0

    def steps_ahead(self, trainer: Trainer) -> int:
        """Let as many steps be made at once as in any training."""
        return sys.maxsize

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin."""
        self._rounds, self._began = [], time.perf_counter()

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Begin an epoch."""
        self._starts, self._trained, self._epoch_began = [], 0.0, time.perf_counter()

    def on_step_start(self, trainer: Trainer) -> None:
        """Note the beginning of a step, or of several at once."""
        self._starts.append((time.perf_counter(), trainer.progress.updates))

    def on_validation_start(self, trainer: Trainer) -> None:
        """Note the end of the last step."""
        self._trained = time.perf_counter()

    def on_validation_end(self, trainer: Trainer) -> None:
        """Note the end of the validation."""
        self._validated = time.perf_counter()

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Sum an epoch up."""
        self._ended = time.perf_counter()
        trained = self._trained or self._ended
        validation = self._validated - trained if self._trained else 0.0
        marks = pairwise([*self._starts, (trained, trainer.progress.updates)])
        spans = [
            _Span(after - before, end - begin, is_due(begin, EVERY))
            for (before, begin), (after, end) in marks
        ]
        rest = self._ended - self._epoch_began - math.fsum(span.seconds for span in spans) - validation
        *others, last = spans
        self._rounds.append(_round(others or spans, last.each, validation, rest))

    def end_of_fit(self) -> _Fit:
        """Return the fit that has just ended."""
        now = time.perf_counter()
        return _Fit(self._rounds, now - self._began, now - self._ended)


@dataclass(frozen=True)
class _Span:
    """Some steps made at once: the seconds of all, how many there are, and whether the doctor measured."""

    seconds: float
    steps: int
    measured: bool

    @property
    def each(self) -> float:
        """The seconds of a step."""
        return self.seconds / self.steps


def _round(spans: Sequence[_Span], last: float, validation: float, rest: float) -> _Round:
    """Return what the parts of an epoch took."""
    steady = [span for span in spans if not span.measured] or list(spans)
    measured = [span for span in spans if span.measured] or list(spans)
    return _Round(_mean(steady), last, median(span.each for span in measured), validation, rest)


def _mean(spans: Sequence[_Span]) -> float:
    """Return the mean time of a step without the few that something else has disturbed."""
    most = _OUTLIER * median(span.each for span in spans)
    quiet = [span for span in spans if span.each <= most]
    return math.fsum(span.seconds for span in quiet) / sum(span.steps for span in quiet)
