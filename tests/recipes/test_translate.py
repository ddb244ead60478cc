"""A translation is learnt from sentences of one's own, and what cannot be translated is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest

from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.exhibit import HeatMap, Table, Texts
from koubai.recipes.special_tokens import padded
from koubai.recipes.translation import bleu
from koubai.recipes.translation.words import english, japanese

pytest.importorskip("sacrebleu")
pytest.importorskip("sklearn")

RECIPE = RECIPES["translate"]
QUICK = {"epochs": 25, "lr": 0.01, "features": 32, "heads": 2, "layers": 1, "batch_size": 32, "dropout": 0.0}
WHO = {"i": "私", "you": "君", "he": "彼", "she": "彼女", "we": "私 達", "tom": "トム"}
WHAT = {"dogs": "犬", "cats": "猫", "books": "本", "tea": "お茶", "music": "音楽", "snow": "雪"}
HOW = {"like": "好き", "hate": "嫌い", "want": "欲しい"}


def write_pairs(folder: Path) -> Path:
    """The verb goes to the end, and the subject gets its は."""
    pairs = [
        f"{who.capitalize()} {how} {what}.\t{WHO[who]} は {WHAT[what]} が {HOW[how]} 。"
        for who in WHO
        for what in WHAT
        for how in HOW
    ]
    (folder / "pairs.tsv").write_text("\n".join(pairs * 2) + "\n\n", "utf-8")
    return folder / "pairs.tsv"


def trained(pairs: Path, **settings) -> Training:
    training = Training(RECIPE, RECIPE.settings(corpus=str(pairs), **QUICK | settings))
    training.fit()
    return training


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    training = trained(write_pairs(tmp_path_factory.mktemp("pairs")))
    return training, training.judge()


def answer(training: Training, sentence: str, **values):
    options = RECIPE.predictor.options(**values)
    return training.task.predictor.answer(training.model.eval(), sentence, options)


def test_it_beats_copying_and_the_outcome_survives_the_disk(learnt, tmp_path):
    _, outcome = learnt
    assert outcome.headline == "bleu"
    copied, similar, own = (float(row[1]) for row in outcome.exhibits[0].rows)
    assert own == pytest.approx(outcome.result, abs=0.01)
    assert copied < 5 < 50 < own
    assert outcome.baseline["bleu"] == pytest.approx(max(copied, similar), abs=0.01)
    assert "tok:none" in outcome.exhibits[0].note
    outcome.save(tmp_path)
    assert Outcome.load(tmp_path).metrics == outcome.metrics


def test_the_report_shows_where_it_looks_and_what_was_best_and_worst(learnt):
    _, outcome = learnt
    maps = [exhibit for exhibit in outcome.exhibits if isinstance(exhibit, HeatMap)]
    assert len(maps) == 4
    for exhibit in maps:
        assert exhibit.values.shape == (len(exhibit.rows), len(exhibit.columns))
        np.testing.assert_allclose(exhibit.values.sum(axis=1), 1, rtol=1e-5)
        assert exhibit.columns[-1] == "."
    listed = outcome.exhibits[1]
    chrf = [float(row[0]) for row in listed.rows if row[0] != "…"]
    assert chrf == sorted(chrf, reverse=True)


def test_a_sentence_is_translated(learnt):
    training, _ = learnt
    text, found, where = answer(training, "She likes cats!")
    assert isinstance(text, Texts)
    assert text.passages[0][0] == "she likes cats !"
    text, found, where = answer(training, "  She like cats. ", beam=3)
    assert text.passages[0][1] == "彼女は猫が好き。"
    assert isinstance(found, Table)
    assert len(found.rows) == 3
    assert found.rows[0][0] == "彼女は猫が好き。"
    assert isinstance(where, HeatMap)
    assert where.columns == ("she", "like", "cats", ".")


@pytest.mark.usefixtures("undoctored")
def test_the_other_direction_cuts_japanese_by_itself(tmp_path):
    training = trained(write_pairs(tmp_path), direction="ja-en")
    assert training.judge().result > 50
    text, *_ = answer(training, "彼女は猫が好き。")
    assert text.passages == (("彼女 は 猫 が 好き 。", "she like cats ."),)


@pytest.mark.parametrize("nothing", ["", "  \n"])
def test_an_empty_sentence_is_refused(learnt, nothing):
    with pytest.raises(ValueError, match="nothing to translate"):
        answer(learnt[0], nothing)


def test_sentences_it_cannot_read_are_refused(learnt):
    with pytest.raises(ValueError, match="has 31 words; the model takes at most 23"):
        answer(learnt[0], "cats " * 30 + ".")
    with pytest.raises(ValueError, match="knows none of these words: bonjour monde !"):
        answer(learnt[0], "Bonjour, monde!".replace(",", ""))


def test_files_it_cannot_learn_are_refused(tmp_path):
    file = tmp_path / "pairs.tsv"
    file.write_text("one sentence only\n", "utf-8")
    with pytest.raises(ValueError, match=r"pairs.tsv, line 1: expected an English sentence, a tab"):
        trained(file)
    file.write_text("yes .\tはい 。\n" * 5, "utf-8")
    with pytest.raises(ValueError, match="has 5 sentences; at least 20 are needed"):
        trained(file)
    with pytest.raises(FileNotFoundError, match=r"There is no corpus 'nothing.tsv'"):
        trained(Path("nothing.tsv"))


def test_without_sacrebleu_it_says_so_before_training(monkeypatch, tmp_path):
    bleu._metrics.cache_clear()
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(ImportError, match=r"pip install 'koubai\[text\]'"):
        trained(write_pairs(tmp_path))


def test_english_is_cut_as_the_corpus_is():
    assert english("I don't like Tom's dog.") == ["i", "don", "'t", "like", "tom", "'s", "dog", "."]
    assert english("What’s  that？") == ["what", "'s", "that", "?"]


def test_japanese_is_cut_into_the_longest_known_words(learnt):
    vocabulary = learnt[0].task.predictor.target
    assert japanese("彼女は猫が好き。", vocabulary) == ["彼女", "は", "猫", "が", "好き", "。"]
    assert japanese("彼 は犬?", vocabulary) == ["彼", "は", "犬", "？"]


def test_rows_are_padded():
    assert padded([np.array([5, 6]), np.array([7])]).tolist() == [[5, 6], [7, 0]]
    assert padded([np.array([5])], 3).tolist() == [[5, 0, 0]]


@pytest.mark.usefixtures("undoctored")
def test_the_same_seed_gives_the_same_bits(tmp_path):
    pairs = write_pairs(tmp_path)
    first, second = (trained(pairs, epochs=1, dropout=0.1) for _ in range(2))
    for name, weights in first.model.state_dict().items():
        assert np.array_equal(weights.numpy(), second.model.state_dict()[name].numpy()), name
