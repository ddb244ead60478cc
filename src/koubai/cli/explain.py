"""`koubai explain`: one training step on paper: on the screen, as a page, a sheet to fill in, notes, or a workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from koubai.cli import problem as step
from koubai.cli.gradient_cost import show_gradient_costs
from koubai.cli.worksheet import show_worksheet
from koubai.explain import solve
from koubai.i18n import _
from koubai.report import write_worksheet


def explain(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=step.network_help())] = "2-2-1",
    numbers: Annotated[list[str] | None, step.numbers_option()] = None,
    lr: Annotated[float | None, step.lr_option()] = None,
    momentum: Annotated[float, step.momentum_option()] = 0.0,
    optimizer: Annotated[str, step.optimizer_option()] = "sgd",
    activation: Annotated[str | None, step.activation_option()] = None,
    digits: Annotated[
        int, step.option(metavar=_("INTEGER"), help=_("decimals to show (4); nothing else is rounded"))
    ] = 4,
    html: Annotated[Path | None, step.html_option()] = None,
    fill_in: Annotated[
        Path | None,
        step.option(metavar=_("FILE"), help=_("write a page to print and fill in, with its solution")),
    ] = None,
    markdown: Annotated[Path | None, step.option(metavar=_("FILE"), help=_("write Markdown"))] = None,
    svg: Annotated[Path | None, step.option(metavar=_("FILE"), help=_("write the computation graph"))] = None,
    xlsx: Annotated[
        Path | None,
        step.option(metavar=_("FILE"), help=_("write a workbook in which every cell is a formula")),
    ] = None,
    cost: Annotated[
        bool,
        step.option("--cost", help=_("compare backpropagation with numerical differentiation instead")),
    ] = False,
    everything: Annotated[
        bool, step.option("--all", help=_("show all pages at once, without waiting for a key"))
    ] = False,
) -> None:
    """Show the worksheet, or write the files that are asked for."""
    if cost:
        show_gradient_costs()
        return
    step.check_digits(digits)
    sheet = solve(step.problem_of(network, numbers, lr, momentum, optimizer, activation))
    files = [
        (html, ".html", False),
        (fill_in, ".html", True),
        (markdown, ".md", False),
        (svg, ".svg", False),
        (xlsx, ".xlsx", False),
    ]
    for path, ending, boxes in files:
        if path is not None:
            written = write_worksheet(sheet, step.with_ending(path, ending), fill_in=boxes, digits=digits)
            typer.echo(_("Written: {path}").format(path=written))
    if not any(path for path, _ending, _boxes in files):
        show_worksheet(sheet, digits, everything)
