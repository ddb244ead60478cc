"""Layers that are one product with a weight: `Linear`, `Bilinear`, and `Identity`, which is none."""

from __future__ import annotations

import math
from typing import Any

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.module import Module
from koubai.nn.parameter import Parameter, new_parameter

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Module):
    """Return the input as it is: a layer to put where none is wanted. Any arguments are accepted.

    Shape:
        input and output: any.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Return `input`."""
        return input


class Linear(Module):
    r"""y = x Wᵀ + b, a fully connected (dense) layer.

    Weight and bias start uniform in ±1/√in_features, as in PyTorch (He's uniform with a = √5). Keras starts
    with Xavier's uniform and a zero bias, Flax with LeCun's normal and a zero bias; `init.match_activations`
    gives each layer the one that suits the activation after it.

    Args:
        in_features: length of an input row.
        out_features: length of an output row.
        bias: whether there is a b.
        device: where its tensors live.
        dtype: of weight and bias; float32 by default.

    Shape:
        input (*, in_features), output (*, out_features); weight (out_features, in_features), bias
        (out_features).
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = new_parameter(out_features, in_features, device=device, dtype=dtype)
        self.register_parameter(
            "bias", new_parameter(out_features, device=device, dtype=dtype) if bias else None
        )
        self.reset_parameters()

    bias: Parameter | None

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            init.fan_in_uniform_(self.bias, self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """Map rows of `in_features` to rows of `out_features`."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class Bilinear(Module):
    r"""yₖ = x₁ᵀ Aₖ x₂ + bₖ, a product of two inputs.

    Weight and bias start uniform in ±1/√in1_features.

    Args:
        in1_features: length of a row of the first input.
        in2_features: length of a row of the second input.
        out_features: length of an output row.
        bias: whether there is a b.
        device: where its tensors live.
        dtype: of weight and bias; float32 by default.

    Shape:
        inputs (*, in1_features) and (*, in2_features), output (*, out_features); weight (out_features,
        in1_features, in2_features), bias (out_features).
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"Bilinear: in1_features must be positive, got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = new_parameter(out_features, in1_features, in2_features, device=device, dtype=dtype)
        self.register_parameter(
            "bias", new_parameter(out_features, device=device, dtype=dtype) if bias else None
        )
        self.reset_parameters()

    bias: Parameter | None

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Combine rows of the two inputs."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
