"""Draws several curves in one picture, each with its name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from koubai.report.canvas import LIGHT, Theme, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 60  # points of a curve; of more each shows the mean of some
_FAR = 100.0  # times the smallest value: from there on the axis is logarithmic


def draw_lines(title: str, axis: str, curves: Mapping[str, Sequence[float]], theme: Theme = LIGHT) -> bytes:
    """Curves side by side, as PNG.

    Args:
        title: above the picture.
        axis: what they run over, such as "epoch", in the user's language.
        curves: values by name; what is not finite is left out.
        theme: the picture's colours.

    Raises:
        MatplotlibMissing: when Matplotlib is not installed.
    """

    def draw(axes: Axes, theme: Theme) -> None:
        from matplotlib import colormaps

        own = [theme.validation, theme.training, theme.soft]
        colours = own if len(curves) <= len(own) else colormaps["viridis"](np.linspace(0, 0.9, len(curves)))
        for (name, values), colour in zip(curves.items(), colours):
            places, means = thinned(values)
            axes.plot(places, means, color=colour, linewidth=2, label=name, solid_capstyle="round")
        if _far_apart(curves):
            axes.set_yscale("log")
        axes.set_title(title, loc="left", color=theme.ink, fontsize=11, fontweight="bold")
        axes.set_xlabel(axis)
        axes.locator_params(axis="x", integer=True)
        axes.figure.legend(
            loc="outside lower center", ncols=3, frameon=False, labelcolor=theme.ink, fontsize=9
        )

    return picture(draw, theme)


def thinned(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Places from 1 and values; of a long curve the means of its parts."""
    edges = [round(n * len(values) / _MOST) for n in range(_MOST + 1)]
    if len(values) <= _MOST:
        edges = list(range(len(values) + 1))
    places = [(a + 1 + b) / 2 for a, b in pairwise(edges)]
    return places, [_mean(values[a:b]) for a, b in pairwise(edges)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if all(map(math.isfinite, values)) else math.nan


def _far_apart(curves: Mapping[str, Sequence[float]]) -> bool:
    finite = [value for values in curves.values() for value in values if math.isfinite(value)]
    return bool(finite) and 0 < _FAR * min(finite) < max(finite)
