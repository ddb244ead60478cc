"""Exhibits that Matplotlib draws: curves with bands and windows, matrices, bars, agreement."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np

from koubai.i18n import _
from koubai.recipes.exhibit import Agreement, Array, Bars, Confusion, Exhibit, HeatMap, Lines
from koubai.report.canvas import LIGHT, Theme, picture
from koubai.report.curves import draw_agreement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE = (10.4, 3.4)  # inches
_CELL = 0.32  # inches of a cell of a heat map
_ROW = 0.28  # inches of a bar


@singledispatch
def draw_chart(exhibit: Exhibit, theme: Theme = LIGHT) -> bytes:
    """The exhibit as PNG.

    Args:
        exhibit: `Lines`, `HeatMap`, `Bars`, `Agreement` or `Confusion`.
        theme: the picture's colours.

    Raises:
        MatplotlibMissing: when Matplotlib is not installed.
        TypeError: it is another kind of exhibit.
    """
    raise TypeError(f"{type(exhibit).__name__} is not drawn as a chart")


@draw_chart.register
def _agreement(exhibit: Agreement, theme: Theme = LIGHT) -> bytes:
    return draw_agreement(exhibit.truth.tolist(), exhibit.predicted.tolist(), theme)


@draw_chart.register
def _lines(exhibit: Lines, theme: Theme = LIGHT) -> bytes:
    def draw(axes: Axes, theme: Theme) -> None:
        colours = _colours(theme, len(exhibit.curves))
        for (name, values), colour in zip(exhibit.curves.items(), colours):
            places = _places(exhibit, values)
            axes.plot(places, values, color=colour, linewidth=1.5, label=_(name), solid_capstyle="round")
        for name, (low, high) in exhibit.bands.items():
            axes.fill_between(
                _places(exhibit, low),
                low,
                high,
                color=theme.validation,
                alpha=0.2,
                linewidth=0,
                label=_(name),
            )
        for start, end in exhibit.windows:
            axes.axvspan(start, end, color=theme.validation, alpha=0.15, linewidth=0)
        for place in exhibit.marks:
            axes.axvline(place, color=theme.validation, linewidth=1)
        axes.set_xlabel(_(exhibit.axis) if exhibit.axis else "")
        axes.margins(x=0.01)
        axes.figure.legend(
            loc="outside lower center", ncols=4, frameon=False, labelcolor=theme.ink, fontsize=9
        )

    return picture(draw, theme, _WIDE)


@draw_chart.register
def _heat_map(exhibit: HeatMap, theme: Theme = LIGHT) -> bytes:
    rows, columns = exhibit.values.shape

    def draw(axes: Axes, theme: Theme) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        colours = LinearSegmentedColormap.from_list("heat", [theme.card, theme.training])
        axes.imshow(exhibit.values, cmap=colours, aspect="auto", vmin=0)
        axes.set_xticks(range(columns), exhibit.columns, rotation=45, ha="right")
        axes.set_yticks(range(rows), exhibit.rows)
        dark = exhibit.values > 0.65 * np.nanmax(exhibit.values, initial=0.0)
        for row, words in enumerate(exhibit.cells):
            for column, word in enumerate(words):
                colour = theme.card if dark[row, column] else theme.ink
                axes.text(column, row, word, ha="center", va="center", color=colour, fontsize=9)

    size = (max(3.2, 1.5 + _CELL * columns), max(2.2, 1.0 + _CELL * rows))
    return picture(draw, theme, size, grid=None)


@draw_chart.register
def _bars(exhibit: Bars, theme: Theme = LIGHT) -> bytes:
    def draw(axes: Axes, theme: Theme) -> None:
        names = [_(name) for name in exhibit.names]
        colours = [theme.training if value >= 0 else theme.validation for value in exhibit.values.tolist()]
        axes.barh(names, exhibit.values, color=colours)
        axes.invert_yaxis()

    return picture(draw, theme, (5.2, max(1.4, 0.8 + _ROW * len(exhibit.names))), grid="x")


@draw_chart.register
def _confusion(exhibit: Confusion, theme: Theme = LIGHT) -> bytes:
    shares = exhibit.counts / np.maximum(exhibit.counts.sum(axis=1, keepdims=True), 1)
    return _heat_map(HeatMap(values=shares, rows=exhibit.names, columns=exhibit.names), theme)


def _places(exhibit: Lines, values: Array) -> Array:
    return np.arange(1, len(values) + 1) if exhibit.places is None else exhibit.places


def _colours(theme: Theme, count: int) -> list[object]:
    """The theme's own for few curves, a scale for many."""
    own: list[object] = [theme.training, theme.validation, theme.soft]
    if count <= len(own):
        return own
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0, 0.9, count)))
