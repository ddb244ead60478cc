"""The loops of the Trainer: epochs of steps, validation, prediction, and an orderly end whatever happens."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import koubai
from koubai.engine.modes import modes
from koubai.engine.taps import TapRecord, Taps
from koubai.engine.tensor import Tensor
from koubai.i18n import N_, _
from koubai.nn.module import Module
from koubai.train.batch import Batch
from koubai.train.feed import Feed
from koubai.train.groups import Groups, noted
from koubai.train.meter import Meter
from koubai.train.rng import load_random_state, random_state
from koubai.train.step import train_step

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["evaluate", "fit", "predict"]


def fit(trainer: Trainer) -> None:
    """Run a training from its first event to its last."""
    try:
        with _first_interrupt_waits(trainer):
            trainer.notify("on_fit_start")
            while _goes_on(trainer):
                _run_epoch(trainer)
            trainer.kept_epoch = trainer.progress.epoch
            trainer.notify("on_fit_end")
    except KeyboardInterrupt:
        trainer.notify("on_interrupt")
        raise
    except Exception as error:
        trainer.error = error
        trainer.notify("on_error")
        raise
    finally:
        late, trainer.interrupted = trainer.interrupted, False
        trainer.notify("on_close")
    if late:  # Ctrl-C came while the training was ending anyway
        raise KeyboardInterrupt


def evaluate(trainer: Trainer, feed: Feed, meter: Meter, baseline: Meter | None) -> None:
    """Add all batches of `feed` to `meter`, and the trivial answers to them to `baseline`."""
    trainer.native.renew()
    with _evaluation_mode(trainer.model):
        for number, batch in enumerate(feed, 1):
            with noted(N_("in batch {number} of the {role} data"), number=number, role=_(feed.role)):
                _evaluate_batch(trainer, batch, meter, baseline)
            _heed_interrupt(trainer)
    if not meter.samples:
        raise ValueError(f"the {feed.role} data gave no samples")


def predict(trainer: Trainer, feed: Feed) -> Any:
    """Return the model's outputs for all batches of `feed`."""
    outputs = []
    trainer.native.renew()
    with _evaluation_mode(trainer.model):
        for number, batch in enumerate(feed, 1):
            with noted(N_("in batch {number} of the {role} data"), number=number, role=_(feed.role)):
                outputs.append(trainer.native.predict(batch))
    if isinstance(outputs[0], Tensor):
        return _joined(outputs)
    return tuple(_joined(parts) for parts in zip(*outputs))


def _joined(parts: Iterable[Tensor]) -> Tensor:
    return koubai.cat([part.cpu() for part in parts])


def _goes_on(trainer: Trainer) -> bool:
    """Whether there is an epoch to begin, or one to finish that was resumed in its middle."""
    _heed_interrupt(trainer)
    progress = trainer.progress
    if progress.phase != "done":
        return True
    return progress.epoch < progress.epochs and trainer.stop_reason is None


def _run_epoch(trainer: Trainer) -> None:
    progress = trainer.progress
    if progress.phase == "done":
        progress.next_epoch()
        trainer.meter.reset()
    trainer.epoch_began = time.perf_counter() - progress.seconds
    trainer.losses = []
    trainer.notify("on_epoch_start")
    trainer.native.renew()
    if progress.phase == "training":
        _train(trainer)
    trainer.logs = trainer.meter.compute()
    if trainer.validation is not None:
        _validate(trainer, trainer.validation)
    _finish_epoch(trainer)


def _train(trainer: Trainer) -> None:
    """Make the steps of this epoch that were not made yet."""
    trainer.model.train()
    source = Groups(trainer)
    while trainer.stop_reason is None and (groups := source.take()):
        while groups:
            groups = groups[_make_steps(trainer, groups, source.ended) :]
        _heed_interrupt(trainer)
    if not trainer.progress.samples:
        raise ValueError("the training data gave no samples")
    trainer.progress.phase = "validation"


def _make_steps(trainer: Trainer, groups: list[list[Batch]], ended: bool) -> int:
    """Make the first step of some, or several at once, and return how many were made.

    Args:
        trainer: Whose steps they are.
        groups: The batches of each step.
        ended: Whether no more will come.
    """
    _begin_step(trainer, groups[0])
    made = trainer.native.steps([batch for group in groups for batch in group]) if len(groups) > 1 else []
    if not made:
        _make_step(trainer, groups[0], ended and len(groups) == 1)
        return 1
    for number, (group, results) in enumerate(zip(groups, made), 1):
        if number > 1:
            trainer.progress.step += 1
            trainer.batches = group
        trainer.ahead = len(made) - number
        with _noted_step(trainer, group):
            before = trainer.meter.loss
            trainer.native.count(group, results)
        _end_step(trainer, group, before, ended and number == len(groups))
    return len(made)


def _begin_step(trainer: Trainer, batches: list[Batch]) -> None:
    progress = trainer.progress
    trainer.between_steps, trainer.batches, trainer.taps = False, batches, []
    progress.step += 1
    progress.lr = float(trainer.optimizer.param_groups[0]["lr"])
    trainer.notify("on_step_start")


def _make_step(trainer: Trainer, batches: list[Batch], ended: bool) -> None:
    before = trainer.meter.loss
    with _noted_step(trainer, batches):
        trainer.taps = _measured_step(trainer, batches)
    _end_step(trainer, batches, before, ended or len(batches) < trainer.accumulate)


def _end_step(trainer: Trainer, batches: list[Batch], before: float, ended: bool) -> None:
    """Count a step that was made, and tell of it.

    Args:
        trainer: Whose step it was.
        batches: What it was made from.
        before: The sum of the losses without it.
        ended: Whether the data have run out: then they stand at the next epoch already.
    """
    progress = trainer.progress
    progress.loss = (trainer.meter.loss - before) / sum(batch.size for batch in batches)
    trainer.losses.append(progress.loss)
    progress.updates += 1
    if ended:
        progress.phase = "validation"
    progress.seconds = time.perf_counter() - trainer.epoch_began
    if trainer.taps:
        trainer.notify("on_taps")
    trainer.notify("on_step_end")
    trainer.between_steps = not trainer.ahead


def _noted_step(trainer: Trainer, batches: list[Batch]) -> AbstractContextManager[None]:
    progress = trainer.progress
    where = N_("in epoch {epoch}, step {step}, with {samples} samples")
    size = sum(batch.size for batch in batches)
    return noted(where, epoch=progress.epoch, step=progress.step, samples=size)


def _measured_step(trainer: Trainer, batches: list[Batch]) -> list[TapRecord]:
    """Make the step's update and return what was tapped; whoever collects around the whole fit gets it too."""
    with Taps(trainer.progress.updates + 1) as taps:
        train_step(trainer, batches)
    if modes.taps is not None:
        modes.taps.records += taps.records
    return taps.records


def _validate(trainer: Trainer, feed: Feed) -> None:
    """Add the validation's values to the logs; if interrupted, leave no trace, as it will be done again."""
    trainer.between_steps = True
    trainer.notify("on_validation_start")
    meter, baseline = Meter(trainer.metrics), Meter(trainer.metrics)
    random, place = random_state(trainer.model), feed.state_dict()
    try:
        evaluate(trainer, feed, meter, None if trainer.baseline.values else baseline)
    except KeyboardInterrupt:
        load_random_state(trainer.model, random)
        feed.load_state_dict(place)
        raise
    trainer.between_steps = False
    if baseline.samples:
        trainer.baseline.values = baseline.compute()
    trainer.logs |= {f"val_{name}": value for name, value in meter.compute().items()}
    trainer.notify("on_validation_end")


def _finish_epoch(trainer: Trainer) -> None:
    progress = trainer.progress
    trainer.between_steps = False
    progress.phase = "done"
    progress.seconds = time.perf_counter() - trainer.epoch_began
    trainer.logs |= {"lr": progress.lr, "seconds": progress.seconds}
    for name, value in trainer.logs.items():
        trainer.history.setdefault(name, []).append(value)
    trainer.notify("on_epoch_end")
    trainer.between_steps = True


def _evaluate_batch(trainer: Trainer, batch: Batch, meter: Meter, baseline: Meter | None) -> None:
    output, loss = trainer.native.compare(batch)
    if loss is None:
        raise ValueError("evaluation needs targets: the batches have to be (inputs, target)")
    target = trainer.metric_target(output, batch.target)
    meter.update(trainer.total_loss(loss, batch.size), batch.size, output, target)
    if baseline is not None:
        trainer.baseline.measure(trainer, baseline, output, batch.target)


@contextmanager
def _evaluation_mode(model: Module) -> Iterator[None]:
    """Switch the model to evaluation, without gradients, and afterwards each layer back to what it was."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with koubai.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _first_interrupt_waits(trainer: Trainer) -> Iterator[None]:
    """Let the first Ctrl-C end the training after the step under way, and only the second at once.

    A signal can be caught in the main thread only, and whoever has set a handler of their own keeps it.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def note(number: int, frame: FrameType | None) -> None:
        if trainer.interrupted:
            raise KeyboardInterrupt
        trainer.interrupted = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _heed_interrupt(trainer: Trainer) -> None:
    if trainer.interrupted:
        raise KeyboardInterrupt
