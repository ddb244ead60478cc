"""Products with a weight."""

from __future__ import annotations

from koubai.engine.tensor import Tensor

__all__ = ["bilinear", "linear"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b.

    Args:
        input: (*, in_features).
        weight: (out_features, in_features), or (in_features) for one output without a dimension.
        bias: (out_features).

    Returns:
        (*, out_features).

    Raises:
        RuntimeError: the input's last dimension is not in_features.
    """
    if input.shape[-1:] != weight.shape[-1:]:
        raise RuntimeError(
            f"linear: the last dimension of input {list(input.shape)} must be in_features, which the weight "
            f"{list(weight.shape)} has as its last"
        )
    product: Tensor = input @ (weight.transpose(0, 1) if weight.ndim == 2 else weight)
    return product if bias is None else product + bias


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """yₖ = x₁ᵀ Aₖ x₂ + bₖ.

    Args:
        input1: (*, in1_features).
        input2: (*, in2_features).
        weight: (out_features, in1_features, in2_features).
        bias: (out_features).

    Returns:
        (*, out_features).

    Raises:
        RuntimeError: the inputs' last dimensions do not fit the weight, or their others each other.
    """
    if (*input1.shape[:-1], *weight.shape[1:]) != (*input2.shape[:-1], input1.shape[-1], input2.shape[-1]):
        raise RuntimeError(
            f"bilinear: inputs {list(input1.shape)} and {list(input2.shape)} must agree in all but "
            f"the last, and those fit the weight's (out, in1, in2) {list(weight.shape)}"
        )
    outputs, features1, features2 = weight.shape
    flat = weight.transpose(0, 1).reshape(features1, outputs * features2)
    partial = (input1 @ flat).reshape(*input1.shape[:-1], outputs, features2)  # (*, out, in2)
    product: Tensor = (partial @ input2.unsqueeze(-1)).squeeze(-1)  # (*, out)
    return product if bias is None else product + bias
