"""Reads learning curves and says in one plain sentence what they show.

It knows only the two losses per epoch: whether they fell, steadily or in a zigzag, whether they are still falling,
and whether validation turned up while training went on falling.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from koubai.i18n import _

Kind = Literal[
    "too_short", "diverged", "zigzag", "flat", "not_learning", "overfitting", "still_falling", "levelled_off"
]
_HEALTHY = ("still_falling", "levelled_off")
_FELL = 0.95  # of the first loss: a fall of 5 % is within what the mean over a few hundred samples varies by
_SWING = 0.1  # of the whole fall, up and down from epoch to epoch: one tenth is plain to see in the curve


@dataclass(frozen=True)
class Verdict:
    """What the curves show.

    Attributes:
        kind: the finding's short name.
        sentence: the finding and what to try, in the user's language.
        best: the epoch (from 1) with the lowest validation loss, or training loss where nothing was
            validated.
        turned_up: the epoch after which validation rose for good, or None.
    """

    kind: Kind
    sentence: str
    best: int
    turned_up: int | None = None

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with the curves; of too few epochs nobody can tell."""
        return self.kind in _HEALTHY


def read_curves(training: Sequence[float], validation: Sequence[float] = ()) -> Verdict:
    """Judge a training by its losses.

    Args:
        training: training loss of each epoch.
        validation: validation loss of each epoch; empty when nothing was validated.

    Returns:
        the first finding that applies, the gravest first.
    """
    judged = validation or training
    best = _lowest(judged) + 1
    broken = _first_not_finite(training, validation)
    if broken is not None:
        return Verdict("diverged", _diverged(broken + 1), best)
    if len(training) < 3:
        return Verdict("too_short", _("Too few epochs to read a curve from."), best)
    if _zigzag(training):
        return Verdict("zigzag", _zigzag_text(), best)
    if min(training) > _FELL * training[0]:
        return Verdict(*_hardly_fell(training), best)
    if _turned_up(validation):
        return Verdict("overfitting", _overfitting(best, len(validation)), best, turned_up=best)
    if _still_falling(judged):
        return Verdict("still_falling", _still_falling_text(bool(validation)), best)
    return Verdict("levelled_off", _levelled_off(training, validation), best)


def _lowest(losses: Sequence[float]) -> int:
    finite = [i for i, loss in enumerate(losses) if math.isfinite(loss)]
    return min(finite, key=losses.__getitem__, default=0)


def _first_not_finite(*curves: Sequence[float]) -> int | None:
    return min(
        (i for curve in curves for i, loss in enumerate(curve) if not math.isfinite(loss)), default=None
    )


def _turned_up(losses: Sequence[float]) -> bool:
    """Whether it rose after its best epoch and went on rising: one bad epoch, or a plateau, is neither."""
    best = _lowest(losses)
    after = losses[best + 1 :]
    if len(after) < 4:
        return False
    half = len(after) // 2
    early, late = median(after[:half]), median(after[half:])
    return late > 1.1 * losses[best] and late > 1.02 * early


def _zigzag(losses: Sequence[float]) -> bool:
    """Whether its second half goes up as often as down, by a good part of all that it ever fell."""
    steps = [after - before for before, after in pairwise(losses)][len(losses) // 2 :]
    if len(steps) < 4:
        return False
    turns = sum(one * other < 0 for one, other in pairwise(steps))
    fall = max(losses[0] - min(losses), (1 - _FELL) * abs(losses[0]))
    return 2 * turns >= len(steps) - 1 and median(map(abs, steps)) > _SWING * fall


def _hardly_fell(losses: Sequence[float]) -> tuple[Kind, str]:
    """A loss that falls in nearly every epoch, but hardly, moves too slowly; any other does not learn at all."""
    steps = [after - before for before, after in pairwise(losses)]
    if sum(step < 0 for step in steps) < 0.9 * len(steps):
        return "not_learning", _not_learning()
    return "flat", _flat((losses[0] - losses[-1]) / abs(losses[0]), len(losses))


def _still_falling(losses: Sequence[float]) -> bool:
    """The last quarter brought more than 3 % and ended near its lowest point."""
    quarter = max(2, len(losses) // 4)
    before, after = min(losses[:-quarter]), min(losses[-quarter:])
    return after < 0.97 * before and losses[-1] < 0.5 * (before + after)


def _diverged(epoch: int) -> str:
    return _(
        "The loss stopped being a number in epoch {epoch}. Try a learning rate ten times smaller, or clip "
        "the gradients."
    ).format(epoch=epoch)


def _not_learning() -> str:
    return _(
        "The training loss hardly fell. Try the learning rate ten times larger and ten times smaller, and "
        "look at whether the inputs are normalised and the labels are right."
    )


def _zigzag_text() -> str:
    return _(
        "The training loss goes up and down in a zigzag: the learning rate is too large. Try a tenth of it, or a "
        "schedule that lowers it."
    )


def _flat(fall: float, epochs: int) -> str:
    return _(
        "The training loss falls in every epoch, but only by {fall:.1%} in {epochs} epochs, nearly flat: the learning "
        "rate is too small. Try ten times as much."
    ).format(fall=fall, epochs=epochs)


def _overfitting(best: int, epochs: int) -> str:
    return _(
        "Overfitting: validation was best in epoch {best} of {epochs} and turned up after it, while training "
        "went on falling. Stop there (early stopping), or regularise: more data, augmentation, dropout, "
        "weight decay."
    ).format(best=best, epochs=epochs)


def _still_falling_text(validated: bool) -> str:
    if validated:
        return _("Validation is still improving at the end: more epochs would probably help.")
    return _("The training loss is still falling at the end: more epochs would probably help.")


def _levelled_off(training: Sequence[float], validation: Sequence[float]) -> str:
    if not validation:
        return _(
            "The training loss has levelled off. Nothing was validated, so overfitting would not show here."
        )
    if min(validation) > 2 * min(training):
        return _(
            "Validation has levelled off and does not turn up, but training lies well below it: the model "
            "knows its training data better than new data. More data or regularisation could close the gap."
        )
    return _("Both curves have levelled off close to each other: a healthy training.")
