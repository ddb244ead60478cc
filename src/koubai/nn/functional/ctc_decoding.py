"""Reading labels from what a network trained with `ctc_loss` says at each time: the best path, or the best labels."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import koubai
from koubai.arrays import Array
from koubai.engine.tensor import Tensor

__all__ = ["CTCHypothesis", "ctc_beam_decode", "ctc_greedy_decode"]

Labels = tuple[int, ...]
Score = Callable[[Labels, int], float]


def ctc_greedy_decode(
    log_probs: Tensor, input_lengths: Tensor | Sequence[int] | None = None, blank: int = 0
) -> tuple[Tensor, Tensor]:
    """Take the best class at each time, merge repeated labels, and drop blanks (Graves et al. 2006, section 3.2).

    Args:
        log_probs: log-probabilities, or scores, (T, N, C) or (T, C).
        input_lengths: of each sample, (N,); T by default.
        blank: the class of "no label".

    Returns:
        labels (N, T), filled up with blanks, and how many there are, (N,): as `ctc_loss` takes its targets. Without N
        if there was none.

    Raises:
        RuntimeError: if log_probs have another number of dimensions.

    Example:
        >>> F.ctc_greedy_decode(koubai.eye(4)[[1, 1, 0, 1, 3]])
        (tensor([1, 1, 3, 0, 0]), tensor(3))
    """
    rows = _batched("ctc_greedy_decode", log_probs)
    steps, samples, _ = rows.shape
    best = rows.argmax(-1)  # (T, N)
    before = koubai.cat([best.new_full((1, samples), -1), best[:-1]])
    kept = (best != blank) & (best != before)
    if input_lengths is not None:
        ends = koubai.as_tensor(input_lengths, device=rows.device).reshape(-1)
        kept = kept & (koubai.arange(steps, device=rows.device).unsqueeze(1) < ends)
    places = koubai.where(kept, kept.long().cumsum(0) - 1, steps)  # what is dropped goes to one place more
    labels = best.new_full((steps + 1, samples), blank).scatter(0, places, best)[:steps].T  # (N, T)
    counts = kept.sum(0)
    return (labels, counts) if log_probs.ndim == 3 else (labels[0], counts[0])


class CTCHypothesis(NamedTuple):
    """Labels that a sample may stand for.

    Attributes:
        labels: without blanks.
        log_probability: summed over their alignments that were kept, with the scores of `score`.
    """

    labels: list[int]
    log_probability: float


def ctc_beam_decode(
    log_probs: Tensor,
    input_lengths: Tensor | Sequence[int] | None = None,
    beam_width: int = 16,
    blank: int = 0,
    score: Score | None = None,
) -> list[list[CTCHypothesis]]:
    """Find the labels whose alignments together are most probable, by prefix beam search (Hannun et al. 2014).

    The best path is one alignment; other labels may have more. It runs on arrays, after training, and cannot be traced.

    Args:
        log_probs: log-probabilities, (T, N, C) or (T, C).
        input_lengths: of each sample, (N,); T by default.
        beam_width: how many beginnings are kept at each time.
        blank: the class of "no label".
        score: of a label after the labels before it, added to the logarithms: a language model, times a weight.

    Returns:
        for each sample, at most beam_width hypotheses, the most probable first.

    Raises:
        RuntimeError: if log_probs have another number of dimensions.
        ValueError: if beam_width is not positive.

    Example:
        >>> F.ctc_beam_decode(koubai.tensor([[0.6, 0.4], [0.6, 0.4]]).log())[0][0].labels
        [1]
    """
    if beam_width < 1:
        raise ValueError(f"ctc_beam_decode: beam_width must be positive, got {beam_width}")
    rows = _batched("ctc_beam_decode", log_probs).numpy(force=True)
    steps, samples, _ = rows.shape
    lengths = (
        [steps] * samples if input_lengths is None else koubai.as_tensor(input_lengths).reshape(-1).tolist()
    )
    return [_search(rows[:length, n], beam_width, blank, score) for n, length in enumerate(lengths)]


def _batched(name: str, log_probs: Tensor) -> Tensor:
    if log_probs.ndim not in (2, 3):
        raise RuntimeError(f"{name}: expected (T, N, C) or (T, C), got {list(log_probs.shape)}")
    return log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)


class _Beam:
    """Log-probabilities of one beginning: that its last time was a blank, and that it was its last label."""

    def __init__(self, on_blank: float = -math.inf, on_label: float = -math.inf) -> None:
        self.on_blank, self.on_label = on_blank, on_label

    @property
    def total(self) -> float:
        return _log_add(self.on_blank, self.on_label)


def _log_add(a: float, b: float) -> float:
    top = max(a, b)
    return top if top == -math.inf else top + math.log1p(math.exp(min(a, b) - top))


def _search(rows: Array, width: int, blank: int, score: Score | None) -> list[CTCHypothesis]:
    """Decode one sample, (T, C)."""
    beams: dict[Labels, _Beam] = {(): _Beam(on_blank=0.0)}
    for now in rows.tolist():
        grown: defaultdict[Labels, _Beam] = defaultdict(_Beam)
        for labels, beam in beams.items():
            _stay(grown[labels], labels, beam, now, blank)
            _extend(grown, labels, beam, now, blank, score)
        best = sorted(grown, key=lambda labels: grown[labels].total, reverse=True)[:width]
        beams = {labels: grown[labels] for labels in best}
    return [CTCHypothesis(list(labels), beam.total) for labels, beam in beams.items()]


def _stay(grown: _Beam, labels: Labels, beam: _Beam, now: list[float], blank: int) -> None:
    """Add the ways to go on without a new label: a blank, or the last label again."""
    grown.on_blank = _log_add(grown.on_blank, beam.total + now[blank])
    if labels:
        grown.on_label = _log_add(grown.on_label, beam.on_label + now[labels[-1]])


def _extend(
    grown: defaultdict[Labels, _Beam],
    labels: Labels,
    beam: _Beam,
    now: list[float],
    blank: int,
    score: Score | None,
) -> None:
    """Add the ways to go on with each label; before the last one again, there must be a blank."""
    total, last = beam.total, labels[-1] if labels else blank
    for label, value in enumerate(now):
        reached = (beam.on_blank if label == last else total) + value
        if label != blank and reached > -math.inf:
            longer = grown[(*labels, label)]
            reached += 0.0 if score is None else score(labels, label)
            longer.on_label = _log_add(longer.on_label, reached)
