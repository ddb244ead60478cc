"""Numerical differentiation: whether the loss changes along a gradient as the gradient says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from koubai.doctor.facts.curvature import gradient
from koubai.doctor.framework import Array
from koubai.doctor.patient import Patient, Sample

__all__ = ["slopes"]

_RELATIVE = 1e-2  # change of the loss that is aimed at: float32 knows it to 1e-7, so the slope to 1e-5
_NEAR = 0.05  # of the weight: farther away it is another function
_VISIBLE = 2e-4  # of the loss: smaller changes are lost in rounding
_KEPT = 1e-4  # of the weight: float32 rounds at 1e-7 of it, a part in a thousand of such a move
_STEADY = 0.1  # between two distances: a larger difference is curvature or a kink, not a slope


def slopes(patient: Patient, sample: Sample) -> Iterator[tuple[str, float, float]]:
    """Yield for each parameter its name, its gradient's norm, and the slope of the loss along that gradient.

    Parameters whose slope is lost in rounding, or differs from one distance to another, are left out. Where the loss is
    made of kinks, as with absolute errors, its slope differs forward and backward, and the gradient may be any between
    them: then the slope nearest to the gradient is given.
    """
    patient = patient.copied()
    framework = patient.framework
    named = [(name, p) for name, p in patient.model.named_parameters() if p.requires_grad]
    everything, at = gradient(patient, sample), 0
    loss = patient.loss_of(patient.output(sample), sample.target)
    for name, parameter in named:
        size = int(np.prod(parameter.shape))
        g = everything[at : at + size].reshape(tuple(parameter.shape))
        at += size
        norm = float(np.linalg.norm(g))
        if not norm > 1e-6 * (1 + abs(loss)):
            continue
        weight = float(np.linalg.norm(framework.array(parameter)))
        distance = min(_RELATIVE * (abs(loss) + 1e-6) / norm, _NEAR * weight or np.inf)
        if norm * distance < _VISIBLE * abs(loss) or distance < _KEPT * weight:
            continue
        near, far = (
            _sides(patient, sample, parameter, g / norm, distance * share, loss) for share in (0.25, 1.0)
        )
        if abs(near.mean() - far.mean()) <= _STEADY * np.abs([near.mean(), far.mean()]).max():
            yield name, norm, float(np.clip(norm, near.min(), near.max()))


def _sides(
    patient: Patient, sample: Sample, parameter: Any, direction: Array, distance: float, loss: float
) -> Array:
    """Return the slope of the loss along a direction of one parameter, forward and backward."""
    framework = patient.framework
    before = framework.array(parameter).copy()
    slopes = []
    for sign in (1, -1):
        moved = (before + sign * distance * direction).astype(before.dtype)
        with framework.no_grad():
            parameter.copy_(framework.tensor(moved, parameter))
        slopes.append((patient.loss_of(patient.output(sample), sample.target) - loss) / (sign * distance))
    with framework.no_grad():
        parameter.copy_(framework.tensor(before, parameter))
    return np.array(slopes)
