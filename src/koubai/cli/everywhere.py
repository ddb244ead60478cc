"""Options that may stand anywhere on the command line: `--lang` and `--debug`.

They are taken out before Typer reads the rest, because the language decides what the help itself says.
"""

from collections.abc import Sequence

from koubai.cli.errors import MISUSED, Mistake
from koubai.i18n import LANGUAGES, _


def take_everywhere(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """Split the line into the rest for Typer and the language that was asked for.

    Raises:
        Mistake: when the language is missing or is not one of ours.
    """
    rest: list[str] = []
    chosen = None
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--lang" or word.startswith("--lang="):
            chosen = _checked(word.partition("=")[2] or next(words, ""))
        elif word != "--debug":
            rest.append(word)
    return rest, chosen


def _checked(tag: str) -> str:
    if tag not in LANGUAGES:
        raise Mistake(
            _("--lang must be one of {languages}.").format(languages=", ".join(LANGUAGES)), code=MISUSED
        )
    return tag
