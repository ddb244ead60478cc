"""The texts of the lessons, in the user's language.

They are the pages of docs/learn: a wheel brings them along as `pages`; in a checkout they are where they are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from koubai.i18n import _, language

__all__ = ["Lesson", "lesson", "lessons"]

_INSTALLED = Path(__file__).parent / "pages"
_WRITTEN = Path(__file__).parents[3] / "docs" / "learn"


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        number: from 1.
        title: its heading.
        text: the page, as Markdown.
    """

    number: int
    title: str
    text: str


def lessons() -> list[Lesson]:
    """All lessons in order, in the user's language."""
    folder = _INSTALLED if _INSTALLED.is_dir() else _WRITTEN
    ending = ".ja.md" if language() == "ja" else ".md"
    pages = (path for path in folder.glob("[1-9]-*.md") if path.name.partition(".")[2] == ending[1:])
    return [_read(path) for path in sorted(pages)]


def lesson(number: int) -> Lesson:
    """Return one lesson.

    Args:
        number: from 1.

    Raises:
        ValueError: if there is no such lesson.
    """
    found = lessons()
    if not 1 <= number <= len(found):
        message = _("There is no lesson {number}; there are lessons 1 to {last}.")
        raise ValueError(message.format(number=number, last=len(found)))
    return found[number - 1]


def _read(path: Path) -> Lesson:
    text = path.read_text(encoding="utf-8")
    heading = text.partition("\n")[0].removeprefix("# ")
    return Lesson(int(path.name[0]), heading.partition(". ")[2], text)
