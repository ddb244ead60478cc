"""The recipe "tabular" learns from numbers and words with gaps, and answers for rows it never saw."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.chances import calibration, thresholds
from koubai.recipes.predictor import AnswerOptions
from koubai.recipes.tabular import TabularPredictor

RECIPE = RECIPES["tabular"]
OPTIONS = AnswerOptions()
WORDS = ("tea", "rice", "miso", "salt")


def made_up(path: Path, rows: int = 600, seed: int = 3) -> Path:
    """A shop: what sells depends on a word and a number, of which some are missing; names are all different."""
    draw = koubai.Generator().manual_seed(seed)
    goods = koubai.randint(0, len(WORDS), (rows,), generator=draw).numpy()
    price = 10 + 4 * koubai.randn(rows, generator=draw).numpy()
    noise, gaps = (koubai.rand(rows, generator=draw).numpy() for _ in range(2))
    sold = np.where(goods < 2, 3.0, -1.0) * (price - 10) + 6 * noise
    lines = ["name,goods,price,idle,sold,amount"]
    for k in range(rows):
        cell = "" if gaps[k] < 0.1 else f"{price[k]:.3f}"
        word = "NA" if gaps[k] > 0.95 else WORDS[goods[k]]
        lines.append(f"n{k},{word},{cell},{noise[k]:.3f},{'yes' if sold[k] > 6 else 'no'},{sold[k]:.3f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def training(file: Path, target: str = "sold", drop: str = "amount", **settings: Any) -> Training:
    chosen = {"epochs": 12, "lr": 0.01, "hidden": 32, "batch_size": 36} | settings
    return Training(RECIPE, RECIPE.settings(file=file, target_column=target, drop=drop, **chosen))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up(tmp_path_factory.mktemp("shop") / "shop.csv")


@pytest.fixture(scope="module")
def trained(file: Path) -> Training:
    made = training(file)
    made.fit()
    return made


@pytest.fixture(scope="module")
def outcome(trained: Training) -> Outcome:
    return trained.judge()


def told(trained: Training, source: str) -> Any:
    (table,) = trained.task.predictor.answer(trained.model, source, OPTIONS)
    return table


def test_words_and_numbers_are_learnt(outcome: Outcome) -> None:
    assert outcome.result > outcome.baseline["accuracy"] + 0.15
    assert outcome.metrics["roc_auc"] > 0.85


def test_trees_stand_beside_it(outcome: Outcome) -> None:
    pytest.importorskip("sklearn")
    assert outcome.baseline["accuracy"] + 0.1 < outcome.metrics["trees_accuracy"] <= 1


def test_the_columns_that_matter_are_found(outcome: Outcome) -> None:
    bars = next(own for own in outcome.exhibits if own.title == "How much it relies on each column")
    lost = dict(zip(bars.names, bars.values))
    assert set(lost) == {"goods", "price", "idle"}  # names are all different, so they say nothing
    assert min(lost["goods"], lost["price"]) > max(0.05, lost["idle"])
    assert list(bars.values) == sorted(bars.values, reverse=True)


def test_the_outcome_survives_the_disk(outcome: Outcome, trained: Training, tmp_path: Path) -> None:
    outcome.save(tmp_path)
    trained.describe(tmp_path)
    again = Outcome.load(tmp_path)
    assert [own.title for own in again.exhibits] == [
        "Confusion matrix",
        "How much it relies on each column",
        "How sure it was, and how often right",
        "Answering yes from which probability on",
        "Samples it got most wrong",
    ]
    assert np.array_equal(again.answers["outputs"], outcome.answers["outputs"])
    assert TabularPredictor.load(tmp_path) == trained.task.predictor


def test_worst_rows_show_the_cells_of_the_file(outcome: Outcome, file: Path) -> None:
    worst = outcome.exhibits[-1]
    assert worst.header == ("true", "predicted", "certainty", "price", "idle", "goods")
    lines = file.read_text().splitlines()
    assert worst.rows
    for true, guess, _sure, price, idle, goods in worst.rows:
        assert guess != true
        cells = (
            "NA" if goods == "?" else goods,
            "" if price == "?" else f"{float(price):.3f}",
            f"{float(idle):.3f}",
            true,
        )
        assert any(",".join(cells) in line for line in lines)


def test_answers_for_a_file_and_for_a_row(trained: Training, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("price,goods,idle\n18,tea,0.5\n18,salt,0.5\n")
    table = told(trained, str(tmp_path / "new.csv"))  # in another order, without the name and the target
    assert [row[0] for row in table.rows] == [1, 2]
    assert [row[1].split()[0] for row in table.rows] == ["yes", "no"]
    assert told(trained, "tea,18,0.5").rows == (table.rows[0],)


def test_gaps_and_new_words_are_taken_as_unknown(trained: Training, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("goods,price,idle\nsoap,18,\n,18,0.5\n")
    table = told(trained, str(tmp_path / "new.csv"))
    assert len(table.rows) == 2
    assert "goods: 'soap'" in table.note
    assert not told(trained, ",,").note


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("goods,colour\ntea,red\n", "columns are missing: price, idle; the file has goods, colour"),
        ("goods,price,idle\ntea,cheap,1\n", "line 2, column 'price': 'cheap' is not a number"),
        ("tea,1\n", "2 cells in a row, but there are 3 columns: goods, price, idle"),
    ],
)
def test_wrong_tables_are_refused(trained: Training, tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "new.csv").write_text(text)
    with pytest.raises(ValueError, match=problem):
        told(trained, str(tmp_path / "new.csv"))


def test_no_such_file(trained: Training) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file new\.csv"):
        told(trained, "new.csv")


def test_numbers_are_predicted_in_their_own_unit(file: Path) -> None:
    made = training(file, "amount", "sold", epochs=25)
    made.fit()
    outcome = made.judge()
    assert outcome.headline == "r2"
    assert outcome.result > 0.6
    assert outcome.metrics["rmse"] < 0.7 * outcome.baseline["rmse"]
    assert 5 < float(told(made, "tea,13,0.2").rows[0][1]) < 16


@pytest.mark.usefixtures("undoctored")
def test_rare_classes_count_as_much_when_balanced(tmp_path: Path) -> None:
    rows = [f"{k % 97 / 97:.3f},{'rare' if k % 10 == 0 else 'often'}" for k in range(400)]  # nothing to learn
    (tmp_path / "rare.csv").write_text("x,kind\n" + "\n".join(rows) + "\n")
    made = training(tmp_path / "rare.csv", "kind", "", balanced=True, epochs=8)
    made.fit()
    assert 0.35 < made.judge().answers["outputs"][:, 1].mean() < 0.65  # without, it would be a tenth


def test_rows_without_an_answer_are_left_out(tmp_path: Path) -> None:
    lines = made_up(tmp_path / "shop.csv", 60).read_text().splitlines()
    (tmp_path / "more.csv").write_text("\n".join([*lines, "x,tea,9,0.1,,3", "y,tea,9,0.1,?,3"]) + "\n")
    made = training(tmp_path / "more.csv")
    assert sum(len(part) for part in (made.task.train, made.task.validation, made.task.test)) == 60


@pytest.mark.parametrize("columns", ["x,y", "word,y"])
def test_tables_of_numbers_or_words_alone(tmp_path: Path, columns: str) -> None:
    numbers = columns == "x,y"
    rows = [
        f"{k % 7 if numbers else WORDS[k % 4]},{'ab'[k % 7 > 3] if numbers else 'ab'[k % 2]}"
        for k in range(140)
    ]
    (tmp_path / "one.csv").write_text("\n".join([columns, *rows]) + "\n")
    made = training(tmp_path / "one.csv", "y", "")
    *inputs, target = made.task.train.tensors
    assert [array.shape[1] for array in inputs] == ([1, 0] if numbers else [0, 1])
    made.task.loss(made.model(*inputs), target).backward()
    assert made.judge().samples == 28


def test_a_last_batch_of_one_row(file: Path) -> None:
    rows = len(training(file).task.train)
    assert (
        len(training(file, batch_size=rows - 1).task.train) == rows - 1
    )  # it has no variance to normalise by
    assert len(training(file, batch_size=rows).task.train) == rows


def test_a_file_needs_a_target(file: Path) -> None:
    with pytest.raises(ValueError, match="--target-column"):
        RECIPE.settings(file=file)


@pytest.mark.usefixtures("undoctored")
def test_the_same_seed_gives_the_same_bits(file: Path) -> None:
    weights = []
    for seed in (1, 1, 2):
        made = training(file, seed=seed, epochs=2)
        made.fit()
        weights.append(nn.utils.parameters_to_vector(made.model.parameters()).detach().numpy())
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_certainty_beside_what_was_right() -> None:
    chances = np.array([[0.97, 0.03]] * 4 + [[0.45, 0.55]] * 2)
    table = calibration(chances, np.array([0, 0, 0, 1, 1, 0]))
    assert table.rows == (("50–60 %", 2, "55.0 %", "50.0 %"), ("95–100 %", 4, "97.0 %", "75.0 %"))
    assert "16.3 %" in table.note  # (2 × 5 % + 4 × 22 %) / 6


def test_thresholds_trade_precision_for_recall() -> None:
    table = thresholds(np.array([0.15, 0.35, 0.85, 0.95]), np.array([False, True, False, True]), "yes")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["0.1"] == ("100.0 %", "50.0 %", "100.0 %", "50.0 %", "0.667")
    assert rows["0.9"] == ("25.0 %", "100.0 %", "50.0 %", "75.0 %", "0.667")


def test_penguins_go_through() -> None:
    if not (Path(os.environ.get("KOUBAI_DATA", "nowhere")) / "penguins").is_dir():
        pytest.skip("KOUBAI_DATA has no penguins")
    made = Training(RECIPE, RECIPE.settings(data="penguins", smoke=True, hidden=32, batch_size=256))
    made.fit()
    assert made.judge().samples > 50
