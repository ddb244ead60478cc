"""Attention: every query reads a mixture of the values, weighted by how well their keys fit."""

from __future__ import annotations

import math

import koubai
from koubai.engine.function import composite
from koubai.engine.tensor import Tensor
from koubai.nn.functional.dropout import dropout

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(Q Kᵀ / √D) V (Vaswani et al. 2017, section 3.2.1). A query that may look at nothing gets zeros.

    Args:
        query: (..., heads, L, D).
        key: (..., heads, S, D).
        value: (..., heads, S, E).
        attn_mask: bool, True where a query may look, or numbers that are added; broadcast to (..., heads, L, S).
        dropout_p: the probability of dropping a weight; always acts, so give 0 when evaluating.
        is_causal: let query i look at keys 0 to i only; without attn_mask.
        scale: instead of 1/√D.
        enable_gqa: let groups of query heads share a key and value head (Ainslie et al. 2023).

    Returns:
        (..., heads, L, E).

    Raises:
        RuntimeError: if both a mask and is_causal are given, or sizes do not fit.
    """
    if attn_mask is not None and is_causal:
        raise RuntimeError("scaled_dot_product_attention: give attn_mask or is_causal, not both")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(
            f"scaled_dot_product_attention: query {list(query.shape)} and key {list(key.shape)} must agree in the last "
            f"dimension, key and value {list(value.shape)} in the one before"
        )
    if enable_gqa:
        key, value = _shared_heads(query, key), _shared_heads(query, value)
    if is_causal:
        attn_mask = query.new_ones(query.shape[-2], key.shape[-2], dtype=koubai.bool).tril()  # (L, S)
    weights = attention_weights(query, key, attn_mask, scale)
    return koubai.matmul(dropout(weights, dropout_p), value)


def _shared_heads(query: Tensor, heads: Tensor) -> Tensor:
    """Repeat key or value heads, (..., groups, S, D), for the query heads of each group."""
    if query.shape[-3] % heads.shape[-3]:
        raise RuntimeError(
            f"scaled_dot_product_attention: the {query.shape[-3]} query heads must be a multiple of the "
            f"{heads.shape[-3]} key and value heads"
        )
    return koubai.repeat_interleave(heads, query.shape[-3] // heads.shape[-3], -3)


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None, scale: float | None = None) -> Tensor:
    """softmax(Q Kᵀ / √D + mask), (..., L, S), zeros where all is masked; arguments as for the function above."""
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = koubai.matmul(query * scale, key.transpose(-2, -1))  # (..., L, S)
    if mask is not None:
        scores = koubai.where(mask, scores, float("-inf")) if mask.dtype == koubai.bool else scores + mask
    return _softmax_or_zeros(scores)


@composite(lambda g, out: (out * (g - koubai.sum(g * out, -1, keepdim=True)),))
def _softmax_or_zeros(scores: Tensor) -> Tensor:
    """Softmax along the last dimension, zeros for a row of -inf (or of nothing)."""
    if not scores.numel():
        return scores
    top = koubai.amax(scores, -1, keepdim=True)
    powers = koubai.exp(scores - koubai.where(top == float("-inf"), 0.0, top))
    total = koubai.sum(powers, -1, keepdim=True)
    return powers / koubai.where(total == 0, 1.0, total)
