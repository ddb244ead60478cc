"""Draws learning curves: training, validation, the gap between them, the best epoch, the turn upwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from koubai.i18n import _
from koubai.report.canvas import LIGHT, Theme, picture
from koubai.report.labels import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curve(
    metric: str,
    training: Sequence[float],
    validation: Sequence[float] = (),
    *,
    best: int | None = None,
    turned_up: bool = False,
    theme: Theme = LIGHT,
) -> bytes:
    """One metric over the epochs, as PNG.

    Args:
        metric: the metric's key, such as "loss".
        training: its value on the training part in each epoch; may be empty.
        validation: its value on the validation part in each epoch; may be empty.
        best: the epoch (from 1) to mark as the best.
        turned_up: whether to say that validation turned for the worse after `best`.
        theme: the picture's colours.

    Raises:
        MatplotlibMissing: when Matplotlib is not installed.
    """

    def draw(axes: Axes, theme: Theme) -> None:
        _gap(axes, training, validation, theme)
        _line(axes, training, _("training"), theme.training)
        _line(axes, validation, _("validation"), theme.validation)
        if best is not None:
            _mark(axes, best, (validation or training)[best - 1], turned_up, theme)
        _titles(axes, metric, max(len(training), len(validation)), theme)

    return picture(draw, theme)


def draw_agreement(truth: Sequence[float], predicted: Sequence[float], theme: Theme = LIGHT) -> bytes:
    """Predicted against true values of a regression, as PNG; perfect predictions lie on the line.

    Raises:
        MatplotlibMissing: when Matplotlib is not installed.
    """

    def draw(axes: Axes, theme: Theme) -> None:
        ends = [min(*truth, *predicted), max(*truth, *predicted)]
        axes.plot(ends, ends, color=theme.soft, linewidth=1)
        axes.scatter(truth, predicted, s=16, color=theme.training, alpha=0.65, linewidths=0)
        axes.set_xlabel(_("true value"))
        axes.set_ylabel(_("predicted value"))

    return picture(draw, theme)


def _line(axes: Axes, values: Sequence[float], name: str, colour: str) -> None:
    if values:
        axes.plot(
            range(1, len(values) + 1), values, color=colour, linewidth=2, label=name, solid_capstyle="round"
        )


def _gap(axes: Axes, training: Sequence[float], validation: Sequence[float], theme: Theme) -> None:
    """Shade what lies between the two curves, on the epochs that have both."""
    shared = min(len(training), len(validation))
    if shared:
        epochs = range(1, shared + 1)
        axes.fill_between(
            epochs,
            training[:shared],
            validation[:shared],
            color=theme.soft,
            alpha=0.15,
            linewidth=0,
            label=_("gap"),
        )


def _mark(axes: Axes, best: int, value: float, turned_up: bool, theme: Theme) -> None:
    if not math.isfinite(value):
        return
    name = _("best: epoch {best}, then it turned up") if turned_up else _("best: epoch {best}")
    axes.axvline(best, color=theme.soft, linewidth=1, linestyle=(0, (4, 4)))
    if turned_up:
        axes.axvspan(best, axes.dataLim.x1, color=theme.validation, alpha=0.07, linewidth=0)
    axes.plot([best], [value], "o", color=theme.ink, markersize=5, label=name.format(best=best))


def _titles(axes: Axes, metric: str, epochs: int, theme: Theme) -> None:
    axes.set_title(label(metric), loc="left", color=theme.ink, fontsize=11, fontweight="bold")
    axes.set_xlabel(_("epoch"))
    axes.set_xlim(1, max(epochs, 2))
    axes.locator_params(axis="x", integer=True)
    axes.figure.legend(loc="outside lower center", ncols=4, frameon=False, labelcolor=theme.ink, fontsize=9)
