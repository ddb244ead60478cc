"""The recipe "biology" finds the motif that was hidden, and says where it sees it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koubai.data import planted_motif, sequences_from_csv
from koubai.data.sequences import encode, one_hot
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.biology import SequencePredictor
from koubai.recipes.predictor import AnswerOptions

RECIPE = RECIPES["biology"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short sequences with an easy motif."""
    data = planted_motif(600, 40, "GATTACAG", mutation=0)
    rows = ("".join("ACGT"[code] for code in row) for row in data.codes)
    path = tmp_path_factory.mktemp("dna") / "dna.csv"
    path.write_text("sequence,label\n" + "\n".join(f"{r},{'ab'[k]}" for r, k in zip(rows, data.labels)))
    return path


def training(**settings: Any) -> Training:
    return Training(RECIPE, RECIPE.settings(**{"epochs": 12, "filters": 16, "lr": 0.01} | settings))


@pytest.fixture(scope="module")
def trained(file: Path) -> Training:
    made = training(file=file)
    made.fit()
    return made


def test_classes_of_ones_own_sequences(trained: Training) -> None:
    outcome = trained.judge()
    assert outcome.result > 0.9
    assert outcome.result > outcome.baseline["accuracy"] + 0.02


def test_an_answer_shows_the_letters_that_count(trained: Training, tmp_path: Path) -> None:
    trained.describe(tmp_path)
    trained.judge().save(tmp_path)
    assert Outcome.load(tmp_path).samples == 120
    predictor = SequencePredictor.load(tmp_path)
    classes, letters = predictor.answer(trained.model, "ccctcgatGATTACAGcgtcgcc", AnswerOptions())
    assert classes.rows[0][0] == "b"
    told = "".join(name.split()[1] for name in letters.names)
    assert sum(a == b for a, b in zip(told, "GATTACAG")) >= 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the sequence is empty"),
        ("ACGX", "'X' is no letter of DNA"),
        ("A" * 41, "41 letters; this run takes up to 40"),
    ],
)
def test_what_is_no_sequence_is_refused(trained: Training, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        trained.task.predictor.answer(trained.model, text, AnswerOptions())


def test_a_planted_motif_is_where_it_is_said_to_be() -> None:
    data = planted_motif(200, 50, "TATAAAAG", mutation=0)
    for row, label, place in zip(data.codes, data.labels, data.places, strict=True):
        window = row[place : place + 8]
        assert (label == 1) == (place >= 0)
        assert label == 0 or "".join("ACGT"[code] for code in window) == "TATAAAAG"
    assert np.array_equal(data.codes, planted_motif(200, 50, "TATAAAAG", mutation=0).codes)


def test_letters_become_channels() -> None:
    hot = one_hot(encode("aCgUn")[None])
    assert hot.shape == (1, 4, 5)
    assert hot[0].argmax(axis=0)[:4].tolist() == [0, 1, 2, 3]
    assert hot[0, :, 4].tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("ACGT,a\nACG,b", "line 3, column 'sequence': 3 letters, but the first sequence has 4"),
        ("ACGT,a\nACQT,b", "line 3, column 'sequence': 'Q' is no letter"),
        ("ACGT,a\nACGT,a", "all sequences are of one class"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path: Path, rows: str, problem: str) -> None:
    path = tmp_path / "dna.csv"
    path.write_text("sequence,label\n" + rows)
    with pytest.raises(ValueError, match=problem):
        sequences_from_csv(path)
