"""The batches of an epoch, in groups of one update each, and how many updates are made in one native call.

Between two steps Python takes as long as a small step. So where nobody looks at the training in between, several steps
are made at once, and the callbacks are told of each of them afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from koubai.i18n import N_, _
from koubai.train.batch import Batch
from koubai.train.events import overrides

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["Groups", "noted"]

_MOST = 64  # steps at once: the share of each in what a call costs is small then
_SECONDS = 0.01  # for all of them: Ctrl-C and what is shown on the screen wait no longer
_BETWEEN_STEPS = ("on_step_start", "on_taps", "on_step_end")


class Groups:
    """Draws groups of batches from a trainer's data.

    Args:
        trainer: Whose they are.

    Attributes:
        ended: Whether the data have run out.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.ended = False
        self._batches = iter(trainer.feed)
        self._error: Exception | None = None
        self._count = 0  # of groups taken last, and when
        self._began = 0.0

    def take(self) -> list[list[Batch]]:
        """Return the groups of the next steps, which may be made at once; none if there are none left.

        What goes wrong with the data of a later one is raised when the steps before it were made.
        """
        if self._error is not None:
            raise self._error
        groups: list[list[Batch]] = []
        for number in range(self._allowed()):
            try:
                group = self._next(number)
            except Exception as error:
                if not groups:
                    raise
                self._error = error
                break
            if not group:
                self.ended = True
                break
            groups.append(group)
        self._count = len(groups)
        return groups

    def _next(self, number: int) -> list[Batch]:
        progress = self.trainer.progress
        where = N_("while getting the data of epoch {epoch}, step {step}")
        with noted(where, epoch=progress.epoch, step=progress.step + number + 1):
            return list(islice(self._batches, self.trainer.accumulate))

    def _allowed(self) -> int:
        """Return how many steps may be made before anybody has to look, and none waits for long."""
        now = time.perf_counter()
        seconds, self._began = now - self._began, now
        if not self._count or not self.trainer.native.repeats:
            return 1
        steps = min(_MOST, int(_SECONDS * self._count / seconds))
        callbacks = self.trainer.callbacks
        told = (c for c in callbacks if any(overrides(c, event) for event in _BETWEEN_STEPS))
        return max(1, min([steps, *(callback.steps_ahead(self.trainer) for callback in told)]))


@contextmanager
def noted(where: str, **values: Any) -> Iterator[None]:
    """Note on an exception where in the training it came up."""
    try:
        yield
    except Exception as error:
        error.add_note(_(where).format(**values))
        raise
