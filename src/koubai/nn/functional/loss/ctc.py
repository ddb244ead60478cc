"""Connectionist temporal classification: the likelihood of a label sequence, summed over all its alignments."""

from __future__ import annotations

from collections.abc import Sequence

import koubai
from koubai.engine.scan import scan
from koubai.engine.tensor import Tensor
from koubai.nn.functional.loss.checks import labels_exist, values_of
from koubai.nn.functional.loss.reduction import reduced

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

    At each time a network emits a label or a blank; repeated labels are merged, then blanks dropped. The forward
    recursion runs in logarithms over the labels with blanks between them.

    Gradient: the probability of each class at each time, minus its part in the alignments of the target. The
    log-probabilities are normalised once more, which changes nothing for true ones, and gives them this gradient.

    Args:
        log_probs: log-probabilities, (T, N, C) or (T, C), such as `log_softmax` gives.
        targets: labels without blanks, (N, S), or all sequences one after the other, (sum of target_lengths,).
        input_lengths: of each sample, at most T; (N,).
        target_lengths: of each sample; (N,).
        blank: the class of "no label".
        reduction: "mean" divides each loss by its target's length first; "sum", or "none".
        zero_infinity: take 0 for samples whose targets do not fit into their inputs, instead of infinity.

    Returns:
        one number; with "none" one for each sample, (N,) or ().

    Raises:
        RuntimeError: if a length does not fit, or blank is not a class.
        IndexError: if a label is not a class.
    """
    single = log_probs.ndim == 2
    logs = koubai.log_softmax(log_probs.unsqueeze(1) if single else log_probs, -1)  # (T, N, C)
    inputs, lengths = (_lengths(given, logs) for given in (input_lengths, target_lengths))
    _check_lengths(log_probs, inputs, lengths, targets)
    if not 0 <= blank < logs.shape[2]:
        raise RuntimeError(f"ctc_loss: blank {blank} is not a class: log_probs have {logs.shape[2]} classes")
    longest = _longest(targets, lengths, logs.shape[0])
    labels = _padded(targets.to(logs.device).long(), lengths, longest, blank)
    labels_exist("ctc_loss", labels, logs.shape[2])
    losses = -_log_likelihood(logs, _with_blanks(labels, blank), inputs, lengths, blank)
    if zero_infinity:
        losses = koubai.where(losses == float("inf"), 0.0, losses)
    if reduction == "mean":
        return koubai.mean(losses / koubai.clamp(lengths, min=1))
    return reduced(losses.reshape(()) if single else losses, reduction)


def _lengths(lengths: Tensor | Sequence[int], logs: Tensor) -> Tensor:
    return koubai.as_tensor(lengths, dtype=koubai.int64, device=logs.device).reshape(-1)


def _check_lengths(log_probs: Tensor, inputs: Tensor, lengths: Tensor, targets: Tensor) -> None:
    """Refuse lengths that do not fit; their values only where there are any."""
    steps, samples = log_probs.shape[0], log_probs.shape[1] if log_probs.ndim == 3 else 1
    if inputs.shape != (samples,) or lengths.shape != (samples,):
        raise RuntimeError(
            f"ctc_loss: log_probs {list(log_probs.shape)} hold {samples} samples, which need as many lengths; got "
            f"{inputs.numel()} input_lengths and {lengths.numel()} target_lengths"
        )
    times, sizes = values_of(inputs), values_of(lengths)
    if times is not None and times.size and not 0 <= times.min() <= times.max() <= steps:
        raise RuntimeError(
            f"ctc_loss: input_lengths are 0 to {steps}, the steps of log_probs; got {times.tolist()}"
        )
    if sizes is None or not sizes.size:
        return
    needed = sizes.max() if targets.ndim == 2 else sizes.sum()
    if sizes.min() < 0 or needed > targets.shape[-1]:
        raise RuntimeError(
            f"ctc_loss: targets {list(targets.shape)} do not hold sequences of target_lengths {sizes.tolist()}"
        )


def _longest(targets: Tensor, lengths: Tensor, steps: int) -> int:
    """Return the length of the longest target; where lengths have no values yet, of the longest that can be placed."""
    if targets.ndim == 2:
        return targets.shape[1]
    known = values_of(lengths)
    return min(targets.shape[0], steps) if known is None else int(known.max(initial=0))


def _padded(targets: Tensor, lengths: Tensor, longest: int, blank: int) -> Tensor:
    """Return the labels as (N, longest), with blanks after each sequence's end."""
    places = koubai.arange(longest, device=targets.device)
    inside = places < lengths.unsqueeze(1)  # (N, longest)
    if targets.ndim == 1:
        starts = koubai.cumsum(lengths, 0) - lengths
        places = koubai.where(inside, places + starts.unsqueeze(1), 0)
        targets = targets.gather(0, places.reshape(-1)).reshape(places.shape)
    return koubai.where(inside, targets, blank)


def _with_blanks(labels: Tensor, blank: int) -> Tensor:
    """Return blank, label, blank, label, ..., blank for each sample, (N, 2S + 1)."""
    blanks = koubai.full_like(labels, blank)
    pairs = koubai.stack([blanks, labels], 2).reshape(labels.shape[0], -1)
    return koubai.cat([pairs, labels.new_full((labels.shape[0], 1), blank)], 1)


def _log_likelihood(logs: Tensor, path: Tensor, inputs: Tensor, lengths: Tensor, blank: int) -> Tensor:
    """Run the forward recursion along the paths (N, 2S + 1), and read off the result at each sample's end, (N,)."""
    emitted = koubai.gather(logs, 2, path.expand(logs.shape[0], *path.shape))  # (T, N, 2S + 1)
    two_back = _shifted(path, 2, blank)
    may_skip = (path != blank) & (path != two_back)  # over the blank between two different labels

    def step(alpha: Tensor, now: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[()]]:
        scores, time = now
        skipped = koubai.where(may_skip, _shifted(alpha, 2, _IMPOSSIBLE), _IMPOSSIBLE)
        reached = _log_add(alpha, _shifted(alpha, 1, _IMPOSSIBLE), skipped) + scores
        return koubai.where((time < inputs).unsqueeze(1), reached, alpha), ()

    positions, times = (koubai.arange(n, device=logs.device) for n in (path.shape[1], logs.shape[0]))
    start = koubai.where(positions == 0, 0.0, _IMPOSSIBLE).to(logs.dtype).expand(path.shape)
    alpha, _ = scan(step, start, (emitted, times))
    last = 2 * lengths.unsqueeze(1)  # where the final blank is; the final label is one before
    fits = last < path.shape[1]
    last = koubai.where(fits, last, 0)
    on_blank = alpha.gather(1, last)
    on_label = koubai.where(last > 0, alpha.gather(1, koubai.clamp(last - 1, min=0)), _IMPOSSIBLE)
    return koubai.where(fits, _log_add(on_blank, on_label), _IMPOSSIBLE).squeeze(1)


def _shifted(rows: Tensor, by: int, fill: float) -> Tensor:
    """Return the rows (N, L) moved to the right, with `fill` in front."""
    front = rows.new_full((rows.shape[0], by), fill)
    return koubai.cat([front, rows], 1)[:, : rows.shape[1]]


def _log_add(*terms: Tensor) -> Tensor:
    """log(Σ exp(term)), -inf where all terms are, and then without a gradient."""
    stacked = koubai.stack(terms)
    top = koubai.amax(stacked.detach(), 0)
    none = top == _IMPOSSIBLE
    shift = koubai.where(none, 0.0, top)
    total = koubai.sum(koubai.exp(stacked - shift), 0)
    return koubai.where(none, _IMPOSSIBLE, koubai.log(total) + shift)
