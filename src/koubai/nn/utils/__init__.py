"""What PyTorch's users look for in `nn.utils`: clipping of gradients, parameters as one vector, padding."""

from __future__ import annotations

from collections.abc import Iterable

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.utils import rnn as rnn
from koubai.optim.clip import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters' elements in one vector, in order."""
    return koubai.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give the elements of a vector to the parameters, in order.

    Raises:
        ValueError: the vector has another number of elements than the parameters have; then nothing is
            changed.
    """
    targets = list(parameters)
    wanted = sum(parameter.numel() for parameter in targets)
    if tuple(vec.shape) != (wanted,):
        raise ValueError(f"the parameters have {wanted} elements, the vector has shape {list(vec.shape)}")
    with koubai.no_grad():
        start = 0
        for parameter in targets:
            end = start + parameter.numel()
            parameter.copy_(vec[start:end].reshape(parameter.shape))
            start = end
