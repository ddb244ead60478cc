"""`koubai explain`: one training step on paper: on the screen, as a page, a sheet to fill in, notes, or a workbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from koubai import optim
from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.gradient_cost import show_gradient_costs
from koubai.cli.options import wrapped
from koubai.cli.worksheet import show_worksheet
from koubai.explain import ACTIVATIONS, PRESETS, Problem, preset, solve, with_numbers
from koubai.explain.presets import half_squared_error
from koubai.i18n import _
from koubai.recipes.script import run_script
from koubai.report import write_worksheet

_OPTIMIZERS = {
    "sgd": optim.SGD,
    "adagrad": optim.Adagrad,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "lion": optim.Lion,
}


def _option(*names: str, help: str, metavar: str | None = None) -> Any:
    """An option whose help is broken into lines in Japanese too."""
    return typer.Option(*names, metavar=metavar, help=wrapped(help), show_default=False)


def explain(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help=_("{names}; layers by their sizes, such as 3-4-2; or a script.py").format(
                names=", ".join(PRESETS)
            ),
        ),
    ] = "2-2-1",
    numbers: Annotated[
        list[str] | None,
        _option("--set", metavar=_("NAME=NUMBERS"), help=_("change numbers: w1_12=0.3, or x=0.5,-1")),
    ] = None,
    lr: Annotated[float | None, _option(metavar=_("NUMBER"), help=_("learning rate η"))] = None,
    momentum: Annotated[
        float, _option(metavar=_("NUMBER"), help=_("momentum γ; the update is shown in both forms"))
    ] = 0.0,
    optimizer: Annotated[str, _option(metavar=_("NAME"), help=", ".join(_OPTIMIZERS))] = "sgd",
    activation: Annotated[str | None, _option(metavar=_("NAME"), help=", ".join(ACTIVATIONS))] = None,
    digits: Annotated[
        int, _option(metavar=_("INTEGER"), help=_("decimals to show (4); nothing else is rounded"))
    ] = 4,
    html: Annotated[Path | None, _option(metavar=_("FILE"), help=_("write a page"))] = None,
    fill_in: Annotated[
        Path | None,
        _option(metavar=_("FILE"), help=_("write a page to print and fill in, with its solution")),
    ] = None,
    markdown: Annotated[Path | None, _option(metavar=_("FILE"), help=_("write Markdown"))] = None,
    svg: Annotated[Path | None, _option(metavar=_("FILE"), help=_("write the computation graph"))] = None,
    xlsx: Annotated[
        Path | None, _option(metavar=_("FILE"), help=_("write a workbook in which every cell is a formula"))
    ] = None,
    cost: Annotated[
        bool, _option("--cost", help=_("compare backpropagation with numerical differentiation instead"))
    ] = False,
    everything: Annotated[
        bool, _option("--all", help=_("show all pages at once, without waiting for a key"))
    ] = False,
) -> None:
    """Show the worksheet, or write the files that are asked for."""
    if cost:
        show_gradient_costs()
        return
    if not 1 <= digits <= 15:
        raise Mistake(_("--digits must be from 1 to 15."), code=MISUSED)
    options: dict[str, Any] = {} if lr is None else {"lr": lr}
    problem = problem_of(network, activation, options | _momentum(optimizer, momentum))
    sheet = solve(with_numbers(problem, numbers_from(numbers or [])))
    files = [
        (html, ".html", False),
        (fill_in, ".html", True),
        (markdown, ".md", False),
        (svg, ".svg", False),
        (xlsx, ".xlsx", False),
    ]
    for path, ending, boxes in files:
        if path is not None:
            written = write_worksheet(sheet, with_ending(path, ending), fill_in=boxes, digits=digits)
            typer.echo(_("Written: {path}").format(path=written))
    if not any(path for path, _ending, _boxes in files):
        show_worksheet(sheet, digits, everything)


def problem_of(network: str, activation: str | None, options: Mapping[str, Any]) -> Problem:
    """What a user named: a preset, layers by their sizes, or a script."""
    if network.endswith(".py"):
        if activation is not None:
            raise Mistake(_("A script chooses its activation itself."), code=MISUSED)
        return _of_script(Path(network), options)
    try:
        return preset(network, activation, **options)
    except ValueError as error:
        raise Mistake(str(error), code=MISUSED) from None


def _momentum(name: str, momentum: float) -> dict[str, Any]:
    """The optimizer, and its momentum if there is one."""
    if name not in _OPTIMIZERS:
        message = _("There is no optimizer {name}; there are {names}.")
        raise Mistake(message.format(name=name, names=", ".join(_OPTIMIZERS)), code=MISUSED)
    if momentum and name != "sgd":
        raise Mistake(_("--momentum belongs to sgd."), code=MISUSED)
    return {"optimizer": _OPTIMIZERS[name], **({"momentum": momentum} if momentum else {})}


def _of_script(path: Path, options: Mapping[str, Any]) -> Problem:
    """The network, inputs, target and loss that a script defines."""
    names = run_script(path)
    missing = [name for name in ("model", "inputs") if name not in names]
    if missing:
        message = _("{path} must define {names}; it may define target and loss.")
        raise Mistake(message.format(path=path, names=_(" and ").join(missing)))
    inputs = names["inputs"] if isinstance(names["inputs"], tuple | list) else (names["inputs"],)
    letters = ("x",) if len(inputs) == 1 else tuple(f"x{number}" for number in range(1, len(inputs) + 1))
    given = {"lr": 0.1, **options}
    optimizer = given.pop("optimizer")
    target, loss = names.get("target"), names.get("loss", half_squared_error)
    return Problem(names["model"], tuple(inputs), target, loss, optimizer, given, letters, path.stem)


def numbers_from(settings: Sequence[str]) -> dict[str, list[float]]:
    """Read "w1_12=0.3" and "x=0.5,-1"."""
    found = {}
    for setting in settings:
        name, _sign, values = setting.partition("=")
        try:
            found[name.strip()] = [float(value) for value in values.replace(";", ",").split(",")]
        except ValueError:
            message = _("--set takes NAME=NUMBERS, such as w1_12=0.3 or x=0.5,-1; it was given {value!r}.")
            raise Mistake(message.format(value=setting), code=MISUSED) from None
    return found


def with_ending(path: Path, ending: str) -> Path:
    """The path; without an ending of its own it gets the one of its kind."""
    if path.suffix and path.suffix != ending:
        raise Mistake(_("{path} must end in {ending}.").format(path=path, ending=ending), code=MISUSED)
    return path.with_suffix(ending)
