"""Shows a lesson in the terminal: Markdown without what only a browser can follow, Japanese broken where it may be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement, Paragraph, TableDataElement
from rich.text import Text

from koubai.cli.wrapping import joined, lines_of
from koubai.i18n import _
from koubai.learn import Lesson

_WIDEST = 80  # columns that are read with ease
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def show_lesson(lesson: Lesson) -> None:
    """Print a lesson on at most 80 columns."""
    console = Console(highlight=False)
    console.width = min(console.width, _WIDEST)
    console.print(_Page(_for_the_terminal(lesson.text), hyperlinks=False, code_theme="ansi_dark"))


class _Paragraph(Paragraph):
    """A paragraph; Rich breaks lines at blanks, of which Japanese has none."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _wrapped(self.text, options.max_width)


class _Heading(Heading):
    """A heading, at the left."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Cell(TableDataElement):
    """A cell of a table, of which nothing is cut off."""

    def __init__(self, justify: JustifyMethod) -> None:
        super().__init__(justify)
        self.content.overflow = "fold"


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "paragraph_open": _Paragraph,
        "heading_open": _Heading,
        "th_open": _Cell,
        "td_open": _Cell,
    }


def _wrapped(text: Text, width: int) -> Iterator[Text]:
    """A text as lines, with its styles."""
    at, ends = 0, []
    for line in lines_of(text.plain, width):
        at = text.plain.index(line, at) + len(line)
        ends.append(at)
    for part in text.divide(ends[:-1]):
        blanks = len(part.plain) - len(part.plain.lstrip(" "))
        yield part.divide([blanks])[-1]


def _for_the_terminal(text: str) -> str:
    """The page without its link to the other language, with words for pictures, and without the targets of links."""
    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _words(part) for part in parts)


def _words(text: str) -> str:
    text = re.sub(r"^\[(?:日本語|English)\]\(.*\)\n", "", text, flags=re.MULTILINE)
    text = re.sub(
        r"!\[(.*?)\]\(.*?\)", lambda found: "*" + _("Picture: {what}").format(what=found[1]) + "*", text
    )
    return joined(re.sub(r"\[(.*?)\]\((?!https?:).*?\)", r"\1", text))
