"""Connectionist temporal classification: the likelihood of a label sequence, summed over all its alignments."""

from __future__ import annotations

from collections.abc import Sequence

import koubai
from koubai.nn.functional.loss.reduction import reduced
from koubai.scan import scan
from koubai.tensor import Tensor

__all__ = ["ctc_loss"]

_IMPOSSIBLE = float("-inf")


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Negative log-likelihood of label sequences, over all ways to place them in time (Graves et al. 2006).

    The forward recursion runs over the labels with blanks between them, in logarithms; its gradient is the derived one.

    Args:
        log_probs: log-probabilities, (T, N, C) or (T, C).
        targets: labels without blanks, (N, S), or all sequences one after the other.
        input_lengths: of each sample, at most T.
        target_lengths: of each sample.
        blank: the class of "no label".
        reduction: "mean" divides each loss by its target's length first; "sum", "none".
        zero_infinity: take 0 for samples whose targets do not fit into their inputs.

    Raises:
        ValueError: if a length or a label does not fit.
    """
    single = log_probs.ndim == 2
    logs = log_probs.unsqueeze(1) if single else log_probs  # (T, N, C)
    steps, samples, classes = logs.shape
    inputs, lengths = _lengths(input_lengths), _lengths(target_lengths)
    if len(inputs) != samples or len(lengths) != samples or max(inputs, default=0) > steps:
        raise ValueError(
            f"ctc_loss: log_probs {list(log_probs.shape)} have {samples} samples of {steps} steps; got input_lengths "
            f"{inputs} and target_lengths {lengths}"
        )
    labels = _padded(targets, lengths, blank)  # (N, S)
    if not 0 <= blank < classes or labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(f"ctc_loss: labels and blank must be classes, 0 to {classes - 1}")
    losses = _negative_log_likelihood(logs, labels, inputs, lengths, blank)
    if zero_infinity:
        losses = koubai.where(losses == float("inf"), 0.0, losses)
    if reduction == "mean":
        return (losses / koubai.tensor([max(n, 1) for n in lengths], dtype=logs.dtype)).mean()  # type: ignore[no-any-return]
    return reduced(losses.reshape(()) if single else losses, reduction)


def _lengths(lengths: Tensor | Sequence[int]) -> list[int]:
    values = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    return [int(n) for n in (values if isinstance(values, list) else [values])]


def _padded(targets: Tensor, lengths: Sequence[int], blank: int) -> Tensor:
    """Return the labels as (N, S), filled up with blanks."""
    longest = max(lengths, default=0)
    if targets.ndim == 2:
        rows = [row[:n] for row, n in zip(targets.tolist(), lengths)]
    else:
        flat, starts = targets.tolist(), [sum(lengths[:i]) for i in range(len(lengths))]
        rows = [flat[start : start + n] for start, n in zip(starts, lengths)]
    if any(len(row) != n for row, n in zip(rows, lengths)):
        raise ValueError(f"ctc_loss: targets {list(targets.shape)} are shorter than target_lengths {list(lengths)}")
    filled = [[*row, *[blank] * (longest - len(row))] for row in rows]
    return koubai.tensor(filled, dtype=koubai.int64).reshape(len(lengths), longest)  # type: ignore[no-any-return]


def _negative_log_likelihood(
    logs: Tensor, labels: Tensor, inputs: Sequence[int], lengths: Sequence[int], blank: int
) -> Tensor:
    """Run the forward recursion and read off the result at each sample's end."""
    steps, samples, _ = logs.shape
    count = 2 * labels.shape[1] + 1
    blanks = koubai.full((samples, labels.shape[1]), blank)
    path = koubai.stack([blanks, labels], 2).reshape(samples, -1)  # blank label blank label ...
    path = koubai.cat([path, koubai.full((samples, 1), blank)], 1)  # (N, 2S + 1)
    emitted = logs.gather(2, path.unsqueeze(0).expand(steps, samples, count))  # (T, N, 2S + 1)
    before = koubai.cat([koubai.full((samples, min(2, count)), blank), path], 1)[:, :count]  # two places back
    may_skip = (path != blank) & (path != before)
    impossible = koubai.full((samples, 2), _IMPOSSIBLE, dtype=logs.dtype)
    start = koubai.where(koubai.arange(count) < 2, emitted[0], _IMPOSSIBLE)
    times = koubai.arange(1, steps)
    last = koubai.tensor(list(inputs))  # (N,)

    def step(alpha: Tensor, now: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[()]]:
        scores, time = now
        shifted = koubai.cat([impossible, alpha], 1)  # (N, 2S + 3)
        stay, one, two = alpha, shifted[:, 1:-1], shifted[:, :-2]
        reached = _log_add(stay, one, koubai.where(may_skip, two, _IMPOSSIBLE)) + scores
        return koubai.where((time < last).unsqueeze(1), reached, alpha), ()

    alpha = start if steps < 2 else scan(step, start, (emitted[1:], times))[0]
    ends = koubai.tensor([2 * n for n in lengths]).reshape(-1, 1)
    on_blank = alpha.gather(1, ends)
    on_label = koubai.where(ends > 0, alpha.gather(1, (ends - 1).clamp(min=0)), _IMPOSSIBLE)
    return -_log_add(on_blank, on_label).squeeze(1)  # type: ignore[no-any-return]


def _log_add(*terms: Tensor) -> Tensor:
    """log(Σ exp(term)), -inf where all terms are, and then without a gradient."""
    stacked = koubai.stack(terms)
    top = stacked.detach().amax(0)
    none = top == _IMPOSSIBLE
    shift = koubai.where(none, 0.0, top)
    total = (stacked - shift).exp().sum(0)
    return koubai.where(none, _IMPOSSIBLE, koubai.where(none, 1.0, total).log() + shift)
