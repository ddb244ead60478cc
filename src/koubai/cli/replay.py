"""`koubai replay`: a step of a run, opened again with every value and gradient."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import safetensors.numpy
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from koubai.atomic import write_file
from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.run_folders import find_run
from koubai.cli.session import recipe_of
from koubai.i18n import _
from koubai.recipes import Training
from koubai.train import OpenedStep

Values = NDArray[np.generic]
Row = tuple[str, Values]
_FIRST = 2  # numbers of an array that are shown


def replay(
    run: Annotated[str, typer.Argument(metavar="RUN", help=_("a run's folder or name, or latest"))],
    step: Annotated[int, typer.Option("--step", min=1, help=_("which step, 1 for the first"))],
    layer: Annotated[
        str | None, typer.Option("--layer", metavar="PATH", help=_("print all values of this layer"))
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help=_("write all values into a .safetensors file")),
    ] = None,
) -> None:
    """Go through the run up to the step, and show it."""
    record = find_run(run)
    if save is not None and save.suffix != ".safetensors":
        raise Mistake(
            _("--save wants a file that ends in .safetensors, not {file}.").format(file=save), code=MISUSED
        )
    opened = Training(*recipe_of(record)).replay(record, step)
    console = Console(highlight=False)
    if layer is not None:
        _show_all(_rows_of(opened, layer))
        return
    for line in _heading(opened, record.folder.name):
        console.print(line)
    console.print(_table(opened))
    if save is not None:
        arrays = {name: np.ascontiguousarray(array) for name, array in opened.arrays().items()}
        write_file(save, safetensors.numpy.save(arrays))
        console.print(_("Saved: {file}").format(file=save), soft_wrap=True)


def _heading(opened: OpenedStep, name: str) -> Iterator[Text]:
    where = _("step {step:,}, epoch {epoch}, learning rate {lr:g}")
    yield Text(f"{name} · {where.format(step=opened.step, epoch=opened.epoch, lr=opened.lr)}", style="bold")
    yield Text(
        _("loss {before:.6g}, after the update {after:.6g}").format(before=opened.loss, after=opened.later)
    )
    if opened.recorded is None:
        yield Text(_("This step is not in the record."), style="dim")
    elif opened.agrees:
        yield Text("✓ " + _("the recorded loss is {loss:.6g}").format(loss=opened.recorded), style="green")
    else:
        words = _("the recorded loss is {loss:.6g}: the data, the code or the machine are not the same")
        yield Text("✗ " + words.format(loss=opened.recorded), style="red")


def _table(opened: OpenedStep) -> Table:
    """Below each layer a line for each of its arrays."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column(_("shape"), no_wrap=True)
    for title in (_("mean"), _("std"), _("min"), _("max")):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(_("first numbers"), no_wrap=True, overflow="ellipsis")
    for title, rows in _blocks(opened):
        table.add_row(Text(title, style="bold"))
        for name, array in rows:
            table.add_row(f"  {name}", *_cells(array))
    return table


def _blocks(opened: OpenedStep) -> Iterator[tuple[str, list[Row]]]:
    """The batch, then each layer with its parameters, then parameters of no layer."""
    yield _("batch"), list(opened.batch.items())
    left = dict(opened.parameters)
    for layer in opened.layers:
        own = {name: left.pop(name) for name in list(left) if name.rpartition(".")[0] == layer.path}
        rows = [(_("output"), layer.output), (_("∂L/∂output"), layer.gradient)]
        for name, parameter in own.items():
            rows += _parameter_rows(name.rpartition(".")[2], parameter)
        yield f"{layer.path} {layer.kind}", [(name, array) for name, array in rows if array is not None]
    if left:
        rows = [row for name, parameter in left.items() for row in _parameter_rows(name, parameter)]
        yield _("other parameters"), [(name, array) for name, array in rows if array is not None]


def _parameter_rows(name: str, parameter: object) -> list[tuple[str, Values | None]]:
    values = vars(parameter)
    update = values["after"] - values["before"]
    return [(name, values["before"]), (f"∂L/∂{name}", values["gradient"]), (f"Δ{name}", update)]


def _cells(array: Values) -> list[str]:
    numbers = np.asarray(array, np.float64).reshape(-1)
    shape = "×".join(map(str, array.shape)) or "–"
    if not numbers.size:
        return [shape]
    summary = [f"{value:.2g}" for value in (numbers.mean(), numbers.std(), numbers.min(), numbers.max())]
    more = " …" if numbers.size > _FIRST else ""
    return [shape, *summary, " ".join(f"{value:.2g}" for value in numbers[:_FIRST]) + more]


def _rows_of(opened: OpenedStep, path: str) -> list[Row]:
    """All arrays of a layer.

    Raises:
        Mistake: there is no such layer.
    """
    found = [row for title, rows in _blocks(opened) for row in rows if title.split(" ")[0] == path]
    if not found:
        names = ", ".join(dict.fromkeys(layer.path for layer in opened.layers))
        raise Mistake(
            _("There is no layer {path}.").format(path=path), _("There are {names}.").format(names=names)
        )
    return found


def _show_all(rows: list[Row]) -> None:
    for name, array in rows:
        typer.echo(f"{name} {array.shape}")
        typer.echo(np.array2string(array, threshold=sys.maxsize, max_line_width=79, precision=6))
