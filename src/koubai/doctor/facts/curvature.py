"""Curvature of the loss: the largest and the smallest eigenvalue of its Hessian, by products of it with vectors.

A product is the difference of two gradients, H v ≈ (g(θ + εv) − g(θ − εv)) / 2ε, so it costs two backward passes
(Pearlmutter 1994 computes it exactly for the same cost; the difference serves both frameworks).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from koubai.doctor.framework import Array
from koubai.doctor.patient import Patient, Sample

__all__ = ["curvature_bounds", "gradient_noise"]

# Each brings the Rayleigh quotient nearer by the ratio of the two largest eigenvalues, squared.
_ITERATIONS = 12
_SECONDS = 2.0  # for each eigenvalue; of a large model it is known less exactly


def curvature_bounds(patient: Patient, sample: Sample) -> tuple[float, float]:
    """Return the smallest and the largest eigenvalue of the loss's Hessian for some samples, in evaluation mode."""
    patient = patient.copied()
    with np.errstate(all="ignore"):
        product = _hessian_product(patient, sample)
        start = np.random.default_rng(0).normal(size=sum(int(np.prod(p.shape)) for p in _parameters(patient)))
        largest = _power(product, start)
        other = _power(lambda v: product(v) - largest * v, start) + largest
    return min(largest, other), max(largest, other)


def gradient_noise(patient: Patient, sample: Sample, batch: int = 8) -> float:
    """Return the simple noise scale tr(Σ) / |G|²: the batch size up to which larger ones pay (McCandlish et al. 2018).

    It is found from gradients of small batches and of all samples, as in their appendix A.1.
    """
    parts = [sample.take(slice(n, n + batch)) for n in range(0, len(sample) - batch + 1, batch)]
    small = [gradient(patient, part) for part in parts]
    whole = gradient(patient, sample)
    b, n = batch, len(sample)
    square_small, square_whole = float(np.mean([g @ g for g in small])), float(whole @ whole)
    mean = (n * square_whole - b * square_small) / (n - b)
    spread = (square_small - square_whole) / (1 / b - 1 / n)
    return spread / mean if mean > 0 else float("inf")


def gradient(patient: Patient, sample: Sample) -> Array:
    """Return the gradient of the loss with respect to all parameters, as one vector."""
    with patient.framework.undisturbed(patient.model, training=False):
        loss = patient.loss(patient.model(*sample.inputs, **sample.options), sample.target)
        loss.backward()
        return _joined(
            [patient.framework.array(p.grad if p.grad is not None else p * 0) for p in _parameters(patient)]
        )


def _hessian_product(patient: Patient, sample: Sample) -> Callable[[Array], Array]:
    framework = patient.framework
    parameters = _parameters(patient)
    before = [framework.array(p).copy() for p in parameters]
    size = 1e-3 * (1 + float(np.sqrt(sum((b.astype(np.float64) ** 2).sum() for b in before))))

    def moved(vector: Array, distance: float) -> Array:
        at = 0
        with framework.no_grad():
            for parameter, values in zip(parameters, before):
                step = vector[at : at + values.size].reshape(values.shape)
                parameter.copy_(framework.tensor((values + distance * step).astype(values.dtype), parameter))
                at += values.size
        return gradient(patient, sample)

    def product(vector: Array) -> Array:
        unit = vector / (np.linalg.norm(vector) + 1e-300)
        return (moved(unit, size) - moved(unit, -size)) / (2 * size) * np.linalg.norm(vector)

    return product


def _power(product: Callable[[Array], Array], vector: Array) -> float:
    """Return the eigenvalue of largest absolute value by power iteration."""
    value, deadline = 0.0, time.thread_time() + _SECONDS
    for _ in range(_ITERATIONS):
        if time.thread_time() > deadline:
            break
        vector = vector / (np.linalg.norm(vector) + 1e-300)
        image = product(vector)
        value, vector = float(vector @ image), image
    return value


def _parameters(patient: Patient) -> list[Any]:
    return [p for p in patient.model.parameters() if p.requires_grad]


def _joined(parts: list[Array]) -> Array:
    return np.concatenate([part.ravel().astype(np.float64) for part in parts])
