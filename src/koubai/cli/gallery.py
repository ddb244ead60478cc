"""`koubai gallery`: activations and first weights, measured: a table, a page with switches, or a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.options import wrapped
from koubai.cli.sparkline import sparkline
from koubai.cli.tables import plain_table, show_table
from koubai.explain.gallery import (
    GALLERY,
    INITS,
    NORMS,
    Fate,
    Flow,
    Norm,
    Setting,
    curve,
    init_title,
    measure,
    settings,
)
from koubai.i18n import _
from koubai.report.gallery import write_gallery
from koubai.report.gallery.labels import way_title

_STYLES = {Fate.VANISHES: "blue", Fate.STAYS: "green", Fate.EXPLODES: "red"}


def _option(*names: str, help: str, metavar: str | None = None, **limits: Any) -> Any:
    """An option whose help is broken into lines in Japanese too."""
    return typer.Option(*names, metavar=metavar, help=wrapped(help), show_default=False, **limits)


def gallery(
    activation: Annotated[
        str | None,
        typer.Argument(
            metavar="ACTIVATION",
            help=_("one activation, layer by layer; all of them without it"),
            show_default=False,
        ),
    ] = None,
    residual: Annotated[bool, _option("--residual", help=_("with residual connections"))] = False,
    norm: Annotated[
        str,
        _option(metavar=_("NAME"), help=_("normalisation: {names} (none)").format(names=", ".join(NORMS))),
    ] = "none",
    depth: Annotated[int, _option(metavar=_("INTEGER"), help=_("layers (30)"), min=2)] = 30,
    width: Annotated[int, _option(metavar=_("INTEGER"), help=_("units in each layer (64)"), min=1)] = 64,
    seeds: Annotated[int, _option(metavar=_("INTEGER"), help=_("networks for each cell (3)"), min=1)] = 3,
    html: Annotated[
        Path | None,
        _option(
            metavar=_("FILE"), help=_("write a page with switches; it measures all settings, about a minute")
        ),
    ] = None,
    png: Annotated[Path | None, _option(metavar=_("FILE"), help=_("write a picture of all settings"))] = None,
) -> None:
    """Measure, and show the table or write the files that are asked for."""
    chosen = _checked(activation, norm)
    console = Console(highlight=False)
    sizes = {"depth": depth, "width": width, "seeds": seeds}
    if html or png:
        flows = _measured(console, list(settings(chosen, INITS, (False, True), NORMS)), sizes)
        for path in (html and html.with_suffix(".html"), png and png.with_suffix(".png")):
            if path:
                console.print(_("Written: {path}").format(path=write_gallery(flows, path)), soft_wrap=True)
        return
    known: Norm = next(name for name in NORMS if name == norm)
    flows = _measured(console, list(settings(chosen, INITS, (residual,), (known,))), sizes)
    if activation:
        console.print(_heading(activation))
    console.print(Text(_subtitle(flows[0]), style="dim"))
    show_table(_layers(flows) if activation else _overview(flows))
    console.print(Text("   ".join(f"{fate.mark} {fate.words}" for fate in Fate), style="dim"))


def _checked(activation: str | None, norm: str) -> list[str]:
    if activation is not None and activation not in GALLERY:
        message = _("There is no activation {name}; there are {names}.")
        raise Mistake(message.format(name=activation, names=", ".join(GALLERY)), code=MISUSED)
    if norm not in NORMS:
        raise Mistake(_("--norm must be one of {names}.").format(names=", ".join(NORMS)), code=MISUSED)
    return [activation] if activation else list(GALLERY)


def _measured(console: Console, wanted: Sequence[Setting], sizes: dict[str, int]) -> list[Flow]:
    """Measure, with a bar that goes away."""
    bar = track(wanted, _("Measuring …"), console=console, transient=True)
    return [measure(setting, **sizes) for setting in bar]


def _heading(activation: str) -> Text:
    drawn = curve(activation)
    words = _(
        "f from {low:.3g} to {high:.3g} between −5 and 5; f′ from {least:.3g} to {most:.3g}, f′(0) = {middle:.3g}"
    )
    middle = drawn.slope[len(drawn.slope) // 2]
    numbers = {
        "low": drawn.y.min(),
        "high": drawn.y.max(),
        "least": drawn.slope.min(),
        "most": drawn.slope.max(),
        "middle": middle,
    }
    return Text.assemble((activation, "bold"), "\n", words.format(**numbers))


def _subtitle(flow: Flow) -> str:
    words = _("gradient at the first of {depth} layers by that at the last; {way}")
    setting = flow.setting
    return words.format(depth=flow.gradients.shape[1], way=way_title(setting.residual, setting.norm))


def _overview(flows: Sequence[Flow]) -> Table:
    """Activations by first weights."""
    table = plain_table()
    table.add_column("", no_wrap=True)
    for init in INITS:
        table.add_column(init_title(init), justify="right", no_wrap=True)
    for start in range(0, len(flows), len(INITS)):
        row = flows[start : start + len(INITS)]
        table.add_row(row[0].setting.activation, *map(_cell, row))
    return table


def _cell(flow: Flow) -> Text:
    return Text(f"{_number(flow.ratio)}{flow.fate.mark}", _STYLES[flow.fate])


def _number(ratio: float) -> str:
    return f"{ratio:.2g}" if 0.01 <= ratio < 100 else f"{ratio:.0e}" if ratio else "0"


def _layers(flows: Sequence[Flow]) -> Table:
    """First weights of one activation: the gradient's way from the first layer to the last."""
    table = plain_table()
    table.add_column("", no_wrap=True)
    table.add_column(_("first layer … last (logarithm)"), no_wrap=True)
    for title in (_("first by last"), _("signal, last")):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for flow in flows:
        end = Text(f"{flow.fate.mark} {flow.fate.words}", _STYLES[flow.fate])
        signal = float(np.median(flow.signals[:, -1]))
        table.add_row(
            init_title(flow.setting.init), _line(list(_logs(flow))), _number(flow.ratio), _number(signal), end
        )
    return table


def _line(logs: list[float]) -> str:
    """A small curve; what stays within three powers of ten is not blown up to fill it."""
    return sparkline(logs, 30, scale=[logs[-1] - 3, logs[-1] + 3, *logs])


def _logs(flow: Flow) -> Iterator[float]:
    """The median gradient of each layer, as a power of ten."""
    for value in np.median(flow.gradients, axis=0):
        yield math.log10(value) if value > 0 else -300.0
