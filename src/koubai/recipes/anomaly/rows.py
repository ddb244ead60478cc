"""Finds rows of a table that do not fit together, as forged or mistyped records do not: people of Adult, some tampered.

Adult has no frauds, so they are made: in one test row of fifty, a few cells are taken from other rows. Each cell alone
is then as usual as any; only together are they strange.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from koubai import nn
from koubai.data import MixedColumns, Records, Table, adult, infer_schema
from koubai.data.draw import chance, derived_generator, permutation, positions
from koubai.i18n import N_, _
from koubai.recipes.anomaly.detector import AnomalyOptions, Case
from koubai.recipes.anomaly.samples import Inputs, Judged, SampleDetector, sample_case
from koubai.recipes.anomaly.settings import AnomalySettings
from koubai.recipes.exhibit import Exhibit
from koubai.recipes.exhibit import Table as Shown
from koubai.recipes.rows import read_rows

_VALIDATION = 0.1  # the share of the training rows
_TAMPERED = 0.02  # the share of the test rows
_CELLS = 4  # that are taken from another row
_SHOWN = 12


class RowDetector(SampleDetector):
    """Everything between rows of a table and how strange they are but the network.

    Attributes:
        columns: how cells become numbers.
        order: the names of the columns as they stand in the file.
    """

    data: Literal["table"] = "table"
    columns: MixedColumns
    order: tuple[str, ...]

    def inputs(self, table: Table) -> Inputs:
        """Standardised numbers, then a number for each word of each column (N, features)."""
        return one_hot(self.columns, table)

    def answer(self, model: nn.Module, source: str, options: AnomalyOptions) -> Sequence[Exhibit]:
        """The rows of a file, or the one that was typed, the most anomalous first, and what is strange in them."""
        threshold = self.line(options)
        table = read_rows(source, self.order)
        inputs = self.inputs(table)
        errors = self.errors(model, inputs)
        scores = errors.mean(axis=1)
        most = np.argsort(-scores, kind="stable")[: options.count]
        columns = self.by_column(errors[most])
        rows = tuple(
            (
                table.lines[k],
                f"{scores[k]:.4f}",
                _verdict(scores[k], threshold),
                self.strangest(table, int(k), own),
            )
            for k, own in zip(most, columns)
        )
        header = (N_("line"), N_("score"), N_("verdict"), N_("strangest cells"))
        note = _("{count} of {all} rows reach the threshold of {threshold:.4f}.").format(
            count=int((scores >= threshold).sum()), all=len(scores), threshold=threshold
        )
        return (Shown(header=header, rows=rows, note=note),)

    def by_column(self, errors: NDArray[Any]) -> NDArray[Any]:
        """The errors of each column of the table (N, columns), in the order of `columns.names`."""
        widths = [1] * len(self.columns.numbers) + list(self.columns.cardinalities)
        marks = sum(column.gaps for column in self.columns.numbers)
        whole = np.delete(errors, np.arange(marks) + len(self.columns.numbers), axis=1)
        return np.asarray(np.add.reduceat(whole, np.cumsum([0, *widths[:-1]]), axis=1))

    def strangest(self, table: Table, row: int, errors: NDArray[Any], count: int = 2) -> str:
        """The cells with the largest errors, such as "age 17, marital-status Widowed"."""
        names = [self.columns.names[k] for k in np.argsort(-errors, kind="stable")[:count]]
        return ", ".join(f"{name} {table.rows[row][table.position(name)]}" for name in names)


def one_hot(columns: MixedColumns, table: Table) -> Inputs:
    """Standardised numbers and their marks, then a number for each word of each column (N, features)."""
    numbers, codes = columns.encode(table)
    words = [np.eye(count, dtype=np.float32)[codes[:, k]] for k, count in enumerate(columns.cardinalities)]
    return np.concatenate([np.clip(numbers, -5, 5), *words], axis=1)


def row_case(settings: AnomalySettings) -> Case:
    """Rows of Adult to learn from; some rows of its test part are tampered with."""
    return case_of(settings, adult())


def case_of(settings: AnomalySettings, records: Records) -> Case:
    """The case with the rows of any records that have a test part."""
    assert records.test is not None
    order = permutation(len(records.train), derived_generator(settings.seed, "validation"))
    held = round(_VALIDATION * len(order))
    validation, train = records.train.take(order[:held]), records.train.take(np.sort(order[held:]))
    schema = infer_schema(train, records.target)
    columns = MixedColumns.fit(train, schema)
    names = tuple(column.name for column in schema.features if column.name in columns.names)
    test, anomalous = tampered(records.test, columns.names, settings.seed)
    known, usual, asked = (one_hot(columns, part) for part in (train, validation, test))
    detector = RowDetector(
        features=known.shape[1],
        shape=settings.shape,
        columns=columns,
        order=names,
    )
    return sample_case(detector, known, usual, (asked, anomalous), settings, partial(_shown, detector, test))


def tampered(table: Table, names: Sequence[str], seed: int) -> tuple[Table, NDArray[np.bool_]]:
    """The table with some cells of some rows taken from other rows, and which rows those are.

    Args:
        table: any.
        names: of the columns in which cells may be taken.
        seed: the same seed takes the same ones.
    """
    draw = derived_generator(seed, "tampered")
    chosen = chance(len(table), _TAMPERED, draw)
    rows = list(table.rows)
    for row in np.flatnonzero(chosen).tolist():
        cells, other = list(rows[row]), table.rows[int(positions(np.array(len(table)), draw))]
        for k in permutation(len(names), draw)[:_CELLS].tolist():
            place = table.position(names[k])
            cells[place] = other[place]
        rows[row] = tuple(cells)
    changed = np.array([new != old for new, old in zip(rows, table.rows)])
    return replace(table, rows=tuple(rows)), chosen & changed


def _verdict(score: float, threshold: float) -> str:
    return _("an anomaly") if score >= threshold else _("usual")


def _shown(detector: RowDetector, table: Table, judged: Judged) -> Sequence[Exhibit]:
    """The most anomalous rows, what is strange in them, and whether they were tampered with."""
    most = judged.most(_SHOWN)
    rows = tuple(
        (
            f"{judged.scores[k]:.4f}",
            _("tampered") if judged.anomalous[k] else _("as it was"),
            detector.strangest(table, int(judged.places[k]), own, 3),
        )
        for k, own in zip(most, detector.by_column(judged.errors[most]))
    )
    header = (N_("score"), N_("truth"), N_("strangest cells"))
    return (Shown(title=N_("The most anomalous rows"), header=header, rows=rows),)
