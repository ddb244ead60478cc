"""Normalisations that need no running statistics: layer, group, RMS and local response normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.module import Module
from koubai.nn.parameter import Parameter, new_parameter

__all__ = ["GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class _Affine(Module):
    """What these share: a scale that starts at 1 and a shift that starts at 0, or neither."""

    weight: Parameter | None
    bias: Parameter | None

    def _add_affine(self, shape: Sequence[int], weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        for name, present in (("weight", weight), ("bias", bias)):
            parameter = new_parameter(*shape, device=device, dtype=dtype) if present else None
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale by 1, shift by 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Affine):
    """y = γ (x - mean) / √(variance + eps) + β over the last dimensions of each sample (Ba et al., 2016).

    eps is 1e-5 as in PyTorch; Keras has 1e-3 and Flax 1e-6.

    Args:
        normalized_shape: the last dimensions, or the last one.
        eps: added to the variance, which is divided by n.
        elementwise_affine: whether there are γ (`weight`, starts at 1) and β (`bias`, starts at 0).
        bias: whether there is a β.
        device: where its tensors live.
        dtype: of γ and β; float32 by default.

    Shape:
        input and output (*, *normalized_shape), weight and bias normalized_shape.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-05,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._add_affine(
            self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype
        )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise the last dimensions."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """y = γ (x - mean) / √(variance + eps) + β over groups of channels of each sample (Wu and He, 2018).

    One group is layer normalisation over all but the batch; one channel per group is instance normalisation.

    Args:
        num_groups: groups into which the channels are split, in order.
        num_channels: channels, a multiple of the groups.
        eps: added to the variance, which is divided by n.
        affine: whether each channel has a γ (`weight`, starts at 1) and a β (`bias`, starts at 0).
        device: where its tensors live.
        dtype: of γ and β; float32 by default.
        bias: whether there is a β.

    Shape:
        input and output (N, C, *), weight and bias (C).

    Raises:
        ValueError: the groups do not divide the channels.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-05,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_channels={num_channels} must be divisible by num_groups={num_groups}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._add_affine((num_channels,), affine, affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each group."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class RMSNorm(_Affine):
    """y = γ x / √(mean of x² + eps) over the last dimensions (Zhang and Sennrich, 2019).

    eps is by default the spacing of the input's dtype at 1 (1.2e-7 for float32), as in PyTorch; Llama uses
    1e-5 or 1e-6, Keras and Flax 1e-6.

    Args:
        normalized_shape: the last dimensions, or the last one.
        eps: added to the mean square.
        elementwise_affine: whether there is a γ (`weight`, starts at 1).
        device: where its tensors live.
        dtype: of γ; float32 by default.

    Shape:
        input and output (*, *normalized_shape), weight normalized_shape.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._add_affine(self.normalized_shape, elementwise_affine, False, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise the last dimensions."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """y = x / (k + alpha/size Σ x²)^beta, Σ over neighbouring channels (Krizhevsky et al., 2012, 3.3).

    Args:
        size: channels in a neighbourhood.
        alpha: weight of the mean square.
        beta: exponent.
        k: added.

    Shape:
        input and output (N, C, *).
    """

    def __init__(self, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Normalise across channels."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _as_shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
