"""Batch and instance normalisation: layers that keep running statistics of each channel."""

from __future__ import annotations

from typing import Any, ClassVar

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.module import Module
from koubai.nn.parameter import new_parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
]


class _ChannelNorm(Module):
    """What batch and instance normalisation share: a scale, a shift and running statistics per channel."""

    ranks: ClassVar[tuple[int, ...]]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, present in (("weight", affine), ("bias", affine and bias)):
            parameter = new_parameter(num_features, device=device, dtype=dtype) if present else None
            self.register_parameter(name, parameter)
        zeros = koubai.zeros(num_features, device=device, dtype=dtype) if track_running_stats else None
        self.register_buffer("running_mean", zeros)
        self.register_buffer("running_var", zeros if zeros is None else koubai.ones_like(zeros))
        count = koubai.tensor(0, device=device) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batch seen."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forget the statistics; scale by 1, shift by 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_rank(self, input: Tensor) -> None:
        if input.ndim not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ValueError(
                f"expected {wanted} input, got {input.ndim}D input of shape {tuple(input.shape)}"
            )

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_ChannelNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-05,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel; in training mode also move the running statistics."""
        self._check_rank(input)
        use_batch = self.training or self.running_mean is None
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            use_batch,
            self._momentum(),
            self.eps,
        )

    def _momentum(self) -> Any:
        """The share of this batch in the running statistics; counts the batch in training mode."""
        if not self.training or self.num_batches_tracked is None:
            return 0.0 if self.momentum is None else self.momentum
        self.num_batches_tracked.add_(1)
        return 1.0 / self.num_batches_tracked if self.momentum is None else self.momentum


class BatchNorm1d(_BatchNorm):
    """y = γ (x - mean) / √(variance + eps) + β for each channel over the batch (Ioffe and Szegedy, 2015).

    In training mode mean and variance are those of the batch (the variance divided by n), and the running
    ones move towards them: running = (1 - momentum) running + momentum batch, the running variance taking the
    batch's divided by n - 1. In evaluation mode the running ones are used.

    `momentum` is the share of the new batch, as in PyTorch: 0.1 here is what Keras calls 0.9 (its default is
    0.99) and Flax 0.9 (its default is 0.99). eps is 1e-5 as in PyTorch and Flax; Keras has 1e-3.

    Args:
        num_features: channels.
        eps: added to the variance.
        momentum: share of the new batch in the running statistics; None averages over all batches alike.
        affine: whether there are γ (`weight`, starts at 1) and β (`bias`, starts at 0).
        track_running_stats: without it, the batch's own statistics are used in evaluation mode too.
        device: where its tensors live.
        dtype: of parameters and statistics; float32 by default.
        bias: whether there is a β.

    Shape:
        input and output (N, C) or (N, C, L).

    Raises:
        ValueError: the input has other dimensions, or in training mode just one value per channel.
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images: statistics of a channel are over batch, height and width.

    Shape:
        input and output (N, C, H, W).
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for volumes: statistics of a channel are over batch, depth, height and width.

    Shape:
        input and output (N, C, D, H, W).
    """

    ranks = (5,)


class _InstanceNorm(_ChannelNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-05,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel of each sample."""
        self._check_rank(input)
        if input.ndim == self.ranks[0]:
            return self._normalize(input.unsqueeze(0)).squeeze(0)
        return self._normalize(input)

    def _normalize(self, batch: Tensor) -> Tensor:
        if batch.shape[1] != self.num_features and self.affine:
            raise ValueError(
                f"expected {self.num_features} channels, got {batch.shape[1]} in input of shape {list(batch.shape)}"
            )
        use_input = self.training or not self.track_running_stats
        statistics = (self.running_mean, self.running_var)
        return F.instance_norm(
            batch, *statistics, self.weight, self.bias, use_input, self.momentum or 0.0, self.eps
        )


class InstanceNorm1d(_InstanceNorm):
    """y = γ (x - mean) / √(variance + eps) + β for each channel of each sample (Ulyanov et al., 2016).

    Args:
        num_features: channels.
        eps: added to the variance.
        momentum: share of the new batch in the running statistics.
        affine: whether there are γ (`weight`, starts at 1) and β (`bias`, starts at 0).
        track_running_stats: keep running statistics and use them in evaluation mode.
        device: where its tensors live.
        dtype: of parameters and statistics; float32 by default.
        bias: whether there is a β.

    Shape:
        input and output (N, C, L) or (C, L).
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for images.

    Shape:
        input and output (N, C, H, W) or (C, H, W).
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for volumes.

    Shape:
        input and output (N, C, D, H, W) or (C, D, H, W).
    """

    ranks = (4, 5)
