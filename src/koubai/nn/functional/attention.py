"""Attention: every query reads a mixture of the values, weighted by how well their keys fit."""

from __future__ import annotations

import math

import koubai
from koubai.nn.functional.softmaxes import softmax
from koubai.nn.functional.dropout import dropout
from koubai.tensor import Tensor

__all__ = ["attention_weights", "scaled_dot_product_attention"]


def attention_weights(
    query: Tensor,
    key: Tensor,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(Q Kᵀ / √D + mask), (..., L, S). A query that may look at nothing gets zeros, not NaN.

    Args:
        query: (..., L, D).
        key: (..., S, D).
        attn_mask: bool, True where a query may look, or numbers that are added; broadcast to (..., L, S).
        is_causal: let query i look at keys 0 to i only.
        scale: instead of 1/√D.
    """
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * scale) @ key.transpose(-2, -1)  # (..., L, S)
    if is_causal:
        causal = koubai.ones(scores.shape[-2:], dtype=koubai.bool).tril()
        attn_mask = causal if attn_mask is None else _both(attn_mask, causal)
    if attn_mask is None:
        return softmax(scores, -1)
    if attn_mask.dtype == koubai.bool:
        scores = koubai.where(attn_mask, scores, float("-inf"))
    else:
        scores = scores + attn_mask
    blind = (scores == float("-inf")).all(-1, keepdim=True)
    return koubai.where(blind, 0.0, softmax(koubai.where(blind, 0.0, scores), -1))


def _both(mask: Tensor, causal: Tensor) -> Tensor:
    """Join a mask of either kind with a bool one."""
    if mask.dtype == koubai.bool:
        return mask & causal
    return koubai.where(causal, mask, float("-inf"))


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
    """softmax(Q Kᵀ / √D) V (Vaswani et al. 2017).

    Args:
        query: (..., heads, L, D).
        key: (..., heads, S, D).
        value: (..., heads, S, E).
        attn_mask: bool, True where a query may look, or numbers that are added; broadcast to (..., heads, L, S).
        dropout_p: of the weights; always acts, so give 0 when evaluating.
        is_causal: let query i look at keys 0 to i only; without attn_mask.
        scale: instead of 1/√D.
        enable_gqa: let groups of query heads share a key head (Ainslie et al. 2023).

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
        groups = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    return dropout(weights, dropout_p) @ value if dropout_p else weights @ value
