"""Recipes for tables: flowers, wines, tumours, the course of diabetes, and any CSV file of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from koubai.data import LabelledData, breast_cancer, diabetes, from_csv, iris, wine
from koubai.i18n import N_
from koubai.nn import Module
from koubai.recipes.labelled import Shape, labelled_recipe
from koubai.recipes.models import mlp
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings


class TableSettings(Settings):
    """Settings of a network for tables."""

    hidden: int = Field(32, ge=1, description=N_("neurons of each hidden layer"))
    layers: int = Field(1, ge=0, description=N_("hidden layers; with 0 the model is linear"))
    dropout: float = Field(
        0.0, ge=0, lt=1, description=N_("share of hidden neurons left out at random while training")
    )


class CSVSettings(TableSettings):
    """Settings for a CSV file."""

    file: Annotated[Path, AfterValidator(Path.absolute)] = Field(  # a run may be resumed from another folder
        description=N_("the CSV file"), json_schema_extra={"argument": True}
    )
    target_column: str = Field(description=N_("the column to predict"))
    task: Literal["classification", "regression"] | None = Field(
        None,
        description=N_("what is predicted"),
        json_schema_extra={"unset": N_("words are classes, numbers a regression")},
    )
    missing: Literal["refuse", "drop", "fill"] = Field(
        "refuse", description=N_("what to do about missing cells")
    )


def table_model(settings: TableSettings, shape: Shape, outputs: int) -> Module:
    """A multilayer perceptron as deep and wide as the settings ask."""
    return mlp(shape, outputs, (settings.hidden,) * settings.layers, settings.dropout)


_LONG = {"epochs": 100}  # tables are small


def _recipe(name: str, summary: str, load: Any, **defaults: Any) -> Recipe:
    return labelled_recipe(name, summary, lambda _: load(), table_model, TableSettings, {**_LONG, **defaults})


def csv_data(settings: CSVSettings) -> LabelledData:
    """The user's file, words as inputs of their own."""
    return from_csv(
        settings.file, settings.target_column, missing=settings.missing, task=settings.task, one_hot=True
    )


TABLES = (
    _recipe("iris", N_("three kinds of iris from 4 measures; 150 flowers"), iris, batch_size=16),
    _recipe("wine", N_("three growers of wine from 13 measures; 178 wines"), wine, batch_size=16),
    _recipe("breast-cancer", N_("benign or malignant tumour from 30 measures; 569 patients"), breast_cancer),
    _recipe("diabetes", N_("the course of diabetes from 10 measures (a regression); 442 patients"), diabetes),
    labelled_recipe(
        "csv",
        N_("any CSV file: one column predicted from the others"),
        csv_data,
        table_model,
        CSVSettings,
        _LONG,
    ),
)
