"""Before the training: does everything fit together, and can the model learn a few dozen samples by heart?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from koubai.doctor.consultation import Consultation
from koubai.doctor.diagnosis import diagnose
from koubai.doctor.finding import Finding
from koubai.doctor.framework import framework_of
from koubai.doctor.history import History
from koubai.doctor.patient import Patient, Sample
from koubai.doctor.sampling import SAMPLES

__all__ = ["examine"]

FEW = 32  # samples
BY_HEART = 0.9  # of the skill
STEPS = 300  # in which any sound training learns them by heart


def examine(
    model: Any,
    loss: Callable[..., Any],
    optimizer: Any,
    data: tuple[Any, Any],
    validation: tuple[Any, Any] | None = None,
    *,
    batch_size: int = 32,
    memory: int = 0,
) -> list[Finding]:
    """Examine a training before its first step; nothing that is given changes.

    A copy of the model is trained on a few dozen samples. If it learns them by heart, only what can be proven is
    said: softmax over one unit, softmax twice, labels that the loss cannot mean, shapes that broadcast, samples that
    leak into each other. If not, everything is looked into that can go wrong before the pace of training matters.

    Args:
        model: of Koubai or PyTorch.
        loss: `loss(output, target)`.
        optimizer: of the model's parameters.
        data: training inputs and targets, tensors or arrays.
        validation: the same of other samples, or None.
        batch_size: samples of a step.
        memory: bytes that there are for the training, 0 if that does not matter.

    Returns:
        findings, the likeliest cause first; an empty list if all is well.

    Raises:
        TypeError: if the model is neither Koubai's nor PyTorch's.

    Example:
        >>> for finding in koubai.doctor.examine(model, nn.CrossEntropyLoss(), optimizer, (x, y)):
        ...     print(finding)
    """
    framework = framework_of(model)
    sample = _sample(framework, model, data)
    other = None if validation is None else _sample(framework, model, validation)
    random = framework.random_state(model)
    twin, theirs = framework.twin(model, optimizer)
    history = History(batch_size=batch_size)
    try:
        _learn_by_heart(Patient(twin, loss, theirs), sample.take(slice(0, FEW)), history)
    finally:
        framework.load_random_state(model, random)
    few = Consultation(Patient(twin, loss, theirs), sample.take(slice(0, FEW)), history, None, "before")
    untrained = History(batch_size=batch_size)
    patient = Patient(model, loss, optimizer)
    return diagnose(Consultation(patient, sample, untrained, other, "before", memory, few.skill >= BY_HEART))


def _sample(framework: Any, model: Any, data: tuple[Any, Any]) -> Sample:
    like = next(iter(model.parameters()))
    x, y = (framework.tensor(framework.array(part), like) for part in data)
    places = np.random.default_rng(0).permutation(len(x))[:SAMPLES].tolist()
    return Sample((x,), y).take(places)


def _learn_by_heart(patient: Patient, few: Sample, history: History) -> None:
    patient.model.train()
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            patient.optimizer.zero_grad()
            try:
                loss = patient.loss(patient.model(*few.inputs), few.target)
            except (RuntimeError, ValueError, IndexError) as error:
                history.error = error
                return
            history.losses.append(float(loss.detach()))
            if not np.isfinite(history.losses[-1]) or not loss.requires_grad:
                return
            loss.backward()
            patient.optimizer.step()
