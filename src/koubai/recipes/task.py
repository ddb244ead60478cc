"""A recipe with its settings filled in: the data in parts, the loss, and how a trained model is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import koubai
from koubai.data import TensorDataset
from koubai.engine.tensor import Tensor
from koubai.nn import Module
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import Predictor
from koubai.train.metrics import Metric

_TRIAL = 256  # samples of each part of a trial


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is trained on what, and what becomes of it.

    A sample is what the model takes, then the target: `TensorDataset(inputs, …, targets)`.

    Attributes:
        train: what the model learns from.
        validation: what it is watched with during training, or None.
        test: what it is judged by at the end, and never sees before.
        loss: `loss(output, target)`.
        judge: `judge(model, test)`, what a trained model does on the test part.
        predictor: what a run keeps in order to answer for new data.
        headline: the metric the outcome is about.
        metrics: measured in training beside the loss, each epoch.
        augment: random changes to training batches, `augment(batch, generator)`, or None.
        calibrated: `calibrated(model)`, the predictor with what only a trained model tells, as a threshold, or None.
    """

    train: TensorDataset
    validation: TensorDataset | None
    test: TensorDataset
    loss: Callable[..., Tensor]
    judge: Callable[[Module, TensorDataset], Outcome]
    predictor: Predictor
    headline: str
    metrics: Sequence[str | Metric] = ()
    augment: Callable[..., Any] | None = None
    calibrated: Callable[[Module], Predictor] | None = None

    def trial(self) -> Task:
        """The same with a few samples of each part, drawn at random: to see that everything works."""
        validation = None if self.validation is None else _few(self.validation)
        return replace(self, train=_few(self.train), validation=validation, test=_few(self.test))


def _few(part: TensorDataset) -> TensorDataset:
    order = koubai.randperm(len(part), generator=koubai.Generator().manual_seed(0)).numpy()
    return TensorDataset(*part.gather(order[:_TRIAL]))
