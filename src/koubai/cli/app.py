"""Puts the commands of `koubai` together."""

from __future__ import annotations

from typing import Annotated

import typer

from koubai import __version__
from koubai.cli.compare import compare
from koubai.cli.doctor import doctor
from koubai.cli.downhill import downhill
from koubai.cli.explain import explain
from koubai.cli.export import export
from koubai.cli.gallery import gallery
from koubai.cli.help import Command, Group
from koubai.cli.influence import influence
from koubai.cli.learn import learn_app
from koubai.cli.plan import plan
from koubai.cli.predict import predict
from koubai.cli.replay import replay
from koubai.cli.report import report
from koubai.cli.runs import runs
from koubai.cli.train import train_app
from koubai.i18n import _


def build_app() -> typer.Typer:
    """The command `koubai` with all its commands, their help in the language of the moment."""
    app = typer.Typer(
        name="koubai",
        help=_("Trains neural networks by backpropagation, and hides nothing of it."),
        epilog=_("Anywhere: --lang en|ja sets the language, --debug shows where an error happened."),
        cls=Group,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.add_typer(train_app(), name="train")
    app.command(
        "explain", cls=Command, help=_("Write one training step out: every gradient, by hand, with numbers.")
    )(explain)
    app.add_typer(learn_app(), name="learn")
    app.command(
        "compare",
        cls=Command,
        help=_("Check a step against PyTorch or Keras, and your own numbers against it."),
    )(compare)
    app.command(
        "plan",
        cls=Command,
        help=_("Say what a training will need and take: memory, time, cost, and more data."),
    )(plan)
    app.command(
        "downhill", cls=Command, help=_("Watch optimizers walk down a loss surface, at any learning rate.")
    )(downhill)
    app.command(
        "gallery", cls=Command, help=_("Compare activations and first weights: do gradients get through?")
    )(gallery)
    app.command("runs", cls=Command, help=_("Show all runs with their best and last results."))(runs)
    app.command(
        "predict",
        cls=Command,
        help=_("Let a trained model answer for new data."),
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(predict)
    app.command(
        "influence",
        cls=Command,
        help=_("Show which inputs an answer or the loss hangs on, and which layers learn."),
    )(influence)
    app.command("export", cls=Command, help=_("Write a trained model as an object file for C programs."))(
        export
    )
    app.command("doctor", cls=Command, help=_("Say what is wrong with a run, and what to do about it."))(
        doctor
    )
    app.command("replay", cls=Command, help=_("Open a step of a run again, with every value and gradient."))(
        replay
    )
    app.command("report", cls=Command, help=_("Make the curves and the report of a run again."))(report)
    return app


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"koubai {__version__}")
        raise typer.Exit()


def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help=_("Show the version."))
    ] = False,
) -> None:
    """Options of `koubai` itself."""
