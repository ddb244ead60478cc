"""Stacks of Transformer layers: encoder, decoder, and the two together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.containers import ModuleList
from koubai.nn.key_value_cache import KeyValueCache
from koubai.nn.module import Module
from koubai.nn.normalization import LayerNorm
from koubai.nn.transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


class _Stack(Module):
    """Copies of one layer, one after the other, and a last normalisation."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        self.layers = ModuleList([deepcopy(layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def _run(self, x: Tensor, cache: Sequence[KeyValueCache] | None, *context: Any) -> Tensor:
        for number, layer in enumerate(self.layers):
            x = layer(x, *context) if cache is None else layer(x, *context, cache=cache[number])
        return x if self.norm is None else self.norm(x)

    def new_cache(self, samples: int, max_len: int) -> list[KeyValueCache]:
        """Return an empty cache for each layer's attention to the sequence itself, for generation step by step."""
        return [layer.self_attn.new_cache(samples, max_len) for layer in self.layers]


class TransformerEncoder(_Stack):
    """A stack of encoder layers, each a copy of `encoder_layer` at the start.

    Args:
        encoder_layer: the layer to copy.
        num_layers: how often.
        norm: a last normalisation, which layers with norm_first need.
        enable_nested_tensor: accepted for PyTorch's sake.
        mask_check: accepted for PyTorch's sake.

    Shape:
        src and output as those of the layer.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
        cache: Sequence[KeyValueCache] | None = None,
    ) -> Tensor:
        """Apply all layers.

        The masks are MultiheadAttention's, in which True hides. With the result of `new_cache`, `src` is the next part
        of a sequence whose positions see themselves and those before.
        """
        return self._run(src, cache, mask, src_key_padding_mask, bool(is_causal))


class TransformerDecoder(_Stack):
    """A stack of decoder layers, each a copy of `decoder_layer` at the start.

    Args:
        decoder_layer: the layer to copy.
        num_layers: how often.
        norm: a last normalisation, which layers with norm_first need.

    Shape:
        tgt, memory and output as those of the layer.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
        cache: Sequence[KeyValueCache] | None = None,
    ) -> Tensor:
        """Apply all layers; masks and cache are those of TransformerEncoder, the cache that of `tgt`."""
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return self._run(tgt, cache, memory, *masks, bool(tgt_is_causal), memory_is_causal)


class Transformer(Module):
    """Encoder and decoder, for one sequence out of another (Vaswani et al. 2017).

    Embedding, positions and the last projection are yours to add.

    Args:
        d_model: features of inputs and output, E.
        nhead: number of attention heads.
        num_encoder_layers: how many layers read the source.
        num_decoder_layers: how many layers write the target.
        dim_feedforward: features inside the layers' small nets.
        dropout: probability, in every layer.
        activation: "relu", "gelu" or a function.
        custom_encoder: instead of the encoder described here.
        custom_decoder: instead of the decoder described here.
        layer_norm_eps: added to the variances.
        batch_first: whether inputs and output are (N, S, E), not (S, N, E).
        norm_first: normalise before each part, not after its shortcut.
        bias: whether projections and normalisations have biases.
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        src (S, N, E), tgt and output (T, N, E), with batch_first (N, S, E) and (N, T, E), or all without N.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        kind = {"bias": bias, "device": device, "dtype": dtype}
        sizes = (
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
        )

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, **kind)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*sizes, **kind), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*sizes, **kind), num_decoder_layers, norm()
        )
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Xavier's uniform for all matrices, as PyTorch does."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Encode `src` and decode it with `tgt`; the masks are MultiheadAttention's, in which True hides.

        Raises:
            RuntimeError: if the features are not d_model, or sizes do not fit.
        """
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return self.decoder(tgt, memory, *masks, tgt_is_causal, memory_is_causal)  # type: ignore[no-any-return]

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Return the (sz, sz) mask that hides the future: -inf above the diagonal, else 0."""
        return koubai.full((sz, sz), float("-inf"), device=device, dtype=dtype).triu(1)
