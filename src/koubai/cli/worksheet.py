"""Shows a worksheet on the screen, page by page: Enter goes on, b goes back, q leaves."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from koubai.explain.pages import Line, Page, forms_of, pages
from koubai.explain.text import TextNotation, sign_of, title
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _

_INDENT = "  "


def show_worksheet(sheet: Worksheet, digits: int, everything: bool) -> None:
    """Show a worksheet.

    Args:
        sheet: the worksheet.
        digits: decimals to round to.
        everything: all pages at once, also where somebody could press keys.
    """
    console = Console(highlight=False)
    shown = list(pages(sheet))
    if everything or not keys_can_be_pressed():
        for page in shown:
            _show(page, console, digits)
    else:
        _step(shown, console, digits)


def keys_can_be_pressed() -> bool:
    """Tell whether a person is at the screen and at the keys."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _step(shown: Sequence[Page], console: Console, digits: int) -> None:
    """Show one page after the other, as the keys say."""
    number = 0
    while number < len(shown):
        _show(shown[number], console, digits)
        place = _("page {number} of {count}").format(number=number + 1, count=len(shown))
        keys = _("Enter: next, b: back, q: quit")
        answer = _answer(console, f"[dim]{place} · {keys}[/dim] ")
        if answer == "q":
            return
        number = max(0, number - 1) if answer == "b" else number + 1


def _answer(console: Console, question: str) -> str:
    """What was typed; the end of the input means to leave."""
    try:
        return console.input(question).strip().lower()
    except EOFError:
        console.print()
        return "q"


def _show(page: Page, console: Console, digits: int) -> None:
    names, numbers = TextNotation(digits=digits), TextNotation(numbers=True, digits=digits)
    console.print(Text(title(page, names), style="bold"))
    if page.sentence:
        console.print(Padding(Text(page.sentence), (0, 0, 0, len(_INDENT))))
    for symbol, term in page.rules:
        console.print(Text(f"{_INDENT}{names.name(symbol)} ← {names.write(term)}", style="green"))
    width = max((cell_len(names.name(line.cell.symbol)) for line in page.lines), default=0)
    for line in page.lines:
        for text in _rows(line, names, numbers, width, console.width):
            console.print(text, soft_wrap=True)
    for gradient, before, after in page.signs:
        sign, words = sign_of(gradient.value, after.value - before.value)
        change = f"{names.name(before.symbol)}: {names.number(before.value)} → {names.number(after.value)}"
        left = f"{_INDENT}{names.name(gradient.symbol)} {sign} 0"
        console.print(Text(f"{_padded(left, 20)}{_padded(change, 32)}{words}"))
    console.print()


def _rows(
    line: Line, names: TextNotation, numbers: TextNotation, name_width: int, width: int
) -> Iterator[Text]:
    """A line on one row if it fits, else one row for each form."""
    name, *forms = forms_of(line, names, numbers)
    start = f"{_INDENT}{_padded(name, name_width)}"
    whole = f"{start} = {' = '.join(forms)}"
    if cell_len(whole) <= width:
        rows = [whole]
    else:
        rows = [row for form in forms for row in _broken(form, width - cell_len(start) - 3)]
        rows = [f"{start if number == 0 else ' ' * cell_len(start)} {row}" for number, row in enumerate(rows)]
    for number, row in enumerate(rows):
        text = Text(row)
        text.stylize("cyan", 0, len(start) if number == 0 else 0)
        if number == len(rows) - 1:
            text.stylize("bold", len(row) - len(forms[-1]))
        yield text


def _broken(form: str, width: int) -> Iterator[str]:
    """A form behind its =, broken before a + or − where it is too long."""
    row = "="
    for part in _parts(form):
        if row not in ("=", " ") and cell_len(row + part) > width + 2:
            yield row
            row = " "
        row += part
    yield row


def _parts(form: str) -> Iterator[str]:
    """The terms of a sum, each with its sign and the blank before it."""
    part = ""
    for word in form.split(" "):
        if word in ("+", "−") and part:
            yield part
            part = ""
        part += f" {word}"
    yield part


def _padded(text: str, width: int) -> str:
    return text + " " * max(1 if width > 12 else 0, width - cell_len(text))
