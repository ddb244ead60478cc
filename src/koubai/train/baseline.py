"""What a model has to beat: the best answer that is the same for every sample, and the target the user set.

For classes that is the frequency of each class (so the guess is the majority class), for numbers and for
yes-or-no targets the mean. They are counted while the first epoch trains, so no extra pass is needed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import koubai
from koubai.engine.tensor import Tensor
from koubai.train.events import Callback
from koubai.train.loss import ignored_label, takes_classes, takes_logits
from koubai.train.meter import Meter
from koubai.train.metrics.metric import Array, MetricValue, as_array

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["Baseline", "Evaluation", "Target"]


class Baseline(Callback):
    """Learns the best constant answer from the training targets, and measures it beside the model.

    It is measured on the first validation; without validation, on the training data of the second epoch.

    Attributes:
        values: Loss and metrics of the constant answer by name; empty until they were measured, and for
            targets that have no constant answer.
    """

    def __init__(self) -> None:
        self._forget(None)

    def _forget(self, trainer: Trainer | None) -> None:
        self.values: dict[str, MetricValue] = {}
        self._counts: Array = np.zeros(0)  # per class, or the sum of all targets
        self._samples = 0
        self._learnt = False
        self._answers: dict[tuple[int, ...], Tensor] = {}  # by the shape of the model's output
        self._meter = Meter(trainer.metrics if trainer else ())

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin anew."""
        self._forget(trainer)

    def after_loss(self, trainer: Trainer) -> None:
        """Learn from the first epoch's targets; in the second, measure if there is no validation."""
        target = trainer.batch.target
        if not self._learnt:
            self._learn(trainer, trainer.output, target)
        elif trainer.validation is None and not self.values:
            self.measure(trainer, self._meter, trainer.output, target)

    def on_validation_start(self, trainer: Trainer) -> None:
        """Know enough: the first epoch is over."""
        self._learnt = True

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Keep what was measured."""
        self._learnt = True
        if self._meter.samples:
            self.values = self._meter.compute()
            self._meter.reset()

    def _learn(self, trainer: Trainer, output: Any, target: Any) -> None:
        if not _comparable(output, target):
            return
        values = as_array(target)
        if takes_classes(trainer.loss) and values.ndim == len(output.shape) - 1:
            labels = values[values != ignored_label(trainer.loss)].ravel()
            counts, samples = np.bincount(labels, minlength=output.shape[1]).astype(np.float64), labels.size
        elif values.shape == tuple(output.shape):
            counts, samples = values.sum(axis=0, dtype=np.float64), len(values)
        else:
            return
        self._counts = counts if not self._samples else self._counts + counts
        self._samples += samples
        self._answers = {}

    def measure(self, trainer: Trainer, meter: Meter, output: Any, target: Any) -> None:
        """Add the constant answer's loss and metrics on one batch to `meter`, if there is such an answer."""
        if not self._learnt or not self._samples or not _comparable(output, target):
            return
        answer = self._answer(trainer.loss, output)
        samples = len(target)
        loss = trainer.total_loss(trainer.native.loss(answer, target), samples)
        meter.update(loss, samples, answer, trainer.metric_target(answer, target))

    def _answer(self, loss: Any, output: Tensor) -> Tensor:
        """Return the constant answer in the shape of the model's output, `(N, C, ...)` or `(N, ...)`."""
        shape = tuple(output.shape)
        if shape not in self._answers:
            answer = self._new_answer(loss, shape, output.dtype)
            self._answers[shape] = answer.to(output.device)
        return self._answers[shape]

    def _new_answer(self, loss: Any, shape: tuple[int, ...], dtype: Any) -> Tensor:
        if takes_classes(loss) and self._counts.shape == shape[1:2]:
            frequency = (self._counts + 1) / (
                self._samples + shape[1]
            )  # Laplace's rule: no class is impossible
            row = np.log(frequency).reshape(-1, *[1] * (len(shape) - 2))
        else:
            row = self._counts / self._samples
            row = _logit(row) if takes_logits(loss) else row
        return koubai.tensor(np.broadcast_to(row, shape).astype(dtype))

    def state_dict(self) -> dict[str, Any]:
        """Return what was learnt and measured."""
        return {
            "values": self.values,
            "counts": self._counts,
            "samples": self._samples,
            "learnt": self._learnt,
            "meter": self._meter.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any], trainer: Trainer) -> None:
        """Go on learning or measuring."""
        self.values, self._counts = state["values"], state["counts"]
        self._samples, self._learnt = state["samples"], state["learnt"]
        self._answers = {}
        self._meter.load_state_dict(state["meter"])


class Evaluation(dict[str, Any]):
    """Loss and metrics by name, as a dictionary, with the baseline and the target beside them.

    Attributes:
        baseline: The same values for the trivial answer; empty if there is none.
        target: The target's report (see `Target.report`), or None if the user set none.
    """

    def __init__(
        self, values: dict[str, MetricValue], baseline: dict[str, MetricValue], target: dict[str, Any] | None
    ) -> None:
        super().__init__(values)
        self.baseline = baseline
        self.target = target


@dataclass(frozen=True)
class Target:
    """A value that the user wants a metric to reach.

    Attributes:
        metric: The metric's name, such as `"accuracy"`.
        goal: The value to reach.
        mode: `"max"`: at least the goal; `"min"`: at most.
    """

    metric: str
    goal: float
    mode: str = "max"

    def report(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return metric, goal, mode, the value reached (in validation if there is one), and `met`."""
        value = values.get(f"val_{self.metric}", values.get(self.metric))
        met = value is not None and (value >= self.goal if self.mode == "max" else value <= self.goal)
        return {**asdict(self), "value": value, "met": met}


def _comparable(output: Any, target: Any) -> bool:
    return isinstance(output, Tensor) and isinstance(target, Tensor)


def _logit(probability: Array) -> Array:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)))
