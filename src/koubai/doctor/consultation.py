"""One look at the patient: everything a check may ask for, found out when the first check asks.

Short trials are only made for a training that shows harm; a healthy one pays for a few passes through the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from koubai.doctor.facts.anatomy import Anatomy, examine_layers
from koubai.doctor.facts.contract import Expects, Range, expects, range_of, range_of_layer
from koubai.doctor.facts.reference import linear_skill, neighbour_skill
from koubai.doctor.facts.task import Task, are_signs, labels_of, skill, task_of
from koubai.doctor.facts.trial import Trial, go_on
from koubai.doctor.framework import Array
from koubai.doctor.history import History
from koubai.doctor.patient import Patient, Sample

__all__ = ["Consultation", "Moment"]

_COMPARED = 256  # samples
_ABOUT = 0.8  # of its loss: that of a skewed target's median, which MAE wants, is less than a fifth below the mean's

_EQUAL = 1e-5  # float32 sums of the same numbers in another order agree to this

Moment = Literal["before", "during", "after"]


@dataclass
class Consultation:
    """A patient at one moment.

    Attributes:
        patient: model, loss and optimizer.
        sample: training samples.
        history: what was seen of the training.
        validation: validation samples, if there are any.
        moment: before, during or after the training.
        memory: bytes that there are for it, 0 if that is not known.
        learns_by_heart: before the training: whether a copy has learnt a few samples by heart.
    """

    patient: Patient
    sample: Sample
    history: History = field(default_factory=History)
    validation: Sample | None = None
    moment: Moment = "before"
    memory: int = 0
    learns_by_heart: bool = True

    # --- the data -------------------------------------------------------------------------------------------------

    @cached_property
    def target(self) -> Array:
        """The targets of the training samples."""
        return self.patient.framework.array(self.sample.target)

    @cached_property
    def features(self) -> Array | None:
        """The inputs as a matrix (N, F) of numbers; None for words and the like."""
        return self._matrix(self.sample)

    @cached_property
    def validation_features(self) -> Array | None:
        """The same of the validation samples."""
        return None if self.validation is None else self._matrix(self.validation)

    @cached_property
    def validation_target(self) -> Array:
        """The targets of the validation samples."""
        return (
            np.zeros(0) if self.validation is None else self.patient.framework.array(self.validation.target)
        )

    def _matrix(self, sample: Sample) -> Array | None:
        values = self.patient.framework.array(sample.inputs[0]) if sample.inputs else np.zeros((0, 0))
        if values.dtype.kind != "f" or values.ndim < 1 or not values.size or not np.isfinite(values).all():
            return None
        return values.reshape(len(values), -1).astype(np.float64)

    # --- what the model answers -----------------------------------------------------------------------------------

    @cached_property
    def output(self) -> Any:
        """What the model gives for the training samples, in evaluation mode."""
        return self.patient.output(self.sample)

    @cached_property
    def answers(self) -> Array:
        """The same as an array, of several parts the first."""
        return self.patient.array_of(self.output)

    @property
    def outputs(self) -> int:
        """How many numbers the model gives for one sample."""
        return 1 if self.answers.ndim < 2 else int(self.answers.shape[1])

    @cached_property
    def task(self) -> Task:
        """The kind of question that the targets ask."""
        return task_of(self.target, self.answers.shape)

    @cached_property
    def expects(self) -> Expects:
        """What the loss takes the outputs for."""
        few = self.target[:64]
        return expects(self.patient.loss_of, (len(few), *self.answers.shape[1:]), few)

    @cached_property
    def range(self) -> Range:
        """What range the outputs come from: by the last layer if it is a known activation, else by looking."""
        layers = self.anatomy.layers
        if layers and layers[-1].output.shape == self.answers.shape:
            known = range_of_layer(layers[-1].kind, self.outputs)
            if known is not None:
                return known
        driven = self.answers if self.driven is None else self.patient.answers(self.driven)
        return range_of(self.answers, driven)

    @cached_property
    def driven(self) -> Sample | None:
        """Samples with inputs a hundred times larger, half of them with the other sign: they show what is bent."""
        if self.features is None:
            return None
        few = self.sample.take(slice(0, 64))
        first = few.inputs[0]
        signs = np.where(np.arange(len(few)) % 2, -100.0, 100.0).reshape(-1, *[1] * (first.ndim - 1))
        strong = self.patient.framework.tensor(self.patient.framework.array(first) * signs, first)
        return Sample((strong, *few.inputs[1:]), few.target, few.options)

    @property
    def threshold(self) -> float:
        """The output that divides yes from no."""
        shares = self.range in ("unit", "distribution", "constant")
        near = self.expects in ("numbers", "probabilities") and not are_signs(self.target)
        return 0.5 if shares or near else 0.0

    # --- how good it is -------------------------------------------------------------------------------------------

    @cached_property
    def skill(self) -> float:
        """How good the model is on the training samples; see `facts.task`."""
        return skill(self.task, self.answers, self.target, self.threshold)

    @cached_property
    def training_skill(self) -> float:
        """The same in training mode, batch by batch as in the training."""
        size = max(1, self.history.batch_size or len(self.sample))
        parts = [self.sample.take(slice(n, n + size)) for n in range(0, len(self.sample) - size + 1, size)]
        if not parts:
            return self.skill
        try:
            outputs = [
                self.patient.framework.array(self.patient.output(part, training=True)) for part in parts
            ]
        except ValueError:  # a layer refuses a batch of one sample
            return self.skill
        answers = np.concatenate(outputs)
        return skill(self.task, answers, self.target[: len(answers)], self.threshold)

    @cached_property
    def validation_skill(self) -> float:
        """How good the model is on the validation samples."""
        if self.validation is None:
            return self.skill
        answers = self.patient.answers(self.validation)
        return skill(self.task, answers, self.validation_target, self.threshold)

    @property
    def said_classes(self) -> Array:
        """The classes that the model answers for the training samples."""
        if self.task == "binary":
            return np.asarray(self.answers.reshape(-1) > self.threshold).astype(np.int64)
        return np.asarray(self.answers.argmax(1).reshape(-1))

    @cached_property
    def linear(self) -> float:
        """What a linear model reaches."""
        return linear_skill(self.task, *self._compared, self._narrowest) if self._comparable else -np.inf

    @cached_property
    def neighbours(self) -> float:
        """What the nearest neighbours reach."""
        return neighbour_skill(self.task, *self._compared) if self._comparable else -np.inf

    @property
    def _narrowest(self) -> int | None:
        """The fewest numbers that a sample passes through on its way."""
        widths = [int(np.prod(layer.output.shape[1:])) for layer in self.anatomy.weighted]
        return min(widths, default=None)

    @property
    def has_one_label(self) -> bool:
        """Whether a sample has one label, not one for each of its places."""
        return self.task in ("classes", "binary") and len(labels_of(self.target)) == len(self.sample)

    @property
    def _comparable(self) -> bool:
        return self.features is not None and (self.task in ("numbers", "multilabel") or self.has_one_label)

    @property
    def _compared(self) -> tuple[Array, Array]:
        """What simple models learn from: their cost grows with the cube of the samples."""
        assert self.features is not None
        return self.features[:_COMPARED], self.target[:_COMPARED]

    @property
    def reference(self) -> float:
        """What a simple model reaches, 0 at least."""
        return max(0.0, self.linear, self.neighbours)

    @cached_property
    def constant_loss(self) -> float:
        """The loss of the mean target as the answer to all samples, 0 where that makes no sense."""
        if self.target.dtype.kind != "f":
            return float(np.log(max(2, self.outputs)))
        mean = np.broadcast_to(self.target.mean(0, keepdims=True), self.target.shape).astype(np.float32)
        loss = self.patient.loss_of(mean, self.target)
        return abs(loss) if np.isfinite(loss) else 0.0

    @cached_property
    def spreads(self) -> bool:
        """Whether the loss repeats outputs or targets until their shapes agree, and compares all with all.

        Then the order of what is repeated does not matter. A mean with its spread, or several quantiles, which a loss
        may well compare with one target, each have their own part in it.
        """
        output, target = self.answers.shape, self.target.shape
        try:
            both = np.broadcast_shapes(output, target)
        except ValueError:
            return False
        if both == output == target:
            return False
        answers = np.random.default_rng(0).uniform(0.1, 0.9, output).astype(np.float32)
        turned = _turned(answers, target), _turned(self.target, output)
        plain, other = self.patient.loss_of(answers, self.target), self.patient.loss_of(*turned)
        return bool(np.isfinite(plain) and abs(plain - other) <= _EQUAL * (1 + abs(plain)))

    @cached_property
    def aims_at_the_mean(self) -> bool:
        """Whether answers are to be near the targets, so that the share of explained variance is a measure of them."""
        if self.task != "numbers":
            return True
        # A loss may weigh several things: a reconstruction and its code, a mean and its spread.
        if isinstance(self.output, tuple) or (self.answers.size != self.target.size and not self.spreads):
            return False
        levels = np.quantile(self.target, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0, keepdims=True)
        answers = [np.broadcast_to(level, self.target.shape).astype(np.float32) for level in levels]
        best = min(self.patient.loss_of(answer, self.target) for answer in answers)
        if self.expects == "numbers":  # the best constant of a quantile is far from the mean
            return not 0 < best < _ABOUT * self.constant_loss
        right = self.patient.loss_of(self.target.astype(np.float32), self.target)
        return not right > best  # where answers are logarithms of rates, the rates themselves are bad ones

    # --- what goes on inside --------------------------------------------------------------------------------------

    @cached_property
    def anatomy(self) -> Anatomy:
        """The layers with their outputs and gradients, in evaluation mode."""
        return examine_layers(self.patient, self.sample)

    @cached_property
    def parameters(self) -> int:
        """How many numbers can be trained."""
        return sum(int(np.prod(p.shape)) for p in self.patient.model.parameters() if p.requires_grad)

    def trial(self, factor: float, batch_size: int | None = None, dropout: bool = True) -> Trial:
        """Return what becomes of the loss if the training goes on from here with the learning rate times a factor."""
        key = (factor, batch_size or self.history.batch_size, dropout)
        if key not in self._trials:
            self._trials[key] = go_on(self.patient, self.sample, *key)
        return self._trials[key]

    @cached_property
    def _trials(self) -> dict[tuple[float, int, bool], Trial]:
        return {}


def _turned(values: Array, other: tuple[int, ...]) -> Array:
    """Return values in the opposite order along the dimensions in which those of the other shape are repeated."""
    padded = (1,) * (values.ndim - len(other)) + other[-values.ndim :] if values.ndim else ()
    return np.flip(values, tuple(n for n, size in enumerate(padded) if size == 1 < values.shape[n]))
