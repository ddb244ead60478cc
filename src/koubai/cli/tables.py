"""Plain tables on the screen, in which nothing is ever cut off."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

_WIDEST = 10_000


def plain_table() -> Table:
    """A table without lines."""
    return Table(box=None, pad_edge=False, header_style="dim")


def show_table(table: Table) -> None:
    """Print a table as wide as it is: names in it are there to be copied, so none may lose its end."""
    console = Console(highlight=False)
    needed = console.measure(table, options=console.options.update(width=_WIDEST)).maximum
    console.width = max(console.width, needed)
    console.print(table)
