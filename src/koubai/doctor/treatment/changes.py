"""What a treatment changed in the options of a training, as numbers."""

from __future__ import annotations

from typing import Any

from koubai.doctor.treatment.training import Training

__all__ = ["changes"]


def changes(before: Training, after: Training) -> tuple[str, ...]:
    """Return the options that differ, each as "name: before → after"."""
    old, new = _options(before), _options(after)
    return tuple(
        f"{name}: {_written(old.get(name))} → {_written(value)}"
        for name, value in new.items()
        if (old.get(name) or 0) != (value or 0)
    )


def _options(training: Training) -> dict[str, Any]:
    return {
        "optimizer": training.optimizer.__name__,
        **{name: training.options.get(name) for name in ("lr", "momentum", "weight_decay", "l1")},
        "batch_size": training.batch_size,
        "epochs": training.epochs,
        "patience": training.patience,
        "clip_norm": training.trainer.get("clip_norm"),
    }


def _written(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
