"""Numerical differentiation: whether the loss changes along a gradient as the gradient says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from koubai.doctor.facts.curvature import gradient
from koubai.doctor.patient import Patient, Sample

__all__ = ["slopes"]

_RELATIVE = 1e-2  # change of the loss that is aimed at: float32 knows it to 1e-7, so the slope to 1e-5


def slopes(patient: Patient, sample: Sample) -> Iterator[tuple[str, float, float]]:
    """Yield for each parameter its name, its gradient's norm, and the slope of the loss along that gradient.

    Parameters whose slope is lost in rounding are left out.
    """
    framework = patient.framework
    named = [(name, p) for name, p in patient.model.named_parameters() if p.requires_grad]
    everything = gradient(patient, sample)
    loss, at = patient.loss_of(patient.output(sample), sample.target), 0
    for name, parameter in named:
        values = framework.array(parameter).copy()
        g = everything[at : at + values.size].reshape(values.shape)
        at += values.size
        norm = float(np.linalg.norm(g))
        if not norm > 1e-6 * (1 + abs(loss)):
            continue
        distance = min(_RELATIVE * (abs(loss) + 1e-6) / norm, 0.01 * (float(np.linalg.norm(values)) + 0.01))
        ends = []
        for sign in (1, -1):
            with framework.no_grad():
                moved = values + sign * distance * g / norm
                parameter.copy_(framework.tensor(moved.astype(values.dtype), parameter))
            ends.append(patient.loss_of(patient.output(sample), sample.target))
        with framework.no_grad():
            parameter.copy_(framework.tensor(values, parameter))
        if abs(ends[0] - ends[1]) > 1e-5 * abs(loss) or norm * distance > 1e-4 * abs(loss):
            yield name, norm, (ends[0] - ends[1]) / (2 * distance)
