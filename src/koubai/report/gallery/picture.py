"""The gallery as one picture: maps of activations by first weights for each way of building a net, and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from koubai.explain.gallery import Flow, init_title
from koubai.i18n import _
from koubai.report.canvas import LIGHT, Theme, figure_picture, plain
from koubai.report.gallery.labels import way_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = ["draw_gallery"]

POWERS = 12  # of ten, up and down, that the colours tell apart
_SHADES = ("#2667a8", "#a9c6e3", "#fbfaf6", "#f2b48c", "#b83a34")  # vanishes … stays … explodes
_FAMOUS = ("sigmoid", "tanh", "relu", "gelu", "selu")
_CURVES = 3
_LINES = ("#66737b", "#2566b8", "#d1342f", "#178a4c", "#e5850b", "#c33f8e", "#5b35a8")

Way = tuple[bool, str]


def draw_gallery(flows: Sequence[Flow], theme: Theme = LIGHT) -> bytes:
    """Draw what was measured, as PNG.

    Args:
        flows: of any settings.
        theme: the picture's colours.

    Raises:
        MatplotlibMissing: when Matplotlib is not installed.
    """
    ways = {way: list(group) for way, group in groupby(sorted(flows, key=_place), key=_way)}
    activations = list(dict.fromkeys(flow.setting.activation for flow in flows))
    plain_flows = next(iter(ways.values()))
    famous = [name for name in _FAMOUS if name in activations] or activations

    def draw(figure: Figure, theme: Theme) -> None:
        above, below = figure.subfigures(
            2, 1, squeeze=False, height_ratios=(0.24 * len(activations) + 1.4, 3.2)
        ).ravel()
        _draw_maps(above, ways, activations, theme)
        for number, (axes, name) in enumerate(
            zip(np.ravel(below.subplots(1, min(_CURVES, len(famous)))), famous)
        ):
            _draw_curves(
                axes, [flow for flow in plain_flows if flow.setting.activation == name], number == 0, theme
            )

    width = max(9.0, 2.2 + 2.0 * len(ways))
    return figure_picture(draw, theme, (width, 0.24 * len(activations) + 4.6))


def _way(flow: Flow) -> Way:
    return flow.setting.residual, flow.setting.norm


def _place(flow: Flow) -> tuple[bool, int]:
    return flow.setting.residual, ("none", "batch", "layer").index(flow.setting.norm)


def _draw_maps(
    figure: Figure, ways: Mapping[Way, list[Flow]], activations: Sequence[str], theme: Theme
) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("fate", _SHADES)
    grid = np.ravel(figure.subplots(1, len(ways), sharey=True))
    for axes, (way, flows) in zip(grid, ways.items()):
        mesh = _draw_map(axes, flows, activations, shades, theme)
        axes.set_title(way_title(*way).replace(" + ", "\n+ "), loc="left", color=theme.ink, fontsize=9.5)
    bar = figure.colorbar(mesh, ax=list(grid), pad=0.01, aspect=40, ticks=[-POWERS, -3, 0, 3, POWERS])
    bar.ax.set_yticklabels([_("vanishes"), "1e−3", "1", "1e3", _("explodes")])
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=theme.soft, length=0, labelsize=8)
    title = _("The gradient at the first layer, compared with the last")
    figure.suptitle(title, x=0.01, ha="left", color=theme.ink, fontsize=12, fontweight="bold")


def _draw_map(
    axes: Axes, flows: Sequence[Flow], activations: Sequence[str], shades: Colormap, theme: Theme
) -> QuadMesh:
    inits = list(dict.fromkeys(flow.setting.init for flow in flows))
    powers = np.full((len(activations), len(inits)), np.nan)
    for flow in flows:
        powers[activations.index(flow.setting.activation), inits.index(flow.setting.init)] = power(flow.ratio)
    mesh = axes.pcolormesh(
        powers, cmap=shades, vmin=-POWERS, vmax=POWERS, edgecolors=theme.card, linewidth=1.2
    )
    axes.set_xticks(
        np.arange(len(inits)) + 0.5,
        list(map(init_title, inits)),
        rotation=55,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_yticks(np.arange(len(activations)) + 0.5, activations)
    axes.set_ylim(len(activations), 0)
    plain(axes, theme, None)
    axes.spines["bottom"].set_visible(False)
    return mesh


def power(ratio: float) -> float:
    """The ratio's power of ten, as far as the colours go."""
    with np.errstate(divide="ignore"):
        return float(np.clip(np.nan_to_num(np.log10(ratio), nan=POWERS), -POWERS, POWERS))


def _draw_curves(axes: Axes, flows: Sequence[Flow], labelled: bool, theme: Theme) -> None:
    """How the gradient changes through the layers, a line for each kind of first weights, its seeds as a band."""
    for number, flow in enumerate(flows):
        colour = _LINES[number % len(_LINES)]
        relative = np.maximum(flow.gradients / flow.gradients[:, -1:], 1e-300)
        layers = np.arange(1, relative.shape[1] + 1)
        axes.fill_between(
            layers, relative.min(axis=0), relative.max(axis=0), color=colour, alpha=0.2, linewidth=0
        )
        name = init_title(flow.setting.init) if labelled else None
        axes.plot(layers, np.median(relative, axis=0), color=colour, linewidth=1.6, label=name)
    axes.set_yscale("log")
    axes.set_ylim(10.0 ** -(POWERS * 2), 10.0**POWERS)
    axes.set_xlabel(_("layer"))
    axes.set_title(flows[0].setting.activation, loc="left", color=theme.ink, fontsize=10)
    plain(axes, theme, "y")
    if labelled:
        axes.figure.legend(loc="outside right center", frameon=False, labelcolor=theme.ink, fontsize=9)
