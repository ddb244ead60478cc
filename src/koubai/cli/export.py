"""`koubai export`: a trained model as an object file that C programs link, from raw input to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

import koubai
from koubai import nn
from koubai.cli.errors import Mistake
from koubai.cli.run_folders import find_run
from koubai.cli.session import recipe_of
from koubai.i18n import _
from koubai.recipes import LabelledPredictor


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help=_("a run's folder or name, or latest"))],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help=_("the folder for the files"))],
    name: Annotated[str, typer.Option("--name", help=_("of the files and of the function in C"))] = "model",
    batch: Annotated[int, typer.Option("--batch", min=1, help=_("how many inputs one call takes"))] = 1,
    target: Annotated[
        str | None,
        typer.Option("--target", help=_("x86-64, x86-64-v3, x86-64-v4 or aarch64; else this machine's")),
    ] = None,
) -> None:
    """Write the files and say where they are."""
    from koubai import compiler  # only here: LLVM need not be there for other commands

    record = find_run(run)
    recipe, settings = recipe_of(record)
    predictor = recipe.predictor.load(record.folder)
    if not isinstance(predictor, LabelledPredictor):
        problem = _(
            "The run {run} answers with more than numbers; koubai.compiler.export writes its network."
        )
        raise Mistake(problem.format(run=run))
    model = recipe.model(settings, predictor)
    try:
        record.load_weights(model)
    except FileNotFoundError:
        raise Mistake(_("The run {run} has no weights yet.").format(run=run)) from None
    answers = koubai.compile(answering(model, predictor))
    with koubai.no_grad():
        files = compiler.export(answers, out, name, koubai.zeros(batch, *predictor.shape), target=target)
    for file in files:
        typer.echo(str(file))


def answering(model: nn.Module, predictor: LabelledPredictor) -> Any:
    """Return a function from inputs as they come from the user to probabilities, or to values in the targets' unit."""
    model.eval()

    def answers(x: koubai.Tensor) -> Any:
        if predictor.scaler:
            offset, scale = _numbers(predictor.scaler)
            x = ((x.to(koubai.float64) - offset) / scale).to(koubai.float32)
        output = model(x)
        if predictor.task == "classification":
            output = nn.functional.softmax(output, dim=1)
        if predictor.target_scaler:
            offset, scale = _numbers(predictor.target_scaler)
            output = (output.to(koubai.float64) * scale + offset).to(koubai.float32)
        return output

    return answers


def _numbers(scaler: dict[str, Any]) -> tuple[koubai.Tensor, koubai.Tensor]:
    offset, scale = (np.asarray(scaler[name], np.float64) for name in ("offset", "scale"))
    return _tensor(offset), _tensor(scale)


def _tensor(array: NDArray[Any]) -> koubai.Tensor:
    return koubai.tensor(array, dtype=koubai.float64)
