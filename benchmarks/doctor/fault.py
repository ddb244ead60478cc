"""Faults of one's own: a builder's defaults are a healthy training, and a fault is a change of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import koubai
from doctor.case import Data
from doctor.koubai_side import tensors
from doctor.setup import Setup, Subject

__all__ = ["fault", "ready"]


def fault(
    name: str,
    causes: tuple[str, ...],
    builder: Callable[..., Setup],
    faulty: Mapping[str, Any],
    healthy: Mapping[str, Any] | None = None,
) -> Subject:
    """Return a faulty training and its twin.

    Args:
        name: of both.
        causes: what is wrong with the faulty one.
        builder: called with the seed, as `koubai.manual_seed` has it already, and with arguments.
        faulty: the arguments of the faulty one.
        healthy: those of the healthy one, else none.
    """

    def make(seed: int, fixed: bool) -> Setup:
        koubai.manual_seed(seed)
        return builder(seed, **((healthy or {}) if fixed else faulty))

    return Subject(name, causes, make)


def ready(model: Any, loss: Any, optimizer: Any, data: Data, **settings: Any) -> Setup:
    """Return a setup of arrays."""
    arrays = {"train": tensors(data.train), "validation": tensors(data.validation)}
    return Setup(model, loss, optimizer, **{"batch_size": 32, "epochs": 20, **arrays, **settings})
