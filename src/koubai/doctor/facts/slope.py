"""Numerical differentiation: whether the loss changes along a gradient as the gradient says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from koubai.doctor.facts.curvature import gradient
from koubai.doctor.framework import Array
from koubai.doctor.patient import Patient, Sample

__all__ = ["wrong_slopes"]

_RELATIVE = 1e-2  # change of the loss that is aimed at first
_NEAR = 0.05  # of the weight: farther away it is another function
# A recurrent net over many times may be another function at a hundredth of that, too.
_NEARER = (1.0, 1 / 4, 1 / 16, 1 / 64)
_VISIBLE = 2e-5  # of the loss: float32 knows it to 1e-7, so a slope to a few parts in a hundred
_KEPT = 1e-5  # of the weight: float32 rounds at 1e-7 of it
_AGREES = 0.3  # relative: rounding and kinks of ReLU stay below a tenth
_STEADY = 0.1  # between two distances: a larger difference is curvature or a kink, not a slope
# For a large model that is a few parameters, those nearest to the input: what is wrong behind them shows in them.
_SECONDS = 2.0


def wrong_slopes(patient: Patient, sample: Sample) -> Iterator[tuple[str, float, float]]:
    """Yield the parameters whose gradient is no slope: name, gradient's norm, and the slope of the loss along it.

    A gradient is right if the loss has its slope at any distance that float32 resolves. It is wrong if the loss has
    another one, and the same at two distances. Where the loss is made of kinks, as with absolute errors, its slope
    differs forward and backward, and the gradient may be any between them.
    """
    patient = patient.copied()
    named = [(name, p) for name, p in patient.model.named_parameters() if p.requires_grad]
    deadline = time.thread_time() + _SECONDS
    everything, at = gradient(patient, sample), 0
    loss = patient.loss_of(patient.output(sample), sample.target)
    for name, parameter in named:
        size = int(np.prod(parameter.shape))
        g = everything[at : at + size].reshape(tuple(parameter.shape))
        at += size
        norm = float(np.linalg.norm(g))
        if time.thread_time() > deadline:
            return
        if norm > 1e-6 * (1 + abs(loss)):
            slope = _another_slope(patient, sample, parameter, g / norm, norm, loss)
            if slope is not None:
                yield name, norm, slope


def _another_slope(
    patient: Patient, sample: Sample, parameter: Any, direction: Array, claimed: float, loss: float
) -> float | None:
    """Return the slope of the loss along a direction of one parameter, if it is not what is claimed."""
    weight = float(np.linalg.norm(patient.framework.array(parameter)))
    farthest = min(_RELATIVE * (abs(loss) + 1e-6) / claimed, _NEAR * weight or np.inf)
    means: list[float] = []
    for distance in [share * farthest for share in _NEARER]:
        if claimed * distance < _VISIBLE * abs(loss) or distance < _KEPT * weight:
            break
        sides = _sides(patient, sample, parameter, direction, distance, loss)
        nearest = float(np.clip(claimed, sides.min(), sides.max()))
        if abs(claimed - nearest) <= _AGREES * max(claimed, abs(nearest)):
            return None
        means.append(float(sides.mean()))
    steady = len(means) > 1 and abs(means[-1] - means[-2]) <= _STEADY * max(map(abs, means[-2:]))
    return means[-1] if steady else None


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
