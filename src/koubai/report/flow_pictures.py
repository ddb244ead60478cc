"""Draws what goes on inside a network: gradients through the layers over time, and how far updates move the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from koubai.doctor.flow import bottleneck, gradient_flow, update_ratios
from koubai.doctor.vital_signs import Signs
from koubai.i18n import _
from koubai.report.canvas import LIGHT, Theme, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Title = Callable[[str], str]
T = TypeVar("T")

RULE_OF_THUMB = 1e-3
_WIDTH = 5.2
_LABELLED = 24  # layers whose names have room
_LINES = 12  # parameters in one picture
_TICKS = 8
_COLUMNS = 120  # measured steps in one picture
_LETTERS = 30  # of a layer's name that have room
_SHORT = 20  # letters of a name of which three stand side by side
_EDGED = 40  # columns that are wide enough for lines between them


def draw_flow_over_time(signs: Sequence[Signs], title: Title = str, theme: Theme = LIGHT) -> bytes:
    """The gradient at each layer's output in each measured step, as PNG: rows are layers, the input below.

    Args:
        signs: the vital signs.
        title: what to call a layer.
        theme: the picture's colours.

    Raises:
        MatplotlibMissing: when Matplotlib is not installed.
    """
    signs = _chosen(signs, _COLUMNS)
    flows = [list(gradient_flow(s)) for s in signs]
    names = max(flows, key=len)
    grid = _logs([[_gradient(s, name) for s in signs] for name in names])  # (layers, steps)

    def draw(axes: Axes, theme: Theme) -> None:
        from matplotlib import colormaps

        colours = colormaps["viridis"].with_extremes(bad=theme.line)
        edges: dict[str, Any] = {"edgecolors": theme.card, "linewidth": 0.4} if len(signs) <= _EDGED else {}
        mesh = axes.pcolormesh(np.ma.masked_invalid(grid), cmap=colours, **edges)
        _name_rows(axes, list(map(title, names)))
        _name_steps(axes, [s.step for s in signs])
        bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, format=lambda power, _place: _power(power))
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=theme.soft, length=0, labelsize=8)
        _title(axes, _("Gradients through the layers"), theme)

    return picture(draw, theme, (_WIDTH, _height(len(names))), grid=None)


def draw_bars(signs: Signs, title: Title = str, theme: Theme = LIGHT) -> bytes:
    """The gradients of one step as bars from the output down to the input, the bottleneck marked, as PNG.

    Args:
        signs: the vital signs of the step.
        title: what to call a layer.
        theme: the picture's colours.

    Raises:
        MatplotlibMissing: when Matplotlib is not installed.
    """
    flow = gradient_flow(signs)
    stuck, names = bottleneck(flow), list(flow)
    lowest = min((size for size in flow.values() if size), default=1.0)

    def draw(axes: Axes, theme: Theme) -> None:
        colours = [theme.validation if name == stuck else theme.training for name in names]
        places = [n + 0.5 for n in range(len(names))]
        axes.barh(places, [max(flow[name], lowest / 10) for name in names], height=0.62, color=colours)
        axes.set_xscale("log")
        axes.set_xlim(left=lowest / 4)
        _name_rows(axes, list(map(title, names)))
        if stuck is not None:
            _mark(axes, names.index(stuck) + 0.5, flow[stuck], theme)
        axes.set_xlabel(_("root mean square of ∂L/∂output"))
        _title(axes, _("From output to input, step {step:,}").format(step=signs.step), theme)

    return picture(draw, theme, (_WIDTH, _height(len(names))), grid="x")


def draw_updates(signs: Sequence[Signs], theme: Theme = LIGHT) -> bytes:
    """|Δ| / |w| of the weights over the steps, with the rule of thumb, as PNG.

    Raises:
        MatplotlibMissing: when Matplotlib is not installed.
    """
    by_step = [update_ratios(s) for s in signs]
    weights = [name for name in by_step[-1] if name.endswith("weight")]
    names = _chosen(weights or list(by_step[-1]), _LINES)
    columns = 3 if max(map(len, names)) <= _SHORT else 2

    def draw(axes: Axes, theme: Theme) -> None:
        from matplotlib import colormaps

        axes.set_xscale("log")
        axes.set_yscale("log")
        for number, name in enumerate(names):
            colour = colormaps["viridis"](0.1 + 0.8 * number / max(len(names) - 1, 1))
            values = [ratios.get(name) or math.nan for ratios in by_step]
            told = shortened(name)
            axes.plot([s.step for s in signs], values, color=colour, linewidth=1.6, label=told, marker=".")
        rule = _("rule of thumb, 1e-3")
        axes.axhline(RULE_OF_THUMB, color=theme.soft, linewidth=1, linestyle=(0, (4, 4)), label=rule)
        axes.set_xlabel(_("step"))
        _title(axes, _("Update by weight, |Δ|/|w|"), theme)
        axes.figure.legend(
            loc="outside lower center", ncols=columns, frameon=False, labelcolor=theme.ink, fontsize=8
        )

    return picture(draw, theme, (_WIDTH, 3.4 + 0.2 * (len(names) // columns)))


def _gradient(signs: Signs, name: str) -> float:
    return signs.layers[name].gradient if name in signs.layers else math.nan


def _logs(rows: list[list[float]]) -> NDArray[np.float64]:
    """Logarithms; what is 0 or no number is NaN."""
    values = np.array(rows, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(values)
    return np.where(np.isfinite(logs), logs, np.nan)


def _power(power: float) -> str:
    return f"1e{power:.0f}" if abs(power - round(power)) < 1e-6 else f"{10**power:.1g}"


def _height(rows: int) -> float:
    return 1.1 + 0.27 * min(max(rows, 4), _LABELLED)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    every = -(-len(names) // _LABELLED)
    shown = range(0, len(names), every)
    axes.set_yticks([n + 0.5 for n in shown], [shortened(names[n]) for n in shown])
    axes.set_ylim(0, len(names))


def shortened(name: str) -> str:
    """A layer's name that has room beside a picture: the end of its path says most, its kind least.

    Example:
        >>> shortened("transformer.decoder.layers.1.dropout2 Dropout")
        '…decoder.layers.1.dropout2'
    """
    if len(name) <= _LETTERS:
        return name
    path = name.partition(" ")[0]
    while len(path) > _LETTERS - 1 and "." in path:
        path = path.partition(".")[2]
    whole = name.startswith(path)
    return path if whole else f"…{path}"


def _name_steps(axes: Axes, steps: Sequence[int]) -> None:
    every = -(-len(steps) // _TICKS)
    shown = range(0, len(steps), every)
    axes.set_xticks([n + 0.5 for n in shown], [f"{steps[n]:,}" for n in shown])
    axes.set_xlabel(_("step"))


def _mark(axes: Axes, place: float, value: float, theme: Theme) -> None:
    axes.annotate(
        _("◀ bottleneck"),
        (value, place),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=theme.validation,
        fontsize=9,
        fontweight="bold",
    )


def _chosen(things: Sequence[T], most: int) -> Sequence[T]:
    """At most as many as a picture can hold, evenly from the first to the last."""
    if len(things) <= most:
        return things
    return [things[round(n * (len(things) - 1) / (most - 1))] for n in range(most)]


def _title(axes: Axes, title: str, theme: Theme) -> None:
    axes.set_title(title, loc="left", color=theme.ink, fontsize=11, fontweight="bold")
