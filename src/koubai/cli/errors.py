"""What a user's mistake looks like: one message, one hint, an exit code, and no traceback."""

from __future__ import annotations

import sqlite3
import sys

import typer
from safetensors import SafetensorError

from koubai.i18n import _

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done; the user's mistake or a failure; wrong usage of the command; stopped with Ctrl-C."""


# What the rooms below raise when data, files or settings are wrong; anything else is a fault of ours.
_EXPECTED = (
    ArithmeticError,
    ImportError,
    IndexError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    SafetensorError,
    sqlite3.Error,
)


class Mistake(Exception):
    """Something the user can put right.

    Args:
        message: what is wrong.
        hint: what to do about it.
        code: the exit code.
    """

    def __init__(self, message: str, hint: str | None = None, code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


class Stopped(Mistake):
    """The user pressed Ctrl-C; `hint` says how to go on."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint, INTERRUPTED)


def show(error: Exception) -> int:
    """Print an error for people on stderr, and return the exit code."""
    mistake = as_mistake(error)
    mark = "■" if isinstance(mistake, Stopped) else "✗"
    print(f"{mark} {mistake}", file=sys.stderr)
    if mistake.hint:
        print(f"  {mistake.hint}", file=sys.stderr)
    return mistake.code


def show_warning(message: Warning | str, *_details: object, **_more: object) -> None:
    """Print a warning for people on stderr, without the line of source it came from."""
    print(f"! {message}", file=sys.stderr)


def as_mistake(error: Exception) -> Mistake:
    """Any error as a mistake: Typer's usage errors, and what the rooms below raise."""
    if isinstance(error, Mistake):
        return error
    if isinstance(error, typer.Abort):
        return Stopped(_("Stopped."))
    if hasattr(error, "format_message"):  # Typer's for wrong usage
        return Mistake(_usage_message(error), _usage_hint(error), MISUSED)
    if isinstance(error, _EXPECTED):
        return Mistake(_told(error), _hint(error))
    kind = type(error).__name__
    return Mistake(
        f"{kind}: {error}", _("This looks like a fault of Koubai. --debug shows where it happened.")
    )


def _told(error: Exception) -> str:
    """The error's own words and notes; an operating system's error without its number."""
    words = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        words = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return "\n  ".join([words, *getattr(error, "__notes__", ())])


def _hint(error: Exception) -> str | None:
    if isinstance(error, ArithmeticError):
        return _("Try a learning rate ten times smaller (--lr), or clip the gradients (--clip-norm 1).")
    if isinstance(error, MemoryError):
        return _("Try a smaller batch (--batch-size).")
    return None


def _usage_message(error: Exception) -> str:
    """Typer's message, in the user's language for the mistakes people make."""
    parameter = getattr(error, "param", None)
    option = next((name for name in getattr(parameter, "opts", ()) if name.startswith("-")), None)
    name = getattr(error, "option_name", None) or option or getattr(parameter, "metavar", None)
    match type(error).__name__:
        case "NoSuchOption":
            return _("There is no option {name}.").format(name=name)
        case "BadOptionUsage":
            return _("The option {name} needs a value.").format(name=name)
        case "MissingParameter":
            return _("{name} is missing.").format(name=name)
    return str(error.format_message())  # type: ignore[attr-defined]


def _usage_hint(error: Exception) -> str | None:
    """Names that are near, and where the help is."""
    near = getattr(error, "possibilities", None)
    context = getattr(error, "ctx", None)
    hints = [_("Did you mean {names}?").format(names=", ".join(near))] if near else []
    if context:
        hints.append(_("Help: {command}").format(command=f"{context.command_path} --help"))
    return " ".join(hints) or None
