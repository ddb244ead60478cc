"""Clipping gradients, by their common norm or one by one, so that one bad batch cannot wreck a training."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import GeneratorType

import koubai
from koubai.engine.tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

Tensors = Tensor | Iterable[Tensor]


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Tensors) -> list[Tensor]:
    return [parameter.grad for parameter in _listed(parameters) if parameter.grad is not None]


@koubai.no_grad()
def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """Return the norm of all elements of `tensors`, as if they were one long vector.

    Args:
        tensors: tensors of any shapes.
        norm_type: the order p of the norm; `inf` for the largest absolute value.
        error_if_nonfinite: refuse a norm that is NaN or infinite.
        foreach: accepted for PyTorch's sake; Koubai has one implementation.

    Returns:
        a 0-dimensional tensor; 0 if there are no tensors.

    Raises:
        RuntimeError: if the norm is not finite and `error_if_nonfinite`.
    """
    listed = _listed(tensors)
    if not listed:
        return koubai.tensor(0.0)
    if float(norm_type) == 2.0:
        total = _common_length(listed)
    else:
        norms = [koubai.linalg.vector_norm(tensor, float(norm_type)) for tensor in listed]
        total = koubai.linalg.vector_norm(koubai.stack(norms), float(norm_type))
    if error_if_nonfinite and not koubai.isfinite(total).item():
        raise RuntimeError(
            f"The total norm of order {float(norm_type)} of the gradients is {total.item()}, so it cannot "
            "be clipped. Look for the op that made it with koubai.autograd.detect_anomaly(), "
            "or set error_if_nonfinite=False"
        )
    return total


def _common_length(tensors: list[Tensor]) -> Tensor:
    """Return the Euclidean norm of all elements.

    Squares are added up one after the other from the last tensor, whose gradient is there first: so a compiled step
    needs no more than a number to be carried from layer to layer of its backward pass.
    """
    total: Tensor | None = None
    for tensor in reversed(tensors):
        norm = koubai.linalg.vector_norm(tensor)
        square = norm * norm
        total = square if total is None else total + square
    assert total is not None
    return koubai.sqrt(total)


@koubai.no_grad()
def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale gradients in place by `max_norm / total_norm`, if that makes them smaller.

    Args:
        parameters: the tensors whose `.grad` is scaled; those without one are passed over.
        max_norm: the norm that the gradients may have.
        total_norm: the norm that they have, as `get_total_norm` returns it.
        foreach: accepted for PyTorch's sake; Koubai has one implementation.
    """
    # A factor of 1 is applied too: leaving it out would need the value, which a traced step does not have.
    factor = koubai.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    for gradient in _gradients(parameters):
        gradient.mul_(factor)


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients in place by one factor so that their common norm is at most `max_norm`.

    The direction stays. Usual values are 0.5 to 5; 1 for transformers and recurrent networks. Pascanu,
    Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013), algorithm 1.

    Args:
        parameters: the tensors whose `.grad` is clipped; those without one are passed over.
        max_norm: the largest norm allowed.
        norm_type: the order p of the norm; `inf` for the largest absolute value.
        error_if_nonfinite: refuse a norm that is NaN or infinite; else the gradients become NaN or 0.
        foreach: accepted for PyTorch's sake; Koubai has one implementation.

    Returns:
        the norm before clipping, a 0-dimensional tensor: worth recording, it shows exploding gradients.

    Raises:
        RuntimeError: if the norm is not finite and `error_if_nonfinite`; nothing is changed then.
    """
    listed = _listed(parameters)
    if not listed and isinstance(parameters, GeneratorType):
        warnings.warn(
            "`parameters` is an empty generator, no gradient is clipped; was it used up?", stacklevel=2
        )
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


@koubai.no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Clip every element of every gradient in place to [−clip_value, clip_value].

    The direction changes, as large elements shrink more than small ones.

    Args:
        parameters: the tensors whose `.grad` is clipped; those without one are passed over.
        clip_value: the largest absolute value allowed.
        foreach: accepted for PyTorch's sake; Koubai has one implementation.
    """
    for gradient in _gradients(parameters):
        gradient.clamp_(-float(clip_value), float(clip_value))
