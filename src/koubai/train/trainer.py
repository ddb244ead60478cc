"""The Trainer: a model, a loss and an optimizer, and `fit`, `evaluate` and `predict`.

It is a small loop; whatever else happens in a training hangs on its events (see `koubai.train.events`). It
knows no screens: who wants to show progress writes a callback that reads `trainer.progress`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import koubai
from koubai.default_callbacks import choose
from koubai.engine.taps import TapRecord
from koubai.engine.tensor import Tensor
from koubai.i18n import N_
from koubai.nn.module import Module
from koubai.optim import Optimizer
from koubai.train import loop, state
from koubai.train.baseline import Baseline, Evaluation, Target
from koubai.train.batch import Batch, device_of_model
from koubai.train.events import EVENTS, Callback, overrides
from koubai.train.feed import BatchSize, Feed, make_feed
from koubai.train.loss import sums, takes_classes, takes_logits
from koubai.train.meter import Meter
from koubai.train.metrics import Metric, make_metric
from koubai.train.monitor import Best, Mode, Monitor
from koubai.train.native import Native
from koubai.train.progress import Progress
from koubai.train.recorder import Recorder
from koubai.train.rehearsal import Observer
from koubai.train.summary import summarise
from koubai.train.update import ClipGradients, StepScheduler

if TYPE_CHECKING:
    from koubai.train.record import RunRecord

__all__ = ["Trainer"]


class Trainer:
    """Trains a model.

    Args:
        model: What to train.
        loss: `loss(output, target)` as a layer or function, returning one number. A layer with
            `reduction="sum"` is recognised; any other loss counts as the mean over the batch's samples.
        optimizer: Updates the model's parameters.
        metrics: Names (see `koubai.train.metrics.METRICS`) or metrics to report beside the loss.
        lr_scheduler: Changes the optimizer's learning rate; `ReduceLROnPlateau` is told the monitored value.
        schedule_every: Whether to step it after each `"step"` or `"epoch"`; None: after each step for
            `OneCycleLR` and `CyclicLR`, else after each epoch.
        accumulate: Batches per update. The update is that of one batch with all their samples.
        clip_norm: Largest total norm of the gradients. None does not clip.
        clip_value: Largest absolute value of a gradient's element. None does not clip.
        callbacks: Hang on the events of the training.
        monitor: The value of the logs that says which epoch is best; None is the validation loss, or without
            validation the training loss.
        mode: Whether the monitored value is to be `"min"` or `"max"`; `"auto"` asks the metric.
        restore_best: Whether the model gets the best epoch's weights back when the training ends.
        target: A metric and the value it is to reach, such as `("accuracy", 0.97)`: reported as met or not.
        compile: Whether steps, evaluation and prediction run as native functions (see `koubai.compile`): Python
            code in the model's forward runs only once for each shape of a batch then. What cannot be compiled
            runs eagerly, as does everything with False or the environment's `KOUBAI_COMPILE=off`. Callbacks
            that look into a step (at `after_loss`, `after_backward` or `before_update`) make its steps eager.
            The parameters' `.grad` can be read between two steps; after `fit` only if it was eager.
        precision: Of the products in native functions: `"bf16"` rounds their factors to bfloat16 where the processor
            can (see `koubai.compile`); weights and optimizer stay float32, and so does what runs eagerly.
        defaults: Callbacks that are there without being asked for, by name (see `koubai.default_callbacks`):
            `doctor=False` leaves one out, `doctor=Doctor(every=2048)` puts another in its place.

    Attributes:
        progress: Where the training stands, see `Progress`.
        logs: The values of the last finished epoch by name.
        history: The values of all epochs: name to list.
        batches: What the step that is about to be made, or was made last, is made from.
        ahead: How many more steps than `progress` says have been made already (see `Callback.steps_ahead`).
        losses: Of this epoch's steps so far, one number for each.
        batch, output, batch_loss: The current step's batch, the model's output, and its loss as a number.
        taps: What `koubai.tap` measured in the current step: records of name, step (the first update is step 1)
            and value.
        run: The record that a fit writes into, while it does; None otherwise.

    Example:
        >>> optimizer = optim.Adam(model.parameters())
        >>> trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"])
        >>> history = trainer.fit((x, y), validation=(x_val, y_val), epochs=10, batch_size=64)
        >>> history["val_accuracy"][-1]
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Tensor],
        optimizer: Optimizer,
        *,
        metrics: Iterable[str | Metric] = (),
        lr_scheduler: Any = None,
        schedule_every: Literal["step", "epoch"] | None = None,
        accumulate: int = 1,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        callbacks: Sequence[Callback] = (),
        monitor: str | None = None,
        mode: Mode = "auto",
        restore_best: bool = False,
        target: tuple[str, float] | None = None,
        compile: bool = True,
        precision: str = "float32",
        **defaults: bool | Callback,
    ) -> None:
        if accumulate < 1:
            raise ValueError(f"accumulate has to be at least 1 batch, got {accumulate}")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.metrics = [make_metric(metric, logits=takes_logits(loss)) for metric in metrics]
        self.lr_scheduler = lr_scheduler
        self.accumulate = accumulate
        self.target = self._checked_target(*target) if target else None
        self.stop_reason: str | None = None
        self.baseline = Baseline()
        self.best = Best(Monitor(monitor, mode), restore_best)
        clip = ClipGradients(clip_norm, clip_value)
        schedule = StepScheduler(schedule_every, self.best.monitor)
        self.callbacks: list[Callback] = [clip, schedule, self.baseline, self.best, *callbacks]
        self.callbacks += choose(defaults, self.callbacks)
        self.run: RunRecord | None = None
        self.native = Native(self, compile, precision)
        self._heard_by: list[Callback] = []
        self._listeners: dict[str, list[Callable[[Trainer], None]]] = {}
        self._begin(Feed((), "training"), None, 0)

    def fit(
        self,
        train: Any,
        validation: Any = None,
        epochs: int = 1,
        *,
        batch_size: BatchSize = 32,
        shuffle: bool = True,
        run: RunRecord | None = None,
        resume: bool = False,
        checkpoint_steps: int | None = None,
        checkpoint_seconds: float | None = 60.0,
    ) -> dict[str, list[Any]]:
        """Train for a number of epochs.

        Args:
            train: A `DataLoader` (or any iterable of batches), a data set, or arrays, tensors or
                lists of numbers `(X, y)`.
            validation: The same, or None. It is gone through after each epoch.
            epochs: How many epochs to train; with `resume`, in all.
            batch_size: Samples per batch, or `"full"`; loaders have their own.
            shuffle: Whether training samples come in a new random order each epoch; loaders have their own.
            run: Where to record the training. Checkpoints are written at the start, at the end of each epoch,
                and as the next arguments say.
            resume: Go on from the newest checkpoint of `run`, to the same bits as without the interruption.
            checkpoint_steps: Updates between two checkpoints.
            checkpoint_seconds: Seconds between two checkpoints.

        Returns:
            The history: for `"loss"`, each metric, the same with `"val_"` in front, `"lr"` and `"seconds"`,
            the list of the epochs' values.

        Raises:
            ValueError: Data, options or a checkpoint do not fit; the message says which.
            KeyboardInterrupt: On Ctrl-C, after the step under way and a last checkpoint; on the second Ctrl-C
                at once.
        """
        if epochs < 1:
            raise ValueError(f"epochs has to be at least 1, got {epochs}")
        if resume and run is None:
            raise ValueError(
                "resume=True needs the run to resume: fit(..., run=RunRecord.open(folder), resume=True)"
            )
        feed = self._feed(train, N_("training"), batch_size, shuffle)
        checked = None if validation is None else self._quiet_feed(validation, N_("validation"), batch_size)
        self._begin(feed, checked, epochs)
        recorder = [] if run is None else [Recorder(run, resume, checkpoint_steps, checkpoint_seconds)]
        own = self.callbacks
        self.callbacks = [*own, *recorder]
        try:
            loop.fit(self)
        finally:
            self.callbacks = own
        return self.history

    def evaluate(self, data: Any, *, batch_size: BatchSize = 32) -> Evaluation:
        """Return loss and metrics on `data`, in evaluation mode and without gradients.

        Args:
            data: As for `fit`.
            batch_size: As for `fit`.

        Returns:
            A dictionary of values by name; its attributes `baseline` (the same for the trivial answer learnt
            in `fit`) and `target` say what to compare them with.
        """
        meter, baseline = Meter(self.metrics), Meter(self.metrics)
        loop.evaluate(self, self._quiet_feed(data, N_("evaluation"), batch_size), meter, baseline)
        values = meter.compute()
        trivial = baseline.compute() if baseline.samples else {}
        return Evaluation(values, trivial, self.target.report(values) if self.target else None)

    def predict(self, data: Any, *, batch_size: BatchSize = 32) -> Any:
        """Return the model's outputs for all samples of `data`, in evaluation mode and without gradients.

        Args:
            data: As for `fit`; targets, if there are any, are left aside. Arrays may be just `X`.
            batch_size: As for `fit`.

        Returns:
            A tensor `(N, ...)` on the CPU; if the model returns a tuple, a tuple of such tensors.
        """
        return loop.predict(self, self._quiet_feed(data, N_("prediction"), batch_size))

    def rehearse(self, observe: Observer) -> Any:
        """Go through the step that is about to be made, for someone who measures it; nothing is changed.

        To be called at `on_step_start`. The rehearsal is compiled as the step is, once for each observer.

        Args:
            observe: `observe(rehearsal)`, which calls `rehearsal.step()` (see `koubai.train.Rehearsal`) and returns
                tensors, also in nested tuples, lists and dicts. It is traced: its Python code runs once.

        Returns:
            what it returned, with the values of this step; None if this trainer's steps run eagerly.

        Example:
            >>> def largest_update(rehearsal):
            ...     before = [p.clone() for p in model.parameters()]
            ...     rehearsal.step()
            ...     return max((p - b).abs().max() for p, b in zip(model.parameters(), before))
        """
        return self.native.rehearse(self.batches, observe)

    def stop(self, reason: str) -> None:
        """End the training after the step or epoch under way; `reason` goes into the result."""
        self.stop_reason = reason

    def notify(self, event: str) -> None:
        """Call all callbacks for an event."""
        if self._heard_by != self.callbacks:
            self._heard_by = list(self.callbacks)
            self._listeners = {name: _listeners(self.callbacks, name) for name in EVENTS}
        for listen in self._listeners[event]:
            listen(self)

    def log_names(self) -> list[str]:
        """Return the names that the logs of each epoch have."""
        names = ["loss", *(metric.name for metric in self.metrics)]
        validated = [] if self.validation is None else [f"val_{name}" for name in names]
        return [*names, *validated, "lr", "seconds"]

    def mode_of(self, name: str) -> Literal["min", "max"]:
        """Return whether a value of the logs is to be small or large."""
        metric = next((metric for metric in self.metrics if metric.name == name.removeprefix("val_")), None)
        return "min" if metric is None else metric.mode

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides how the training goes on: a tree of numbers and tensors."""
        return state.state_of(self)

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from a state; to be called inside a fit (by `on_fit_start`), as the data belong to it.

        Raises:
            ValueError: The state is of another model, optimizer or data; nothing is changed then.
        """
        state.load(self, saved)

    @property
    def result(self) -> dict[str, Any]:
        """What came out of the fit: why it ended, best epoch, final values, baseline and target."""
        return summarise(self)

    def total_loss(self, loss: Any, samples: int) -> float:
        """Return the sum of the samples' losses from what the loss returned for them."""
        return float(loss.item()) * (1 if sums(self.loss) else samples)

    def metric_target(self, output: Any, target: Any) -> Any:
        """Return the target as metrics want it: classes, where the loss may take probabilities of classes."""
        probabilities = takes_classes(self.loss) and tuple(target.shape) == tuple(output.shape)
        return target.argmax(1) if probabilities else target

    def count(self, batch: Batch, output: Any, loss: Tensor) -> None:
        """Take note of a batch of training."""
        self.batch, self.output = batch, output
        self.batch_loss = float(loss.item())
        total = self.batch_loss * (1 if sums(self.loss) else batch.size)
        self.meter.update(total, batch.size, output, self.metric_target(output, batch.target))
        self.progress.samples += batch.size

    def _begin(self, feed: Feed, validation: Feed | None, epochs: int) -> None:
        """Forget an earlier fit."""
        self._heard_by = []
        self.feed, self.validation = feed, validation
        steps = feed.batches and -(-feed.batches // self.accumulate)
        self.progress = Progress(epochs=epochs, steps=steps, total_samples=feed.samples)
        self.meter = Meter(self.metrics)
        self.logs: dict[str, Any] = {}
        self.history: dict[str, list[Any]] = {}
        self.stop_reason = None
        self.kept_epoch = 0
        self.epoch_began = 0.0
        self.between_steps = False
        self.ahead = 0
        self.losses: list[float] = []
        self.interrupted = False
        self.checked: Optimizer | None = None
        self.error: BaseException | None = None
        self.batch_loss = float("nan")
        self.taps: list[TapRecord] = []
        self.batches: list[Batch] = []

    def _checked_target(self, metric: str, goal: float) -> Target:
        measured = ["loss", *(metric.name for metric in self.metrics)]
        if metric not in measured:
            raise ValueError(f"the target {metric!r} is not measured, only {', '.join(measured)}")
        return Target(metric, goal, self.mode_of(metric))

    def _quiet_feed(self, data: Any, role: str, batch_size: BatchSize) -> Feed:
        """Make a feed without drawing the loader's seed from the training's random numbers."""
        with koubai.fork_rng():
            return self._feed(data, role, batch_size, False)

    def _feed(self, data: Any, role: str, batch_size: BatchSize, shuffle: bool) -> Feed:
        dtypes = [p.dtype for p in self.model.parameters() if p.is_floating_point()]
        kind = dtypes[0] if dtypes else koubai.get_default_dtype()
        feed = make_feed(data, role, batch_size, shuffle, kind)
        feed.device = device_of_model(self.model)
        return feed


def _listeners(callbacks: Iterable[Callback], event: str) -> list[Callable[[Trainer], None]]:
    return [getattr(callback, event) for callback in callbacks if overrides(callback, event)]
