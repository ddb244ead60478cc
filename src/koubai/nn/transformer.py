"""The Transformer's encoder: attention and a small net for every position, each with a shortcut and a normalisation."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import koubai
from koubai.nn import functional as F
from koubai.nn.attention import MultiheadAttention
from koubai.nn.containers import ModuleList
from koubai.nn.dropout import Dropout
from koubai.nn.linear import Linear
from koubai.nn.module import Module
from koubai.nn.normalization import LayerNorm
from koubai.tensor import Tensor

__all__ = ["TransformerEncoder", "TransformerEncoderLayer", "causal_mask"]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


def causal_mask(length: int) -> Tensor:
    """Return the (length, length) mask of MultiheadAttention that hides the future: True above the diagonal."""
    return koubai.ones(length, length, dtype=koubai.bool).triu(1)  # type: ignore[no-any-return]


class TransformerEncoderLayer(Module):
    """One layer of the encoder (Vaswani et al. 2017, section 3.1).

    Args:
        d_model: features of input and output.
        nhead: number of attention heads.
        dim_feedforward: features inside the small net.
        dropout: probability, in three places.
        activation: "relu", "gelu" or a function.
        layer_norm_eps: added to the variances.
        batch_first: whether input and output are (N, S, E), not (S, N, E).
        norm_first: normalise before attention and net, not after the shortcuts; trains more easily when deep (Xiong et
            al. 2020).
        bias: whether projections and normalisations have biases.
        dtype: of the weights.

    Shape:
        src and output: (S, N, d_model), (N, S, d_model) with batch_first, or (S, d_model).
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise RuntimeError(f"TransformerEncoderLayer: activation is 'relu' or 'gelu', got {activation!r}")
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, dtype=dtype
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, dtype=dtype)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _ACTIVATIONS[activation] if isinstance(activation, str) else activation

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Apply the layer; the masks are MultiheadAttention's (True hides)."""

        def attend(x: Tensor) -> Tensor:
            y, _ = self.self_attn(
                x, x, x, src_key_padding_mask, need_weights=False, attn_mask=src_mask, is_causal=is_causal
            )
            return self.dropout1(y)  # type: ignore[no-any-return]

        def feed(x: Tensor) -> Tensor:
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))  # type: ignore[no-any-return]

        if self.norm_first:
            x = src + attend(self.norm1(src))
            return x + feed(self.norm2(x))
        x = self.norm1(src + attend(src))
        return self.norm2(x + feed(x))  # type: ignore[no-any-return]


class TransformerEncoder(Module):
    """A stack of encoder layers, each a copy of `encoder_layer` at the start.

    Args:
        encoder_layer: the layer to copy.
        num_layers: how often.
        norm: a last normalisation.
        enable_nested_tensor: accepted for PyTorch's sake.
        mask_check: accepted for PyTorch's sake.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList([deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Apply all layers."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal and mask is not None)
        return src if self.norm is None else self.norm(src)
