"""The recipe "tabular": its settings, its data in parts, its network."""

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
from koubai.data.schema import is_missing
from koubai.i18n import N_, _
from koubai.models import TabularNet
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.tabular.judge import judged
from koubai.recipes.tabular.predictor import TabularPredictor
from koubai.recipes.task import Task

_TEST, _VALIDATION = 0.2, 0.1  # the share for the test where none is given, and then for validation
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


def tabular_task(settings: TabularSettings) -> Task:
    """Rows in three parts; what is standardised and which words are known is taken from the training part."""
    records, schema = _load(settings)
    tables = _cut(records, schema, settings)
    predictor = _predictor(tables["train"], schema, settings.pieces)
    parts: dict[str, Any] = {name: _part(predictor, schema, table) for name, table in tables.items()}
    return Task(
        **parts,
        loss=_loss(settings, schema, parts["train"]),
        judge=partial(judged, predictor, parts["train"], settings.seed),
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


TABULAR = Recipe(
    "tabular",
    N_("a table of numbers and words with gaps: incomes, houses, penguins; or your own"),
    tabular_task,
    tabular_model,
    TabularPredictor,
    TabularSettings,
    {"epochs": 30, "lr": 0.002, "patience": 8, "schedule": "cosine", "weight_decay": 1e-4},
)
