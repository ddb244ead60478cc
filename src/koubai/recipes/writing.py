"""Lets a model that reads a sentence write another: the likeliest ones, found by beam search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import koubai
from koubai.i18n import N_
from koubai.nn import KeyValueCache
from koubai.recipes.beam_search import Hypothesis, beam_search
from koubai.recipes.predictor import AnswerOptions
from koubai.recipes.special_tokens import BEGIN, END, PADDING, UNKNOWN, padded

__all__ = ["SearchOptions", "written"]

_BATCH = 50  # sentences that are read together


class Writer(Protocol):
    """A model with an encoder and a decoder, such as `koubai.models.Translator`."""

    def encode(self, source: koubai.Tensor) -> tuple[koubai.Tensor, ...]:
        """What is known of each source."""

    @property
    def decode(self) -> Callable[..., koubai.Tensor]:
        """`decode(target, *encoded, cache=, start=)` scores what comes next (N, T, V)."""

    def new_cache(self, samples: int) -> list[KeyValueCache]:
        """Room for what is written."""


class SearchOptions(AnswerOptions):
    """How a sentence is searched for."""

    beam: int = Field(5, ge=1, le=100, description=N_("beginnings that the search goes on with"))
    length_penalty: float = Field(
        1.0, ge=0, allow_inf_nan=False, description=N_("0 prefers short sentences, 1 and more long ones")
    )


def written(
    model: Writer, sources: Sequence[NDArray[np.int64]], options: SearchOptions, longest: int
) -> list[list[Hypothesis]]:
    """The best sentences for each source, the best first.

    Args:
        model: scores each token as the next.
        sources: rows of tokens to read.
        options: of the search.
        longest: tokens of a written sentence, its end not counted.
    """
    found: list[list[Hypothesis]] = []
    with koubai.no_grad():
        for start in range(0, len(sources), _BATCH):
            rows = koubai.tensor(padded(sources[start : start + _BATCH]))
            found += _search(model, rows, options, longest)
    return found


def _search(
    model: Writer, rows: koubai.Tensor, options: SearchOptions, longest: int
) -> list[list[Hypothesis]]:
    read = [each.repeat_interleave(options.beam, 0) for each in model.encode(rows)]  # of (N · beam, ...)
    cache, length = model.new_cache(len(read[0])), 0

    def step(tokens: NDArray[np.int64], parents: NDArray[np.int64]) -> NDArray[Any]:
        nonlocal length
        for layer in cache:
            layer.reorder(koubai.tensor(parents))
        scores = model.decode(koubai.tensor(tokens[:, None]), *read, cache=cache, start=length)  # (B, 1, V)
        length += 1
        logs = np.array(koubai.log_softmax(scores[:, 0], -1).numpy())
        logs[:, [PADDING, BEGIN, UNKNOWN]] = -np.inf
        return logs

    return beam_search(
        step,
        len(rows),
        begin=BEGIN,
        end=END,
        longest=longest,
        width=options.beam,
        length_penalty=options.length_penalty,
    )
