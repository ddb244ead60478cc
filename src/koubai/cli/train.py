"""`koubai train`: every recipe is a command whose options come from its settings, and so is every script."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main

from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.help import Command, Group
from koubai.cli.options import parameters, settings_from
from koubai.cli.session import resume, start
from koubai.i18n import _
from koubai.recipes import RECIPES, Recipe, Settings, load_script

Typed = dict[str, Any]


class TrainGroup(Group):
    """The commands below `koubai train`: the recipes, and any file that ends in .py."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The recipes, for the help."""
        return list(RECIPES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a recipe or a script.

        Raises:
            Mistake: there is no recipe of this name.
        """
        if cmd_name.endswith(".py"):
            return _script_command(Path(cmd_name))
        if cmd_name in RECIPES:
            return _recipe_command(RECIPES[cmd_name])
        near = get_close_matches(cmd_name, RECIPES, 1)
        hint = _("Did you mean {names}?").format(names=near[0]) if near else _names()
        raise Mistake(_("There is no recipe {name}.").format(name=cmd_name), hint, MISUSED)


def train_app() -> typer.Typer:
    """`koubai train` with all it can train."""
    app = typer.Typer(
        cls=TrainGroup,
        help=_(
            "Train a recipe, or the model of your own script; koubai train NAME --help shows its options."
        ),
        invoke_without_command=True,
        subcommand_metavar="NAME|script.py [OPTIONS]",
    )

    @app.callback()
    def train(ctx: typer.Context, resume_run: Annotated[str | None, _resume_option()] = None) -> None:
        if resume_run is not None and ctx.invoked_subcommand is None:
            resume(resume_run)
        elif resume_run is not None:
            raise Mistake(_("A resumed run knows what it trains; leave the name out."), code=MISUSED)
        elif ctx.invoked_subcommand is None:
            raise Mistake(_("Say what to train."), _names(), MISUSED)

    return app


def _names() -> str:
    return _("There are {names}, and any script.py.").format(names=", ".join(RECIPES))


def _recipe_command(recipe: Recipe) -> Any:
    def run(typed: Typed, folder: Path | None) -> None:
        start(recipe, settings_from(recipe.settings, typed), folder)

    return _command(recipe.name, _(recipe.summary), recipe.settings, run)


def _script_command(path: Path) -> Any:
    def run(typed: Typed, folder: Path | None) -> None:
        seed = settings_from(Settings, typed).seed  # a wrong option is told before the script runs
        recipe = load_script(path, seed)
        start(recipe, settings_from(recipe.settings, typed), folder, script=path)

    return _command(
        str(path), _("the model and the data of the script {path}").format(path=path), Settings, run
    )


def _command(
    name: str, text: str, settings: type[Settings], run: Callable[[Typed, Path | None], None]
) -> Any:
    """A command with an option for each setting, made for Typer by giving a function that signature."""

    def command(run_dir: Path | None, resume_run: str | None, **options: Any) -> None:
        typed = {key: value for key, value in options.items() if value is not None}
        if resume_run is None:
            run(typed, run_dir)
        elif typed or run_dir:
            raise Mistake(_("A resumed run keeps its settings; leave the other options out."), code=MISUSED)
        else:
            resume(resume_run, name)

    shared = {
        "run_dir": Annotated[
            Path | None, typer.Option(help=_("folder for the record of this run"), show_default=False)
        ],
        "resume_run": Annotated[str | None, _resume_option()],
    }
    extra = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for key, kind in shared.items()
    ]
    command.__signature__ = inspect.Signature([*parameters(settings), *extra])  # type: ignore[attr-defined]
    command.__annotations__ = {}
    app = typer.Typer(add_completion=False)
    app.command(name, cls=Command, help=text)(command)
    return typer.main.get_command(app)


def _resume_option() -> Any:
    return typer.Option(
        "--resume", metavar="RUN", help=_("go on with an interrupted run"), show_default=False
    )
