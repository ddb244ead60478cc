"""Draws the next token from a language model's scores: the higher the temperature, the bolder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import koubai
from koubai.i18n import N_
from koubai.recipes.predictor import AnswerOptions

__all__ = ["SamplingOptions", "drawn"]


class SamplingOptions(AnswerOptions):
    """How tokens are drawn."""

    temperature: float = Field(
        0.8,
        ge=0,
        allow_inf_nan=False,
        description=N_("0 takes the likeliest token, 1 draws as the model says"),
    )
    top_k: int | None = Field(None, ge=1, description=N_("draw from this many of the likeliest tokens only"))
    top_p: float | None = Field(
        None,
        gt=0,
        le=1,
        description=N_("draw from the likeliest tokens that together have this probability"),
    )
    seed: int = Field(0, ge=0, description=N_("the same seed gives the same result, bit for bit"))


def drawn(
    scores: NDArray[np.float32], options: SamplingOptions, generator: koubai.Generator
) -> NDArray[np.int64]:
    """Draw a token for each row of scores (Holtzman et al. 2020 for `top_p`).

    Args:
        scores: (N, V); -inf for what must not be drawn.
        options: temperature, top_k, top_p.
        generator: where the chance comes from.

    Returns:
        (N,).
    """
    if options.temperature == 0:
        return np.asarray(scores.argmax(axis=1))
    order = np.argsort(-scores, axis=1, kind="stable")  # the likeliest first
    ranked = np.take_along_axis(scores, order, axis=1).astype(np.float64)
    powers = np.exp((ranked - ranked[:, :1]) / options.temperature)
    shares = powers / powers.sum(axis=1, keepdims=True)
    before = np.cumsum(shares, axis=1) - shares  # what all likelier ones have together
    if options.top_p is not None:
        shares = np.where(before < options.top_p, shares, 0)
    if options.top_k is not None:
        shares[:, options.top_k :] = 0
    ends = np.cumsum(shares, axis=1)
    draws = koubai.rand(len(scores), 1, dtype=koubai.float64, generator=generator).numpy() * ends[:, -1:]
    places = np.minimum((ends <= draws).sum(axis=1), np.count_nonzero(shares, axis=1) - 1)
    return np.asarray(order[np.arange(len(scores)), places])
