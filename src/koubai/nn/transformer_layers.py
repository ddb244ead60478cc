"""The Transformer's layers: attention and a small net for every position, each with a shortcut and a normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.attention import MultiheadAttention
from koubai.nn.dropout import Dropout
from koubai.nn.key_value_cache import KeyValueCache
from koubai.nn.linear import Linear
from koubai.nn.module import Module
from koubai.nn.normalization import LayerNorm

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Function = Callable[[Tensor], Tensor]

_ACTIVATIONS: dict[str, Function] = {"relu": F.relu, "gelu": F.gelu}


class _TransformerLayer(Module):
    """What both layers share: one or two attentions, the small net, and the shortcuts around them."""

    attentions: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Function = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        kind = {"bias": bias, "device": device, "dtype": dtype}
        for name in self.attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **kind))
        self.linear1 = Linear(d_model, dim_feedforward, **kind)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **kind)
        self.norm_first = norm_first
        parts = range(1, len(self.attentions) + 2)
        for part in parts:
            setattr(self, f"norm{part}", LayerNorm(d_model, layer_norm_eps, **kind))
        for part in parts:
            setattr(self, f"dropout{part}", Dropout(dropout))
        self.activation = _named(activation) if isinstance(activation, str) else activation

    def _with_shortcut(self, x: Tensor, part: Function, number: int) -> Tensor:
        """Apply a part of the layer and its dropout, add the input, and normalise before or after."""
        norm, dropout = getattr(self, f"norm{number}"), getattr(self, f"dropout{number}")
        if self.norm_first:
            return x + dropout(part(norm(x)))  # type: ignore[no-any-return]
        return norm(x + dropout(part(x)))  # type: ignore[no-any-return]

    def _feed(self, x: Tensor) -> Tensor:
        """Apply the small net to every position."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))  # type: ignore[no-any-return]


def _named(activation: str) -> Function:
    if activation not in _ACTIVATIONS:
        raise RuntimeError(
            f"a Transformer layer's activation is 'relu', 'gelu' or a function, got {activation!r}"
        )
    return _ACTIVATIONS[activation]


class TransformerEncoderLayer(_TransformerLayer):
    """One layer of the encoder (Vaswani et al. 2017, section 3.1): self-attention and a small net.

    Args:
        d_model: features of input and output, E.
        nhead: number of attention heads.
        dim_feedforward: features inside the small net.
        dropout: probability, at attention weights, inside the net, and before each shortcut.
        activation: "relu", "gelu" or a function.
        layer_norm_eps: added to the variances.
        batch_first: whether input and output are (N, S, E), not (S, N, E).
        norm_first: normalise before attention and net, not after the shortcuts; trains more easily when deep (Xiong et
            al. 2020).
        bias: whether projections and normalisations have biases.
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        src and output (S, N, E), with batch_first (N, S, E), or (S, E).
    """

    attentions = ("self_attn",)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Apply the layer; the masks are MultiheadAttention's, in which True hides, and so is the cache."""

        def attend(x: Tensor) -> Tensor:
            masks = (src_key_padding_mask, False, src_mask)
            return self.self_attn(x, x, x, *masks, is_causal=is_causal, cache=cache)[0]  # type: ignore[no-any-return]

        x = self._with_shortcut(src, attend, 1)
        return self._with_shortcut(x, self._feed, 2)


class TransformerDecoderLayer(_TransformerLayer):
    """One layer of the decoder (Vaswani et al. 2017, section 3.1): self-attention, attention to the encoder, small net.

    Arguments and errors are those of TransformerEncoderLayer.

    Shape:
        tgt and output (T, N, E), memory (S, N, E), with batch_first (N, T, E) and (N, S, E), or both without N.
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Apply the layer; the masks are MultiheadAttention's, in which True hides; the cache is that of `tgt`."""

        def attend(x: Tensor) -> Tensor:
            masks = (tgt_key_padding_mask, False, tgt_mask)
            return self.self_attn(x, x, x, *masks, is_causal=tgt_is_causal, cache=cache)[0]  # type: ignore[no-any-return]

        def consult(x: Tensor) -> Tensor:
            return self.multihead_attn(  # type: ignore[no-any-return]
                x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal
            )[0]

        x = self._with_shortcut(tgt, attend, 1)
        x = self._with_shortcut(x, consult, 2)
        return self._with_shortcut(x, self._feed, 3)
