"""Tables with words and gaps: what the loaders give, and how cells become numbers, marks and codes."""

import os
from pathlib import Path

import numpy as np
import pytest

from koubai.data import (
    MixedColumns,
    Records,
    Table,
    adult,
    california_housing,
    infer_schema,
    penguins,
    read_csv,
)


def fitted(table: Table, target: str = "kind", pieces: int = 0) -> MixedColumns:
    return MixedColumns.fit(table, infer_schema(table, target), pieces)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    (tmp_path / "t.csv").write_text(
        "id,size,age,colour,kind\na,1,,red,x\nb,2,5,red,y\nc,3,7,blue,x\nd,2,6,blue,y\ne,2,?,green,x\n"
    )
    return read_csv(tmp_path / "t.csv")


def test_numbers_are_standardised_and_gaps_marked(table: Table) -> None:
    numbers, _codes = fitted(table).encode(table)
    assert np.allclose(numbers[:, :2].mean(axis=0), 0, atol=1e-6)
    assert np.allclose(numbers[:, 0].std(), 1)
    assert numbers[[0, 4], 1].tolist() == [0, 0]  # the mean stands in
    assert numbers[:, 2].tolist() == [1, 0, 0, 0, 1]  # only age has gaps, so size has no mark


def test_words_of_a_single_row_are_unknown(table: Table) -> None:
    columns = fitted(table)
    _numbers, codes = columns.encode(table)
    assert columns.names == ("size", "age", "colour")  # each id stands in one row, so the column is left out
    assert columns.cardinalities == (3,)
    assert codes[:, 0].tolist() == [2, 2, 1, 1, 0]
    assert columns.unknown(table) == {"colour": ("green",)}


def test_decoding_gives_the_cells_back(table: Table) -> None:
    columns = fitted(table)
    rows = columns.decode(*columns.encode(table))
    assert rows == (
        ("1", "?", "red"), ("2", "5", "red"), ("3", "7", "blue"), ("2", "6", "blue"), ("2", "?", "?")
    )  # fmt: skip


def test_pieces_hold_equally_many_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("v,y\n" + "".join(f"{k**2},{'ab'[k % 2]}\n" for k in range(101)))
    (column,) = fitted(read_csv(tmp_path / "t.csv"), "y", 4).numbers
    own = np.array(column.edges) * column.std + column.mean
    assert np.allclose(own, [0, 625, 2500, 5625, 10000])


def test_a_wrong_number_is_named(table: Table, tmp_path: Path) -> None:
    columns = fitted(table)
    (tmp_path / "new.csv").write_text("size,age,colour\n1,2,red\n1,old,red\n")
    with pytest.raises(ValueError, match="line 3, column 'age': 'old' is not a number"):
        columns.encode(read_csv(tmp_path / "new.csv"))


@pytest.mark.parametrize(
    ("load", "rows", "held_out", "missing"),
    [(adult, 32561, 16281, 4262), (california_housing, 20640, 0, 207), (penguins, 344, 0, 19)],
)
def test_real_tables(load: object, rows: int, held_out: int, missing: int) -> None:
    folder = load.__name__.replace("_", "-")
    if not (Path(os.environ.get("KOUBAI_DATA", "nowhere")) / folder).is_dir():
        pytest.skip(f"KOUBAI_DATA has no {folder}")
    records: Records = load()
    assert len(records.train) == rows
    assert len(records.test or ()) == held_out
    assert sum(cell in ("?", "", "NA") for row in records.train.rows for cell in row) == missing
    assert records.target in records.train.columns
    if records.test:
        assert set(records.test.cells("income")) == {"<=50K", ">50K"}
