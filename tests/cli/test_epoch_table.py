"""Lines of the progress table fit the screen and stand in columns, in both languages."""

import pytest
from rich.cells import cell_len

from koubai import i18n
from koubai.cli.epoch_table import EpochTable

VALUES = {"loss": 0.1234567, "accuracy": 0.98765, "val_loss": 12.3, "val_accuracy": 1.0, "lr": 0.001}


def lines(table: EpochTable) -> list[str]:
    row = table.row(7, VALUES, 1.25, best=False)
    return [*(line.plain for line in table.header()), row.plain]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("validated", [True, False])
def test_columns_end_at_the_same_place(language: str, validated: bool) -> None:
    with i18n.speaking(language):
        _over, titles, row = lines(EpochTable(20, ["accuracy"], validated))
    assert cell_len(titles) == cell_len(row) <= 77


def test_values_are_written_as_people_read_them() -> None:
    row = lines(EpochTable(20, ["accuracy"], validated=True))[-1]
    assert row.split() == ["7/20", "0.1235", "98.77", "%", "12.3", "100.00", "%", "0.001", "1.2", "s"]


def test_the_best_epoch_is_marked() -> None:
    table = EpochTable(20, [], validated=True)
    assert table.row(1, VALUES, 1.0, best=True).plain.endswith("★")
    assert not table.row(2, VALUES, 1.0, best=False).plain.endswith("★")


def test_metrics_that_do_not_fit_are_left_out() -> None:
    table = EpochTable(1000, ["accuracy", "precision", "recall", "roc_auc"], validated=True)
    assert table.metrics[0] == "loss"
    assert max(map(cell_len, lines(table))) <= 80


def test_a_value_that_is_missing_is_a_dash() -> None:
    table = EpochTable(5, ["accuracy"], validated=True)
    assert table.row(1, {"loss": 1.0}, 1.0, best=False).plain.split().count("–") == 4
