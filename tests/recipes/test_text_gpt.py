"""The language model learns a text of one's own, writes on, and refuses what it cannot read."""

import os
from pathlib import Path

import numpy as np
import pytest

from koubai.explain import influence
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.exhibit import HeatMap, Texts
from koubai.recipes.explainable import Continuation, Explainable

RECIPE = RECIPES["text-gpt"]
QUICK = {"epochs": 6, "lr": 0.01, "context": 16, "features": 32, "heads": 2, "layers": 1, "batch_size": 16}


def write_text(folder: Path) -> Path:
    """Every third word decides the next: more than trigrams of characters can see."""
    random = np.random.default_rng(0)
    words = [("alpha beta ", "gamma beta ", "delta epsilon ")[k] for k in random.integers(0, 3, 800)]
    file = folder / "text.txt"
    file.write_text("".join(words), "utf-8")
    return file


def trained(text: Path, **settings) -> Training:
    training = Training(RECIPE, RECIPE.settings(corpus=str(text), **QUICK | settings))
    training.fit()
    return training


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    training = trained(write_text(tmp_path_factory.mktemp("text")))
    return training, training.judge()


def options(**values):
    return RECIPE.predictor.options(**values)


def written(training: Training, prompt: str, **values) -> str:
    return training.task.predictor.answer(training.model.eval(), prompt, options(**values))[0].passages[0][1]


def test_it_beats_counting_single_characters(learnt, tmp_path):
    _, outcome = learnt
    assert outcome.headline == "loss"
    assert outcome.smaller_is_better
    unigrams, bigrams, *_, own = (float(row[1]) for row in outcome.exhibits[0].rows)
    assert own == pytest.approx(outcome.result, abs=1e-4)
    assert own < bigrams < unigrams
    assert outcome.metrics["bits_per_character"] == pytest.approx(outcome.result / np.log(2))
    outcome.save(tmp_path)
    again = Outcome.load(tmp_path)
    assert again.metrics == outcome.metrics
    assert again.exhibits[0] == outcome.exhibits[0]


def test_what_is_shown(learnt):
    _, outcome = learnt
    samples = next(e for e in outcome.exhibits if isinstance(e, Texts))
    assert len(samples.passages) == 3
    surprise, *maps = (e for e in outcome.exhibits if isinstance(e, HeatMap))
    assert surprise.values.shape == (len(surprise.cells), len(surprise.cells[0]))
    assert "␣" in surprise.cells[0]
    assert len(maps) == QUICK["layers"]
    np.testing.assert_allclose(maps[0].values.sum(axis=1), 1, rtol=1e-5)


def test_it_writes_on_in_the_words_of_the_text(learnt):
    training, _ = learnt
    text = written(training, "alpha b", length=60, temperature=0.3)
    assert text.startswith("alpha beta ")
    assert len(text) == 67
    assert written(training, "alpha b", length=60, temperature=0.3) == text
    assert written(training, "alpha b", length=60, temperature=2, seed=1) != text


def test_the_same_text_comes_with_and_without_the_cache(learnt):
    """The greedy text is longer than the context, so that the cache is filled anew."""
    training, _ = learnt
    text = written(training, "", length=40, temperature=0)
    assert len(text) == 40
    assert text[:10] == written(training, "", length=10, temperature=0)


def test_the_next_character_hangs_on_what_tells_it(learnt):
    """After "gamma" or "alpha" comes "beta", after "delta" "epsilon": the word decides, not the letters before it."""
    training, _ = learnt
    predictor = training.task.predictor
    assert isinstance(predictor, Explainable)
    inputs = predictor.model_inputs("beta epsilon gamma ")
    names = predictor.part_names(inputs)[0]
    assert "".join(names) == "a␣epsilon␣gamma␣"[-QUICK["context"] :]
    found = influence(Continuation(training.model), inputs, method="integrated")
    assert predictor.output_names[found.classes[0]] == "b"
    assert abs(found.gap[0]) < 0.01 * abs(found.explained[0] - found.at_baseline[0])
    assert np.abs(found.values[0, -7:]).sum() > 0.5 * np.abs(found.values[0]).sum()
    with pytest.raises(ValueError, match="empty"):
        predictor.model_inputs("")
    with pytest.raises(ValueError, match="has not learnt these characters: Q"):
        predictor.model_inputs("Q")


def test_characters_it_does_not_know_are_refused(learnt):
    training, _ = learnt
    with pytest.raises(ValueError, match="has not learnt these characters: X 猫"):
        written(training, "猫X")


def test_texts_that_cannot_be_learnt_are_refused(tmp_path):
    short, wrong = tmp_path / "short.txt", tmp_path / "wrong.txt"
    short.write_text("too short")
    wrong.write_bytes("吾輩は猫である".encode("cp932"))
    with pytest.raises(ValueError, match="has 9 characters; with a context of 16 it needs 340"):
        trained(short)
    with pytest.raises(ValueError, match="is not a text in UTF-8"):
        trained(wrong)
    with pytest.raises(FileNotFoundError, match=r"There is no text 'nothing\.txt'"):
        trained(Path("nothing.txt"))


@pytest.mark.usefixtures("undoctored")
def test_the_same_seed_gives_the_same_bits(tmp_path):
    text = write_text(tmp_path)
    first, second = (trained(text, epochs=1) for _ in range(2))
    for name, weights in first.model.state_dict().items():
        assert np.array_equal(weights.numpy(), second.model.state_dict()[name].numpy()), name


@pytest.mark.skipif(
    not (Path(os.environ.get("KOUBAI_DATA", "")) / "aozora").is_dir(),
    reason="Aozora's texts are not in KOUBAI_DATA",
)
def test_aozora_is_cut_into_characters_it_knows():
    task = RECIPE.task(RECIPE.settings(corpus="aozora"))
    vocabulary = task.predictor.vocabulary
    assert 2000 < len(vocabulary) < 3500
    assert "猫" in vocabulary
    unknown = (task.test.tensors[0].numpy() == vocabulary.unknown).mean()
    assert unknown < 0.02
