"""What `koubai downhill` walks on: a surface by its name, a line through a CSV file, or a run's loss."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.run_folders import find_run
from koubai.cli.session import recipe_of
from koubai.data import CSVDataset, read_csv
from koubai.engine.tensor import Tensor
from koubai.explain.downhill import (
    SURFACES,
    Plane,
    Surface,
    landscape,
    path_plane,
    random_plane,
    regression,
    surface,
)
from koubai.explain.downhill.surfaces import standardized
from koubai.i18n import _
from koubai.nn import Module
from koubai.recipes import Training
from koubai.train import RunRecord

PlaneKind = Literal["path", "random"]
_JUDGES = 256  # samples that the loss of a run's model is the mean over


def surface_of(
    wanted: str, columns: Sequence[str | None], kind: PlaneKind, seed: int
) -> tuple[Surface, Plane | None]:
    """The surface that a user named, and the plane if it is one of weights.

    Args:
        wanted: a surface's name, a CSV file, or a run.
        columns: of a CSV file: the input and the target.
        kind: the plane through a run's weights.
        seed: decides a random plane.

    Raises:
        Mistake: there is no such thing, or the columns are missing.
    """
    if wanted in SURFACES:
        return surface(wanted), None
    if wanted.lower().endswith(".csv"):
        return _line_through(Path(wanted), *columns), None
    try:
        record = find_run(wanted)
    except Mistake as mistake:
        hint = _("Surfaces: {names}; or a run, or a CSV file with --input and --target.")
        raise Mistake(
            _("There is no surface or run {name}.").format(name=wanted),
            hint.format(names=", ".join(SURFACES)),
            MISUSED,
        ) from mistake
    return _around(record, kind, seed)


def _line_through(path: Path, column: str | None, target: str | None) -> Surface:
    if column is None or target is None:
        raise Mistake(_("A CSV file needs --input COLUMN and --target COLUMN."), code=MISUSED)
    table = read_csv(path)
    for name in (column, target):
        table.position(name)  # an error that names the columns, if there is none
    others = [name for name in table.columns if name not in (column, target)]
    data = CSVDataset(path, target, missing="drop", drop=others, task="regression")
    if any(feature.categories is not None for feature in data.schema.features):
        raise Mistake(_("The column {name} of {path} does not hold numbers.").format(name=column, path=path))
    x, t = (standardized(np.asarray(tensor.numpy(), np.float64).reshape(-1)) for tensor in data.tensors)
    title = _("{file}: {target} by {input}, both with mean 0 and deviation 1")
    return regression(x, t, title=title.format(file=path.name, target=target, input=column))


def _around(record: RunRecord, kind: PlaneKind, seed: int) -> tuple[Surface, Plane]:
    """The loss of a run's model around the weights it was left with."""
    training = Training(*recipe_of(record))
    model, first = training.model, copy.deepcopy(training.model.state_dict())
    record.load_weights(model)
    if kind == "random":
        plane = random_plane(model, seed)
    else:
        names = [name for name, _parameter in model.named_parameters()]
        stored = [checkpoint.model for checkpoint in record.checkpoints.whole()]
        plane = path_plane([{name: weights[name] for name in names} for weights in (first, *stored)])
        model.load_state_dict(stored[-1])  # the last buffers belong to the last weights
    train = training.task.train
    *inputs, targets = train.gather(list(range(min(_JUDGES, len(train)))))

    def loss(model: Module) -> Tensor:
        return training.trainer.loss(model(*inputs), targets)

    return landscape(model, loss, plane, title=record.folder.name, steps=40), plane
