"""A step that is gone through before it is made, for someone who wants to measure it; it leaves no trace.

The rehearsal is a native function of its own, which computes everything that the step computes and changes nothing. So
whoever measures cannot change the training, by a single bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from koubai.engine.tensor import Tensor
from koubai.train.batch import Batch
from koubai.train.loss import share
from koubai.train.rng import load_random_state, random_state
from koubai.train.step import compare

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["Observer", "Rehearsal"]


class Rehearsal:
    """The step that is about to be made, in the hands of an observer.

    Args:
        trainer: Whose step it is.
        batches: What it is made from.
        make: Makes it, and returns the outputs and losses of its batches; without it, somebody else makes it.
    """

    def __init__(
        self, trainer: Trainer, batches: Sequence[Batch], make: Callable[[], list[Any]] = list
    ) -> None:
        self.trainer = trainer
        self.batches = batches
        self._make = make
        self._random = random_state(trainer.model)

    def step(self) -> Tensor:
        """Make the step: gradients are in `.grad` then, and the parameters are updated. Return its loss."""
        losses = [loss for _, loss in self._make()]
        return self._mean([loss.detach() for loss in losses])

    def again(self) -> Tensor:
        """Return the loss of the same batches, with the same random numbers, for the parameters as they are now.

        Its gradients are in `.grad` instead of the step's.
        """
        trainer = self.trainer
        load_random_state(trainer.model, self._random)
        trainer.optimizer.zero_grad()
        loss = self._mean([compare(trainer, batch)[1] for batch in self.batches])
        loss.backward()
        return loss.detach()

    def _mean(self, losses: list[Tensor]) -> Tensor:
        """Weigh the losses of batches as the step does."""
        samples = sum(batch.size for batch in self.batches)
        weights = [share(self.trainer.loss, batch.size, samples) for batch in self.batches]
        parts = [loss if weight == 1 else loss * weight for loss, weight in zip(losses, weights)]
        return sum(parts[1:], parts[0])


Observer = Callable[[Rehearsal], Any]
