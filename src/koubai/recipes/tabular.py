"""The recipe "tabular": a class or a number from a row of numbers and words, of which some may be missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

import koubai
from koubai import nn
from koubai.data import (
    MixedColumns,
    Records,
    Schema,
    Table,
    TensorDataset,
    adult,
    california_housing,
    infer_schema,
    penguins,
    read_csv,
)
from koubai.data.csv_dataset import cut_rows
from koubai.data.draw import derived_generator
from koubai.data.schema import is_missing
from koubai.i18n import N_, _
from koubai.models import TabularNet
from koubai.recipes import exhibit
from koubai.recipes.chances import calibration, thresholds
from koubai.recipes.exhibit import Agreement, Confusion, Exhibit
from koubai.recipes.importance import permutation_importance
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.rows import read_rows
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task
from koubai.recipes.trees import boosted_trees
from koubai.train.metrics import make_metric

Inputs = tuple[NDArray[Any], ...]  # numbers and marks (N, width), codes (N, columns of words)

_TEST, _VALIDATION = 0.2, 0.1  # the share for the test where none is given, and then for validation
_BATCH = 4096  # rows per forward pass
_ASKED = 4000  # rows by which the importance of columns is measured
_WORST = 12  # how many mistakes are shown
_LIKELIEST = 3  # classes told for each row
_LOADERS: dict[str, Callable[[], Records]] = {
    "adult": adult,
    "california-housing": california_housing,
    "penguins": penguins,
}


class TabularSettings(Settings):
    """Settings of a network for rows of numbers and words."""

    batch_size: int = Field(128, ge=2, description=N_("samples per step; 32 to 256 are usual"))
    data: Literal["adult", "california-housing", "penguins"] = Field(
        "adult", description=N_("incomes of people, prices of houses, or species of penguins")
    )
    file: Annotated[Path, AfterValidator(Path.absolute)] | None = Field(
        None, description=N_("your own table: a CSV file"), json_schema_extra={"unset": N_("none")}
    )
    target_column: str | None = Field(
        None,
        description=N_("the column to predict; rows without it are left out"),
        json_schema_extra={"unset": N_("the data set's own")},
    )
    task: Literal["classification", "regression"] | None = Field(
        None,
        description=N_("what is predicted"),
        json_schema_extra={"unset": N_("words are classes, numbers a regression")},
    )
    drop: str | None = Field(
        None,
        description=N_("columns to leave out, with commas between them"),
        json_schema_extra={"unset": N_("none")},
    )
    balanced: bool = Field(False, description=N_("let rare classes count as much as frequent ones"))
    pieces: int = Field(
        16, ge=0, description=N_("pieces with equally many rows that each number is cut into; 0: none")
    )
    hidden: int = Field(256, ge=1, description=N_("neurons of each hidden layer"))
    layers: int = Field(2, ge=0, description=N_("hidden layers; with 0 the model is linear"))
    dropout: float = Field(
        0.2, ge=0, lt=1, description=N_("share of hidden neurons left out at random while training")
    )

    @model_validator(mode="after")
    def _names_its_target(self) -> Self:
        if self.file is not None and self.target_column is None:
            raise ValueError(_("With a file of your own, name the column to predict: --target-column."))
        return self


class TabularPredictor(Predictor):
    """Answers for rows of a table.

    Attributes:
        columns: how cells become the model's inputs.
        order: the names of the columns as they stand in the training file.
        class_names: of the classes; empty for a regression.
        mean, std: of a regression's training targets.
    """

    columns: MixedColumns
    order: tuple[str, ...]
    class_names: tuple[str, ...]
    mean: float = 0.0
    std: float = 1.0

    @property
    def headline(self) -> str:
        """The metric a result is about."""
        return "accuracy" if self.class_names else "r2"

    def answer(self, model: nn.Module, source: str, options: AnswerOptions) -> tuple[exhibit.Table]:
        """The likeliest classes or the value for each row; words never seen are taken as unknown, and told."""
        table = read_rows(source, self.order)
        outputs = self.outputs(model, self.columns.encode(table))
        rows: tuple[tuple[int | str, ...], ...] = tuple(
            (number, *self._told(row)) for number, row in enumerate(outputs, 1)
        )
        strange = self.columns.unknown(table)
        words = "; ".join(f"{name}: {', '.join(map(repr, own[:5]))}" for name, own in strange.items())
        note = _("Not known from training, so taken as missing: {words}.").format(words=words)
        return (exhibit.Table(rows=rows, note=note if strange else ""),)

    def _told(self, answer: NDArray[Any]) -> list[str]:
        if not self.class_names:
            return [f"{value:.6g}" for value in answer]
        order = np.argsort(-answer, kind="stable")[:_LIKELIEST]
        return [f"{self.class_names[k]} {100 * answer[k]:.1f} %" for k in order]

    def outputs(self, model: nn.Module, inputs: Inputs) -> NDArray[Any]:
        """Probabilities (N, classes), or values (N, 1) in the target's own unit."""
        model.eval()
        with koubai.no_grad():
            parts = [
                self._finished(model(*(koubai.from_numpy(array[start : start + _BATCH]) for array in inputs)))
                for start in range(0, len(inputs[0]), _BATCH)
            ]
        return np.concatenate(parts)

    def _finished(self, output: Any) -> NDArray[Any]:
        if self.class_names:
            return np.asarray(nn.functional.softmax(output, dim=1).numpy())
        return np.asarray(output.numpy(), np.float64) * self.std + self.mean

    def targets(self, part: TensorDataset) -> NDArray[Any]:
        """Classes (N,), or values (N, 1) in their own unit."""
        truth = np.asarray(part.tensors[-1].numpy())
        return truth if self.class_names else truth.astype(np.float64) * self.std + self.mean


def tabular_task(settings: TabularSettings) -> Task:
    """Rows in three parts; what is standardised and which words are known is taken from the training part."""
    records, schema = _load(settings)
    tables = _cut(records, schema, settings)
    predictor = _predictor(tables["train"], schema, settings.pieces)
    parts: dict[str, Any] = {name: _part(predictor, schema, table) for name, table in tables.items()}
    return Task(
        **parts,
        loss=_loss(settings, schema, parts["train"]),
        judge=partial(_judged, predictor, parts["train"], settings.seed),
        predictor=predictor,
        headline=predictor.headline,
        metrics=(predictor.headline,),
    )


def tabular_model(settings: TabularSettings, predictor: TabularPredictor) -> TabularNet:
    """The network that the settings ask for."""
    columns = predictor.columns
    width = len(columns.numbers) + sum(column.gaps for column in columns.numbers)
    outputs = len(predictor.class_names) or 1
    hidden = (settings.hidden,) * settings.layers
    edges = [column.edges for column in columns.numbers]
    return TabularNet(width, columns.cardinalities, outputs, hidden, settings.dropout, edges)


def _load(settings: TabularSettings) -> tuple[Records, Schema]:
    """The rows whose target is known, and what their columns are."""
    if settings.file is not None:
        records = Records(settings.file.stem, str(settings.target_column), read_csv(settings.file))
    else:
        records = _LOADERS[settings.data]()
    target = settings.target_column or records.target
    drop = [name.strip() for name in (settings.drop or "").split(",") if name.strip()]
    train = _known(records.train, target)
    schema = infer_schema(train, target, drop=drop, task=settings.task)
    test = records.test and _known(records.test, target)
    return Records(records.name, target, train, test), schema


def _known(table: Table, target: str) -> Table:
    return table.take(row for row, cell in enumerate(table.cells(target)) if not is_missing(cell))


def _cut(records: Records, schema: Schema, settings: TabularSettings) -> dict[str, Table]:
    """The parts; a row that would be a batch of its own, which has no variance, is left out of the training."""
    train, test = records.train, records.test
    if test is None:
        train, test = _two(train, schema, _TEST, settings.seed)
    train, validation = _two(train, schema, _VALIDATION, settings.seed)
    alone = len(train) % settings.batch_size == 1
    return {"train": train.take(range(len(train) - alone)), "validation": validation, "test": test}


def _two(table: Table, schema: Schema, share: float, seed: int) -> tuple[Table, Table]:
    rest, part = cut_rows(table, schema.encode_target(table), share, seed)
    return table.take(rest), table.take(part)


def _predictor(train: Table, schema: Schema, pieces: int) -> TabularPredictor:
    columns = MixedColumns.fit(train, schema, pieces)
    order = tuple(column.name for column in schema.features if column.name in columns.names)
    names = schema.class_names
    if names:
        return TabularPredictor(columns=columns, order=order, class_names=names)
    values = schema.encode_target(train).astype(np.float64)
    mean, std = float(values.mean()), float(values.std()) or 1.0
    return TabularPredictor(columns=columns, order=order, class_names=(), mean=mean, std=std)


def _part(predictor: TabularPredictor, schema: Schema, table: Table) -> TensorDataset:
    targets: NDArray[Any] = schema.encode_target(table)
    if schema.task == "regression":
        targets = ((targets - predictor.mean) / predictor.std).astype(np.float32)
    return TensorDataset(*predictor.columns.encode(table), targets)


def _loss(settings: TabularSettings, schema: Schema, train: TensorDataset) -> nn.Module:
    if schema.task == "regression":
        return nn.MSELoss()
    if not settings.balanced:
        return nn.CrossEntropyLoss()
    counts = np.bincount(np.asarray(train.tensors[-1].numpy()), minlength=len(schema.class_names))
    weights = len(train) / (len(counts) * np.maximum(counts, 1))
    return nn.CrossEntropyLoss(weight=koubai.tensor(weights, dtype=koubai.float32))


def _judged(
    predictor: TabularPredictor, train: TensorDataset, seed: int, model: nn.Module, test: TensorDataset
) -> Outcome:
    """Beside the best constant answer, and beside gradient-boosted trees where scikit-learn is installed."""
    known, inputs = _inputs(train), _inputs(test)
    learnt, truth = predictor.targets(train), predictor.targets(test)
    outputs = predictor.outputs(model, inputs)
    metrics = _measured(outputs, truth)
    trees = boosted_trees(_columns(predictor, known), learnt, _columns(predictor, inputs), seed)
    if trees is not None:
        headline = predictor.headline
        metrics[f"trees_{headline}"] = _measured(trees, truth)[headline]
    return Outcome(
        headline=predictor.headline,
        metrics=metrics,
        baseline=_measured(_constant(predictor, learnt, len(truth)), truth),
        baseline_name=N_("always answering the most frequent class")
        if predictor.class_names
        else N_("always answering the mean"),
        samples=len(truth),
        exhibits=_exhibits(predictor, model, inputs, outputs, truth, seed),
        answers={"truth": truth, "outputs": outputs},
    )


def _inputs(part: TensorDataset) -> Inputs:
    return tuple(np.asarray(tensor.numpy()) for tensor in part.tensors[:-1])


def _columns(predictor: TabularPredictor, inputs: Inputs) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    numbers, codes = inputs
    return predictor.columns.values(numbers), codes


def _constant(predictor: TabularPredictor, learnt: NDArray[Any], rows: int) -> NDArray[Any]:
    """The frequencies of the classes or the mean, for every row."""
    if predictor.class_names:
        row = np.bincount(learnt, minlength=len(predictor.class_names)) / len(learnt)
    else:
        row = learnt.mean(axis=0)
    return np.broadcast_to(row, (rows, len(row)))


def _measured(outputs: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    """The metrics; the area under the ROC curve only where every class occurs."""
    names = ["r2", "mae", "rmse"]
    if truth.ndim == 1:
        whole = len(np.unique(truth)) == outputs.shape[1]
        names = ["accuracy", "f1", *(["roc_auc"] if whole else [])]
    return {name: _value(name, outputs, truth) for name in names}


def _value(name: str, outputs: NDArray[Any], truth: NDArray[Any]) -> float:
    metric = make_metric(name)
    metric.update(outputs, truth)
    return float(metric.compute())  # type: ignore[arg-type]  # none of these gives a list


def _exhibits(
    predictor: TabularPredictor,
    model: nn.Module,
    inputs: Inputs,
    outputs: NDArray[Any],
    truth: NDArray[Any],
    seed: int,
) -> tuple[Exhibit, ...]:
    """What was answered for what, which columns it relies on, how far to trust it, and the worst rows."""
    first = (
        _classes(predictor.class_names, outputs, truth)
        if predictor.class_names
        else [Agreement(title=N_("Predicted and true values"), truth=truth[:, 0], predicted=outputs[:, 0])]
    )
    asked = tuple(array[:_ASKED] for array in inputs)
    importance = permutation_importance(
        lambda changed: _value(predictor.headline, predictor.outputs(model, changed), truth[:_ASKED]),
        asked,
        {name: predictor.columns.places(name) for name in predictor.order},
        derived_generator(seed, "importance"),
    )
    return (first[0], importance, *first[1:], _worst(predictor, inputs, outputs, truth))


def _classes(names: tuple[str, ...], outputs: NDArray[Any], truth: NDArray[Any]) -> list[Exhibit]:
    counts = np.zeros((len(names),) * 2, np.int64)
    np.add.at(counts, (truth, outputs.argmax(axis=1)), 1)
    shown: list[Exhibit] = [
        Confusion(title=N_("Confusion matrix"), names=names, counts=counts),
        calibration(outputs, truth),
    ]
    return shown if len(names) > 2 else [*shown, thresholds(outputs[:, 1], truth == 1, names[1])]


def _worst(
    predictor: TabularPredictor, inputs: Inputs, outputs: NDArray[Any], truth: NDArray[Any]
) -> exhibit.Table:
    """The rows with the least belief in the truth, or those that were missed by most, with their cells."""
    names = predictor.class_names
    rows = np.arange(len(truth))
    missed = 1 - outputs[rows, truth] if names else np.abs(outputs - truth)[:, 0]
    worst = np.argsort(-missed, kind="stable")[:_WORST]
    cells = predictor.columns.decode(*(array[worst] for array in inputs))
    told: list[tuple[str, ...]] = [
        (names[truth[k]], names[outputs[k].argmax()], f"{100 * outputs[k].max():.1f} %")
        if names
        else (f"{truth[k, 0]:.6g}", f"{outputs[k, 0]:.6g}")
        for k in worst
    ]
    header = (N_("true"), N_("predicted"), *([N_("certainty")] if names else []), *predictor.columns.names)
    return exhibit.Table(
        title=N_("Samples it got most wrong"),
        header=header,
        rows=tuple((*answer, *row) for answer, row in zip(told, cells)),
    )


TABULAR = Recipe(
    "tabular",
    N_("a table of numbers and words with gaps: incomes, houses, penguins; or your own"),
    tabular_task,
    tabular_model,
    TabularPredictor,
    TabularSettings,
    {"epochs": 30, "lr": 0.002, "patience": 8, "schedule": "cosine", "weight_decay": 1e-4},
)
