"""Descents as one picture: learning rates too small, right and too large, all walkers, and their losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from koubai.explain.downhill import Descents, Path
from koubai.i18n import _
from koubai.report.canvas import LIGHT, Theme, figure_picture, plain
from koubai.report.downhill.levels import contour_levels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_downhill"]

COLOURS = ("#d1342f", "#e5850b", "#c33f8e", "#178a4c", "#2566b8", "#5b35a8")
"""Of the walkers; they are those of downhill.css."""
_LOW, _HIGH = "#8fb0c4", "#fbfaf6"
_FLOOR = 1e-6  # of the loss at the start: so far down a curve is shown

Ways = Mapping[str, tuple[float, Path]]


def draw_downhill(groups: Sequence[Descents], theme: Theme = LIGHT) -> bytes:
    """Draw descents on one surface, as PNG.

    The first row shows the first walker at learning rates that are too small, right and too large. Then each
    group has a map with all its walkers, each at the rate that is right for it, and their losses beside it.

    Args:
        groups: what is compared.
        theme: the picture's colours.

    Raises:
        MatplotlibMissing: when Matplotlib is not installed.
    """
    grid = groups[0].surface.grid()
    rows = len(groups) + (len(groups[0].rates) > 1)

    def draw(figure: Figure, theme: Theme) -> None:
        parts = figure.subfigures(rows, 1, squeeze=False)[:, 0]
        if rows > len(groups):
            _draw_rates(parts[0], groups[0], grid, theme)
        for part, group in zip(parts[rows - len(groups) :], groups):
            _draw_group(part, group, grid, theme)
        figure.suptitle(
            groups[0].surface.title, x=0.01, ha="left", color=theme.ink, fontsize=13, fontweight="bold"
        )

    return figure_picture(draw, theme, (11.0, 0.4 + 3.7 * rows))


def _draw_rates(figure: Figure, group: Descents, grid: tuple[np.ndarray, ...], theme: Theme) -> None:
    """One walker at three learning rates."""
    name = next(iter(group.paths))
    titles = (_("too small"), _("right"), _("too large"))
    for axes, title, rate in zip(figure.subplots(1, 3), titles, group.rates_of(name)):
        if rate is None:
            axes.set_axis_off()
            continue
        path = group.paths[name][rate]
        _draw_map(axes, group, grid, {name: (rate, path)}, theme)
        heading = f"{name}, η = {rate:g}: {title}"
        axes.set_title(
            f"{heading}\n{path.verdict.mark} {path.verdict.words}", loc="left", color=theme.ink, fontsize=10
        )


def _draw_group(figure: Figure, group: Descents, grid: tuple[np.ndarray, ...], theme: Theme) -> None:
    """All walkers of a group, each at its right learning rate, and their losses."""
    chosen = {name: (rate := group.rates_of(name).right, paths[rate]) for name, paths in group.paths.items()}
    over, beside = figure.subplots(1, 2, width_ratios=(1, 1.25))
    _draw_map(over, group, grid, chosen, theme)
    _draw_losses(beside, group, chosen, theme)
    over.set_title(
        _("{group}, each at its right η").format(group=group.title), loc="left", color=theme.ink, fontsize=10
    )


def _draw_map(axes: Axes, group: Descents, grid: tuple[np.ndarray, ...], ways: Ways, theme: Theme) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    surface, (xs, ys, values) = group.surface, grid
    levels = contour_levels(values, surface.lowest)
    colours = LinearSegmentedColormap.from_list("map", [_LOW, _HIGH], N=max(len(levels) + 1, 2))
    if len(levels):
        axes.contourf(
            xs, ys, values, [-np.inf, *levels, np.inf], colors=colours(np.linspace(0, 1, len(levels) + 1))
        )
        axes.contour(xs, ys, values, levels, colors="#ffffff", linewidths=0.6)
    for x, y in surface.minima:
        axes.plot([x], [y], "+", color=LIGHT.ink, markersize=9, markeredgewidth=1.6, zorder=3)
    names = list(group.paths)
    for name, (_rate, path) in ways.items():
        _draw_way(axes, path, surface.size, COLOURS[names.index(name) % len(COLOURS)])
    axes.set_xlim(*surface.bounds[0])
    axes.set_ylim(*surface.bounds[1])
    axes.set_xlabel(surface.names[0])
    axes.set_ylabel(surface.names[1])
    plain(axes, theme, None)


def _draw_way(axes: Axes, path: Path, size: float, colour: str) -> None:
    shown = path.points[: _followed(path, size)]
    dots = 2.6 if path.updates <= 200 else 0
    axes.plot(*shown.T, color=colour, linewidth=1.5, marker="o", markersize=dots, solid_joinstyle="round")
    axes.plot(
        *shown[-1], "o", color=colour, markersize=8, markeredgecolor="#ffffff", markeredgewidth=1.5, zorder=4
    )


def _followed(path: Path, size: float) -> int:
    """How many points there are until one lies farther out than the map is wide."""
    outside = np.flatnonzero(np.abs(path.points - path.points[0]).max(axis=1) > 2 * size)
    return int(outside[0]) + 1 if len(outside) else len(path.points)


def _draw_losses(axes: Axes, group: Descents, ways: Ways, theme: Theme) -> None:
    names = list(group.paths)
    start = next(iter(ways.values()))[1].losses[0] - group.surface.lowest
    for name, (rate, path) in ways.items():
        above = np.clip(path.losses - group.surface.lowest, start * _FLOOR, start * 30)
        label = f"{name}, η = {rate:g}" if rate else name
        axes.plot(above, color=COLOURS[names.index(name) % len(COLOURS)], linewidth=1.7, label=label)
    axes.set_yscale("log")
    axes.set_xlabel(_("updates"))
    axes.set_title(_("Loss above the lowest"), loc="left", color=theme.ink, fontsize=10)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, labelcolor=theme.ink, fontsize=9)
    plain(axes, theme, "y")
