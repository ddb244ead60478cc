"""The recipe "text-classify" tells texts apart by the order of tokens, and says which tokens told."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import koubai
from koubai.data import RandomDeletion, RandomSwap, data_folder, name_origins
from koubai.explain import influence
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.exhibit import Tokens
from koubai.recipes.influences import ranked_exhibit, sample_exhibits
from koubai.recipes.predictor import AnswerOptions
from koubai.recipes.text_classify import TextClassPredictor
from koubai.recipes.tokens import ChangedTokens, TextCoder

from ..data.surnames import COUNT, archive

RECIPE = RECIPES["text-classify"]
ASK = AnswerOptions()


def sentence(number: int) -> tuple[str, str]:
    """A cat bites a dog, or the other way round: the same words, so that no count of them tells which."""
    random = np.random.default_rng(number)
    fillers = random.choice(
        ["today", "again", "perhaps", "at home", "we say"], random.integers(1, 4)
    ).tolist()
    who = number % 2
    bite = ("the cat bites the dog", "the dog bites the cat")[who]
    return " ".join([*fillers[:1], bite, *fillers[1:]]), ("cat", "dog")[who]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "bites.csv"
    rows = (",".join(sentence(number)) for number in range(300))
    path.write_text("said,who\n" + "\n".join(rows))
    return path


def training(file: Path, **settings: Any) -> Training:
    own = {
        "file": file,
        "text_column": "said",
        "target_column": "who",
        "features": 16,
        "epochs": 6,
        "lr": 0.02,
    }
    return Training(RECIPE, RECIPE.settings(**{**own, "deletion": 0, "dropout": 0, **settings}))


@pytest.fixture(scope="module")
def trained(file: Path) -> Training:
    made = training(file)
    made.fit()
    return made


def test_the_order_of_words_tells_where_no_count_does(trained: Training) -> None:
    outcome = trained.judge()
    assert outcome.result > 0.95
    assert outcome.baseline["accuracy"] < 0.7


@pytest.mark.usefixtures("undoctored")
def test_a_transformer_reads_words_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "moods.csv"
    rows = (
        f"{'we say' * (k % 3 > 0)} this was {('good', 'bad')[k % 2]} {'today' * (k % 5 > 0)},{k % 2}"
        for k in range(200)
    )
    path.write_text("said,who\n" + "\n".join(rows))
    made = training(path, model="transformer", heads=2, layers=1, epochs=2, batch_size=16, lr=0.01)
    made.fit()
    assert made.judge().result > 0.95


def test_an_answer_names_the_class_and_the_words_that_count(trained: Training, tmp_path: Path) -> None:
    trained.describe(tmp_path)
    trained.judge().save(tmp_path)
    assert Outcome.load(tmp_path).samples == 60
    predictor = TextClassPredictor.load(tmp_path)
    text = "Today the dog bites the cat"
    classes, words = predictor.answer(trained.model, text, ASK)
    assert classes.rows[0][0] == "dog"
    assert {name.split()[1] for name in words.names} <= set(text.lower().split())
    assert sum(words.values) == pytest.approx(1, abs=1e-4)
    (tmp_path / "told.txt").write_text(text)
    assert predictor.answer(trained.model, str(tmp_path / "told.txt"), ASK)[0] == classes


def test_each_word_has_its_influence_and_padding_none(trained: Training) -> None:
    predictor = trained.task.predictor
    ids = predictor.model_inputs("today the dog bites the cat")
    found = influence(trained.model, koubai.from_numpy(ids))
    (shown,) = sample_exhibits(found, ids, predictor)
    assert isinstance(shown, Tokens)
    assert shown.words == ("today", "the", "dog", "bites", "the", "cat")
    assert np.allclose(found.values[0, 6:], 0)
    assert found.values.sum() == pytest.approx(found.explained[0] - found.at_baseline[0], abs=0.1)
    assert "" not in ranked_exhibit(found, ids, predictor).names


def test_padding_changes_no_answer(trained: Training) -> None:
    ids = trained.task.predictor.coder.ids(["the cat bites the dog"])
    length = int((ids > 0).sum())
    model = trained.model.eval()
    with koubai.no_grad():
        whole, short = (model(koubai.from_numpy(rows)).numpy() for rows in (ids, ids[:, :length].copy()))
    np.testing.assert_allclose(whole, short, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "problem"), [("", "text is empty"), (" \n", "text is empty"), ("猫", "knows no word")]
)
def test_what_is_no_text_is_refused(trained: Training, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        trained.task.predictor.answer(trained.model, text, ASK)


def test_an_even_width_is_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="width has to be odd, but it is 4"):
        training(file, width=4)


@pytest.mark.usefixtures("undoctored")
def test_the_same_seed_gives_the_same_bits(file: Path) -> None:
    def weights(**settings: Any) -> list[bytes]:
        made = training(file, epochs=1, deletion=0.2, swaps=1, dropout=0.1, **settings)
        made.fit()
        return [parameter.detach().numpy().tobytes() for parameter in made.model.parameters()]

    assert weights(seed=1) == weights(seed=1)
    assert weights(seed=1) != weights(seed=2)


def test_texts_become_numbers_and_back() -> None:
    coder = TextCoder.of(["A cat, a DOG.", "a dog, a cow."], "words", 3, 5)
    assert coder.tokens[2:] == ("a", ",", ".")
    ids = coder.ids(["A bee, a cow, a dog", "bee"])
    assert coder.row(ids[0]) == ["a", ",", "a", ",", "a"]
    assert ids[1].tolist() == [1, 0, 0, 0, 0]
    letters = TextCoder.of(["猫が  猫を"], "characters", 9, 9)
    assert letters.known("猫 は猫") == ["猫", "猫"]
    assert letters.length == 5


def test_augmentation_changes_tokens_and_keeps_the_rest() -> None:
    coder = TextCoder.of(["a b c d e f g h"] * 2, "words", 20, 12)
    ids, target = koubai.from_numpy(coder.ids(["a b c d e f g h", "c"])), koubai.tensor([0, 1])
    change = ChangedTokens(coder, [RandomDeletion(0.3), RandomSwap(1)])
    changed, same = change((ids, target), koubai.Generator().manual_seed(0))
    assert same is target
    long, short = (coder.row(row) for row in changed.numpy())
    assert set(long) < set("abcdefgh")
    assert long != sorted(long)
    assert short == ["c"]


def test_where_surnames_are_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KOUBAI_DATA", str(tmp_path))
    monkeypatch.setattr(sys.modules[name_origins.__module__], "_COUNT", COUNT)
    (tmp_path / "name-origins").mkdir()
    (tmp_path / "name-origins" / "data.zip").write_bytes(archive())
    made = Training(RECIPE, RECIPE.settings(data="names", features=16, runs=3, epochs=10, batch_size=16))
    made.fit()
    outcome = made.judge()
    assert outcome.result > 0.85
    assert "three characters" in outcome.baseline_name
    for name, origin in (("Kawamura", "Japanese"), ("Turgenev", "Russian"), ("Bassini", "Italian")):
        classes, _tokens = made.task.predictor.answer(made.model, name, ASK)
        assert classes.rows[0][0] == origin


def test_runs_tell_where_single_characters_do_not(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    random = np.random.default_rng(0)
    rows = (
        f"{''.join(random.permutation([('ab', 'ba')[k % 2], 'c', 'd', 'e']))},{k % 2}" for k in range(200)
    )
    path.write_text("said,who\n" + "\n".join(rows))
    made = training(path, tokens="characters", width=1, runs=2)
    made.fit()
    outcome = made.judge()
    assert outcome.result == outcome.baseline["accuracy"] == 1


@pytest.mark.usefixtures("undoctored")
@pytest.mark.skipif(
    not (data_folder() / "aozora").is_dir(), reason="the files of the data set languages are not there"
)
def test_a_trial_with_snippets_of_six_kinds() -> None:
    made = Training(RECIPE, RECIPE.settings(smoke=True, epochs=1, features=16))
    made.fit()
    outcome = made.judge()
    assert outcome.samples == 256
    assert len(made.task.predictor.class_names) == 6
    titles = [exhibit.title for exhibit in outcome.exhibits]
    assert titles[:3] == ["Confusion matrix", "Accuracy by length", "What it looks at"]
