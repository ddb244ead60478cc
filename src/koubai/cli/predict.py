"""`koubai predict`: a trained model's answers for a picture, rows of a table, or an array."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from koubai.cli.errors import Mistake
from koubai.cli.run_folders import find_run
from koubai.cli.session import recipe_of
from koubai.cli.tables import plain_table, show_table
from koubai.i18n import _
from koubai.recipes import Predictor
from koubai.recipes.inputs import read_inputs

_RUNNERS_UP = 3  # classes shown for each input


def predict(
    run: Annotated[str, typer.Argument(metavar="RUN", help=_("a run's folder or name, or latest"))],
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help=_("a picture, a .csv or .npy file, or a row such as 5.1,3.5,1.4,0.2")
        ),
    ],
) -> None:
    """Print one line for each input: its number and the answer."""
    record = find_run(run)
    recipe, settings = recipe_of(record)
    predictor = Predictor.load(record.folder)
    inputs = read_inputs(source, predictor)
    model = recipe.model(settings, predictor.shape, predictor.outputs)
    try:
        record.load_weights(model)
    except FileNotFoundError:
        raise Mistake(_("The run {run} has no weights yet.").format(run=run)) from None
    answers = predictor.outputs_of(model, inputs)
    table = plain_table()
    table.show_header = False
    for number, answer in enumerate(answers, 1):
        table.add_row(str(number), *_cells(answer, predictor))
    show_table(table)


def _cells(answer: NDArray[Any], predictor: Predictor) -> list[str]:
    """Values, or the likeliest classes with their probabilities."""
    if predictor.task == "regression":
        return [f"{value:.6g}" for value in answer]
    order = np.argsort(-answer, kind="stable")[:_RUNNERS_UP]
    return [f"{predictor.class_names[k]} {100 * answer[k]:.1f} %" for k in order]
