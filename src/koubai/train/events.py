"""The events of a training and `Callback`, what hangs on them; everything beyond the bare loop is a callback.

A fit goes through these events, in this order (brackets: only in that case):

    on_fit_start            models, data and optimizer are ready; nothing has happened yet
    [on_resume]             the state of a checkpoint was loaded
      on_epoch_start        also of an epoch that is resumed in its middle
        on_step_start       before the gradients of the last step are cleared
          after_loss        of each batch of the step (several with gradient accumulation)
          after_backward    of each batch of the step
        before_update       the gradients are complete: clip, measure or change them
        [on_taps]           `trainer.taps` has what was measured in this step (see `koubai.tap`)
        on_step_end         the parameters are updated; progress and the running meter count this step
      [on_validation_start] training of this epoch is done
      [on_validation_end]   `trainer.logs` has the validation's values
      on_epoch_end          `trainer.logs` has all values of the epoch, and they are in `trainer.history`
    on_fit_end              after the last epoch; weights may still be restored here
    [on_interrupt]          instead, on Ctrl-C; `trainer.between_steps` says whether state is consistent
    [on_error]              instead, when anything raises; `trainer.error` is the exception
    on_close                always, and last

Callbacks are called in the order in which they were given, the trainer's own first, the run record last.

A compiled step is one native function, from the forward pass to the update. So a callback that has something to do at
`after_loss`, `after_backward` or `before_update` makes the trainer's steps eager; at the other events it costs nothing.
Several compiled steps may be made in one call where all callbacks let them, see `Callback.steps_ahead`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["EVENTS", "Callback", "overrides"]


class Callback:
    """The base of callbacks: override the events you need; all are called with the trainer.

    What a callback finds there: `trainer.progress` (epoch, step, samples, loss, learning rate, seconds, see
    `Progress`), `trainer.logs` (the finished values of this epoch), `trainer.history` (of all epochs),
    `trainer.meter` (loss and metrics of the epoch so far: `trainer.meter.compute()`), `trainer.model`,
    `trainer.optimizer`, `trainer.batch`, `trainer.output`. `trainer.stop(reason)` ends the training.

    Example:
        >>> class Print(Callback):
        ...     def on_epoch_end(self, trainer):
        ...         print(trainer.progress.epoch, trainer.logs["loss"])
    """

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first epoch: begin anew, also when this callback has served in another fit."""

    def on_resume(self, trainer: Trainer) -> None:
        """After a checkpoint was loaded."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first step of an epoch, or the first after a resume."""

    def on_step_start(self, trainer: Trainer) -> None:
        """Before a step."""

    def after_loss(self, trainer: Trainer) -> None:
        """After the forward pass of a batch: `trainer.batch`, `trainer.output`, `trainer.batch_loss`."""

    def after_backward(self, trainer: Trainer) -> None:
        """After the backward pass of a batch."""

    def before_update(self, trainer: Trainer) -> None:
        """Before the optimizer updates the parameters with the step's complete gradients."""

    def on_taps(self, trainer: Trainer) -> None:
        """After a step in which taps measured something: `trainer.taps`."""

    def on_step_end(self, trainer: Trainer) -> None:
        """After the update."""

    def on_validation_start(self, trainer: Trainer) -> None:
        """Before the validation of an epoch."""

    def on_validation_end(self, trainer: Trainer) -> None:
        """After the validation of an epoch."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """After an epoch and its validation."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch, however it came to be the last."""

    def on_interrupt(self, trainer: Trainer) -> None:
        """After Ctrl-C."""

    def on_error(self, trainer: Trainer) -> None:
        """After any other exception, which will go on to the caller of `fit`."""

    def on_close(self, trainer: Trainer) -> None:
        """At the very end, whatever happened: let go of files and screens."""

    def steps_ahead(self, trainer: Trainer) -> int:
        """Return how many steps may be made before this callback is told, by default 1.

        For a callback that has something to do at `on_step_start` or `on_step_end`, but seldom needs the training as it
        is then. Several steps may be made at once: it is told of the start of the first, and then of the end of each,
        when `trainer.progress` stands there, but model and optimizer are `trainer.ahead` steps further on.
        """
        return 1

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs to know of this callback: a tree of numbers and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any], trainer: Trainer) -> None:
        """Go on from a state. `trainer` has its model's state already, and loads its optimizer's later."""


def overrides(callback: Callback, event: str) -> bool:
    """Whether a callback does anything at an event."""
    method = getattr(callback, event)
    return getattr(method, "__func__", method) is not getattr(Callback, event)


EVENTS = tuple(name for name in vars(Callback) if name.startswith(("on_", "after_", "before_")))
