"""Small plots of characters: a curve in one line, and bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

_STEPS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_WIDE = 100.0  # times the smallest value: from there on a curve is drawn by its logarithm


def sparkline(values: Sequence[float], width: int = 32) -> str:
    """A curve as one line of blocks; values that are no number are gaps.

    Args:
        values: the curve.
        width: at most so many characters; of more values each block shows the mean of some.
    """
    points = _scaled(_resampled(values, width))
    return "".join(
        " " if math.isnan(p) else _STEPS[min(int(p * len(_STEPS)), len(_STEPS) - 1)] for p in points
    )


def bar(share: float, width: int) -> str:
    """A bar that fills a share of the width, to an eighth of a character."""
    eighths = round(8 * width * min(max(share, 0.0), 1.0))
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip() or "▏"


def log_shares(values: Sequence[float], decades: float = 1.0) -> list[float]:
    """How long the bars of values are on a logarithmic scale that begins some decades below the smallest one."""
    logs = [math.log10(value) if value > 0 else -math.inf for value in values]
    finite = [log for log in logs if math.isfinite(log)]
    if not finite:
        return [0.0] * len(values)
    low, high = min(finite) - decades, max(finite)
    return [max(0.0, (log - low) / (high - low)) for log in logs]


def _resampled(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    edges = [round(n * len(values) / width) for n in range(width + 1)]
    return [math.fsum(values[a:b]) / (b - a) for a, b in pairwise(edges)]


def _scaled(values: list[float]) -> list[float]:
    """From 0 to 1, by the logarithm where the values are far apart; NaN for what is no number."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return [math.nan] * len(values)
    low, high = min(finite), max(finite)
    if low > 0 and high > _WIDE * low:
        values, low, high = [math.log(v) if v > 0 else v for v in values], math.log(low), math.log(high)
    spread = high - low
    return [math.nan if not math.isfinite(v) else (v - low) / spread if spread else 0.5 for v in values]
