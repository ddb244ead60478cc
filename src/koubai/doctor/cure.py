"""Treatment in one call, for a training that has not begun: remedies are tried on copies, the best is proven."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from koubai.doctor import treatment
from koubai.doctor.finding import Finding
from koubai.doctor.treatment import Proof, Training, Treated
from koubai.optim import Optimizer

__all__ = ["treat"]


def treat(
    model: Any,
    loss: Callable[..., Any],
    optimizer: Optimizer,
    data: Any,
    validation: Any = None,
    *,
    epochs: int = 10,
    batch_size: int = 32,
    findings: Sequence[Finding] | None = None,
    trials: int = 3,
    seeds: int = 1,
    **options: Any,
) -> Proof[Treated]:
    """Try remedies in short paired trials, confirm the best on fresh seeds, and return the proof.

    Every trial starts from the same weights and sees the same batches as the untreated training; nothing that is given
    changes. Skills are judged on the validation samples: 0 is the best constant answer, 1 is right throughout.

    Args:
        model: of Koubai, with its first weights.
        loss: `loss(output, target)`.
        optimizer: of the model's parameters, all in one group.
        data: training inputs and targets as tensors or arrays, or a `TensorDataset` of them.
        validation: the same of other samples; without them the training samples judge.
        epochs: of each trial.
        batch_size: samples of a step.
        findings: what was found; None lets the doctor watch the untreated training, and nothing is tried if it finds
            nothing.
        trials: how many prescriptions to try at most.
        seeds: with how many fresh seeds the best is confirmed.
        **options: further attributes of `Training`, such as `patience`.

    Returns:
        the proof: `best` is the trial that helped, or None; its `model` is trained, its `training` can be run again.

    Raises:
        TypeError: the model is not Koubai's, or the data are of another kind.
        ValueError: `trials` is below 1 or the optimizer has several groups of parameters.

    Example:
        >>> proof = koubai.doctor.treat(model, nn.CrossEntropyLoss(), optimizer, (x, y), (x_val, y_val))
        >>> proof.untreated, proof.best.skill, proof.best.remedies
    """
    if trials < 1:
        raise ValueError(f"trials has to be at least 1, got {trials}")
    training = Training.of(
        model, loss, optimizer, data, validation, epochs=epochs, batch_size=batch_size, **options
    )
    return treatment.treat(training, findings, trials=trials, fresh=seeds)
