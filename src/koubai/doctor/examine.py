"""Before the training: does everything fit together, and can the model learn a few dozen samples by heart?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koubai.doctor.consultation import Consultation
from koubai.doctor.diagnosis import diagnose
from koubai.doctor.facts.trial import trained
from koubai.doctor.finding import Finding
from koubai.doctor.framework import framework_of
from koubai.doctor.history import History
from koubai.doctor.patient import Patient, Sample
from koubai.doctor.sampling import sample_of, some_of

__all__ = ["examine"]

FEW = 32  # samples
BY_HEART = 0.9  # of the skill
SECONDS = 30.0  # of somebody's patience
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
    sample = some_of(sample_of(framework, model, data))
    other = None if validation is None else some_of(sample_of(framework, model, validation))
    patient, untrained = Patient(model, loss, optimizer), History(batch_size=batch_size)
    by_heart = _learns_by_heart(patient, sample.take(slice(0, FEW)))
    return diagnose(Consultation(patient, sample, untrained, other, "before", memory, by_heart))


def _learns_by_heart(patient: Patient, few: Sample) -> bool:
    """Whether a copy comes to know a few samples."""
    later = trained(patient, few, factor=1.0, batch_size=len(few), steps=STEPS, seconds=SECONDS)
    return later is not None and not Consultation(later, few).skill < BY_HEART
