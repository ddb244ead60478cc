"""`MultiheadAttention`: several attentions side by side, each with its own view of queries, keys and values."""

from __future__ import annotations

from typing import Any

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.functional.attention import attention_weights
from koubai.nn.key_value_cache import KeyValueCache
from koubai.nn.linear import Linear
from koubai.nn.module import Module
from koubai.nn.parameter import new_parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention with several heads (Vaswani et al. 2017, section 3.2.2).

    A query that may look at no key gets zeros, and the bias of the last projection. Assign `RotaryPositions` to
    `rotary`, and queries and keys are turned by their positions.

    Args:
        embed_dim: features of query and output, E; divided among the heads.
        num_heads: number of heads.
        dropout: probability of dropping an attention weight, while training.
        bias: whether the projections have biases.
        add_bias_kv: append a learned key and value.
        add_zero_attn: append a key and value of zeros.
        kdim: features of the keys, embed_dim by default.
        vdim: features of the values, embed_dim by default.
        batch_first: whether inputs and output are (N, L, E), not (L, N, E).
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        query (L, N, E), key (S, N, kdim), value (S, N, vdim), or all without N; output (L, N, E), and the weights,
        (N, L, S), with average_attn_weights=False (N, heads, L, S).

    Raises:
        ValueError: if embed_dim is not a multiple of num_heads.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: embed_dim must be a multiple of num_heads, got {embed_dim} and {num_heads}"
            )
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.head_dim = embed_dim // num_heads
        self.batch_first, self.add_zero_attn = batch_first, add_zero_attn
        self.rotary: Module | None = None
        self._make_projections(bias, {"device": device, "dtype": dtype})
        for name in ("bias_k", "bias_v"):
            extra = new_parameter(1, 1, embed_dim, device=device, dtype=dtype) if add_bias_kv else None
            self.register_parameter(name, extra)
        self._reset_parameters()

    def _make_projections(self, bias: bool, kind: dict[str, Any]) -> None:
        """Make the weights of queries, keys and values: one matrix where their sizes agree."""
        size = self.embed_dim
        one = self.kdim == self.vdim == size
        for name, width in (("q", size), ("k", self.kdim), ("v", self.vdim)):
            self.register_parameter(
                f"{name}_proj_weight", None if one else new_parameter(size, width, **kind)
            )
        self.register_parameter("in_proj_weight", new_parameter(3 * size, size, **kind) if one else None)
        self.register_parameter("in_proj_bias", new_parameter(3 * size, **kind) if bias else None)
        self.out_proj = Linear(size, size, bias=bias, **kind)

    def _reset_parameters(self) -> None:
        """Xavier for the projections of the inputs, zero biases, as PyTorch does."""
        for name, parameter in self.named_parameters(recurse=False):
            if name.endswith("proj_weight"):
                init.xavier_uniform_(parameter)
            elif name in ("bias_k", "bias_v"):
                init.xavier_normal_(parameter)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
        cache: KeyValueCache | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Args:
            query: what asks.
            key: what is compared with the query.
            value: what is read.
            key_padding_mask: (N, S) or (S,), True where a key is padding and is not looked at; or numbers to add.
            need_weights: whether to return the weights too.
            attn_mask: (L, S) or (N · heads, L, S), True where a query may NOT look (PyTorch's convention for this
                layer, the opposite of scaled_dot_product_attention's); or numbers to add.
            average_attn_weights: return the weights' mean over the heads.
            is_causal: attn_mask is causal; a hint that needs attn_mask, as in PyTorch.
            cache: of the positions before; query, key and value are the next ones, which see themselves and those
                before. S is then the room of the cache, also for masks and weights.

        Raises:
            RuntimeError: if sizes do not fit, or is_causal is given without attn_mask.
        """
        if is_causal and attn_mask is None and cache is None:
            raise RuntimeError("MultiheadAttention: is_causal is a hint and needs attn_mask")
        batched = query.ndim == 3
        q, k, v = (self._batch_first(x, batched) for x in (query, key, value))  # (N, L or S, features)
        self._check_sizes(q, k, v)
        q, k, v = (self._split_heads(x) for x in self._project(q, k, v))  # (N, heads, L or S, D)
        q, k = self._turn(q, k, cache)
        hidden = None
        if cache is not None:
            k, v, may_look = cache.append(k, v)
            hidden = _as_added(~may_look, q)  # (L, S)
        mask = _sum([hidden, *self._masks(attn_mask, key_padding_mask, q, k)])
        k, v, mask = self._append(k, v, mask)
        weights = F.dropout(attention_weights(q, k, mask), self.dropout, self.training)  # (N, heads, L, S)
        joined = (weights @ v).transpose(1, 2).reshape(q.shape[0], q.shape[2], self.embed_dim)  # (N, L, E)
        output = self.out_proj(joined)
        shown = None if not need_weights else weights.mean(1) if average_attn_weights else weights
        if not batched:
            return output.squeeze(0), None if shown is None else shown.squeeze(0)
        return (output if self.batch_first else output.transpose(0, 1)), shown

    def new_cache(self, samples: int, max_len: int) -> KeyValueCache:
        """Return an empty cache of keys and values, for generation."""
        kind = self.out_proj.weight.dtype
        return KeyValueCache(samples, self.num_heads, max_len, self.head_dim, kind)

    def _batch_first(self, x: Tensor, batched: bool) -> Tensor:
        if not batched:
            return koubai.unsqueeze(x, 0)
        return x if self.batch_first else koubai.transpose(x, 0, 1)

    def _check_sizes(self, q: Tensor, k: Tensor, v: Tensor) -> None:
        """Refuse inputs whose features are not the layer's, or whose batches or lengths differ."""
        inputs = (("query", q, "embed_dim"), ("key", k, "kdim"), ("value", v, "vdim"))
        for name, x, size in inputs:
            if x.ndim != 3 or x.shape[-1] != getattr(self, size):
                raise RuntimeError(
                    f"MultiheadAttention: the {name} must have {size}={getattr(self, size)} features, "
                    f"got (N, length, features) {list(x.shape)}"
                )
        if k.shape[:2] != v.shape[:2] or q.shape[0] != k.shape[0]:
            raise RuntimeError(
                f"MultiheadAttention: batches, and the lengths of key and value, must agree; got (N, length, features) "
                f"{list(q.shape)}, {list(k.shape)} and {list(v.shape)}; is batch_first={self.batch_first} right?"
            )

    def _project(self, *inputs: Tensor) -> list[Tensor]:
        """Multiply queries, keys and values by their weights."""
        if self.in_proj_weight is not None:
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        return [F.linear(x, weight, bias) for x, weight, bias in zip(inputs, weights, biases)]

    def _split_heads(self, x: Tensor) -> Tensor:
        apart = x.reshape(x.shape[0], x.shape[1], self.num_heads, self.head_dim)
        return koubai.transpose(apart, 1, 2)

    def _turn(self, q: Tensor, k: Tensor, cache: KeyValueCache | None) -> tuple[Tensor, Tensor]:
        """Turn queries and keys by their positions, if the layer has rotary ones."""
        if self.rotary is None:
            return q, k
        start = 0 if cache is None else cache.length
        return self.rotary(q, start), self.rotary(k, start)

    def _masks(
        self, attn_mask: Tensor | None, padding: Tensor | None, q: Tensor, k: Tensor
    ) -> list[Tensor | None]:
        """Return both masks as numbers to add to the scores, broadcast to (N, heads, L, S)."""
        samples, queries, keys = q.shape[0], q.shape[2], k.shape[2]
        if attn_mask is not None:
            pairs = (queries, keys)
            _check_mask("attn_mask", attn_mask, pairs, (samples * self.num_heads, *pairs))
            attn_mask = _as_added(attn_mask, q)
            if attn_mask.ndim == 3:
                attn_mask = attn_mask.reshape(samples, self.num_heads, *pairs)
        if padding is not None:
            _check_mask("key_padding_mask", padding, (samples, keys), (keys,) if samples == 1 else ())
            padding = _as_added(padding.reshape(samples, 1, 1, keys), q)
        return [attn_mask, padding]

    def _append(self, k: Tensor, v: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Append the learned key and value, and the zeros, which every query may look at."""
        extra: list[tuple[Tensor, Tensor]] = []
        if self.bias_k is not None:
            extra.append((self._split_heads(self.bias_k), self._split_heads(self.bias_v)))
        if self.add_zero_attn:
            zeros = k.new_zeros(1, self.num_heads, 1, self.head_dim)
            extra.append((zeros, zeros))
        for key, value in extra:
            shape = (*k.shape[:2], 1, self.head_dim)
            k, v = koubai.cat([k, key.expand(shape)], 2), koubai.cat([v, value.expand(shape)], 2)
            mask = None if mask is None else F.pad(mask, (0, 1))
        return k, v, mask


def _sum(masks: list[Tensor | None]) -> Tensor | None:
    """Add up the masks that there are."""
    given = [mask for mask in masks if mask is not None]
    return sum(given[1:], given[0]) if given else None


def _check_mask(name: str, mask: Tensor, *allowed: tuple[int, ...]) -> None:
    if mask.shape not in allowed:
        shapes = " or ".join(str(list(shape)) for shape in allowed if shape)
        raise RuntimeError(f"MultiheadAttention: {name} must have the shape {shapes}, got {list(mask.shape)}")


def _as_added(mask: Tensor, like: Tensor) -> Tensor:
    """Return a mask as numbers to add: -inf where a bool mask forbids to look."""
    if mask.dtype == koubai.bool:
        mask = koubai.where(mask, float("-inf"), 0.0)
    return mask.to(like.dtype)
