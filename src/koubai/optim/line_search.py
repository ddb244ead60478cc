"""The line search of LBFGS: find how far to go along a direction so that the strong Wolfe conditions hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from koubai.engine.tensor import Tensor

__all__ = ["Point", "strong_wolfe"]


class Point(NamedTuple):
    """A place along the line.

    Attributes:
        t: the distance from the start, in lengths of the direction.
        loss: the loss there.
        gradient: the gradient there, as one vector.
        slope: the derivative of the loss by t, the inner product of gradient and direction.
    """

    t: float
    loss: float
    gradient: Tensor
    slope: float


@dataclass(frozen=True)
class _Conditions:
    """The strong Wolfe conditions on a point, relative to the start of the line."""

    start: Point
    c1: float
    c2: float

    def too_high(self, point: Point) -> bool:
        """Whether the loss fell by less than the share c₁ of what the first slope promised."""
        return point.loss > self.start.loss + self.c1 * point.t * self.start.slope

    def flat(self, point: Point) -> bool:
        """Whether the slope is at most the share c₂ of the first."""
        return abs(point.slope) <= -self.c2 * self.start.slope


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    direction_size: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[Point, int]:
    """Find a point where the loss is low enough and its slope flat enough.

    First step outwards until an interval is known to hold such a point, then shrink it by cubic
    interpolation: Nocedal and Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6. The safeguards
    are PyTorch's, so that the same points are tried.

    Args:
        evaluate: gives the point at a distance t.
        start: the point at distance 0; its slope must be negative.
        t: the first distance to try.
        direction_size: the largest absolute element of the direction, to measure how far apart two points
            are.
        c1: the share of the decrease that the first slope promises which is enough.
        c2: the share of the first slope which is flat enough.
        tolerance_change: an interval shorter than this is not searched.
        max_ls: how often `evaluate` may be called after the first time.

    Returns:
        the best point found, and how often `evaluate` was called.
    """
    conditions = _Conditions(start, c1, c2)
    interval, calls = _enclose(evaluate, conditions, evaluate(t), max_ls)
    if len(interval) == 1 or calls > max_ls:
        return min(interval, key=lambda point: point.loss), calls
    return _shrink(evaluate, conditions, interval, tolerance_change / direction_size, calls, max_ls)


def _enclose(
    evaluate: Callable[[float], Point], conditions: _Conditions, point: Point, max_ls: int
) -> tuple[list[Point], int]:
    """Step outwards; return two points with a good one between, or one good point, and the calls made."""
    before = conditions.start
    for calls in range(1, max_ls + 1):
        if conditions.too_high(point) or (calls > 2 and point.loss >= before.loss):
            return [before, point], calls
        if conditions.flat(point):
            return [point], calls
        if point.slope >= 0:
            return [before, point], calls
        t = _cubic_minimum(before, point, point.t + 0.01 * (point.t - before.t), point.t * 10)
        before, point = point, evaluate(t)
    return [conditions.start, point], max_ls + 1


def _shrink(
    evaluate: Callable[[float], Point],
    conditions: _Conditions,
    interval: list[Point],
    shortest: float,
    calls: int,
    max_ls: int,
) -> tuple[Point, int]:
    """Replace the ends of the interval by better points until one is good; return the lower end."""
    stuck = False
    low = 0 if interval[0].loss <= interval[1].loss else 1
    while calls <= max_ls and not abs(interval[1].t - interval[0].t) < shortest:
        t, stuck = _trial(interval, stuck)
        point, calls = evaluate(t), calls + 1
        if conditions.too_high(point) or point.loss >= interval[low].loss:
            interval[1 - low] = point
            low = 0 if interval[0].loss <= interval[1].loss else 1
            continue
        if conditions.flat(point):
            return point, calls
        if point.slope * (interval[1 - low].t - interval[low].t) >= 0:
            interval[1 - low] = interval[low]
        interval[low] = point
    return interval[low], calls


def _trial(interval: list[Point], stuck: bool) -> tuple[float, bool]:
    """Return the distance to try next, and whether it is near an end, which may happen only once in a row."""
    nearest, farthest = sorted(point.t for point in interval)
    t = _cubic_minimum(interval[0], interval[1], nearest, farthest)
    margin = 0.1 * (farthest - nearest)
    if min(farthest - t, t - nearest) >= margin:
        return t, False
    if not stuck and nearest < t < farthest:
        return t, True
    return (farthest - margin if farthest - t < t - nearest else nearest + margin), False


def _cubic_minimum(a: Point, b: Point, lowest: float, highest: float) -> float:
    """Return where the cubic through losses and slopes of two points is least, kept within the bounds.

    Nocedal and Wright, equation 3.59; the middle of the bounds if the cubic has no minimum.
    """
    if a.t > b.t:
        a, b = b, a
    if a.t < b.t:
        d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
        square = d1 * d1 - a.slope * b.slope
        if square >= 0:
            d2 = math.sqrt(square)
            bend = b.slope - a.slope + 2 * d2
            if bend:
                return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / bend), lowest), highest)
    return (lowest + highest) / 2
