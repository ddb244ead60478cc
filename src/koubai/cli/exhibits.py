"""Shows an answer in the terminal: tables and texts as they are, of anything else what a terminal can show."""

from __future__ import annotations

from functools import singledispatch

import typer
from rich.console import Console
from rich.text import Text

from koubai.cli.colours import show_map, show_tokens
from koubai.cli.tables import plain_table, show_table
from koubai.cli.wrapping import lines_of
from koubai.i18n import _
from koubai.recipes.exhibit import Bars, Exhibit, Pictures, Table, Texts, Tokens

_BAR = 30  # columns of the longest bar


def show_exhibit(exhibit: Exhibit) -> None:
    """Print it, below its title."""
    console = Console(highlight=False)
    if exhibit.title:
        console.print(Text(_(exhibit.title), style="bold"))
    _show(exhibit)
    if exhibit.note:
        for line in lines_of(_(exhibit.note), console.width):
            console.print(Text(line, style="dim"))


@singledispatch
def _show(exhibit: Exhibit) -> None:
    typer.echo(_("A picture: save it with --save FILE.png"))


@_show.register
def _table(exhibit: Table) -> None:
    table = plain_table()
    table.show_header = bool(exhibit.header)
    for title in exhibit.header:
        table.add_column(_(title))
    for row in exhibit.rows:
        table.add_row(*map(str, row))
    show_table(table)


@_show.register
def _texts(exhibit: Texts) -> None:
    console = Console(highlight=False)
    for caption, text in exhibit.passages:
        if caption:
            console.print(Text(_(caption), style="dim"))
        console.print(Text(text), soft_wrap=True)


@_show.register
def _pictures(exhibit: Pictures) -> None:
    heats = [None] * len(exhibit.images) if exhibit.heat is None else exhibit.heat
    for caption, heat in zip(exhibit.captions, heats, strict=True):
        typer.echo("  ".join(f"{_(name)} {value}".strip() for name, value in caption))
        if heat is not None and heat.any():
            show_map(heat)
    if exhibit.boxes:
        typer.echo(_("A picture: save it with --save FILE.png"))


@_show.register
def _tokens(exhibit: Tokens) -> None:
    show_tokens(exhibit)


@_show.register
def _bars(exhibit: Bars) -> None:
    largest = max(map(abs, exhibit.values.tolist()), default=0) or 1
    table = plain_table()
    table.show_header = False
    for name, value in zip(exhibit.names, exhibit.values.tolist(), strict=True):
        table.add_row(name, f"{value:.4g}", "█" * round(_BAR * abs(value) / largest))
    show_table(table)
