"""`koubai predict`: a trained model's answer for what the user hands in: a file, a sentence, cells of a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from koubai.atomic import write_file
from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.exhibits import show_exhibit
from koubai.cli.options import option_name, settings_from
from koubai.cli.run_folders import find_run
from koubai.cli.session import load_weights, recipe_of
from koubai.i18n import _
from koubai.recipes.exhibit import Exhibit
from koubai.report import draw_exhibit


def predict(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help=_("a run's folder or name, or latest"))],
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help=_("a file or a text, as the recipe takes it; for tables also a row such as 5.1,3.5,1.4,0.2"),
        ),
    ],
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE.png", help=_("write the answer's picture into a file")),
    ] = None,
) -> None:
    """Print the answer; what follows as --name value are options of the recipe's own."""
    record = find_run(run)
    recipe, settings = recipe_of(record)
    predictor = recipe.predictor.load(record.folder)
    options = settings_from(predictor.options, _typed(ctx.args, predictor.options))
    model = recipe.model(settings, predictor)
    load_weights(record, model)
    answer = predictor.answer(model, source, options)
    for exhibit in answer:
        show_exhibit(exhibit)
    if save is not None:
        save_picture(answer, save)


def _typed(words: Sequence[str], options: type[BaseModel]) -> dict[str, str]:
    """Options that only the run's recipe knows, "--length 200" or "--length=200"."""
    known = {option_name(name): name for name in options.model_fields}
    typed, left = {}, list(words)
    while left:
        name, given, value = left.pop(0).partition("=")
        if name not in known:
            told = ", ".join(known) or _("none")
            problem = _("There is no option {name}. For this run there are: {names}.")
            raise Mistake(problem.format(name=name, names=told), code=MISUSED)
        if not given and not left:
            raise Mistake(_("{name} needs a value.").format(name=name), code=MISUSED)
        typed[known[name]] = value if given else left.pop(0)
    return typed


def save_picture(answer: Sequence[Exhibit], file: Path) -> None:
    """Write the answer's first picture, as PNG.

    Raises:
        Mistake: the file has another ending, or the answer has no picture.
    """
    if file.suffix.lower() != ".png":
        raise Mistake(_("{path} must end in {ending}.").format(path=file, ending=".png"), code=MISUSED)
    pictures = filter(None, map(draw_exhibit, answer))
    picture = next(pictures, None)
    if picture is None:
        raise Mistake(_("This answer has no picture to save."))
    write_file(file, picture)
    typer.echo(_("Written: {path}").format(path=file))
