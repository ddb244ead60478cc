"""CSV files as data sets of inputs and targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from koubai.data.dataset import TensorDataset
from koubai.data.labelled import LabelledData, part_indices
from koubai.data.schema import Schema, Task, infer_schema, is_missing
from koubai.data.table import Table, read_csv, wrong
from koubai.i18n import _

Missing = Literal["refuse", "drop", "fill"]


class CSVDataset(TensorDataset):
    """A CSV file as a data set of inputs and targets.

    Args:
        path: the file.
        target: the column that is to be predicted.
        missing: what to do with missing cells: "refuse" them with an error, "drop" their rows, or "fill" in
            the mean of numbers and the most frequent word. A missing target is never filled in.
        schema: how cells become numbers, from the training file's data set; by default found out from this
            file.
        drop, categorical, task, one_hot: see `infer_schema`.
        delimiter, header, encoding: see `read_csv`.

    Attributes:
        schema: pass it on when you read the validation or test file.
        feature_names: of the inputs.
        class_names: of the classes, in the order of their codes.

    Raises:
        ValueError: when the file or a cell is wrong; it names file, line, column and cell.

    Example:
        >>> train = CSVDataset("train.csv", target="species", missing="fill")
        >>> test = CSVDataset("test.csv", target="species", schema=train.schema)
    """

    def __init__(
        self,
        path: str | Path,
        target: str,
        *,
        missing: Missing = "refuse",
        schema: Schema | None = None,
        drop: Sequence[str] = (),
        categorical: Sequence[str] = (),
        task: Task | None = None,
        one_hot: bool = False,
        delimiter: str = ",",
        header: bool = True,
        encoding: str = "utf-8",
    ) -> None:
        table = read_csv(path, delimiter=delimiter, header=header, encoding=encoding)
        if schema is None:
            schema = infer_schema(
                table, target, drop=drop, categorical=categorical, task=task, one_hot=one_hot
            )
            schema = schema.with_fills(table) if missing == "fill" else schema
        self.schema = schema
        self.feature_names = schema.feature_names
        self.class_names = schema.class_names
        super().__init__(*schema.encode(drop_missing(table, schema) if missing == "drop" else table))


def drop_missing(table: Table, schema: Schema) -> Table:
    """The table without the rows in which a cell that the schema needs is missing.

    Raises:
        ValueError: when no row is left.
    """
    needed = [table.position(column.name) for column in (*schema.features, schema.target)]
    whole = [
        row for row, cells in enumerate(table.rows) if not any(is_missing(cells[place]) for place in needed)
    ]
    if not whole:
        raise wrong(table.path, _("every row has a missing cell"))
    return table.take(whole)


def from_csv(
    path: str | Path,
    target: str,
    *,
    test: float = 0.2,
    seed: int = 0,
    missing: Missing = "refuse",
    **options: Any,
) -> LabelledData:
    """Read a CSV file and cut it into a training and a test part.

    What fills in missing cells is fitted on the training part alone.

    Args:
        path: the file.
        target: the column that is to be predicted.
        test: the share of the rows for the test part; classes keep their shares.
        seed: decides which rows; the same seed takes the same ones.
        missing: as for `CSVDataset`.
        **options: as for `CSVDataset`.

    Raises:
        ValueError: when the file or a cell is wrong; it names file, line, column and cell.

    Example:
        >>> data = from_csv("penguins.csv", target="species", missing="fill", one_hot=True)
    """
    reading = {name: options.pop(name) for name in ("delimiter", "header", "encoding") if name in options}
    table = read_csv(path, **reading)
    schema = infer_schema(table, target, **options)
    if missing == "drop":
        table = drop_missing(table, schema)
    whole = schema.with_fills(table) if missing == "fill" else schema
    inputs, targets = whole.encode(table)  # before the cut, so that a wrong cell is what is told first
    parts = cut_rows(table, targets, test, seed)
    if missing == "fill":
        schema = schema.with_fills(table.take(parts[0]))
        inputs = schema.encode_inputs(table)
    train, held_out = (TensorDataset(inputs[rows], targets[rows]) for rows in parts)
    return LabelledData(
        Path(path).stem,
        schema.task,
        train,
        held_out,
        class_names=schema.class_names,
        feature_names=schema.feature_names,
        schema=schema,
    )


def cut_rows(table: Table, targets: NDArray[np.generic], test: float, seed: int) -> list[Any]:
    """The rows that are left, and those of the part, when it is cut off; classes keep their shares.

    Raises:
        ValueError: when there are too few rows; it names the file.
    """
    try:
        return part_indices(targets, test, seed)
    except ValueError as error:
        problem = _(
            "{rows} rows cannot be cut into a training part and a test part of {test}; add rows, or choose another "
            "share for the test"
        )
        raise wrong(table.path, problem.format(rows=len(table), test=test)) from error
