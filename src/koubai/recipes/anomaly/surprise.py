"""How surprising each error of a series is, judged by nothing but the errors before it.

What is a large error differs from series to series and changes in time, so errors are turned into probabilities of the
tail of their own past. This turns out to matter as much as the network does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_TAIL = 0.95  # quantile where the tail of the past errors begins
_HEAVIEST = 0.3  # of a tail; few errors make a poor estimate of it
_ANEW = 10  # times per probation that the tail is estimated anew
_SMOOTH = 10  # values of the short mean, as in Ahmad et al. 2017
_SHARE = 0.5  # of the smooth errors' surprise
_OUT, _FAR = 2.0, 0.05  # what a value is worth that lies out of the past range by this share of it
_REST = 2.5  # times per probation that the same trouble is reported again


def surprise(errors: Values, values: Values, probation: int) -> Values:
    """How surprising each value is: near 0 or less for the usual, 5 for what is e⁵ times as rare as the rarest 5 %.

    That is the error's surprise, half that of the mean of the last 10 errors, and 2 for a value that lies out of the
    range of all before.

    Args:
        errors: of the network (N,).
        values: the series itself (N,).
        probation: how many values the network learnt from; sets how fast all this goes.
    """
    alone = tail_surprise(errors, probation)
    smooth = np.maximum(tail_surprise(_trailing_mean(errors), probation), 0)
    return np.asarray(alone + _SHARE * smooth + _OUT * _out_of_range(values))


def told_once(surprising: Values, probation: int) -> Values:
    """The surprise, and -∞ where something shortly before was as surprising, so that one trouble gives few alarms."""
    rest = max(1, round(probation / _REST))
    padded = np.concatenate([np.full(rest, -np.inf), surprising[:-1]])
    before = np.lib.stride_tricks.sliding_window_view(padded, rest).max(axis=1)
    return np.where(surprising > before, surprising, -np.inf)


def tail_surprise(errors: Values, probation: int) -> Values:
    """-log(P(a larger error) / 0.05), from a generalised Pareto distribution over the tail of all errors before.

    The distribution's shape and scale are estimated by moments (Hosking and Wallis 1987); the use for streams is that
    of Siffer et al. 2017. Below the tail it falls on as a straight line.

    Args:
        errors: in order of time (N,).
        probation: the tail is estimated anew ten times per so many values.
    """
    step = max(1, probation // _ANEW)
    surprising = np.zeros(len(errors))
    for start in range(step, len(errors), step):
        tail, scale, shape = _tail(errors[:start])
        over = (errors[start : start + step] - tail) / scale
        surprising[start : start + step] = _pareto(over, shape)
    return surprising


def _tail(past: Values) -> tuple[float, float, float]:
    """Where the tail begins, its scale and its shape."""
    tail = float(np.quantile(past, _TAIL))
    excess = past[past > tail] - tail
    mean, variance = (float(excess.mean()), float(excess.var())) if len(excess) else (0.0, 0.0)
    mean += 0.01 * tail + 1e-9  # errors that never vary would make the smallest change infinitely surprising
    shape = float(np.clip(0.5 * (1 - mean**2 / variance), 0, _HEAVIEST)) if variance > 0 else 0.0
    return tail, mean * (1 - shape), shape


def _pareto(over: Values, shape: float) -> Values:
    """-log of the tail's probability at excesses in units of its scale."""
    if shape < 1e-6:
        return over
    return np.where(over > 0, np.log1p(shape * np.maximum(over, 0)) / shape, over)


def _trailing_mean(errors: Values) -> Values:
    """The mean of the last ten errors, of fewer at the beginning."""
    sums = np.concatenate([[0.0], np.cumsum(errors)])
    ends = np.arange(1, len(errors) + 1)
    starts = np.maximum(0, ends - _SMOOTH)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))


def _out_of_range(values: Values) -> NDArray[np.bool_]:
    """Which values lie far out of the range of all before (the "spatial anomalies" of NAB's Numenta detector)."""
    high, low = np.maximum.accumulate(values)[:-1], np.minimum.accumulate(values)[:-1]
    out = np.maximum(values[1:] - high, low - values[1:])
    return np.append(False, out > _FAR * (high - low) + 1e-9 * np.abs(high))
