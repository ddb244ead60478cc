"""The command `koubai`: what a user types, in the language they speak.

Typer and Rich are imported only when the command runs.
"""

import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper


def main() -> None:
    """Run the command that was typed, and leave with its exit code."""
    from koubai.cli.errors import show_warning

    warnings.showwarning = show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a screen without our characters shows question marks
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command.

    Args:
        arguments: what was typed after `koubai`.

    Returns:
        the exit code: 0 done, 1 the user's mistake or a failure, 2 wrong usage, 130 stopped with Ctrl-C.
    """
    from koubai import i18n
    from koubai.cli.errors import INTERRUPTED, show
    from koubai.cli.everywhere import take_everywhere

    debug = "--debug" in arguments
    try:
        rest, chosen = take_everywhere(arguments)
        i18n.set_language(chosen)
        i18n.speak_in_libraries()
        from koubai.cli.app import build_app  # only now: at import the help finds its language

        code = build_app()(args=rest or ["--help"], prog_name="koubai", standalone_mode=False)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if debug:
            raise
        return show(error)
    return code if isinstance(code, int) else 0
