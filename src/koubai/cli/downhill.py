"""`koubai downhill`: optimizers on a loss surface, as tables on the screen, a page that moves, or a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from koubai.cli.downhill_subject import PlaneKind, surface_of
from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.options import wrapped
from koubai.cli.tables import plain_table, show_table
from koubai.explain.downhill import (
    OPTIMIZERS,
    RATES,
    SURFACES,
    Descents,
    Plane,
    Surface,
    Verdict,
    along,
    compare_batches,
    compare_optimizers,
)
from koubai.explain.downhill import Path as Way
from koubai.i18n import _
from koubai.report.downhill import write_downhill

_FEWER = RATES[1::2]  # where each step runs a whole model
_STYLES = {Verdict.ARRIVES: "green", Verdict.SWINGS: "yellow", Verdict.DIVERGES: "red"}


def _option(*names: str, help: str, metavar: str | None = None, **limits: Any) -> Any:
    """An option whose help is broken into lines in Japanese too."""
    return typer.Option(*names, metavar=metavar, help=wrapped(help), show_default=False, **limits)


def downhill(
    surface: Annotated[
        str,
        typer.Argument(
            metavar="SURFACE",
            help=_("{names}; a CSV file; or a run's folder or name").format(names=", ".join(SURFACES)),
        ),
    ] = "bowl",
    lr: Annotated[
        float | None, _option(metavar=_("NUMBER"), help=_("one learning rate η, instead of a ladder of them"))
    ] = None,
    optimizer: Annotated[
        list[str] | None,
        _option(metavar=_("NAME"), help=_("one or more of {names}").format(names=", ".join(OPTIMIZERS))),
    ] = None,
    steps: Annotated[int | None, _option(metavar=_("INTEGER"), help=_("updates"), min=1)] = None,
    batch_size: Annotated[
        int,
        _option(metavar=_("INTEGER"), help=_("samples in a mini-batch (32), on a surface of data"), min=2),
    ] = 32,
    input_column: Annotated[
        str | None, _option("--input", metavar=_("COLUMN"), help=_("the input's column in a CSV file"))
    ] = None,
    target_column: Annotated[
        str | None, _option("--target", metavar=_("COLUMN"), help=_("the target's column in a CSV file"))
    ] = None,
    plane: Annotated[
        str,
        _option(
            metavar=_("NAME"),
            help=_("directions around a run's weights: path (of its checkpoints) or random (path)"),
        ),
    ] = "path",
    seed: Annotated[int, _option(metavar=_("INTEGER"), help=_("of random directions and orders (0)"))] = 0,
    html: Annotated[Path | None, _option(metavar=_("FILE"), help=_("write a page that moves"))] = None,
    png: Annotated[Path | None, _option(metavar=_("FILE"), help=_("write a picture"))] = None,
) -> None:
    """Walk, and show the tables or write the files that are asked for."""
    kind: PlaneKind | None = {"path": "path", "random": "random"}.get(plane)  # type: ignore[assignment]
    if kind is None:
        raise Mistake(_("--plane must be path or random."), code=MISUSED)
    names = optimizer or list(OPTIMIZERS)
    console = Console(highlight=False)
    with console.status(_("The optimizers are walking …")):
        where, laid = surface_of(surface, (input_column, target_column), kind, seed)
        rates = (RATES if laid is None else _FEWER) if lr is None else (lr,)
        groups = list(_groups(where, laid, names, rates, steps, batch_size, seed))
    files = [path for path in (html and html.with_suffix(".html"), png and png.with_suffix(".png")) if path]
    for path in files:
        console.print(_("Written: {path}").format(path=write_downhill(groups, path)), soft_wrap=True)
    if not files:
        _show(console, where, groups)


def _groups(
    where: Surface,
    plane: Plane | None,
    names: Sequence[str],
    rates: Sequence[float],
    steps: int | None,
    batch_size: int,
    seed: int,
) -> Iterator[Descents]:
    if plane is not None and len(plane.path):
        yield along(where, plane.path, _("the training"))
    yield compare_optimizers(where, names, rates, steps=steps)
    if where.samples:
        sizes = (None, min(batch_size, where.samples), 1)
        yield compare_batches(where, sizes, rates, optimizer=names[0], steps=steps, seed=seed)


def _show(console: Console, where: Surface, groups: Sequence[Descents]) -> None:
    console.print(Text(where.title, style="bold"))
    console.print(Text(where.formula, style="dim"))
    for group in groups:
        console.print()
        show_table(_batches(group) if group.title == _("batch sizes") else _optimizers(group))
    marks = (f"{verdict.mark} {verdict.words}" for verdict in Verdict)
    console.print(Text("\n" + "   ".join(marks), style="dim"))


def _optimizers(group: Descents) -> Table:
    """For each walker the loss at the end, at the learning rates that are too small, right and too large."""
    if len(group.rates) == 1:
        return _single(group)
    table = plain_table()
    updates = max(path.updates for paths in group.paths.values() for path in paths.values())
    table.add_column(_("η → loss after\n{steps} updates").format(steps=updates), no_wrap=True)
    for title in (_("too small"), _("right"), _("too large")):
        table.add_column(title, no_wrap=True, vertical="bottom")
    for name, paths in group.paths.items():
        table.add_row(name, *(_cell(rate, paths) for rate in group.rates_of(name)))
    return table


def _cell(rate: float | None, paths: Any) -> Text:
    if rate is None:
        return Text("–", style="dim")
    return Text(
        f"{rate:g} → {_number(paths[rate].losses[-1])} {paths[rate].verdict.mark}", _style(paths[rate])
    )


def _single(group: Descents) -> Table:
    """For each walker its losses along the way, at the one learning rate there is."""
    table = plain_table()
    rate = group.rates[0]
    table.add_column(f"η = {rate:g}" if rate else "", no_wrap=True, vertical="bottom")
    last = max(path[rate].updates for path in group.paths.values())
    moments = sorted({min(moment, last) for moment in (10, last // 3, last)})
    for moment in moments:
        table.add_column(_("loss after\n{steps} updates").format(steps=moment), justify="right", no_wrap=True)
    table.add_column(_("in the end"), no_wrap=True, vertical="bottom")
    for name, paths in group.paths.items():
        path = paths[rate]
        losses = (_number(path.losses[min(moment, path.updates)]) for moment in moments)
        table.add_row(name, *losses, Text(f"{path.verdict.mark} {path.verdict.words}", _style(path)))
    return table


def _batches(group: Descents) -> Table:
    """Batch, mini-batch and one sample: what an epoch costs in updates, and what it brings."""
    table = plain_table()
    table.add_column(group.title, no_wrap=True, vertical="bottom")
    for title in (
        _("updates\nper epoch"),
        "η",
        _("loss after\n1 epoch"),
        _("updates\nuphill"),
        _("turned\nback"),
    ):
        table.add_column(title, justify="right", no_wrap=True, vertical="bottom")
    table.add_column(_("in the end"), no_wrap=True, vertical="bottom")
    for name, paths in group.paths.items():
        rate = group.rates_of(name).right
        table.add_row(name, *_batch_cells(rate, paths[rate]))
    return table


def _batch_cells(rate: float, path: Way) -> list[str | Text]:
    epoch = _number(path.losses[path.epoch_updates]) if path.updates >= path.epoch_updates else "–"
    end = Text(f"{path.verdict.mark} {_number(path.losses[-1])}", _style(path))
    return [f"{path.epoch_updates:,}", f"{rate:g}", epoch, f"{path.uphill:.0%}", f"{path.turning:.0%}", end]


def _style(path: Way) -> str:
    return _STYLES.get(path.verdict, "")


def _number(value: float) -> str:
    return f"{value:.3g}"
