"""What came out of a training, for reports: why it ended, what was best, what it has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from koubai.i18n import _

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["summarise"]


def summarise(trainer: Trainer) -> dict[str, Any]:
    """Return the result of a fit so far.

    Returns:
        `reason` (why it ended, None while it has not), `epochs` and `updates` done, `best` (the monitored
        name, its best value, and the epoch), `epoch` (the one whose weights the model has), `final` (its
        values), `baseline` (those of the trivial answer), `target` (see `Target.report`; None if not set).
    """
    progress, best = trainer.progress, trainer.best
    epoch = trainer.kept_epoch or progress.epoch
    final = {name: values[epoch - 1] for name, values in trainer.history.items() if epoch <= len(values)}
    return {
        "reason": trainer.stop_reason or (trainer.kept_epoch and _("all epochs done")) or None,
        "epochs": len(trainer.history.get("loss", ())),
        "updates": progress.updates,
        "best": {"monitor": best.monitor.name_in(trainer), "value": best.value, "epoch": best.epoch},
        "epoch": epoch,
        "final": final,
        "baseline": trainer.baseline.values,
        "target": trainer.target and trainer.target.report(final),
    }
