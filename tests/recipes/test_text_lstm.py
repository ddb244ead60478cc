"""Names are learnt from a list of one's own, by LSTM and GRU, and new ones are made."""

import os
from pathlib import Path

import numpy as np
import pytest

from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.text_lstm import name_data, name_losses

RECIPE = RECIPES["text-lstm"]
QUICK = {"epochs": 20, "batch_size": 16, "lr": 0.01, "hidden": 32, "features": 8, "dropout": 0.0}
STARTS, MIDDLES, ENDS = ("k", "m", "t", "sh", "h"), ("ana", "iro", "eko", "umi"), ("", "to", "ka", "ri", "no")


def write_words(folder: Path) -> Path:
    words = [a + b + c for a in STARTS for b in MIDDLES for c in ENDS]
    words = [word + extra for word in words for extra in ("", "mi", "shi")]
    (folder / "words.txt").write_text("\n".join([*words, "", words[0]]), "utf-8")
    return folder / "words.txt"


def trained(words: Path, **settings) -> Training:
    training = Training(RECIPE, RECIPE.settings(corpus=str(words), **QUICK | settings))
    training.fit()
    return training


@pytest.fixture(scope="module", params=["lstm", "gru"])
def learnt(request, tmp_path_factory):
    return trained(write_words(tmp_path_factory.mktemp("words")), cell=request.param)


def answer(training: Training, source: str, **values):
    options = RECIPE.predictor.options(**values)
    return training.task.predictor.answer(training.model.eval(), source, options)[0]


def test_it_beats_bigrams_and_makes_new_words(learnt, tmp_path):
    outcome = learnt.judge()
    unigrams, bigrams, *_, own = (float(row[1]) for row in outcome.exhibits[0].rows)
    assert own < bigrams < unigrams
    assert outcome.baseline["loss"] <= bigrams
    assert 0 < outcome.metrics["novelty"] <= 1
    assert 0 < outcome.metrics["variety"] <= 1
    outcome.save(tmp_path)
    assert Outcome.load(tmp_path).metrics == outcome.metrics


def test_the_loss_counts_every_character_and_the_end_once(learnt):
    test = learnt.task.test
    nats = name_losses(learnt.model.eval(), test)
    lengths = test.tensors[1].numpy()
    assert ((nats > 0).sum(axis=1) == lengths).all()
    assert learnt.judge().result == pytest.approx(nats.sum() / lengths.sum(), rel=1e-5)


def test_names_begin_as_the_user_says(learnt):
    table = answer(learnt, "sha", count=5)
    assert len(table.rows) == 5
    assert all(name.startswith("sha") and len(name) > 2 for name, *_ in table.rows)
    assert table == answer(learnt, "sha", count=5)
    assert table != answer(learnt, "sha", count=5, seed=1, temperature=2)
    known = set(learnt.task.predictor.known)
    assert all((state == "known") == (name in known) for name, state, _ in table.rows)


def test_out_of_nothing_there_is_no_empty_name(learnt):
    assert all(name for name, *_ in answer(learnt, " ", count=100, temperature=3).rows)


def test_characters_it_does_not_know_are_refused(learnt):
    with pytest.raises(ValueError, match="has not learnt these characters: z ñ"):
        answer(learnt, "ñz")


def test_no_word_is_in_two_parts(learnt):
    task = learnt.task
    rows = [tuple(row) for part in (task.train, task.validation, task.test) for row in _padded(part)]
    assert len(set(rows)) == len(rows) == len(STARTS) * len(MIDDLES) * len(ENDS) * 3


def _padded(part):
    targets = part.tensors[-1].numpy()
    return np.pad(targets, ((0, 0), (0, 20 - targets.shape[1])), constant_values=-100)


def test_what_is_read_and_what_is_to_be_said():
    from koubai.data import Vocabulary

    inputs, lengths, targets = name_data(Vocabulary.of("ab", ["\n"]), ["ab", "b"]).tensors
    assert inputs.tolist() == [[0, 1, 2], [0, 2, 0]]
    assert lengths.tolist() == [3, 2]
    assert targets.tolist() == [[1, 2, 0], [2, 0, -100]]


def test_lists_that_cannot_be_learnt_are_refused(tmp_path):
    few, wrong = tmp_path / "few.txt", tmp_path / "wrong.txt"
    few.write_text("emma\nolivia\nemma\n")
    wrong.write_bytes("太郎\n花子".encode("cp932"))
    with pytest.raises(ValueError, match="has 2 different words; at least 30 are needed"):
        trained(few)
    with pytest.raises(ValueError, match="is not a text in UTF-8"):
        trained(wrong)
    with pytest.raises(FileNotFoundError, match=r"There is no list 'nothing\.txt'"):
        trained(Path("nothing.txt"))


@pytest.mark.usefixtures("undoctored")
def test_the_same_seed_gives_the_same_bits(tmp_path):
    words = write_words(tmp_path)
    first, second = (trained(words, epochs=1, dropout=0.2) for _ in range(2))
    for name, weights in first.model.state_dict().items():
        assert np.array_equal(weights.numpy(), second.model.state_dict()[name].numpy()), name


@pytest.mark.skipif(
    not (Path(os.environ.get("KOUBAI_DATA", "")) / "names").is_dir(),
    reason="the names are not in KOUBAI_DATA",
)
def test_the_first_names():
    task = RECIPE.task(RECIPE.settings())
    assert [len(part) for part in (task.train, task.validation, task.test)] == [23_596, 2_949, 2_949]
    assert len(task.predictor.vocabulary) == 27
