"""Puts the commands together; built anew for each call, so that its help speaks the language of the moment."""

from __future__ import annotations

import typer
import typer.core

from koubai import __version__
from koubai.cli.predict import predict
from koubai.cli.report import report
from koubai.cli.runs import runs
from koubai.cli.train import train_app
from koubai.i18n import _


def build_app() -> typer.Typer:
    """The command `koubai` with all its commands."""
    app = typer.Typer(
        name="koubai",
        help=_("Trains neural networks by backpropagation, and hides nothing of it."),
        epilog=_("Anywhere on the line: --lang en|ja chooses the language, --debug shows where an error happened."),
        add_completion=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.add_typer(train_app(), name="train")
    app.command("runs", help=_("Show all runs with their best and last results."))(runs)
    app.command("predict", help=_("Let a trained model answer for new data."))(predict)
    app.command("report", help=_("Make a run's curves and report again."))(report)
    return app


def _root(version: bool = typer.Option(False, "--version", is_eager=True, help="", callback=lambda on: _version(on))) -> None:
    """Options of `koubai` itself."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"koubai {__version__}")
        raise typer.Exit()
