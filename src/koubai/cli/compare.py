"""`koubai compare`: a training step in PyTorch or Keras beside ours, and the learner's own numbers marked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from koubai.cli import problem as step
from koubai.cli.errors import DONE, FAILED, MISUSED, Mistake
from koubai.cli.wrapping import lines_of
from koubai.explain import Comparison, solve
from koubai.explain import compare as compared
from koubai.explain.comparison import FRAMEWORKS
from koubai.explain.comparison.text import Kind, comparison_lines
from koubai.i18n import _
from koubai.report import write_comparison

_STYLES = {
    Kind.TITLE: "bold",
    Kind.COLUMNS: "dim",
    Kind.HEADING: "bold cyan",
    Kind.BAD_ROW: "bold red",
    Kind.GOOD: "bold green",
    Kind.BAD: "bold red",
}
_SENTENCES = (Kind.GOOD, Kind.BAD, Kind.NOTE)


def compare(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[torch|keras] NETWORK",
            help=step.network_help(),
            show_default=False,
        ),
    ] = None,
    mine: Annotated[
        Path | None,
        step.option(metavar=_("FILE"), help=_("mark your own numbers: lines of name = value, CSV or JSON")),
    ] = None,
    steps: Annotated[
        int, step.option(metavar=_("INTEGER"), help=_("steps to take (1); the first one is shown in full"))
    ] = 1,
    numbers: Annotated[list[str] | None, step.numbers_option()] = None,
    lr: Annotated[float | None, step.lr_option()] = None,
    momentum: Annotated[float, step.momentum_option()] = 0.0,
    optimizer: Annotated[str, step.optimizer_option()] = "sgd",
    activation: Annotated[str | None, step.activation_option()] = None,
    digits: Annotated[
        int, step.option(metavar=_("INTEGER"), help=_("decimals to show (6); nothing else is rounded"))
    ] = 6,
    html: Annotated[Path | None, step.html_option()] = None,
) -> None:
    """Show both frameworks side by side; end with 1 if they differ, or a number of the learner's is wrong."""
    framework, network = _read(what or [])
    step.check_digits(digits)
    if framework is None and mine is None:
        message = _("Compare with what? Name a framework, or give your own numbers with --mine FILE.")
        hint = _("For example: koubai compare torch 2-2-1, or koubai compare 2-2-1 --mine answers.txt")
        raise Mistake(message, hint, MISUSED)
    if steps < 1:
        raise Mistake(_("--steps must be at least 1."), code=MISUSED)
    problem = step.problem_of(network, numbers, lr, momentum, optimizer, activation)
    comparison = compared(solve(problem), framework, mine=mine, steps=steps)
    if html is None:
        _show(comparison, digits)
    else:
        path = write_comparison(comparison, step.with_ending(html, ".html"), digits=digits)
        typer.echo(_("Written: {path}").format(path=path))
        _show(comparison, digits, only=_SENTENCES)
    raise typer.Exit(DONE if comparison.right else FAILED)


def _read(words: list[str]) -> tuple[str | None, str]:
    """The framework, if one is named, and the network."""
    framework = words[0] if words and words[0] in FRAMEWORKS else None
    rest = words[1:] if framework else words
    if len(rest) > 1:
        message = _("One framework and one network are compared; there are {names}.")
        raise Mistake(message.format(names=", ".join(FRAMEWORKS)), code=MISUSED)
    return framework, rest[0] if rest else "2-2-1"


def _show(comparison: Comparison, digits: int, only: tuple[Kind, ...] = tuple(Kind)) -> None:
    console = Console(highlight=False)
    for kind, line in comparison_lines(comparison, digits):
        if kind in only:
            for part in _broken(line, console.width) if kind in _SENTENCES else [line]:
                console.print(Text(part, style=_STYLES.get(kind, "")), soft_wrap=kind not in _SENTENCES)


def _broken(line: str, width: int) -> list[str]:
    """A sentence in lines, indented like the first."""
    text = line.lstrip()
    indent = " " * (len(line) - len(text))
    latin = Text(text).wrap(Console(width=width - len(indent)), width - len(indent))
    parts = lines_of(text, width - len(indent))
    found = [part.plain.rstrip() for part in latin] if len(parts) == 1 else parts
    return [indent + part for part in found] or [""]
