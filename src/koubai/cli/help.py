"""Help in the user's language, also where Typer brings the words."""

from __future__ import annotations

from typing import Any

import typer.core

from koubai.i18n import N_, _

# What Typer's help says by itself; it finds the translations in our catalogue, see `i18n.speak_in_libraries`.
TYPERS_WORDS = (N_("Options"), N_("Arguments"), N_("Commands"), N_("[required]"), N_("[default: {}]"))


class _HelpOption:
    """The option --help, which Typer describes in English only."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option with our words."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = _("Show this message and exit.")
        return option


class Command(_HelpOption, typer.core.TyperCommand):
    """A command."""


class Group(_HelpOption, typer.core.TyperGroup):
    """A command with commands below it."""
