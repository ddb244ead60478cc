"""Speaks the user's language: English, or Japanese from a gettext catalogue.

Write `_("Epoch {n} is done").format(n=3)`; the language is looked up each time a message is shown. It is what
`set_language` was given, else the variable KOUBAI_LANG, else the locale.
"""

import functools
import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

LANGUAGES = ("en", "ja")
LOCALE_FOLDER = Path(__file__).parent / "locale"

# Where a user's wish can stand, the strongest first; the last four are the order in which gettext reads them.
_VARIABLES = ("KOUBAI_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_chosen: str | None = None
_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)  # of one thread: others go on in theirs


def set_language(tag: str | None) -> None:
    """Speak this language from now on; None goes back to the environment's.

    Args:
        tag: "en" or "ja", also as a locale's name such as "ja_JP.UTF-8".

    Raises:
        ValueError: when there is no catalogue for the language.
    """
    global _chosen
    _chosen = None if tag is None else _known(tag)


def language() -> str:
    """The language messages are shown in now: "en" or "ja"."""
    return _spoken.get() or _chosen or _from_environment()


@contextmanager
def speaking(tag: str) -> Iterator[None]:
    """Speak this language within a `with` block, in this thread."""
    token = _spoken.set(_known(tag))
    try:
        yield
    finally:
        _spoken.reset(token)


def _(message: str) -> str:
    """The message in the user's language; in English where no translation exists."""
    return (
        _catalogue(language()).gettext(message) if message else ""
    )  # gettext's entry for "" is the catalogue's head


def ngettext(singular: str, plural: str, count: int) -> str:
    """The message that fits the count, in the user's language."""
    return _catalogue(language()).ngettext(singular, plural, count)


def N_(message: str) -> str:
    """Mark a message for translation without translating it yet, as in a table made at import."""
    return message


def speak_in_libraries() -> None:
    """Let libraries that ask gettext's default domain (Typer's help and usage errors) use our catalogue too.

    It changes this process's default domain, so only a command's `main` calls it, before it imports Typer.
    """
    os.environ["LANGUAGE"] = language()
    gettext.bindtextdomain("koubai", str(LOCALE_FOLDER))
    gettext.textdomain("koubai")


@functools.cache
def _catalogue(tag: str) -> gettext.NullTranslations:
    return gettext.translation("koubai", LOCALE_FOLDER, languages=[tag], fallback=True)


def _from_environment() -> str:
    """The first variable that is set decides, unless it names a language we do not have."""
    wishes = [os.environ[name] for name in _VARIABLES if os.environ.get(name)]
    return (_supported(wishes[0]) if wishes else None) or "en"


def _known(tag: str) -> str:
    found = _supported(tag)
    if found is None:
        raise ValueError(f"no messages in language {tag!r}; there are: {', '.join(LANGUAGES)}")
    return found


def _supported(tag: str) -> str | None:
    """Our name for a locale's: "ja_JP.UTF-8" is "ja"."""
    short = tag.lower().replace("-", "_").split(":")[0].split(".")[0].split("_")[0]
    return short if short in LANGUAGES else None
